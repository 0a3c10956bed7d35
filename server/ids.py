"""Ids and tokens: 26 characters of [0-9a-v], as API v4 wants them."""

import re
import secrets
import time
from typing import Annotated

from msgspec import Meta

_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]

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
    random = secrets.randbits(74)
    number = (millis << 80) | (7 << 76) | ((random >> 62) << 64) | (2 << 62) | (random & ((1 << 62) - 1))
    return _base32(number)


def new_token() -> str:
    """A secret of 128 random bits in the form of an id."""
    return _base32(secrets.randbits(128))


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id."""
    return len(text) == ID_LENGTH and _ID.fullmatch(text) is not None


def now_ms() -> int:
    """Milliseconds since the epoch, the unit of every `*_at`."""
    return time.time_ns() // 1_000_000
