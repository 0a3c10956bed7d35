"""What tests of channels share: the kinds of fixtures, and listening to what is not about presence."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.clients_of import Client, Socket

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Counted = Callable[..., Any]
Settings = Callable[..., None]


async def heard(socket: Socket) -> list[str]:
    """The names of all events until now, without those about who is online."""
    return [name for name in await socket.names() if name != "status_change"]


async def settle() -> None:
    """Let what runs behind the requests end, so that statements can be counted: presence is written a moment later."""
    await asyncio.sleep(0.15)
