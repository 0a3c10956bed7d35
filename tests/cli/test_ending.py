"""How a process ends: with the code that its work earned, whatever threads do that Python has not made."""

import subprocess
import sys
from pathlib import Path

import pytest

# A thread of the store is in the middle of Python code when the process ends, and comes back from it before the
# interpreter would have been taken apart.
BUSY_THREAD = """
import asyncio, io, sys, threading, time
import obstore
from obstore.store import LocalStore
from server.cli.ending import run_to_the_end

class Lasting(io.StringIO):
    def flush(self):
        if sys.is_finalizing():
            time.sleep(1)

sys.stdout = Lasting()
begun = threading.Event()

def slow_content():
    begun.set()
    time.sleep(0.3)
    yield b"content"

async def write():
    writing = asyncio.ensure_future(obstore.put_async(LocalStore(sys.argv[1]), "file", slow_content()))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    writing.cancel()

run_to_the_end(lambda: asyncio.run(write()))
"""

ENDING = "import sys; from server.cli.ending import run_to_the_end; run_to_the_end(lambda: {work})"


def ended(program: str, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code and output of a program."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_a_thread_of_the_store_that_is_not_done_is_no_abort(tmp_path: Path) -> None:
    assert ended(BUSY_THREAD, tmp_path) == (0, "", "")


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ("print('done', end='')", (0, "done", "")),
        ("sys.exit()", (0, "", "")),
        ("sys.exit(4)", (4, "", "")),
        ("sys.exit('hubbub: no')", (1, "", "hubbub: no\n")),
    ],
)
def test_the_exit_code_is_that_of_the_work(work: str, expected: tuple[int, str, str]) -> None:
    assert ended(ENDING.format(work=work)) == expected


def test_an_exception_that_nobody_foresaw_is_told_of() -> None:
    code, said, complained = ended(ENDING.format(work="1 / 0"))

    assert (code, said) == (1, "")
    assert complained.startswith("Traceback")
    assert "ZeroDivisionError" in complained


def test_what_could_not_be_said_is_a_failure() -> None:
    with Path("/dev/full").open("w") as full:
        program = ENDING.format(work="print('done')")
        done = subprocess.run([sys.executable, "-c", program], stdout=full, timeout=60)

    assert done.returncode == 1
