"""The gateway of one node, as app.py wires it."""

import asyncio
from collections.abc import Awaitable, Callable

from server.bus.bus import Bus
from server.context import Context, Session
from server.gateway.actions import Actions


class Gateway:
    """All WebSocket connections of this node.

        gateway = Gateway(bus, actions, authenticate=…, is_admin=…, topics_of=…, make_context=…, …)
        uvicorn.Config(app, ws=gateway.protocol_class, …)
        # at start: await bus.start(), then await gateway.start()
        # at stop: await gateway.drain(5), then await bus.stop()

    authenticate: the session of a token, or None. is_admin: whether the session holds manage_system.
    topics_of: the "channel:<id>" (types O and P) and "team:<id>" topics of a user.
    make_context: the context of one action, from session and connection id.
    server_version: what `hello` says. allowed_origins: ServiceSettings.AllowCorsFrom as it is now.
    """

    def __init__(
        self,
        bus: Bus,
        actions: Actions,
        *,
        authenticate: Callable[[str], Awaitable[Session | None]],
        is_admin: Callable[[Session], Awaitable[bool]],
        topics_of: Callable[[str], Awaitable[list[str]]],
        make_context: Callable[[Session, str], Context],
        server_version: Callable[[], str],
        allowed_origins: Callable[[], str],
    ) -> None:
        self.on_connected: list[Callable[[str], None]] = []
        """Called with the user id when a socket has signed in."""
        self.on_disconnected: list[Callable[[str, bool], None]] = []
        """Called with the user id, and whether it was the user's last socket on this node."""
        self.on_activity: list[Callable[[str], None]] = []
        """Called with the user id when a client did something."""
        self.on_pong: list[Callable[[str], None]] = []
        """Called with the user id when a client answered the server's ping: a time to see who is idle."""

    @property
    def protocol_class(self) -> type[asyncio.Protocol]:
        """For `uvicorn.Config(ws=…)`."""
        raise NotImplementedError

    async def start(self) -> None:
        """Listen to the bus; it may still be trying to connect."""
        raise NotImplementedError

    async def drain(self, seconds: float) -> None:
        """Take no new sockets, hand the state of all over to the other nodes and close them within `seconds`."""
        raise NotImplementedError

    def connections_of(self, user_id: str) -> int:
        """How many sockets the user has on this node."""
        raise NotImplementedError
