"""What a soak has found, as rows that are judged and a table of them."""

from collections.abc import Sequence

from msgspec import Struct

from tests.soak.flatness import Verdict

COLUMNS = ("", "second quarter", "last quarter", "per minute", "")

MOST_DETAILS = 20


class Row(Struct, frozen=True):
    """A quantity and what became of it. `group` is which promise it belongs to; a fault breaks it."""

    group: str
    name: str
    before: str
    after: str
    per_minute: str = ""
    fault: str = ""
    note: str = ""
    details: Sequence[str] = ()

    @staticmethod
    def of(group: str, name: str, verdict: Verdict, digits: int = 0, unit: str = "") -> "Row":
        """A judged series."""
        before, after = (f"{value:,.{digits}f}{unit}" for value in (verdict.before, verdict.after))
        return Row(group, name, before, after, f"{verdict.per_minute:+,.{digits + 1}f}", verdict.fault)


class Report(Struct):
    """All rows, in order, and a few facts about what was done."""

    rows: list[Row] = []
    facts: list[str] = []

    @property
    def faults(self) -> list[Row]:
        """What was not as promised."""
        return [row for row in self.rows if row.fault]

    def of(self, *groups: str) -> list[Row]:
        """The rows of some promises."""
        return [row for row in self.rows if row.group in groups]

    def table(self) -> str:
        """Everything, with a table in Markdown."""
        cells = [COLUMNS, *(_cells(row) for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(COLUMNS))]
        lines = [_line(row, widths) for row in cells]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        details = [f"{row.name}: {detail}" for row in self.faults for detail in row.details[:MOST_DETAILS]]
        return "\n".join([*lines, "", *self.facts, "", *details])


def _cells(row: Row) -> tuple[str, ...]:
    return (row.name, row.before, row.after, row.per_minute, row.fault.upper() or row.note or "ok")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, last = zip(cells, widths, strict=True)
    middle = [cell.rjust(width) for cell, width in numbers]
    return "| " + " | ".join([first[0].ljust(first[1]), *middle, last[0].ljust(last[1])]) + " |"
