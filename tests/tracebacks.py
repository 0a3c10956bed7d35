"""Tracebacks of failures as Python prints them, without the frames that say nothing about Hubbub.

Some forty frames of pytest and its plugins lie above each test, and what Hubbub calls goes deep into libraries. What
is left: the frames of this repository, and the one in which it was raised. A test that was interrupted while it waited
is in no traceback, so that the place where it waited is added. `--full-trace` leaves all as it is.
"""

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

import pytest

ROOT = Path(__file__).parents[1]


def _is_ours(frame: FrameType) -> bool:
    path = Path(frame.f_code.co_filename)
    return path.is_relative_to(ROOT) and "site-packages" not in path.parts


def _awaiting(loop: FrameType) -> Iterator[TracebackType]:
    """Where the test stands that this call of the loop runs, when it is not over."""
    test = loop.f_locals.get("future") if loop.f_code.co_name == "run_until_complete" else None
    running = test.get_coro() if isinstance(test, asyncio.Task) and not test.done() else None
    while inspect.iscoroutine(running) and running.cr_frame is not None:
        yield TracebackType(None, running.cr_frame, running.cr_frame.f_lasti, running.cr_frame.f_lineno)
        running = running.cr_await


def shortened(trace: TracebackType | None) -> TracebackType | None:
    """What is left of a traceback; all of it when nothing of it is ours."""
    whole, every = trace, list[TracebackType]()
    while trace is not None:
        every += [trace, *_awaiting(trace.tb_frame)]
        trace = trace.tb_next
    ours = [each for each in every if _is_ours(each.tb_frame)]
    if not ours:
        return whole
    left = None
    for each in reversed(ours if ours[-1] is every[-1] else [*ours, every[-1]]):
        left = TracebackType(left, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return left


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
            waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else ()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Shorten the tracebacks of a failure before they are printed."""
    if call.excinfo is None or item.config.getoption("fulltrace"):
        return
    if isinstance(call.excinfo.value, pytest.skip.Exception | pytest.exit.Exception):
        return
    for error in _with_causes(call.excinfo.value):
        error.__traceback__ = shortened(error.__traceback__)
    call.excinfo = pytest.ExceptionInfo.from_exception(call.excinfo.value)
