"""Secrets at rest: what the database holds of them is readable only with a key that is not in the database.

A sealed text says how and with which key it was sealed: "sealed:<kind>:<id of the key>:<base64>". What does not look
so stands in the open, from before there was a key, and is read as it is.
"""

import base64
import binascii
import os

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.config.rules import split_keys
from server.errors import Busy

MARK = "sealed:"
RANDOM, LASTING = "r", "l"
"""Kinds: AES-256-GCM with a nonce of its own, and AES-256-SIV, which gives the same text whenever it is asked."""

REMEMBERED = 4096
"""Opened texts that rows are looked up by."""

_NONCE = 12
_CONTEXT = b"hubbub at rest 1: "

log = structlog.get_logger()


class Unreadable(Busy):
    """503: a secret can't be read with the keys at hand, or not at the place where it stands."""


class _Key:
    """What is derived of one key: its name, and a cipher for each purpose."""

    def __init__(self, text: str) -> None:
        self._text = text.encode()
        self.id = self._derive("name", 5).hex()
        self._gcm: dict[str, AESGCM] = {}
        self._siv: dict[str, AESSIV] = {}

    def _derive(self, purpose: str, length: int) -> bytes:
        return HKDF(SHA256(), length, None, _CONTEXT + purpose.encode()).derive(self._text)

    def gcm(self, purpose: str) -> AESGCM:
        """The cipher for texts that are looked at."""
        if purpose not in self._gcm:
            self._gcm[purpose] = AESGCM(self._derive(f"{RANDOM} {purpose}", 32))
        return self._gcm[purpose]

    def siv(self, purpose: str) -> AESSIV:
        """The cipher for texts that rows are looked up by."""
        if purpose not in self._siv:
            self._siv[purpose] = AESSIV(self._derive(f"{LASTING} {purpose}", 64))
        return self._siv[purpose]


class Seals:
    """Seals and opens texts. `keys` are separated by blanks or commas: the first one seals, all of them open.

    `place` says where a text stands, "table.column:row", and a text that was moved elsewhere can't be opened there.
    Each table and column has a key of its own. Without keys everything stands in the open.
    """

    def __init__(self, keys: str = "") -> None:
        self._keys = {key.id: key for key in map(_Key, split_keys(keys))}
        self._first = next(iter(self._keys.values()), None)
        self._opened: dict[tuple[str, str], str] = {}

    @property
    def active(self) -> bool:
        """Whether there is a key."""
        return self._first is not None

    @property
    def current(self) -> str:
        """How texts begin that were sealed with the first key, as a pattern of SQL's LIKE."""
        return f"{MARK}_:{self._first.id}:%" if self._first is not None else f"{MARK}%"

    def seal(self, text: str, place: str) -> str:
        """What to store of a secret; an empty text is none."""
        if self._first is None or not text:
            return text
        nonce = os.urandom(_NONCE)
        return _written(
            RANDOM, self._first, nonce + self._first.gcm(_purpose(place)).encrypt(nonce, *_bytes(text, place))
        )

    def lasting(self, text: str, place: str) -> str:
        """What to store of a random secret that its row is looked up by: always the same."""
        return self._lasting(self._first, text, place) if self._first is not None and text else text

    def forms(self, text: str, place: str) -> list[str]:
        """All that may be stored of a secret that its row is looked up by."""
        if text.startswith(MARK):  # who has read the database must not get in with what stands there
            return []
        return [text, *(self._lasting(key, text, place) for key in self._keys.values())]

    def _lasting(self, key: _Key, text: str, place: str) -> str:
        plain, told = _bytes(text, place)
        return _written(LASTING, key, key.siv(_purpose(place)).encrypt(plain, [told]))

    def open(self, stored: str, place: str) -> str:
        """The secret of what is stored; raises Unreadable when it was sealed with another key or for another place."""
        if not stored.startswith(MARK):
            return stored
        known = self._opened.get((stored, place))
        if known is not None:
            return known
        kind, _, rest = stored.removeprefix(MARK).partition(":")
        key_id, _, data = rest.partition(":")
        key = self._keys.get(key_id)
        try:
            if key is not None:
                sealed = base64.urlsafe_b64decode(data)
                _, told = _bytes("", place)
                if kind == RANDOM:
                    return key.gcm(_purpose(place)).decrypt(sealed[:_NONCE], sealed[_NONCE:], told).decode()
                return self._remembered(stored, place, key.siv(_purpose(place)).decrypt(sealed, [told]).decode())
        except (InvalidTag, binascii.Error, ValueError):
            pass
        log.error("a secret can't be read", place=_purpose(place), key=key_id[:16], key_known=key is not None)
        raise Unreadable("api.context.server_busy.app_error")

    def _remembered(self, stored: str, place: str, text: str) -> str:
        """What rows are looked up by stands in lists that are read often."""
        if len(self._opened) >= REMEMBERED:
            self._opened.clear()
        self._opened[stored, place] = text
        return text


def _purpose(place: str) -> str:
    return place.partition(":")[0]


def _bytes(text: str, place: str) -> tuple[bytes, bytes]:
    return text.encode("utf-8", "surrogatepass"), place.encode()


def _written(kind: str, key: _Key, sealed: bytes) -> str:
    return f"{MARK}{kind}:{key.id}:{base64.urlsafe_b64encode(sealed).decode()}"
