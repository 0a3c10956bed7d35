"""Which connections this node has, which sockets carry them, and which wait for their client to come back."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from server.gateway.connection import AWAY_EVENTS, HELD, Connection
from server.gateway.hub import Hub, User
from server.gateway.protocol import Socket
from server.gateway.resume import Checkpoints
from server.gateway.stats import Stats

log = logging.getLogger(__name__)

AWAY_SECONDS = 300.0
"""How long a connection waits for its client."""
AWAY_LIMIT = 10_000
"""More connections than this don't wait; those that have waited longest go first."""
AWAY_PER_USER = 50
"""The same for the connections of one user, who would else push out everybody's and be sent everything so often."""
ENDED_SECONDS = 2.0
"""How long a socket whose session has ended may still ask and be refused before it is closed."""


class Registry:
    """Connections and sockets of one node."""

    def __init__(self, hub: Hub, stats: Stats) -> None:
        self.connections: dict[str, Connection] = {}
        self.checkpoints: Checkpoints
        self.on_connected: list[Callable[[str], None]] = []
        self.on_disconnected: list[Callable[[str, bool], None]] = []
        self.ending: dict[Socket, float] = {}
        """Sockets without a session any more, and when they are to be closed."""
        self._hub = hub
        self._stats = stats
        self._away: dict[Connection, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, user: User, connection: Connection) -> None:
        """A connection that gets events from now on."""
        self.connections[connection.id] = connection
        self._hub.add(user, connection)

    def join(self, socket: Socket, connection: Connection, answer: bytes = b"") -> None:
        """Let a socket carry a connection, and write what waits; a new one's, right after the answer to its upgrade."""
        self._away.pop(connection, None)
        self._stats.away = len(self._away)
        socket.connection = connection
        connection.confirms = socket.confirms
        connection.attach(socket, socket.transport)
        if self.checkpoints.waits(connection):
            connection.block(HELD)
        else:
            connection.flush(answer)
        self._stats.connects += 1
        for listener in self.on_connected:
            _call(listener, connection.user_id)

    def part(self, socket: Socket, keep: bool) -> Connection | None:
        """The socket carries its connection no longer; with `keep` the connection waits for its client."""
        connection = socket.connection
        if connection is None:
            return None
        socket.connection = None
        connection.detach()
        if keep and not connection.overflowed and connection.behind <= AWAY_EVENTS:
            while len(self._away) >= AWAY_LIMIT:
                self.discard(next(iter(self._away)))
            self._away[connection] = asyncio.get_running_loop().time() + AWAY_SECONDS
            self._bound_away(connection.user_id)
        else:
            self.discard(connection)
        self._stats.away = len(self._away)
        user = self._hub.users.get(connection.user_id)
        last = user is None or all(one.transport is None for one in user.connections)
        for listener in self.on_disconnected:
            _call(listener, connection.user_id, last)
        return connection

    def _bound_away(self, user_id: str) -> None:
        user = self._hub.users.get(user_id)
        away = [one for one in user.connections if one in self._away] if user is not None else []
        for connection in away[:-AWAY_PER_USER]:
            self.discard(connection)

    def leave_socket(self, connection: Connection) -> None:
        """The client has come back for a connection that still had a socket: that one is cut."""
        socket = connection.socket
        if isinstance(socket, Socket):
            socket.connection = None
            connection.detach()
            socket.abort()
            for listener in self.on_disconnected:
                _call(listener, connection.user_id, False)

    def discard(self, connection: Connection) -> None:
        """Forget a connection; its record in Redis stays, so it may be resumed from the streams."""
        if self.connections.get(connection.id) is connection:
            del self.connections[connection.id]
        connection.detach()
        self._away.pop(connection, None)
        self._stats.away = len(self._away)
        self.checkpoints.drop(connection)
        self._hub.remove(connection)

    def end(self, connections: Iterable[Connection]) -> None:
        """Forget connections, and see to it that nobody resumes them anywhere."""
        ended = list(connections)
        for connection in ended:
            self.discard(connection)
        if ended:
            task = asyncio.create_task(self.checkpoints.end([connection.id for connection in ended]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def end_session(self, socket: Socket) -> None:
        """The session is over: the socket gets no event any more, its requests are refused, and soon it is closed."""
        socket.session = None
        connection = self.part(socket, keep=False)
        if connection is not None:
            self.end([connection])
        self.ending.setdefault(socket, asyncio.get_running_loop().time() + ENDED_SECONDS)

    def taken_over(self, connection_id: str) -> None:
        """Another node has the connection now: forget it, and cut the socket that its client must have left."""
        connection = self.connections.get(connection_id)
        if connection is None:
            return
        socket = connection.socket
        if isinstance(socket, Socket):
            self.part(socket, keep=False)
            socket.abort()
        else:
            self.discard(connection)

    def sweep(self, now: float) -> None:
        """Forget connections whose client did not come back."""
        while self._away:
            connection, until = next(iter(self._away.items()))
            if until > now:
                return
            self.discard(connection)


def _call(listener: Callable[..., None], *words: object) -> None:
    try:
        listener(*words)
    except Exception:
        log.exception("a listener failed")
