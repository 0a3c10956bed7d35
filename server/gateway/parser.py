"""Frames as clients send them: masked, small, perhaps in pieces. No sockets and no awaits: bytes in, messages out."""

import zlib

from server.gateway.frames import BINARY, CLOSE, PING, PONG, RSV1, TEXT

MAX_MESSAGE = 8192
"""Bytes of a client's message, also when it comes in fragments or compressed."""

_CONTINUATION = 0x0
_GOOD_CLOSE_CODES = frozenset((*range(1000, 1004), *range(1007, 1015)))


class BadFrame(Exception):
    """The client broke the protocol: the socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameParser:
    """Reads the frames of one client."""

    __slots__ = ("_buffer", "_compressed", "_fragments", "_inflate", "_opcode", "_size")

    def __init__(self, deflate: bool = False) -> None:
        self._buffer = b""
        self._fragments: list[bytes] | None = None
        self._opcode = 0
        self._size = 0
        self._compressed = False
        self._inflate = deflate

    def feed(self, data: bytes, most: int = 1 << 30) -> tuple[list[tuple[int, bytes]], int]:
        """The messages, pings, pongs and closes that are complete, as (opcode, payload), and how many frames it took.

        After `most` frames the rest waits for the next call. What follows a BadFrame is lost with the connection, and
        so are the messages before it in the same chunk.
        """
        if self._buffer:
            data = self._buffer + data
        messages: list[tuple[int, bytes]] = []
        start = frames = 0
        while frames < most and (end := self._frame(data, start, messages)) is not None:
            start = end
            frames += 1
        self._buffer = data[start:] if start < len(data) else b""
        return messages, frames

    def _frame(self, data: bytes, start: int, messages: list[tuple[int, bytes]]) -> int | None:
        """Read the frame at `start` and return where it ends, or None when it isn't complete."""
        if len(data) - start < 2:
            return None
        first, second = data[start], data[start + 1]
        opcode, size, at = first & 0x0F, second & 0x7F, start + 2
        self._check(first, second)
        if size == 126:
            if len(data) < at + 2:
                return None
            size = int.from_bytes(data[at : at + 2])
            at += 2
        elif size == 127:
            if len(data) < at + 8:
                return None
            size = int.from_bytes(data[at : at + 8])
            at += 8
        if opcode < CLOSE and size + self._size > MAX_MESSAGE:
            raise BadFrame(1009, f"messages are limited to {MAX_MESSAGE} bytes")
        end = at + 4 + size
        if len(data) < end:
            return None
        payload = unmask(data[at + 4 : end], data[at : at + 4])
        if opcode >= CLOSE:
            messages.append((opcode, _check_close(payload) if opcode == CLOSE else payload))
        else:
            self._take(first, payload, messages)
        return end

    def _check(self, first: int, second: int) -> None:
        opcode, reserved = first & 0x0F, first & 0x70
        if not second & 0x80:
            raise BadFrame(1002, "a client's frames must be masked")
        if opcode in (TEXT, BINARY):
            if self._fragments is not None:
                raise BadFrame(1002, "a new message inside a fragmented one")
            if reserved and not (reserved == RSV1 and self._inflate):
                raise BadFrame(1002, "reserved bits are set")
            return
        if reserved:
            raise BadFrame(1002, "reserved bits are set")
        if opcode == _CONTINUATION:
            if self._fragments is None:
                raise BadFrame(1002, "nothing to continue")
        elif opcode not in (CLOSE, PING, PONG):
            raise BadFrame(1002, "unknown opcode")
        elif not first & 0x80 or second & 0x7F > 125:
            raise BadFrame(1002, "control frames are small and whole")

    def _take(self, first: int, payload: bytes, messages: list[tuple[int, bytes]]) -> None:
        """A frame of a message: it is whole, or waits for the rest."""
        if first & 0x0F:
            self._opcode, self._compressed = first & 0x0F, bool(first & RSV1)
        if first & 0x80:
            if self._fragments is not None:
                payload = b"".join((*self._fragments, payload))
                self._fragments, self._size = None, 0
            if self._compressed:
                payload = _inflated(payload)
            if self._opcode == TEXT and not payload.isascii():
                try:
                    payload.decode()
                except UnicodeDecodeError:
                    raise BadFrame(1007, "text must be UTF-8") from None
            messages.append((self._opcode, payload))
            return
        if self._fragments is None:
            self._fragments = []
        elif len(self._fragments) > 256:
            raise BadFrame(1008, "too many fragments")
        self._fragments.append(payload)
        self._size += len(payload)


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Undo (or do) the masking of a payload."""
    size = len(payload)
    if not size:
        return b""
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


def _check_close(payload: bytes) -> bytes:
    if not payload:
        return payload
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not (code in _GOOD_CLOSE_CODES or 3000 <= code < 5000):
        raise BadFrame(1002, "bad close code")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise BadFrame(1007, "text must be UTF-8") from None
    return payload


def _inflated(payload: bytes) -> bytes:
    inflate = zlib.decompressobj(-15)
    try:
        content = inflate.decompress(payload + b"\x00\x00\xff\xff", MAX_MESSAGE + 1)
    except zlib.error:
        raise BadFrame(1007, "the message can't be inflated") from None
    if len(content) > MAX_MESSAGE:
        raise BadFrame(1009, f"messages are limited to {MAX_MESSAGE} bytes")
    return content
