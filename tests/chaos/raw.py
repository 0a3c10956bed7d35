"""WebSocket by hand, for clients by the thousand and for bad ones: bytes of upgrades and frames, and nothing more."""

from collections.abc import Iterator

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


def upgrade(token: str = "", query: str = "") -> bytes:
    """The request for a socket."""
    sign_in = f"Authorization: Bearer {token}\r\n" if token else ""
    return (
        f"GET /api/v4/websocket{query} HTTP/1.1\r\nHost: chaos\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{sign_in}\r\n"
    ).encode()


def frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame, masked with nothing."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else bytes((0x80 | 126,)) + size.to_bytes(2)
    return bytes((0x80 | opcode,)) + length + b"\0\0\0\0" + payload


class Reading:
    """What a server sends, in pieces: the status of the upgrade, then frames."""

    def __init__(self) -> None:
        self.status = 0
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that are whole by now, as (opcode, payload)."""
        data = self._rest + data if self._rest else data
        at = 0
        if not self.status:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            self.status, at = int(data[9:12]), end + 4
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if len(data) < start + size:
                break
            opcode, payload = data[at] & 0x0F, data[start : start + size]
            at = start + size
            yield opcode, payload
        self._rest = data[at:]
