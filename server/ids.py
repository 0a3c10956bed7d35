"""Ids and tokens: 26 characters of [0-9a-v], as API v4 wants them."""

import hashlib
import os
import re
import secrets
import time
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]

# The lower 80 bits of a UUIDv7: version 7, 12 random bits, variant 2, 62 random bits.
_VERSION = (7 << 76) | (2 << 62)
_RANDOM = (0xFFF << 64) | ((1 << 62) - 1)

AT_ONCE = 64
"""The random parts of so many ids are made together."""
_tails: list[str] = []
os.register_at_fork(after_in_child=_tails.clear)

# What a random byte says at each place of a tail. The first and the fourth also hold the version and the variant.
_ANY = bytes(ord(_ALPHABET[byte & 0b11111]) for byte in range(256))
_FIRST = bytes(ord(_ALPHABET[0b01110 | byte & 0b00001]) for byte in range(256))
_FOURTH = bytes(ord(_ALPHABET[0b01000 | byte & 0b10011]) for byte in range(256))

ID_LENGTH = 26
_ID = re.compile(r"[A-Za-z0-9]{26}")

Id = Annotated[str, Meta(pattern="^[A-Za-z0-9]{26}$", min_length=26, max_length=26)]
"""An id in a body."""

IdOrEmpty = Annotated[str, Meta(pattern="^([A-Za-z0-9]{26})?$", max_length=26)]
"""An id in a body, or "" for none."""


def _base32(number: int) -> str:
    return "".join(_PAIRS[(number >> shift) & 1023] for shift in range(120, -10, -10))


def new_id() -> str:
    """A new id: UUIDv7 in an order-preserving base 32, so ids sort by the time they were made."""
    return id_at(time.time_ns() // 1_000_000)


def id_at(millis: int) -> str:
    """A new id that sorts as if made at `millis`."""
    try:
        return _prefix(millis) + _tails.pop()
    except IndexError:
        _tails.extend(_more_tails())
        return _prefix(millis) + _tails.pop()


def _more_tails() -> list[str]:
    """The last 16 characters of ids, which hold the lower 80 bits: a random byte for each is cheaper than to shift."""
    chances = os.urandom(16 * AT_ONCE)
    tails = bytearray(chances.translate(_ANY))
    tails[0::16] = chances[0::16].translate(_FIRST)
    tails[3::16] = chances[3::16].translate(_FOURTH)
    text = tails.decode("ascii")
    return [text[at : at + 16] for at in range(0, len(text), 16)]


def id_from(millis: int, cause: str) -> str:
    """The id of what a cause makes at `millis`: always the same for the same cause, and nobody else's."""
    return _id_of(millis, hashlib.sha256(cause.encode()).digest()[:10])


def _id_of(millis: int, chance: bytes) -> str:
    tail = int.from_bytes(chance) & _RANDOM | _VERSION
    # The time fills ten characters, what is left two times eight.
    high, low = tail >> 40, tail & 0xFFFFFFFFFF
    p = _PAIRS
    return (
        f"{_prefix(millis)}{p[high >> 30]}{p[high >> 20 & 1023]}{p[high >> 10 & 1023]}{p[high & 1023]}"
        f"{p[low >> 30]}{p[low >> 20 & 1023]}{p[low >> 10 & 1023]}{p[low & 1023]}"
    )


def _prefix(millis: int) -> str:
    return _quarter_hour(millis >> 20) + _PAIRS[millis >> 10 & 1023] + _PAIRS[millis & 1023]


@lru_cache(maxsize=16)
def _quarter_hour(number: int) -> str:
    """What the times of 2^20 ms begin with."""
    return "".join(_PAIRS[number >> shift & 1023] for shift in (20, 10, 0))


def new_token() -> str:
    """A secret of 128 random bits in the form of an id."""
    return _base32(secrets.randbits(128))


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id."""
    return len(text) == ID_LENGTH and _ID.fullmatch(text) is not None


def now_ms() -> int:
    """Milliseconds since the epoch, the unit of every `*_at`."""
    return time.time_ns() // 1_000_000
