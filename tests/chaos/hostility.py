"""Bad clients, as a program of their own, so that what they cost is paid by the node and not by who measures.

    python -m tests.chaos.hostility PORT < orders

The orders are one line of JSON: {"kind": "flood", "tokens": [...], "sockets": 100, "seconds": 5}. The program prints
an empty line when all its upgrades are answered: the time begins. When that is over and nothing more can come from the
standard input, it reads what was sent to it, waits for those sockets that the server is to end, and prints one JSON
object: how many sockets were opened, what they were told, and how they ended.
"""

import asyncio
import contextlib
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice
from typing import cast

import msgspec
from msgspec import Struct

from tests.chaos.raw import CLOSE, PING, TEXT, Reading, frame, upgrade

WRITE_BYTES = 16 * 1024
PAUSE = 0.02
"""Seconds between two writes of a client: together they send more than any node reads."""
PATIENCE = 60.0
"""For so long it waits for answers and for ends: a machine may have a lot to do beside this."""
LAST_SECONDS = 1.5
"""At the end, to hear of those that end and should not."""


class Orders(Struct):
    """What to do. Tokens are given out in turn; without any nobody signs in."""

    kind: str
    sockets: int
    seconds: float
    tokens: list[str] = []
    channel_id: str = ""
    """Where they say that they type."""
    ends: int = 0
    """So many sockets the server is to end."""


class Report(Struct):
    """What came of it."""

    opened: int = 0
    """Upgrades that were accepted."""
    refused: int = 0
    closed: dict[int, int] = {}
    """Close codes and how many sockets got them."""
    cut: int = 0
    """Sockets that ended without one."""
    open: int = 0
    """Sockets that are open at the end."""
    events: int = 0
    replies: int = 0
    sent: int = 0
    """Bytes, as far as the system took them."""
    seconds: float = 0.0
    """From the first connection to the end."""


def _request(action: str, **data: object) -> bytes:
    return frame(TEXT, json.dumps({"seq": 1, "action": action, "data": data}).encode())


def _flood(orders: Orders) -> Callable[[], bytes]:
    frames = (
        _request("user_typing", channel_id=orders.channel_id, parent_id=""),
        _request("get_statuses"),
        _request("no_such_thing"),
        _request("ping"),
        frame(PING, b"x" * 100),
    )
    return lambda: b"".join(random.choice(frames) for _ in range(WRITE_BYTES // 100))


def _dribble(orders: Orders) -> Callable[[], bytes]:
    bytes_of_requests = cycle(_request("ping", filling="x" * 6000))
    return lambda: bytes(islice(bytes_of_requests, 1))


def _garbage(orders: Orders) -> Callable[[], bytes]:
    choices: tuple[Callable[[], bytes], ...] = (
        lambda: b"\xff" + random.randbytes(64),
        lambda: frame(TEXT, b"no request"),
        lambda: frame(TEXT, b"\xff\xfe"),
        lambda: frame(TEXT, b"[" * 4000),
        lambda: frame(TEXT, b"x" * 9000),
        lambda: b"GET / HTTP/1.1\r\n\r\n",
    )

    def write() -> bytes:
        return random.choice(choices)()

    return write


WRITERS: dict[str, Callable[[Orders], Callable[[], bytes]]] = {
    "flood": _flood,
    "dribble": _dribble,
    "garbage": _garbage,
}
"""Those who write. The others: "deaf" ones never read, "silent" ones never sign in, "many" are simply too many, and of
"half" ones the handshake never ends."""


class Client(asyncio.Protocol):
    """One bad client."""

    def __init__(self, orders: Orders, token: str, report: Report) -> None:
        self.transport: asyncio.Transport | None = None
        self.told_code = 0
        self._orders = orders
        self._token = token
        self._report = report
        self._reading = Reading()
        self._write = WRITERS[orders.kind](orders) if orders.kind in WRITERS else None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self.transport = cast(asyncio.Transport, transport)
        request = upgrade(self._token)
        self.transport.write(request[:-20] if self._orders.kind == "half" else request)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        report, before = self._report, self._reading.status
        for opcode, payload in self._reading.feed(data):
            if opcode == CLOSE:
                self.told_code = int.from_bytes(payload[:2])
            elif opcode == TEXT:
                report.events += payload.startswith(b'{"event"')
                report.replies += not payload.startswith(b'{"event"')
        if not before and self._reading.status:
            report.opened += self._reading.status == 101
            report.refused += self._reading.status != 101
            if self._orders.kind == "deaf" and self.transport is not None:
                self.transport.pause_reading()
            if self._write is not None:
                self._task = asyncio.create_task(self._go_on(self._write))

    async def _go_on(self, write: Callable[[], bytes]) -> None:
        while self.transport is not None and not self.transport.is_closing():
            if self.transport.get_write_buffer_size() < WRITE_BYTES:
                data = write()
                self._report.sent += len(data)
                self.transport.write(data)
            await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))

    @property
    def answered(self) -> bool:
        """Whether its upgrade is, or never will be."""
        return self._reading.status != 0 or self.transport is None

    @property
    def ended(self) -> bool:
        """Whether the server has ended it."""
        return self.told_code != 0 or self.transport is None

    def read_the_rest(self) -> None:
        """Be deaf no more."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self.transport = None
        if self._task is not None:
            self._task.cancel()


async def run(port: int, orders: Orders) -> Report:
    """Be bad for a while."""
    report = Report()
    tokens = cycle(orders.tokens or [""])
    clients = [Client(orders, next(tokens), report) for _ in range(orders.sockets)]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for client in clients:
        try:
            await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
        except OSError:
            report.refused += 1
    if orders.kind != "half":
        await _until(lambda: all(client.answered for client in clients))
    print(flush=True)
    await asyncio.sleep(orders.seconds)
    await asyncio.to_thread(sys.stdin.buffer.read)
    for client in clients:
        client.read_the_rest()
    await _until(lambda: sum(client.ended for client in clients) >= orders.ends)
    await asyncio.sleep(LAST_SECONDS)
    report.seconds = loop.time() - begun
    report.closed = dict(Counter(client.told_code for client in clients if client.told_code))
    report.open = sum(not client.ended for client in clients)
    report.cut = sum(client.transport is None and not client.told_code for client in clients)
    for client in clients:
        if client.transport is not None:
            client.transport.abort()
    return report


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for something, though not for ever: the report shows whether it came true."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - many clients could make it true
                await asyncio.sleep(0.02)


def main() -> None:
    """Read the orders, follow them, and report."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(int(sys.argv[1]), orders))))


if __name__ == "__main__":
    main()
