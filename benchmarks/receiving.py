"""The process behind `sockets.py`: holds WebSockets, reads frames as cheaply as Python can, and counts what came.

It takes commands on its standard input, one JSON object a line, and answers each with one; while events come in it
also tells their number, some 200 times a second. `Tally` and `Receiver` don't know where their bytes come from.
"""

import asyncio
import gc
import re
import resource
import sys
import time
import zlib
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks.marks import MARK, WHOLE, read
from benchmarks.processes import allow_many_files

TELL_SECONDS = 0.005
STEP_NS = 100_000
"""Latencies are counted in steps of 0.1 ms."""
PARSE_EVERY = 100
"""Of so many sockets one checks that the seq has no gap and that posts can be decoded."""
PONG = b"\x8a\x80\0\0\0\0"
CONNECTION_ID = re.compile(rb'connection_id(?:":"|\xba)([a-z0-9]{26})')
OWN_END = 18
"""What differs from connection to connection in a compressed event: the seq in a stored block, and the end."""
TAIL, CHUNKS = 48, 256
"""Bytes by which chunks are found again, and how many are kept."""


class Chunk(NamedTuple):
    """What came at once: posts of the run and other events, but no hello, the last one perhaps not whole."""

    data: bytes
    numbers: list[int]
    moments: list[int]
    others: int
    rest: bytes


class Tally:
    """What all receivers of a process share in a run."""

    def __init__(self) -> None:
        self.begin("")

    def begin(self, run: str) -> None:
        """Forget everything and count the events of this run."""
        self.run = run
        self.posts: dict[bytes, tuple[int, int]] = {}
        """Number and moment by mark, so that a mark is read once and not by every receiver."""
        self.packed: dict[bytes, tuple[int, int]] = {}
        """The same by compressed event, so that one is inflated once."""
        self.chunks: dict[tuple[int, bytes], Chunk] = {}
        """By length and tail, so that bytes which come at many connections alike are taken apart once."""
        self.received = 0
        self.others = 0
        self.reads = 0
        self.bytes = 0
        self.latencies = array("q")
        self.closed = 0
        self.anew = 0
        """Connections that were not resumed but begun anew."""
        self.faults: list[str] = []

    def learn(self, mark: bytes) -> tuple[int, int] | None:
        """Number and moment of a post of this run that comes for the first time; None for one of another run."""
        try:
            run, number, moment = read(mark)
        except ValueError:
            return None
        if run != self.run:
            return None
        self.posts[mark] = number, moment
        return number, moment

    def keep(self, chunk: Chunk) -> None:
        """Know these bytes again."""
        if len(self.chunks) >= CHUNKS:
            self.chunks.clear()
        self.chunks[len(chunk.data), chunk.data[-TAIL:]] = chunk

    def fault(self, text: str) -> None:
        """Note what is wrong with the protocol; the first few are enough."""
        if len(self.faults) < 5:
            self.faults.append(text)


class Receiver:
    """Counts the frames of one connection."""

    __slots__ = ("answer", "checks", "events", "got", "greeted", "id", "rest", "seq", "tally")

    def __init__(self, tally: Tally, checks: bool = False) -> None:
        self.tally = tally
        self.checks = checks
        self.got: list[int] = []
        """The numbers of the posts of the run, as they came."""
        self.events = 0
        """All events so far, which is the seq of the next one."""
        self.id = ""
        """Of the connection."""
        self.rest = b""
        self.greeted = False
        self.seq = -1
        self.answer = b""
        """What is to be sent to the server: pongs."""

    def feed(self, data: bytes) -> None:
        """Count what came."""
        tally = self.tally
        tally.bytes += len(data)
        tally.reads += 1
        now = time.monotonic_ns()
        if self.rest:
            data = self.rest + data
        posts, latencies, got = tally.posts, tally.latencies, self.got
        find, size, at, count = data.find, len(data), 0, len(got)
        known = tally.chunks.get((size, data[-TAIL:]))
        if known is not None and not self.checks and known.data == data:
            got += known.numbers
            latencies.extend([now - moment for moment in known.moments])
            self.rest = known.rest
            tally.received += len(known.numbers)
            tally.others += known.others
            self.events += len(known.numbers) + known.others
            return
        before, others, alike = len(latencies), tally.others, True
        while size - at >= 2:
            length = data[at + 1]
            start = at + 2
            if length >= 126:
                start = at + 4 if length == 126 else at + 10
                if start > size:
                    break
                length = int.from_bytes(data[at + 2 : start])
            end = start + length
            if end > size:
                break
            if data[at] == 0x81 or data[at] == 0x82:
                found = find(MARK, start, end)
                mark = data[found : found + WHOLE]
                post = posts.get(mark) or (found >= 0 and tally.learn(mark))
                if post:
                    got.append(post[0])
                    latencies.append(now - post[1])
                else:
                    self._other(data[start:end])
                    alike = alike and b"hello" not in data[start:end]
                if self.checks:
                    self._check(data[start:end], data[at] & 0x0F)
            else:
                alike = False
                self._rare(data[at], data[start:end], now)
            at = end
        self.rest = data[at:]
        tally.received += len(got) - count
        self.events += len(got) - count
        if alike:
            moments = [now - latency for latency in latencies[before:]]
            tally.keep(Chunk(data, got[count:], moments, tally.others - others, self.rest))

    def _other(self, payload: bytes) -> None:
        self.tally.others += 1
        self.events += 1
        if b"hello" in payload:
            self.greeted = True
            if found := CONNECTION_ID.search(payload):
                self.tally.anew += bool(self.id)
                self.id = found[1].decode()

    def _rare(self, first: int, payload: bytes, now: int) -> None:
        opcode = first & 0x0F
        if opcode == 0x9:
            self.answer += PONG
        elif first == 0xC1:
            self._compressed(payload, now)
        elif opcode != 0x8:  # what closing means, the end of the connection tells
            self.tally.fault(f"a frame that begins with {first:#x}")

    def _compressed(self, payload: bytes, now: int) -> None:
        tally, shared = self.tally, payload[:-OWN_END]
        post: tuple[int, int] | None = tally.packed.get(shared)
        if post is None or self.checks:
            text = zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")
            found = text.find(MARK)
            mark = text[found : found + WHOLE]
            post = tally.posts.get(mark) or (tally.learn(mark) if found >= 0 else None)
            if post is None:
                self._other(text)
            else:
                tally.packed[shared] = post
            if self.checks:
                self._check(text, 1)
        if post is not None:
            self.got.append(post[0])
            tally.latencies.append(now - post[1])

    def _check(self, payload: bytes, opcode: int) -> None:
        """The seq rises by one, and a post is there: inside a string of JSON, or as a map of msgpack."""
        try:
            event = (msgspec.json if opcode == 1 else msgspec.msgpack).decode(payload)
            if "event" not in event:
                return  # a reply, which has no seq of its own
            if event["seq"] != self.seq + 1:
                self.tally.fault(f"seq {event['seq']} after {self.seq}")
            self.seq = event["seq"]
            if event["event"] == "posted":
                post = event["data"]["post"]
                post = msgspec.json.decode(post) if opcode == 1 else post
                if not (post["id"] and post["channel_id"] == event["broadcast"]["channel_id"]):
                    self.tally.fault(f"{payload[:200]!r}")
        except (ValueError, KeyError, TypeError) as error:
            self.tally.fault(f"{error}: {payload[:200]!r}")


def account(received: Sequence[Sequence[int]], wanted: Sequence[frozenset[int]]) -> dict[str, int]:
    """What connections got against what they had to get, in deliveries: "expected", "lost", "doubled", and "strange",
    which were not for them; and the number of "wrong" connections."""
    sums = dict.fromkeys(("expected", "lost", "doubled", "strange", "wrong"), 0)
    for got, want in zip(received, wanted, strict=True):
        different = set(got)
        lost, strange, doubled = len(want - different), len(different - want), len(got) - len(different)
        sums["expected"] += len(want)
        sums["lost"] += lost
        sums["strange"] += strange
        sums["doubled"] += doubled
        sums["wrong"] += bool(lost or strange or doubled)
    return sums


class Socket(asyncio.Protocol):
    """One WebSocket of a client that only listens."""

    __slots__ = ("_head", "address", "closing", "ready", "receiver", "request", "transport")

    def __init__(self, receiver: Receiver, request: bytes, address: str) -> None:
        self.receiver = receiver
        self.address = address
        self.transport: asyncio.Transport | None = None
        self.ready = asyncio.get_running_loop().create_future()
        self.closing = False
        self.request = request
        self._head: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self.transport = transport  # type: ignore[assignment]
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        receiver = self.receiver
        if self._head is None:
            receiver.feed(data)
        else:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self._refuse(ConnectionError(head.decode(errors="replace")))
                return
            self._head = None
            receiver.feed(rest)
        if receiver.answer and self.transport is not None:
            self.transport.write(receiver.answer)
            receiver.answer = b""
        if receiver.greeted and not self.ready.done():
            self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self.transport = None
        self._refuse(ConnectionError("closed before hello"))
        if not self.closing:
            self.receiver.tally.closed += 1

    def _refuse(self, error: Exception) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)


class Reception:
    """All sockets of this process, and what it is asked about them."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._sockets: list[Socket] = []

    async def serve(self) -> None:
        """Do what is asked until the input ends."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 26)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        telling = asyncio.create_task(self._tell())
        while line := await reader.readline():
            command: dict[str, Any] = msgspec.json.decode(line)
            answer(await getattr(self, f"on_{command.pop('do')}")(**command))
        telling.cancel()

    async def _tell(self) -> None:
        told = 0
        while True:
            await asyncio.sleep(TELL_SECONDS)
            if (received := self._tally.received) != told:
                told = received
                answer({"received": received})

    async def on_open(self, sockets: list[list[str]], extensions: str, at_once: int) -> dict[str, Any]:
        """Connect sockets, each given by address and token, and wait for each one's hello."""
        loop = asyncio.get_running_loop()
        turn = asyncio.Semaphore(at_once)

        async def connect(url: str, token: str) -> None:
            parts = urlsplit(url)
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            request = (
                f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
                f"Authorization: Bearer {token}\r\n"
            )
            if extensions:
                request += f"Sec-WebSocket-Extensions: {extensions}\r\n"
            async with turn:
                receiver = Receiver(self._tally, checks=len(self._sockets) % PARSE_EVERY == 0)
                socket = Socket(receiver, f"{request}\r\n".encode(), url)
                self._sockets.append(socket)
                await loop.create_connection(lambda: socket, parts.hostname or "", parts.port or 80)
                await asyncio.wait_for(socket.ready, 60)

        try:
            await asyncio.gather(*(connect(url, token) for url, token in sockets))
        except (OSError, TimeoutError) as error:
            return {"error": str(error)}
        return {"open": len(self._sockets)}

    async def on_part(self) -> dict[str, Any]:
        """Lose all connections without a word; the receivers stay."""
        for socket in self._sockets:
            socket.closing = True
            if socket.transport is not None:
                socket.transport.abort()
        return {"open": 0}

    async def on_resume(self, at_once: int) -> dict[str, Any]:
        """Come back for all connections, each from where its receiver is."""
        loop = asyncio.get_running_loop()
        turn = asyncio.Semaphore(at_once)

        async def resume(number: int, old: Socket) -> None:
            path, _, rest = old.request.partition(b" HTTP/")
            path = path.partition(b"?connection_id=")[0].partition(b"&connection_id=")[0]
            sign = b"&" if b"?" in path else b"?"
            wishes = f"connection_id={old.receiver.id}&sequence_number={old.receiver.events}"
            async with turn:
                socket = Socket(old.receiver, path + sign + wishes.encode() + b" HTTP/" + rest, old.address)
                old.receiver.rest = b""
                self._sockets[number] = socket
                parts = urlsplit(old.address)
                await loop.create_connection(lambda: socket, parts.hostname or "", parts.port or 80)
                await asyncio.wait_for(socket.ready, 60)

        try:
            await asyncio.gather(*(resume(number, old) for number, old in enumerate(self._sockets)))
        except (OSError, TimeoutError) as error:
            return {"error": str(error)}
        return {"open": len(self._sockets)}

    async def on_begin(self, run: str) -> dict[str, Any]:
        """Count from now on the posts of a new run."""
        self._tally.begin(run)
        for socket in self._sockets:
            socket.receiver.got.clear()
        gc.collect()
        gc.freeze()
        return {"begun": run, "cpu": cpu_of_process()}

    async def on_end(self, posts: list[list[int]], channels: list[list[int]]) -> dict[str, Any]:
        """What came: `posts` has the numbers that were accepted in each channel, `channels` what each socket is in."""
        cpu = cpu_of_process()
        tally = self._tally
        groups = [frozenset(numbers) for numbers in posts]
        wholes: dict[tuple[int, ...], frozenset[int]] = {}
        wanted = []
        for places in map(tuple, channels):
            if places not in wholes:
                wholes[places] = frozenset[int]().union(*(groups[place] for place in places))
            wanted.append(wholes[places])
        latencies = Counter(latency // STEP_NS for latency in tally.latencies)
        return {
            **account([socket.receiver.got for socket in self._sockets], wanted),
            "received": tally.received,
            "others": tally.others,
            "reads": tally.reads,
            "bytes": tally.bytes,
            "closed": tally.closed,
            "anew": tally.anew,
            "faults": tally.faults,
            "latencies": sorted(latencies.items()),
            "cpu": cpu,
        }

    async def on_close(self) -> dict[str, Any]:
        """Close all sockets."""
        for socket in self._sockets:
            socket.closing = True
            if socket.transport is not None:
                socket.transport.abort()
        self._sockets.clear()
        return {"open": 0}


def cpu_of_process() -> float:
    """User and system seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def answer(content: dict[str, Any]) -> None:
    """One line for the process that asked."""
    sys.stdout.write(msgspec.json.encode(content).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve the process that started this one."""
    allow_many_files()
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Reception().serve())


if __name__ == "__main__":
    main()
