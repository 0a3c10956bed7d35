"""A node as a child process of `hubbub dev`, and how to tell that it serves."""

import http.client
import os
import socket
import sys
import time
from pathlib import Path

from server.cli.neighbours import ADDRESS, address
from server.engines.child import Child, EngineError, last_line

HOST = "127.0.0.1"
STOP_PATIENCE = 15.0


class Node:
    """One node on one port; it can be started again after it ended."""

    def __init__(self, number: int, port: int, log: Path, settings: dict[str, str]) -> None:
        """`settings` are MM_* variables; where it listens is added to them."""
        self.number = number
        self.port = port
        self.log = log
        self.answers = False
        self._environ = {**os.environ, **settings, ADDRESS: address(HOST, port)}
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id, 0 before it was started."""
        return self._child.pid if self._child else 0

    def start(self) -> None:
        """Start its process; `check` tells when it answers."""
        self.answers = False
        self._child = Child([sys.executable, "-m", "server", "serve"], log=self.log, environ=self._environ)

    def ended(self) -> str | None:
        """How its process ended, in a few words, or None while it runs."""
        code = self._child.returncode() if self._child else None
        if code is None:
            return None
        return f"signal {-code}" if code < 0 else f"exit code {code}: {last_line(self.log)}"

    def check(self) -> bool:
        """Whether it answers a ping; asked again at each call until it did once."""
        if not self.answers:
            connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
            try:
                connection.request("GET", "/api/v4/system/ping")
                self.answers = connection.getresponse().status == http.HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
        return self.answers

    def ask(self) -> None:
        """Ask it to stop, without waiting."""
        if self._child:
            self._child.ask()

    def stop(self) -> None:
        """Ask it to stop and wait until its connections are handed over."""
        if self._child:
            self._child.stop(STOP_PATIENCE)
            self._child = None


def require_free(port: int) -> None:
    """EngineError when somebody listens on this port already."""
    with socket.socket(socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise EngineError(f"can't listen on port {port} ({error.strerror}): choose another, --port") from error


def wait_until_free(port: int, patience: float) -> None:
    """Wait for the port of a node that was just stopped."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return require_free(port)
        except EngineError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
