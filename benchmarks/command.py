"""What the benchmarks share as commands: their options, their event loop, what they say meanwhile, what they keep."""

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from benchmarks.figures import this_machine, today, write
from benchmarks.processes import allow_many_files

Found = TypeVar("Found")


def command(doc: str | None) -> argparse.ArgumentParser:
    """A command line that tells what the module's docstring does."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def with_repeat(parser: argparse.ArgumentParser, times: int = 1) -> None:
    """Let it be said how often things are measured."""
    parser.add_argument("--repeat", type=int, default=times, help=f"runs of which the median counts ({times})")


def with_out(parser: argparse.ArgumentParser) -> None:
    """Let a file be named for `keep`."""
    parser.add_argument("--out", type=Path, help="a file for the figures, as JSON")


def say(line: str) -> None:
    """Tell those who wait."""
    print(line, file=sys.stderr, flush=True)


def run(work: Coroutine[Any, Any, Found]) -> Found:
    """Do the work on an event loop like that of a node, with as many open files as are allowed."""
    allow_many_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def keep(file: Path | None, **content: object) -> None:
    """Write figures with the date and the machine, if there is a file for them."""
    if file is not None:
        write(file, {"date": today(), "machine": this_machine(), **content})
