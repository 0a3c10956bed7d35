"""Signing in: from a token to a connection that gets its events, new or resumed, without missing any in between."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from server.bus.bus import Bus
from server.bus.redis import RedisError
from server.bus.signals import TakenOver
from server.context import Session
from server.errors import ApiError, Busy
from server.gateway.connection import Connection
from server.gateway.events import hello_body
from server.gateway.frames import Heads
from server.gateway.handshake import Wishes
from server.gateway.histories import Histories
from server.gateway.hub import Hub, User, allowed
from server.gateway.pace import Paces
from server.gateway.protocol import OPEN, Socket
from server.gateway.registry import Registry
from server.gateway.resume import Checkpoints, Record, replay
from server.gateway.stats import Stats
from server.ids import new_id

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Until a sign-in that the database could not answer is tried again."""
IDENTIFY_SECONDS = 4.0
"""For so long a client that is not known yet is kept waiting for the database."""
AT_ONCE = 256
"""So many sockets are let in at a time; what they need of the database is read together."""
SETTLE_TRIES = 50
PER_USER = 200
"""Sockets of one user on one node."""


class Admission:
    """Lets sockets in."""

    def __init__(
        self,
        bus: Bus,
        hub: Hub,
        registry: Registry,
        checkpoints: Checkpoints,
        histories: Histories,
        stats: Stats,
        *,
        authenticate: Callable[[str], Awaitable[Session | None]],
        is_admin: Callable[[Session], Awaitable[bool]],
        at_hand: Callable[[str], tuple[Session, bool] | None],
        server_version: Callable[[], str],
    ) -> None:
        self._bus = bus
        self._hub = hub
        self._registry = registry
        self._checkpoints = checkpoints
        self._histories = histories
        self._stats = stats
        self._authenticate = authenticate
        self._is_admin = is_admin
        self._at_hand = at_hand
        self._server_version = server_version
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._replaying: set[str] = set()
        self._paces = Paces()
        self._tasks: set[asyncio.Task[bool]] = set()

    async def identify(self, socket: Socket, token: str) -> bool:
        """Whether the token has a session; then the socket has it too.

        While nobody can tell, the socket waits a little and is closed then: nobody is signed out for it.
        """
        patience = asyncio.get_running_loop().time() + IDENTIFY_SECONDS
        session: Session | None = None
        while token and socket.state == OPEN:
            try:
                session = await self._authenticate(token)
                break
            except ApiError:
                if asyncio.get_running_loop().time() > patience:
                    socket.close(1013, "the server is busy; reconnect")
            await asyncio.sleep(AGAIN_SECONDS)
        if session is None or socket.state != OPEN:
            return False
        self._know(socket, session, token)
        return True

    def _know(self, socket: Socket, session: Session, token: str) -> None:
        socket.session, socket.token = session, token
        socket.share(self._paces.of(session.user_id))

    def admit_at_once(self, socket: Socket, wishes: Wishes, answer: bytes) -> bool:
        """Give a socket a new connection, if nobody has to be asked for that; its hello leaves with the answer to the
        upgrade. False for all others: `identify` and `admit` them.
        """
        known = None if wishes.connection_id else self._at_hand(wishes.token)
        if known is None:
            return False
        session, admin = known
        user = self._hub.users.get(session.user_id)
        if user is None or user.loading is not None or len(user.connections) >= PER_USER:
            return False
        self._know(socket, session, wishes.token)
        self._registry.join(socket, self._begin(user, session, admin, socket.codec), answer)
        return True

    async def admit(self, socket: Socket, wishes: Wishes) -> None:
        """Give an identified socket its connection; it waits while the bus or the database is away.

        The session may prove ended.
        """
        while socket.state == OPEN and socket.session is not None:
            try:
                async with self._turn:
                    if await self._try(socket, wishes):
                        return
            except RedisError:
                while socket.state == OPEN and not await self._bus.ready(1.0):
                    pass
                await asyncio.sleep(0.01)
            except Busy:
                await asyncio.sleep(AGAIN_SECONDS)
            except Exception:
                log.exception("a user could not be let in")
                socket.close(1011, "something failed; reconnect")

    async def _try(self, socket: Socket, wishes: Wishes) -> bool:
        """One attempt; False when the user's sessions or rooms changed meanwhile."""
        if socket.session is None:
            return True
        user = await self._hub.enter(socket.session.user_id)
        connection: Connection | None = None
        try:
            version = user.version
            session = await self._authenticate(socket.token)  # again: only from here on are we told when it ends
            if session is None:
                self._registry.end_session(socket)
                return True
            admin = await self._is_admin(session)
            others = sum(one.socket is not None and one.id != wishes.connection_id for one in user.connections)
            if others >= PER_USER:
                socket.close(1008, "too many connections")
                return True
            if wishes.connection_id and self._current(socket, user, version):
                connection = await self._resume(user, session, admin, wishes)
            if not self._current(socket, user, version):
                if connection is not None:
                    self._registry.discard(connection)
                return socket.state != OPEN or socket.session is None
            if connection is None:
                if wishes.connection_id:
                    self._stats.unresumable += 1
                connection = self._begin(user, session, admin, socket.codec)
            socket.session = session
            self._registry.join(socket, connection)
            return True
        finally:
            self._hub.release(user)

    def _current(self, socket: Socket, user: User, version: int) -> bool:
        return socket.state == OPEN and socket.session is not None and user.version == version and self._hub.knows(user)

    def _begin(self, user: User, session: Session, admin: bool, codec: int) -> Connection:
        """A new connection, with hello as its first event."""
        connection = Connection(new_id(), user.id, session.id, admin, codec)
        hello = hello_body(user.id, connection.id, self._server_version())
        connection.put(Heads(hello).head(codec))
        if self._bus.settled:
            connection.mark_only(self._bus.position, user.digest)
        self._registry.add(user, connection)
        self._checkpoints.soon(connection)
        return connection

    # resuming

    async def _resume(self, user: User, session: Session, admin: bool, wishes: Wishes) -> Connection | None:
        """The client's old connection, set to the event that it wants next, or None if that can't be exact."""
        connection_id = wishes.connection_id
        known = self._registry.connections.get(connection_id)
        if connection_id in self._replaying or (known is not None and known.user_id != user.id):
            return None
        if known is not None:
            same = known.codec == wishes.codec and known.is_admin == admin
            if same and not known.overflowed and known.rewind(wishes.sequence_number):
                known.session_id = session.id
                self._registry.leave_socket(known)
                self._stats.replays_here += 1
                self._stats.replayed += known.behind
                return known
            self._registry.discard(known)
        self._replaying.add(connection_id)
        try:
            return await self._resume_from_streams(user, session, admin, wishes)
        except RedisError:
            return None
        finally:
            self._replaying.discard(connection_id)

    async def _resume_from_streams(
        self, user: User, session: Session, admin: bool, wishes: Wishes
    ) -> Connection | None:
        taken = await self._checkpoints.take(wishes.connection_id, user.id)
        if taken is None:
            return None
        owner, record = taken
        if owner not in ("", self._bus.node_id):
            self._tell(TakenOver(node_id=owner, connection_id=wishes.connection_id))
        seq = wishes.sequence_number
        mark = record.mark_for(seq)
        if mark is None or not self._fits(record, wishes.codec, admin) or not await self._settle():
            return None
        until, rooms = self._bus.position, set(user.rooms)
        connection = Connection(wishes.connection_id, user.id, session.id, admin, wishes.codec)
        connection.confirms = wishes.confirms
        connection.begin_at(mark.seq)
        self._registry.add(user, connection)  # what comes after `until` is gathered while the streams are read
        heads = None
        with contextlib.suppress(RedisError):
            heads = await replay(
                self._bus,
                self._histories,
                connection,
                rooms,
                mark,
                until,
                lambda envelope: allowed(connection, envelope),
            )
        intact = self._registry.connections.get(connection.id) is connection and not connection.overflowed
        if heads is None or not intact or self._checkpoints.waits(connection) or seq > mark.seq + len(heads):
            if intact:
                self._registry.discard(connection)
            return None
        connection.put_before(heads)
        connection.rewind(seq)
        connection.marks = record.marks
        self._stats.replays_elsewhere += 1
        self._stats.replayed += connection.behind
        return connection

    def _fits(self, record: Record, codec: int, admin: bool) -> bool:
        return record.epoch == self._bus.epoch and record.codec == codec and record.is_admin == admin

    async def _settle(self) -> bool:
        """Wait until all that the client can have seen on the other node has been passed on here too."""
        for _ in range(SETTLE_TRIES):
            await self._bus.fence()
            if self._bus.settled:
                return True
            await asyncio.sleep(0.005)
        return False

    def _tell(self, signal: TakenOver) -> None:
        task = asyncio.create_task(self._bus.publish([signal]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
