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
"""The random bytes of so many ids are fetched together."""
_chances: list[bytes] = []
os.register_at_fork(after_in_child=_chances.clear)

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
        chance = _chances.pop()
    except IndexError:
        many = os.urandom(10 * AT_ONCE)
        _chances.extend(many[start : start + 10] for start in range(0, len(many), 10))
        chance = _chances.pop()
    return _id_of(millis, chance)


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


@lru_cache(maxsize=16)
def _prefix(millis: int) -> str:
    return "".join(_PAIRS[(millis >> shift) & 1023] for shift in range(40, -10, -10))


def new_token() -> str:
    """A secret of 128 random bits in the form of an id."""
    return _base32(secrets.randbits(128))


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id."""
    return len(text) == ID_LENGTH and _ID.fullmatch(text) is not None


def now_ms() -> int:
    """Milliseconds since the epoch, the unit of every `*_at`."""
    return time.time_ns() // 1_000_000
