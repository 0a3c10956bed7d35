"""What a failure shows: the lines of the test and of Hubbub, and where it was raised."""

import asyncio
import json
import traceback
from types import TracebackType

import pytest

from tests.tracebacks import shortened


def names(trace: TracebackType | None) -> list[str]:
    """The functions of a traceback."""
    return [each.name for each in traceback.extract_tb(trace)]


def test_libraries_show_only_where_it_was_raised() -> None:
    with pytest.raises(json.JSONDecodeError) as failure:
        json.loads("no JSON")

    assert names(failure.tb) == ["test_libraries_show_only_where_it_was_raised", "loads", "decode", "raw_decode"]
    assert names(shortened(failure.tb)) == ["test_libraries_show_only_where_it_was_raised", "raw_decode"]


def test_what_is_not_ours_stays_whole() -> None:
    with pytest.raises(json.JSONDecodeError) as failure:
        json.loads("no JSON")
    theirs = failure.tb.tb_next

    assert shortened(theirs) is theirs


def test_a_test_that_was_interrupted_shows_where_it_waited() -> None:
    async def waits() -> None:
        await asyncio.sleep(60)

    async def interrupted() -> None:
        asyncio.get_running_loop().call_later(0.01, interrupt)
        await waits()

    def interrupt() -> None:
        raise KeyboardInterrupt

    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(KeyboardInterrupt) as failure:
            loop.run_until_complete(interrupted())
        assert names(shortened(failure.tb))[1:] == ["interrupted", "waits", "interrupt"]
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
        loop.close()
