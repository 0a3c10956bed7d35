"""What benchmarks make of numbers."""

import pytest

from benchmarks.figures import (
    between,
    cpu_model,
    markdown,
    median_of,
    per,
    quantile,
    short,
    spread_of,
    table,
)


def test_medians_are_taken_figure_by_figure() -> None:
    runs = [{"total": 3.0, "p99": 10.0}, {"total": 1.0, "p99": 40.0}, {"total": 2.0}]
    assert median_of(runs) == {"total": 2.0, "p99": 25.0}
    assert median_of([{"total": 7.0}]) == {"total": 7.0}


def test_the_spread_is_the_largest_distance_from_the_median() -> None:
    assert spread_of([{"total": 2.0}, {"total": 1.8}, {"total": 3.0}], "total") == 0.5
    assert spread_of([{"total": 2.0}, {"p99": 1.0}], "total") == 0.0
    assert spread_of([{"p99": 1.0}], "total") == 0.0


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.505, 51), (0.99, 99), (0.999, 100), (1.0, 100)]
)
def test_quantiles_are_values_that_occurred(share: float, value: int) -> None:
    assert quantile(range(100, 0, -1), share) == value


def test_quantiles_of_little() -> None:
    assert quantile([], 0.99) == 0.0
    assert quantile([4.0], 0.01) == quantile([4.0], 1.0) == 4.0


def test_cost_is_what_each_part_used_for_each_unit() -> None:
    used = between({"server": 1.0, "redis": 5.0}, {"server": 1.5, "redis": 5.0})
    assert used == {"server": 0.5, "redis": 0.0}
    assert per({**used, "postgres": 0.25}, 1000, 1e6) == {
        "server": 500.0,
        "redis": 0.0,
        "postgres": 250.0,
        "total": 750.0,
    }
    assert per(used, 0, 1e6)["total"] == 0.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.1234, "0.12"), (0.5, "0.50"), (1.0, "1.00"), (4.567, "4.57"), (78.94, "78.9"), (1234.5, "1,234")],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert short(value) == text


def test_tables_have_columns() -> None:
    assert table(["work", "µs"], [["one", "1.00"], ["another", "12.0"]]) == (
        "work       µs\none      1.00\nanother  12.0"  # the first column to the left, figures to the right
    )
    assert markdown(["work", "µs"], [["one", "1"]]) == "| work | µs |\n|---|---|\n| one | 1 |"


def test_the_processor_is_named() -> None:
    assert cpu_model("processor : 0\nmodel name\t: A Fast One @ 3 GHz\nflags : fpu\n") == "A Fast One @ 3 GHz"
    assert cpu_model("nothing that is known")
