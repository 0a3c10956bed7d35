"""`python -m tests.chaos [words]`: all faults, or those whose names have one of the words; a table of what they did.

The exit code is 1 when anything was lost, doubled or otherwise not as promised.
"""

import logging
import sys
import time
from collections.abc import Sequence

import structlog
import uvloop

from tests.chaos.fault import LONG, Fault
from tests.chaos.faults import FAULTS
from tests.chaos.people import Stage
from tests.chaos.talk import Outcome

COLUMNS = ("fault", "acknowledged", "expected", "lost", "doubled", "swapped", "replayed exactly", "seconds", "")


def row_of(outcome: Outcome) -> tuple[str, ...]:
    """An outcome in words."""
    exact = f"{outcome.exact} of {outcome.reconnects}" if outcome.reconnects else "-"
    if outcome.reconnects:
        exact += f" ({outcome.exact / outcome.reconnects:.1%})"
    counts = (outcome.acknowledged, outcome.expected, outcome.lost, outcome.doubled, outcome.swapped)
    return (outcome.fault, *map(str, counts), exact, f"{outcome.seconds:.2f}", outcome.notes)


def table_of(outcomes: Sequence[Outcome]) -> str:
    """All outcomes as a table in Markdown."""
    rows = [COLUMNS, *map(row_of, outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


async def run(faults: Sequence[Fault]) -> list[Outcome]:
    """Go through the faults on one stage."""
    outcomes = []
    async with Stage.open() as stage:
        for fault in faults:
            begun = time.monotonic()
            outcome = await fault(stage, LONG)
            outcomes.append(outcome)
            print(f"{outcome.fault}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
            for complaint in outcome.complaints[:20]:
                print(f"  {complaint}", file=sys.stderr, flush=True)
    return outcomes


def main(words: Sequence[str]) -> int:
    """Run, print the table, and say whether all promises were kept."""
    faults = [fault for fault in FAULTS if not words or any(word in fault.__name__ for word in words)]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    begun = time.monotonic()
    outcomes = uvloop.run(run(faults))
    print(table_of(outcomes))
    broken = [outcome.fault for outcome in outcomes if outcome.complaints]
    print(
        f"\n{len(outcomes)} faults in {time.monotonic() - begun:.0f} s; promises broken: {', '.join(broken) or 'none'}"
    )
    return 1 if broken or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
