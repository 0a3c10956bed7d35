"""A listener that resumes as the protocol says: it shows the id of its connection and the next seq that it expects,
here or at another node, and refetches when the server can't go on from there."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.clients_of import Received

BACK_OFF = 0.1
PATIENCE = 60.0


class Resuming:
    """The stream of one person over all its connections."""

    def __init__(self, ports: list[int], token: str) -> None:
        self.heard: list[Received] = []
        self.hellos = 0
        self.connections = 0
        self._connected = asyncio.Event()
        self._ports = ports
        self._token = token
        self._id = ""
        self._next = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Resuming"]:
        """Listen until the end of the block; connected when it begins."""
        task = asyncio.create_task(self._listen())
        try:
            await asyncio.wait_for(self._connected.wait(), timeout=PATIENCE)
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        attempt = 0
        while True:
            port = self._ports[attempt % len(self._ports)]
            query = f"?connection_id={self._id}&sequence_number={self._next}" if self._id else ""
            url = f"ws://127.0.0.1:{port}/api/v4/websocket{query}"
            try:
                async with connect(url, additional_headers=headers) as connection:
                    self.connections += 1
                    async for frame in connection:
                        self._take(json.loads(frame))
            except (OSError, ConnectionClosed, InvalidHandshake):
                pass
            attempt += 1
            await asyncio.sleep(BACK_OFF)

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["event"] == "hello":
            self.hellos += 1
            self._connected.set()
            if self._id != frame["data"]["connection_id"]:
                self._id = frame["data"]["connection_id"]
                self._next = 0
        assert frame["seq"] == self._next, f"seq {frame['seq']} instead of {self._next}: {frame}"
        self._next += 1
        self.heard.append(Received(frame))
