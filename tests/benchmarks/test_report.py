"""The table and README's performance section: made of the figures that were kept, and of nothing else."""

import pytest

from benchmarks.figures import Machine
from benchmarks.report import (
    BEGIN,
    END,
    README,
    Committed,
    Published,
    committed,
    comparison,
    key_figure,
    published,
    ratio,
    section,
    told,
    with_section,
)
from benchmarks.works import WORKS, chosen

FANOUT, FLOOR, MEMORY = (next(work for work in WORKS if work.name == name) for name in ("fanout-4", "floor", "idle"))
OURS = {"server": 2.5, "postgres": 0.4, "redis": 0.1, "total": 3.0, "per_s": 235.0, "p50": 12.0, "p99": 33.0}
THEIRS = {"server": 23.5, "postgres": 4.0, "total": 27.0, "per_s": 49.0, "p99": 146.0}
MACHINE = Machine(cpu="A Fast One", cores=2, system="Linux 6", python="3.11.1", packages={"uvloop": "1"}, hubbub="9.9")
KEPT = Committed(date="2026-11-22", repeat=3, machine=MACHINE, works={"fanout-4": OURS, "idle": {"total": 88.0}})
OTHER = Published(name="Another", date="2026-11-21", works={"fanout-4": THEIRS})


def test_readme_has_the_figures_that_were_kept() -> None:
    kept = committed()
    assert kept is not None
    assert with_section(README.read_text(), section(kept, published())) == README.read_text(), (
        "python -m benchmarks --readme"
    )


def test_what_was_kept_is_of_works_that_there_are() -> None:
    kept, names = committed(), {work.name for work in WORKS}
    assert kept is not None
    assert kept.works.keys() <= names
    assert published().works.keys() <= names
    assert all(figures.get("lost", 0) == 0 for figures in kept.works.values())


def test_rows_of_readme() -> None:
    text = section(KEPT, OTHER)
    assert "| work | Another | Hubbub 9.9 | times |" in text
    assert "| 23.5 + 4.00 µs, 49.0/s, p99 146 ms | 2.50 + 0.40 + 0.10 µs, 235/s, p99 33.0 ms | 9.0 |" in text
    assert "|  | 88.0 MB |  |" in text
    assert "2026-11-22, on 2 cores of A Fast One" in text
    assert all(len(line) <= 120 for line in text.splitlines() if not line.startswith("|"))


def test_the_section_replaces_what_is_between_its_markers() -> None:
    assert with_section(f"a\n{BEGIN}\nold\n{END}\nb", f"{BEGIN}\nnew\n{END}") == f"a\n{BEGIN}\nnew\n{END}\nb"
    with pytest.raises(ValueError, match="markers"):
        with_section("a\nb", "")


def test_the_table_compares_with_what_was_kept_and_with_the_other_server() -> None:
    now = {"fanout-4": {**OURS, "total": 6.0}, "idle": {"total": 88.0}}
    head, fanout, memory = comparison([FANOUT, FLOOR, MEMORY], now, KEPT.works, OTHER).splitlines()
    assert head.split()[-4:] == ["committed", "ratio", "Another", "times"]
    assert fanout.split()[-4:] == ["3.00", "2.00", "27.0", "4.50"]
    assert memory.split()[-3:] == ["88.0", "88.0", "1.00"]
    assert "3.00" not in comparison([FANOUT], now, {}, OTHER)


def test_what_works_are_compared_by() -> None:
    assert key_figure(OURS) == 3.0
    assert key_figure({"p99": 7.0}) == 7.0
    assert key_figure(None) == 0.0
    assert (ratio(3, 2), ratio(3, 0), ratio(0, 3)) == ("1.50", "", "")
    assert told(FANOUT, None) == ""
    assert told(FLOOR, {"ours": 1.5, "floor": 1.0, "total": 1.5}) == "1.50 µs, C 1.00 µs"


def test_works_are_chosen_by_parts_of_their_names() -> None:
    assert [work.name for work in chosen("fanout-1, idle")] == ["fanout-16", "idle"]
    assert [work.name for work in chosen("me,memory")] == ["me", "memory-2000", "memory-5000"]
    assert len(chosen("")) == len(WORKS) == len({work.name for work in WORKS})
    assert chosen("nothing of the kind") == []
    assert all(work.measure or work.of for work in WORKS)
