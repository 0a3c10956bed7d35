"""Does the tasks of a script, each in a process of its own that is forked: forking_process.py SCRIPT.

Run by path, isolated. The script is loaded once and its `prepare()` called, which costs a hundred times more than a
fork of this small process. Each line of the input asks for a task: a list of arguments, the seconds that it may take,
and how many bytes of what it prints are wanted. A fork calls the script's `main` with the arguments. The answer is a
line with the number of bytes and whether the task came to its end in time, and the bytes. This process itself reads
nothing that strangers sent. It goes when its input ends, also in the middle of a task.
"""

import contextlib
import gc
import importlib.util
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

CHUNK = 65536
ASKED = 0
"""The descriptor that tasks come from."""


class GivenUp(Exception):
    """Nobody waits for the answer."""


def load(script: str) -> ModuleType:
    """The script as a module, prepared."""
    spec = importlib.util.spec_from_file_location("task", script)
    if spec is None or spec.loader is None:
        raise ImportError(script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.prepare()
    return module


def do(task: Callable[..., None], arguments: list[str], seconds: float, limit: int) -> tuple[bytes, bool]:
    """What a task prints in a fork, up to `limit` bytes, and whether it came to its end in time. Raises GivenUp."""
    deadline = time.monotonic() + seconds
    output, printed = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(output)
        be(task, arguments, printed)
    os.close(printed)
    try:
        return collect(output, deadline, limit)
    finally:
        os.close(output)
        os.kill(pid, signal.SIGKILL)  # one that has ended is there until it is waited for
        os.waitpid(pid, 0)


def be(task: Callable[..., None], arguments: list[str], printed: int) -> NoReturn:
    """Be the fork: do the task and end, whatever happens."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for mine, instead in ((ASKED, nothing), (1, printed), (2, nothing)):
            os.dup2(instead, mine)
        os.close(nothing)
        os.close(printed)
        task(*arguments)
        sys.stdout.flush()
        code = 0
    finally:
        os._exit(code)


def collect(output: int, deadline: float, limit: int) -> tuple[bytes, bool]:
    """Read what a fork prints until it has ended, the deadline has come or there is too much."""
    answer = bytearray()
    poll = select.poll()
    poll.register(output, select.POLLIN)
    poll.register(ASKED, select.POLLIN)
    while len(answer) < limit and (left := deadline - time.monotonic()) > 0:
        ready = [descriptor for descriptor, _ in poll.poll(left * 1000)]
        if ASKED in ready:
            raise GivenUp
        if output in ready:
            chunk = os.read(output, CHUNK)
            if not chunk:
                return bytes(answer), True
            answer += chunk
    return bytes(answer[:limit]), False


def serve(script: str) -> None:
    """Do tasks until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # these are for the node, which still finishes what it has begun
        signal.signal(number, signal.SIG_IGN)
    task = load(script).main
    gc.collect()
    gc.freeze()
    answers = sys.stdout.buffer
    with contextlib.suppress(GivenUp, BrokenPipeError):
        for line in sys.stdin.buffer:
            answer, ended = do(task, *json.loads(line))
            answers.write(json.dumps([len(answer), ended]).encode() + b"\n" + answer)
            answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
