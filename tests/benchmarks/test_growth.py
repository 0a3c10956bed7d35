"""What the table of growth says of its figures."""

import random

import pytest

from benchmarks.growth import compared, numbers, shown
from benchmarks.growth_calls import BY_POSTS
from benchmarks.growth_world import Reader
from benchmarks.people import Person

FOUND = {
    10: {
        "page": {"server": 1.0, "postgres": 0.5, "total": 1.5, "p50": 2.0, "p99": 4.0, "kb": 20.0},
        "idle": {"total": 0.0},
    },
    20: {
        "page": {"server": 1.0, "postgres": 2.0, "total": 3.0, "p50": 3.0, "p99": 9.0, "kb": 20.0},
        "idle": {"total": 1.0},
    },
}
READER = Reader(Person("u", "ada", "t"), "team", "town", ["c1", "c2"], ["c1"], ["p1"], 3, 5, ["r1"])


def test_growth_is_the_last_cost_by_the_first() -> None:
    lines = compared(FOUND, "posts").splitlines()

    assert lines[0].split() == ["CPU", "ms", "by", "posts", "10", "20", "growth"]
    assert lines[1].split() == ["page", "1.50", "3.00", "2.0x"]
    assert lines[2].split() == ["idle", "0", "1.00"]  # nothing can be said of what cost nothing


def test_figures_that_there_are_not_stay_blank() -> None:
    lines = shown({**FOUND[10], "connect": {"server": 1.0, "total": 1.0, "p50": 3.0}}).splitlines()

    assert lines[1].split() == ["page", "1.00", "0.50", "1.50", "2.00", "4.00", "20.0"]
    assert lines[3].split() == ["connect", "1.00", "1.00", "3.00"]


def test_sizes_are_numbers_with_commas() -> None:
    assert numbers("10,1000000") == [10, 1_000_000]
    assert numbers("") == []
    with pytest.raises(ValueError, match="invalid literal"):
        numbers("10k")


@pytest.mark.parametrize("kind", BY_POSTS)
def test_all_kinds_of_requests_are_made_of_what_the_reader_has(kind: str) -> None:
    method, path, body = BY_POSTS[kind](random.Random(1), READER)

    assert path.startswith("/")
    assert (method == "GET") == (body is None)
