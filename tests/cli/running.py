"""A `hubbub` command that runs beside a test: what it prints, what it started, and signals to it."""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


_held: list[contextlib.ExitStack] = []
"""The ports of UDP with the numbers of those that were found: as long as this process lives nobody else finds them."""


def free_port(count: int = 1) -> int:
    """A port of 127.0.0.1 that nobody listens on, and neither on those that follow it.

    It is none of those that the system gives to connections, which might have it before it is listened on.
    """
    while True:
        first = random.randrange(10_000, 30_000)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
                    with socket.socket() as probe:
                        probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _held.append(stack.pop_all())
        return first


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended; in a container nobody may collect the ended ones."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def request(port: int, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any, Mapping[str, str]]:
    """One REST call: status, JSON and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request(method, f"/api/v4{path}", json.dumps(body) if body is not None else None, headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read()), {k.lower(): v for k, v in reply.getheaders()}
    finally:
        connection.close()


def pings(port: int) -> bool:
    """Whether a node answers on this port."""
    try:
        return request(port, "GET", "/system/ping")[0] == 200
    except OSError:
        return False


class Running:
    """A command in a process group of its own, stopped at the end of the block."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "server", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env={**os.environ, **(environ or {})},
            process_group=0,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id of the command."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All that it has printed."""
        return "\n".join(self.lines)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, pattern: str, times: int = 1, patience: float = PATIENCE) -> re.Match[str]:
        """The match of the `times`th line that fits."""
        deadline = time.monotonic() + patience
        while True:
            found = [match for line in list(self.lines) if (match := re.fullmatch(pattern, line))]
            if len(found) >= times:
                return found[times - 1]
            assert self._process.poll() is None, f"ended with {self._process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, f"no line {pattern!r} within {patience} s:\n{self.output}"
            time.sleep(0.02)

    def pids(self) -> dict[str, int]:
        """The process ids it told of, by name: the newest of each."""
        found = {}
        for line in self.lines:
            if match := re.fullmatch(r"(postgres|redis|node \d+): (?:http\S+ )?pid (\d+)", line):
                found[match[1]] = int(match[2])
        return found

    def send(self, signum: signal.Signals, *, to_group: bool = False) -> None:
        """Signal the command, or its whole process group as a terminal does."""
        if to_group:
            os.killpg(self._process.pid, signum)
        else:
            self._process.send_signal(signum)

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit code."""
        code = self._process.wait(patience)
        self._reader.join(patience)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


def dev(data: Path, port: int, *options: str, cwd: Path = ROOT) -> Running:
    """`hubbub dev` on this directory and from this port on."""
    environ = {"PYTHONPATH": str(cwd)}
    return Running(["dev", "--data", str(data), "--port", str(port), *options], environ=environ, cwd=cwd)


def wait_until_gone(pids: Sequence[int], patience: float = PATIENCE) -> None:
    """Fail when one of these processes still runs after a while."""
    deadline = time.monotonic() + patience
    while left := [pid for pid in pids if runs(pid)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)
