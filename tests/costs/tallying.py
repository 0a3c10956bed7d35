"""Counts what Python does, whichever function it is in: encodings and compressions, and lines of code."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

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
