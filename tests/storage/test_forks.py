"""Tasks in processes of their own: what a task does to its process, neither the node nor the next task feels."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.errors import Busy
from server.storage import forks
from server.storage.forks import Script

TASKS = """
import os, resource, signal, sys, time
from pathlib import Path

def prepare():
    print("not an answer", file=sys.stderr)

def main(what, *more):
    if what == "pids":
        print(os.getppid(), os.getpid())
    elif what == "loop":
        Path(more[0]).write_text(str(os.getpid()))
        while True:
            pass
    elif what == "print":
        sys.stdout.write("x" * int(more[0]))
    elif what == "limit":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))
        bytearray(8 << 20)
    elif what == "limits":
        print(*resource.getrlimit(resource.RLIMIT_AS), *resource.getrlimit(resource.RLIMIT_CPU))
    elif what == "read":
        print(repr(sys.stdin.read()), [name for name in os.listdir("/proc/self/fd") if int(name) > 3])
    elif what == "half":
        print("half", flush=True)
        raise SystemExit("no more")
    elif what == "die":
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.fixture
async def script(tmp_path: Path) -> AsyncIterator[Script]:
    """A script with tasks of all kinds."""
    file = tmp_path / "tasks.py"
    file.write_text(TASKS)
    script = Script(file)
    yield script
    await script.close()


async def pids(script: Script, seconds: float = 30) -> tuple[int, int]:
    """Of the process that forks, and of the fork."""
    answer, ended = await script.run("pids", seconds=seconds, limit=100)
    assert ended
    forking, fork = answer.split()
    return int(forking), int(fork)


async def gone(pid: int) -> bool:
    """Whether a process ends within half a minute."""
    for _ in range(600):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        await asyncio.sleep(0.05)
    return False


def noted(note: Path) -> int:
    """The process that has left a note, 0 for none so far."""
    return int(note.read_text() or 0) if note.exists() else 0


async def at_work(note: Path) -> int:
    """The process that a looping task is in, once it loops."""
    for _ in range(1500):
        if pid := noted(note):
            return pid
        await asyncio.sleep(0.02)
    raise AssertionError("it does not loop")


async def test_tasks_one_after_the_other_are_forks_of_one_process(script: Script) -> None:
    first, second = await pids(script), await pids(script)

    assert first[0] == second[0] != os.getpid()
    assert first[1] != second[1]
    assert await gone(first[1])


async def test_tasks_at_once_have_processes_side_by_side(script: Script, tmp_path: Path) -> None:
    long = asyncio.create_task(script.run("loop", str(tmp_path / "note"), seconds=30, limit=100))
    looping = await at_work(tmp_path / "note")

    forking, _ = await pids(script)
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long

    assert await gone(looping)
    assert (await pids(script))[0] == forking


@pytest.mark.parametrize(
    ("what", "answer"), [("half", b"half\n"), ("die", b"last words\n"), ("limit", b""), ("unknown", b"")]
)
async def test_a_task_that_fails_ends_alone(script: Script, what: str, answer: bytes) -> None:
    forking, _ = await pids(script)

    assert await script.run(what, seconds=30, limit=100) == (answer, True)
    assert (await pids(script))[0] == forking


async def test_limits_of_a_task_are_its_own(script: Script) -> None:
    before = await script.run("limits", seconds=30, limit=200)
    await script.run("limit", seconds=30, limit=100)

    assert await script.run("limits", seconds=30, limit=200) == before


async def test_a_task_has_no_input_and_no_files_of_others(script: Script) -> None:
    assert await script.run("read", seconds=30, limit=100) == (b"'' []\n", True)


async def test_a_task_that_takes_too_long_is_ended(script: Script, tmp_path: Path) -> None:
    forking, _ = await pids(script)
    note, seconds = tmp_path / "note", 0.5

    while not noted(note):  # on a busy machine its time may be up before it has begun
        assert await script.run("loop", str(note), seconds=seconds, limit=100) == (b"", False)
        seconds *= 2

    assert await gone(noted(note))
    assert (await pids(script))[0] == forking


async def test_a_task_that_prints_too_much_is_ended(script: Script) -> None:
    assert await script.run("print", "99", seconds=30, limit=100) == (b"x" * 99, True)
    assert await script.run("print", "300000", seconds=30, limit=100_000) == (b"x" * 100_000, False)
    assert await script.run("print", "90000", seconds=30, limit=100_000) == (b"x" * 90_000, True)


async def test_signals_for_the_node_end_no_task(script: Script) -> None:
    forking, _ = await pids(script)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(forking, number)

    assert (await pids(script))[0] == forking


async def test_a_process_that_was_killed_is_replaced(script: Script) -> None:
    forking, _ = await pids(script)
    os.kill(forking, signal.SIGKILL)
    assert await gone(forking)

    assert (await pids(script))[0] != forking


async def test_a_process_that_is_stuck_is_replaced(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "END_SECONDS", 0.2)
    forking, _ = await pids(script)
    grace, end = forks.GRACE_SECONDS, forks._Forking.end

    async def ending(stuck: forks._Forking) -> None:
        monkeypatch.setattr(forks, "GRACE_SECONDS", grace)
        await end(stuck)

    monkeypatch.setattr(forks, "GRACE_SECONDS", -29.5)  # for the one that is stuck alone
    monkeypatch.setattr(forks._Forking, "end", ending)
    os.kill(forking, signal.SIGSTOP)

    assert (await pids(script))[0] != forking
    assert await gone(forking)


async def test_processes_that_wait_long_end(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "KEPT_SECONDS", 0.3)
    forking, _ = await pids(script)

    assert await gone(forking)
    assert (await pids(script))[0] != forking


async def test_closing_ends_the_processes_that_wait(script: Script) -> None:
    forking, _ = await pids(script)
    await script.close()

    assert await gone(forking)


async def test_a_script_that_can_not_be_loaded_is_busy(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise ValueError")

    with pytest.raises(Busy):
        await Script(tmp_path / "broken.py").run("pids", seconds=30, limit=100)
