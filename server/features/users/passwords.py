"""Hashes of passwords: argon2id for new ones; bcrypt and PBKDF2 of imported accounts are understood.

A hash takes 20 ms of a core and 19 MiB, so it runs in two threads of its own, and who comes when too many
wait is asked to try again.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from server.errors import Busy

T = TypeVar("T")

THREADS = 2
MAX_WAITING = 250
"""About three seconds of work for two threads."""

MAX_ITERATIONS = 10_000_000

_argon2 = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="password")

# "$pbkdf2$f=SHA256,w=600000,l=32$<salt>$<hash>" and "$pbkdf2-sha256$600000$<salt>$<hash>"
_PBKDF2 = re.compile(
    r"\$pbkdf2(?:-(?P<digest>sha\d+))?\$(?:f=(?P<function>SHA\d+),w=(?P<work>\d+),l=\d+|(?P<rounds>\d+))"
    r"\$(?P<salt>[^$]+)\$(?P<hash>[^$]+)"
)


class _Waiting:
    """How many callers wait for a hash in this process."""

    count = 0


async def _in_thread(work: Callable[[], T]) -> T:
    if _Waiting.count >= MAX_WAITING:
        raise Busy("api.context.server_busy.app_error")
    _Waiting.count += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _Waiting.count -= 1


async def hash_password(password: str) -> str:
    """The hash to store for a new password."""
    return await _in_thread(lambda: _argon2.hash(password))


async def verify_password(password: str, stored: str) -> bool:
    """Whether a password is the one of a stored hash; without a hash it takes as long and is False."""
    return await _in_thread(lambda: _verify(password, stored))


def needs_upgrade(stored: str) -> bool:
    """Whether a stored hash is of an older kind than new ones."""
    return not stored.startswith("$argon2id$") or _argon2.check_needs_rehash(stored)


def _verify(password: str, stored: str) -> bool:
    if stored.startswith("$argon2"):
        try:
            return _argon2.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False
    if stored.startswith("$2"):
        try:
            return bcrypt.checkpw(password.encode()[:72], stored.encode())
        except ValueError:
            return False
    if stored.startswith("$pbkdf2"):
        return _verify_pbkdf2(password, stored)
    _argon2.hash(password)  # an unknown account must not answer faster than a known one
    return False


def _verify_pbkdf2(password: str, stored: str) -> bool:
    match = _PBKDF2.fullmatch(stored)
    if match is None:
        return False
    digest = (match["digest"] or match["function"] or "sha256").lower()
    rounds = int(match["work"] or match["rounds"])
    try:
        salt, expected = _base64(match["salt"]), _base64(match["hash"])
    except (binascii.Error, ValueError):
        return False
    if not 0 < rounds <= MAX_ITERATIONS or digest not in ("sha1", "sha256", "sha512") or not expected:
        return False
    return hmac.compare_digest(hashlib.pbkdf2_hmac(digest, password.encode(), salt, rounds, len(expected)), expected)


def _base64(text: str) -> bytes:
    """Standard base 64, with or without padding, or with a dot for the plus."""
    text = text.rstrip("=").replace(".", "+")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
