"""What tests of channels share: the kinds of fixtures, and listening to what is not about presence."""

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
