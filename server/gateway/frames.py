"""Frames as the server sends them: unmasked, so one event is one byte string for all, but for the seq at its end."""

import struct
import zlib

import msgspec

from server.bus.envelope import Envelope

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
RSV1 = 0x40

JSON, MSGPACK, DEFLATE = 0, 1, 2
"""How a connection gets its events: JSON text, msgpack binary, or JSON text deflated."""

SMALL = 256
"""Bytes of JSON below which compressing gains too little."""

_TAIL_SIZE = (12, 4, 18)
_TWO = struct.Struct("!BBH")
_LONG = struct.Struct("!BBQ")
_SEQ = struct.Struct("!I")


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


def json_tail(seq: int) -> bytes:
    """What follows an event's shared bytes: the seq at a fixed width, so that the header can be shared too."""
    return b"%10d}\n" % seq


def msgpack_tail(seq: int) -> bytes:
    """The seq as the last value of the map."""
    return _SEQ.pack(seq & 0xFFFFFFFF)


def deflate_tail(seq: int) -> bytes:
    """The seq as a stored block, and the start of the empty block whose rest RFC 7692 leaves away."""
    return b"\x00\x0c\x00\xf3\xff%10d}\n\x00" % seq


class Heads:
    """The shared beginnings of one event's frames, each made when the first connection wants it.

    A frame of a small event is sent to deflating connections as it is; its head then says so (no RSV1), and its
    tail is a plain one: see `tail_for`.
    """

    __slots__ = ("_body", "_json_fields", "_made")

    def __init__(self, body: bytes, json_fields: tuple[str, ...] = ()) -> None:
        self._body = body
        self._json_fields = json_fields
        self._made: list[bytes | None] = [header(TEXT, len(body) + 12) + body, None, None]

    def head(self, codec: int) -> bytes:
        """Everything before the seq, for one way of encoding."""
        made = self._made[codec]
        if made is None:
            made = self._made[codec] = self._make(codec)
        return made

    def _make(self, codec: int) -> bytes:
        if codec == MSGPACK:
            content = _as_msgpack(self._body, self._json_fields)
            return header(BINARY, len(content) + _TAIL_SIZE[MSGPACK]) + content
        if len(self._body) < SMALL:
            return self.head(JSON)
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
        content = deflate.compress(self._body) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return header(TEXT | RSV1, len(content) + _TAIL_SIZE[DEFLATE]) + content


def heads_for(envelope: Envelope, user_id: str = "", ask: bool = False) -> Heads:
    """The heads of an event, with the personal fields of a user if one is given; with `ask` to be confirmed."""
    return Heads(envelope.body_for(user_id, ask) if user_id else envelope.body, envelope.json_fields)


def tail_for(codec: int, head: bytes, seq: int) -> bytes:
    """The end of a frame that begins with `head`."""
    if codec == JSON:
        return b"%10d}\n" % seq
    if codec == MSGPACK:
        return msgpack_tail(seq)
    return deflate_tail(seq) if head[0] & RSV1 else json_tail(seq)


def joined(codec: int, heads: list[bytes], seq: int) -> bytes:
    """The frames of consecutive events, the first of them with this seq."""
    parts: list[bytes] = []
    if codec == JSON:
        for head in heads:
            parts.append(head)
            parts.append(b"%10d}\n" % seq)
            seq += 1
    else:
        for head in heads:
            parts.append(head)
            parts.append(tail_for(codec, head, seq))
            seq += 1
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
