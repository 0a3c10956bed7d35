"""Frames as the server sends them: unmasked, so one event is one byte string for all, but for the seq at its end."""

import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from server.bus.envelope import Envelope

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
RSV1 = 0x40

JSON, MSGPACK, DEFLATE = range(CODECS := 3)
"""How a connection gets its events: JSON text, msgpack binary, or JSON text deflated."""

SMALL = 256
"""Bytes of JSON below which compressing gains too little."""

_JSON_TAIL = 12
_MSGPACK_TAIL = 4
_STORED = b"\x00\x0c\x00\xf3\xff"
"""The start of a stored block of deflate that holds the tail of a JSON frame …"""
_EMPTY = b"\x00"
"""… and what follows it: the start of the empty block whose rest RFC 7692 leaves away."""

_TWO = struct.Struct("!BBH")
_LONG = struct.Struct("!BBQ")
_SEQ = struct.Struct("!I")

_THOUSAND = 1000
_ENDS = tuple([template % rest for rest in range(_THOUSAND)] for template in (b"%3d}\n", b"%03d}\n"))
"""The last three digits of every seq and what closes the JSON: of those below a thousand, and of all others. Writing
a number costs more than all else that is done for one event of one connection, so each is written once for all."""
_DEFLATED_ENDS = tuple([end + _EMPTY for end in ends] for ends in _ENDS)
_KNOWN_THOUSANDS = 4096
_HEADS, _LEADS, _LAST = slice(0, None, 3), slice(1, None, 3), slice(2, None, 3)
"""Where in the pieces of frames the heads are, the first digits of the seqs, and the last with what closes the JSON."""


def header(opcode: int, size: int) -> bytes:
    """The header of a whole message in one frame."""
    if size < 126:
        return bytes((0x80 | opcode, size))
    if size < 65536:
        return _TWO.pack(0x80 | opcode, 126, size)
    return _LONG.pack(0x80 | opcode, 127, size)


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message in one frame."""
    return header(opcode, len(payload)) + payload


PING_FRAME = frame(PING, b"")


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; code 1005 means one without a code."""
    return frame(CLOSE, b"" if code == 1005 else code.to_bytes(2) + reason.encode()[:123])


@lru_cache(_KNOWN_THOUSANDS)
def _thousands(number: int) -> bytes:
    """What stands before the last three digits of a seq."""
    return b"%7d" % number if number else b" " * 7


class Heads:
    """The shared beginnings of one event's frames, each made when the first connection wants it.

    A frame of a small event is sent to deflating connections as it is; its head then says so (no RSV1), and its
    tail is a plain one.
    """

    __slots__ = ("_body", "_json_fields", "_made")

    def __init__(self, body: bytes, json_fields: tuple[str, ...] = ()) -> None:
        self._body = body
        self._json_fields = json_fields
        self._made: list[bytes | None] = [header(TEXT, len(body) + _JSON_TAIL) + body, None, None]

    def head(self, codec: int) -> bytes:
        """Everything before the seq, for one way of encoding."""
        made = self._made[codec]
        if made is None:
            made = self._made[codec] = self._make(codec)
        return made

    def _make(self, codec: int) -> bytes:
        if codec == MSGPACK:
            content = _as_msgpack(self._body, self._json_fields)
            return header(BINARY, len(content) + _MSGPACK_TAIL) + content
        if len(self._body) < SMALL:
            return self.head(JSON)
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
        content = deflate.compress(self._body) + deflate.flush(zlib.Z_SYNC_FLUSH) + _STORED
        return header(TEXT | RSV1, len(content) + _JSON_TAIL + len(_EMPTY)) + content


def heads_for(envelope: Envelope, user_id: str = "", ask: bool = False) -> Heads:
    """The heads of an event, with the personal fields of a user if one is given; with `ask` to be confirmed."""
    return Heads(envelope.body_for(user_id, ask) if user_id else envelope.body, envelope.json_fields)


def one_frame(codec: int, head: bytes, seq: int) -> bytes:
    """The frame of an event with this seq."""
    if codec == MSGPACK:
        return head + _SEQ.pack(seq & 0xFFFFFFFF)
    thousands, rest = divmod(seq, _THOUSAND)
    ends = _DEFLATED_ENDS if codec == DEFLATE and head[0] & RSV1 else _ENDS
    return b"".join((head, _thousands(thousands), ends[thousands > 0][rest]))


def joined(codec: int, heads: Sequence[bytes], seq: int) -> bytes:
    """The frames of consecutive events, the first of them with this seq."""
    if codec == MSGPACK:
        parts = [piece for at, head in enumerate(heads, seq) for piece in (head, _SEQ.pack(at & 0xFFFFFFFF))]
        return b"".join(parts)
    return numbered(codec, pieces(heads), seq)


def pieces(heads: Sequence[bytes]) -> list[bytes]:
    """What the frames of events consist of but for their seqs: `numbered` puts those in, as often as it is asked to."""
    parts = [b""] * (3 * len(heads))
    parts[_HEADS] = heads
    return parts


def numbered(codec: int, parts: list[bytes], seq: int) -> bytes:
    """The frames of consecutive events in pieces, for a codec of JSON."""
    thousands, rest = divmod(seq, _THOUSAND)
    count = len(parts) // 3
    if rest + count > _THOUSAND:
        heads, cut = parts[_HEADS], _THOUSAND - rest
        return joined(codec, heads[:cut], seq) + joined(codec, heads[cut:], seq + cut)
    lead, ends = _thousands(thousands), _ENDS[thousands > 0]
    if codec == DEFLATE:
        deflated = _DEFLATED_ENDS[thousands > 0]
        parts[_LAST] = [(deflated if head[0] & RSV1 else ends)[at] for at, head in enumerate(parts[_HEADS], rest)]
    else:
        parts[_LAST] = ends[rest : rest + count]
    if parts[1] is not lead:
        parts[_LEADS] = [lead] * count
    return b"".join(parts)


def _as_msgpack(body: bytes, json_fields: tuple[str, ...]) -> bytes:
    """The event as a msgpack map up to the number of its seq; what was JSON inside a string becomes a plain value."""
    event = msgspec.json.decode(body + b"0}")
    data = event["data"]
    for field in json_fields:
        if isinstance(data.get(field), str):
            data[field] = msgspec.json.decode(data[field])
    packed = msgspec.msgpack.encode({"event": event["event"], "data": data, "broadcast": event["broadcast"]})
    return b"\x84" + packed[1:] + b"\xa3seq\xce"  # a map of four instead of three
