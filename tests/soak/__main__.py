"""`python -m tests.soak [--minutes N] [--rate N]`: a soak, two hours unless said otherwise, and a table of it.

The exit code is 1 when anything grew that must not, was lost, or answered wrongly.
"""

import argparse
import logging
import sys
import time

import msgspec
import structlog
import uvloop

from tests.soak.soak import HOURS, MINUTES, soak

SHORT_MINUTES = 15
"""Less than this is judged as the short form: there is not the time to tell small leaks from noise."""


def main() -> int:
    """Run, print the table, and say whether everything stayed as it was."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=HOURS.seconds / 60, help="how long")
    parser.add_argument("--rate", type=float, default=HOURS.rate, help="actions a second")
    asked = parser.parse_args()
    plan = HOURS if asked.minutes >= SHORT_MINUTES else MINUTES
    plan = msgspec.structs.replace(plan, seconds=asked.minutes * 60, rate=asked.rate)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {text}", file=sys.stderr, flush=True)

    report = uvloop.run(soak(plan, say))
    print(report.table())
    print(f"\nnot as promised: {', '.join(row.name for row in report.faults) or 'nothing'}")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
