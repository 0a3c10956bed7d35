"""Thousands of WebSockets in processes of their own, which count every delivery: Sockets, and what came in a run."""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Self

import msgspec
from msgspec import Struct

from benchmarks.marks import new_run
from benchmarks.receiving import STEP_NS
from benchmarks.rest import API

AT_ONCE = 32
LINE = 1 << 26
DEFLATE = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"


class SocketsError(Exception):
    """The sockets could not do what they were asked."""


class Delivered(Struct, kw_only=True):
    """What came in a run, summed over all sockets; deliveries are exact, latencies in ms in steps of 0.1 ms."""

    expected: int = 0
    received: int = 0
    lost: int = 0
    doubled: int = 0
    strange: int = 0
    """Deliveries of posts that were not for the socket, or had not been accepted."""
    wrong: int = 0
    """Sockets with any of these."""
    closed: int = 0
    """Sockets that the server closed."""
    anew: int = 0
    """Connections that came back and were begun anew."""
    others: int = 0
    """Other frames: other events, replies."""
    reads: int = 0
    """Chunks that came; `received / reads` is at least the number of events in a write."""
    bytes: int = 0
    faults: list[str] = []
    latencies: dict[int, int] = {}
    """Deliveries by latency in steps."""
    client_seconds: float = 0.0
    """CPU time of the receiving processes."""

    @property
    def exact(self) -> bool:
        """Whether everybody got everything, once, and nothing else."""
        return not (self.lost or self.doubled or self.strange or self.closed or self.anew or self.faults)

    def latency_ms(self, share: float) -> float:
        """A quantile of the latencies, from just before the POST until it was read from the socket."""
        rank, seen = share * sum(self.latencies.values()), 0
        for step in sorted(self.latencies):
            seen += self.latencies[step]
            if seen >= rank:
                return (step + 1) * STEP_NS / 1e6
        return 0.0


class Sockets:
    """Many WebSockets, dealt to processes. What is measured between `begin` and `end` is called a run."""

    def __init__(self, processes: Sequence["_Process"]) -> None:
        self._processes = processes
        self._owners: list[int] = []
        """For each socket the process that has it, in the order of opening."""
        self._cpu_at_begin = 0.0
        self.run = ""

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, processes: int = 1) -> AsyncIterator[Self]:
        """Start so many processes; they end with the block."""
        made: list[_Process] = []
        try:
            for _ in range(processes):
                made.append(await _Process.start())  # noqa: PERF401 - those made are ended even if one fails
            yield cls(made)
        finally:
            for process in made:
                await process.stop()

    def __len__(self) -> int:
        return len(self._owners)

    @property
    def received(self) -> int:
        """Deliveries of this run so far, a few ms behind."""
        return sum(process.received for process in self._processes)

    @property
    def pids(self) -> list[int]:
        """The receiving processes."""
        return [process.pid for process in self._processes]

    async def open(
        self,
        urls: str | Sequence[str],
        tokens: Iterable[str],
        *,
        query: str = "",
        extensions: str = "",
        at_once: int = AT_ONCE,
    ) -> None:
        """Open a socket for each token, nodes and processes in turn, and wait until all have had their hello.

        `query` as "format=msgpack"; `extensions` as DEFLATE; `at_once` handshakes are under way in each process.
        """
        nodes = [urls] if isinstance(urls, str) else urls
        tail = f"{API}/websocket" + (f"?{query}" if query else "")
        shares: list[list[list[str]]] = [[] for _ in self._processes]
        for token in tokens:
            number = len(self._owners)
            shares[number % len(shares)].append([f"ws{nodes[number % len(nodes)].removeprefix('http')}{tail}", token])
            self._owners.append(number % len(shares))
        await asyncio.gather(
            *(
                process.ask("open", sockets=share, extensions=extensions, at_once=at_once)
                for process, share in zip(self._processes, shares, strict=True)
                if share
            )
        )

    async def part(self) -> None:
        """Lose all connections without a word to the server, which keeps them for a while."""
        await asyncio.gather(*(process.ask("part") for process in self._processes))

    async def resume(self, at_once: int = AT_ONCE) -> None:
        """Come back for all connections."""
        await asyncio.gather(*(process.ask("resume", at_once=at_once) for process in self._processes))

    async def begin(self) -> str:
        """Begin a run: what was counted is forgotten. Its name is what `marks.message` wants to know."""
        self.run = new_run()
        for process in self._processes:
            process.received = 0
        answers = await asyncio.gather(*(process.ask("begin", run=self.run) for process in self._processes))
        self._cpu_at_begin = sum(answer["cpu"] for answer in answers)
        return self.run

    async def until(self, expected: int, quiet: float = 3.0, most: float = 60.0) -> None:
        """Return when so many deliveries have come, or none came for `quiet` seconds, or after `most` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + most
        last, since = self.received, loop.time()
        while self.received < expected and loop.time() < end:
            await asyncio.sleep(0.002)
            if self.received != last:
                last, since = self.received, loop.time()
            elif loop.time() - since > quiet:
                return

    async def end(self, posts: Sequence[Iterable[int]], channels: Sequence[Sequence[int]]) -> Delivered:
        """What came since `begin`. `posts` has the numbers of the posts accepted in each channel, `channels` for each
        socket, in the order of opening, which of these channels its user is in."""
        numbers = [list(each) for each in posts]
        shares: list[list[list[int]]] = [[] for _ in self._processes]
        for owner, places in zip(self._owners, channels, strict=True):
            shares[owner].append(list(places))
        answers = await asyncio.gather(
            *(
                process.ask("end", posts=numbers, channels=share)
                for process, share in zip(self._processes, shares, strict=True)
            )
        )
        return delivered(answers, self._cpu_at_begin)

    async def close_all(self) -> None:
        """Close all sockets; others can be opened then."""
        await asyncio.gather(*(process.ask("close") for process in self._processes))
        self._owners.clear()


def delivered(answers: Sequence[Mapping[str, Any]], cpu_at_begin: float) -> Delivered:
    """The sum of what processes counted."""
    sums: Counter[str] = Counter()
    latencies: Counter[int] = Counter()
    faults: list[str] = []
    for answer in answers:
        faults += answer["faults"]
        latencies.update(dict(answer["latencies"]))
        sums.update({name: value for name, value in answer.items() if name not in ("faults", "latencies")})
    seconds = sums.pop("cpu") - cpu_at_begin
    return Delivered(**sums, faults=faults, latencies=dict(latencies), client_seconds=seconds)


class _Process:
    """One receiving process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise SocketsError("a receiving process has no pipes")
        self._process = process
        self._tell, self._hear = process.stdin, process.stdout
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen())
        self.received = 0

    @classmethod
    async def start(cls) -> Self:
        """Start it."""
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "benchmarks.receiving")
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=LINE))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def _listen(self) -> None:
        while line := await self._hear.readline():
            answer: dict[str, Any] = msgspec.json.decode(line)
            if len(answer) == 1 and "received" in answer:
                self.received = answer["received"]
            else:
                await self._answers.put(answer)
        await self._answers.put({"error": "a receiving process ended"})

    async def ask(self, do: str, **command: object) -> dict[str, Any]:
        """Its answer to a command. SocketsError when it can't."""
        self._tell.write(msgspec.json.encode({"do": do, **command}) + b"\n")
        answer = await self._answers.get()
        if "error" in answer:
            raise SocketsError(str(answer["error"]))
        return answer

    async def stop(self) -> None:
        """End it."""
        self._tell.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._listening
