"""Counts what Python does, whichever function it is in: encodings, lines of code, and what is kept in memory."""

import gc
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from msgspec import Struct

import server

ROOT = str(Path(server.__file__).parent)
ROAD = (f"{ROOT}/bus/", f"{ROOT}/gateway/")
"""What an event passes on its way from a service to the sockets."""
ASIDE = (f"{ROOT}/bus/pledges.py", f"{ROOT}/gateway/resume.py", f"{ROOT}/gateway/requests.py")
"""What is there for other ends."""

_FUNCTIONS = {
    "json_encode": "to JSON",
    "json_decode": "from JSON",
    "msgpack_encode": "to msgpack",
    "msgpack_decode": "from msgpack",
    "compressobj": "compressed",
}
_METHODS = {
    msgspec.json.Encoder: "to JSON",
    msgspec.json.Decoder: "from JSON",
    msgspec.msgpack.Encoder: "to msgpack",
    msgspec.msgpack.Decoder: "from msgpack",
}


@contextmanager
def encodings() -> Iterator[Counter[str]]:
    """Counts what is encoded, decoded and compressed on the road of events."""
    counts: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call":
            return
        name = called.__name__
        kind = _FUNCTIONS.get(name)
        if kind is None and name in ("encode", "encode_into", "decode"):
            owner = getattr(called, "__objclass__", None) or type(getattr(called, "__self__", None))
            kind = _METHODS.get(owner)
        file = frame.f_code.co_filename
        if kind is not None and file.startswith(ROAD) and file not in ASIDE:
            counts[kind] += 1

    sys.setprofile(watch)
    try:
        yield counts
    finally:
        sys.setprofile(None)


@contextmanager
def lines(folder: str) -> Iterator[Counter[str]]:
    """Counts the lines of code that run in a folder of the server, by file and function."""
    counts: Counter[str] = Counter()
    within = f"{ROOT}/{folder}/"

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(within):
            return None
        place = f"{file.removeprefix(within)} {frame.f_code.co_name}"

        def step(frame: FrameType, event: str, _: Any) -> Any:
            counts[place] += event == "line"
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield counts
    finally:
        sys.settrace(before)


class Held(Struct, frozen=True):
    """What is kept in memory."""

    objects: int
    bytes: int


def held_by(parts: Sequence[object]) -> Held:
    """What parts of the server keep, directly or through others: objects of the server, containers and plain values."""
    seen: set[int] = set()
    found: list[object] = list(parts)
    size = 0
    while found:
        each = found.pop()
        if id(each) in seen or not _counts(each):
            continue
        seen.add(id(each))
        size += sys.getsizeof(each)
        found += gc.get_referents(each)
    return Held(len(seen), size)


_PLAIN = (str, bytes, int, float, tuple, list, dict, set, frozenset, deque)


def _counts(each: object) -> bool:
    kind = type(each)
    return isinstance(each, _PLAIN) or kind.__module__.startswith("server.")
