"""How a process ends once its work is done: at once, without the interpreter being taken apart first.

The store of files works in threads that Python has not made. One of them that is just telling the loop how something
went can't go on when the interpreter is taken apart under it, and ends in abort(): the process would be killed by
signal 6, though all it had to do was done.
"""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

FAILED = 1


def run_to_the_end(work: Callable[[], None]) -> NoReturn:
    """Do what this process is there for, and end it with the exit code that Python would have ended it with.

    What is to happen at the end happens in `work`: nothing that is registered with `atexit` is called, and no thread
    is waited for. An exception other than SystemExit ends the process as ever.
    """
    code = 0
    try:
        work()
    except SystemExit as ended:
        code = _code(ended)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # nobody reads any more, or the disk is full
            code = code or FAILED
    os._exit(code)


def _code(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    print(ended.code, file=sys.stderr)
    return FAILED
