"""The gateway of one node, as app.py wires it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from operator import attrgetter
from typing import Any

from server import ticks
from server.access.request_limits import RequestLimits
from server.bus.bus import Bus
from server.bus.signals import Joined, Left, SessionsChanged, SessionsEnded, TakenOver
from server.context import Context, Session
from server.errors import ApiError
from server.gateway import handshake
from server.gateway.actions import Actions, Request
from server.gateway.admission import AGAIN_SECONDS, Admission
from server.gateway.arrivals import Arrivals
from server.gateway.connection import HELD, PAUSED, Connection
from server.gateway.frames import PING_FRAME
from server.gateway.handshake import Wishes
from server.gateway.histories import Histories
from server.gateway.hub import Hub
from server.gateway.protocol import OPEN, Socket
from server.gateway.registry import Registry
from server.gateway.requests import Requests, reply
from server.gateway.resume import Checkpoints
from server.gateway.stats import Stats
from server.ids import now_ms

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
WHEEL = 10
"""Every socket is looked at once in this many ticks."""
PING_SECONDS = 60.0
SILENCE_SECONDS = 100.0
"""A client that sent nothing for so long, not even a pong, is gone."""
CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""
DRAIN_BATCHES = 20


class Gateway:
    """All WebSocket connections of this node.

        gateway = Gateway(bus, actions, authenticate=…, is_admin=…, topics_of=…, make_context=…, …)
        uvicorn.Config(app, http=BoundedHttp, ws=gateway.protocol_class, …)
        # at start: await bus.start(), then await gateway.start()
        # at stop: await gateway.drain(5), then await bus.stop()

    authenticate: the session of a token, or None. is_admin: whether the session holds manage_system.
    at_hand: both of a token, if that takes no waiting, else None.
    topics_of: the "channel:<id>" (types O and P) and "team:<id>" topics of a user.
    make_context: the context of one action, from session and connection id.
    server_version: what `hello` says. allowed_origins: ServiceSettings.AllowCorsFrom as it is now.
    deflate: whether permessage-deflate is offered.
    accepts: whether a session may still have sockets by the settings of now; looked at every five seconds, and when
    `settings_changed` is called.
    limits: counts upgrades like requests, if the settings want it.
    address_of: where a client is, from the address of the peer and the headers of the upgrade.
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
        at_hand: Callable[[str], tuple[Session, bool] | None] = lambda token: None,
        deflate: bool = True,
        accepts: Callable[[Session], bool] = lambda session: True,
        limits: RequestLimits | None = None,
        address_of: Callable[[str, Callable[[str], str]], str] = lambda peer, header: peer,
    ) -> None:
        self.stats = Stats()
        self.draining = False
        self.deflate = deflate
        self.origins = allowed_origins
        self.on_activity: list[Callable[[str], None]] = []
        """Called with the user id when a client did something."""
        self.on_pong: list[Callable[[str], None]] = []
        """Called with the user id when a client answered the server's ping: a time to see who is idle."""
        self.hub = Hub(bus, topics_of, self.stats)
        self.hub.keeper = self
        self._bus = bus
        self._authenticate = authenticate
        self._is_admin = is_admin
        self._limits = limits
        self._accepts = accepts
        self._address_of = address_of
        self._registry = registry = Registry(self.hub, self.stats)
        self._checkpoints = registry.checkpoints = Checkpoints(bus, self._rooms_of, registry.taken_over, self._saved)
        self.on_connected = registry.on_connected
        """Called with the user id when a socket has signed in."""
        self.on_disconnected = registry.on_disconnected
        """Called with the user id, and whether it was the user's last socket on this node."""
        self._histories = Histories(bus)
        self._admission = Admission(
            bus,
            self.hub,
            registry,
            self._checkpoints,
            self._histories,
            self.stats,
            authenticate=authenticate,
            is_admin=is_admin,
            at_hand=at_hand,
            server_version=server_version,
        )
        self._requests = Requests(
            actions,
            authenticate=authenticate,
            make_context=make_context,
            server_version=server_version,
            challenge=self._challenge,
            ended=registry.end_session,
            active=self._active,
        )
        self._sockets: set[Socket] = set()
        self._wheel: list[set[Socket]] = [set() for _ in range(WHEEL)]
        self._arrivals = Arrivals()
        self._closing: dict[Socket, float] = {}
        self._expiring: dict[Socket, float] = {}
        self._slowed: list[Socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticks = 0
        self._saving: asyncio.Future[None]
        self._timer: ticks.Tick | None = None
        self._drained: asyncio.Task[None] | None = None
        self.protocol_class = type("GatewaySocket", (Socket,), {"__slots__": (), "desk": self})
        """For `uvicorn.Config(ws=…)`, with an HTTP protocol that tells it what was asked: see `Socket.asked`."""

    async def start(self) -> None:
        """Listen to the bus; it may still be trying to connect."""
        self._bus.attach(self.hub)
        self._bus.on_placed(Joined, self.hub.joined)
        self._bus.on_placed(Left, self.hub.left)
        self._bus.on(SessionsEnded, self._sessions_ended)
        self._bus.on(SessionsChanged, self._sessions_changed)
        self._bus.on(TakenOver, lambda signal: self._registry.taken_over(signal.connection_id))
        loop = asyncio.get_running_loop()
        self._saving = loop.create_future()
        self._saving.set_result(None)
        self._timer = ticks.call_later(TICK_SECONDS, self._tick)

    async def drain(self, seconds: float) -> None:
        """Take no new sockets, hand the state of all over to the other nodes and close them within `seconds`."""
        self.draining = True
        if self._drained is None:
            self._drained = asyncio.create_task(self._drain(seconds))
        await asyncio.shield(self._drained)

    def connections_of(self, user_id: str) -> int:
        """How many sockets the user has on this node."""
        user = self.hub.users.get(user_id)
        return sum(one.transport is not None for one in user.connections) if user is not None else 0

    # what sockets report (Desk)

    @property
    def counts_upgrades(self) -> bool:
        """Part of Desk."""
        return self._limits is not None and self._limits.on

    def count_upgrade(self, socket: Socket, request: handshake.Request) -> None:
        """Part of Desk."""
        self._spawn(self._count_upgrade(socket, request))

    async def _count_upgrade(self, socket: Socket, request: handshake.Request) -> None:
        try:
            if self._limits is not None:
                await self._limits.admit(socket.peer, request.token, request.joined)
        except ApiError as error:
            socket.refuse(error)
        else:
            socket.accept(request)

    def opened(self, socket: Socket, wishes: Wishes, request: handshake.Request, answer: bytes) -> None:
        """Part of Desk."""
        self.stats.sockets += 1
        self._sockets.add(socket)
        self._wheel[(id(socket) >> 4) % WHEEL].add(socket)
        if wishes.closed_by:
            self.stats.closed_by[wishes.closed_by] = self.stats.closed_by.get(wishes.closed_by, 0) + 1
        if wishes.token and self._admission.admit_at_once(socket, wishes, answer):
            self._watch_expiry(socket)
            return
        socket.transport.write(answer)
        address = self._address_of(socket.peer, request.joined)
        self._arrivals.add(socket, address, asyncio.get_running_loop().time())
        if wishes.token:
            socket.held = []
            self._spawn(self._sign_in(socket, wishes))

    async def _sign_in(self, socket: Socket, wishes: Wishes) -> None:
        """Sign in by the upgrade; who fails may still send a challenge."""
        try:
            known = await self._admission.identify(socket, wishes.token)
        except ApiError:
            socket.close(1013, "signing in is not possible just now; reconnect")
            return
        finally:
            socket.release()
        if known:
            self._arrivals.discard(socket)
            if wishes.broken:
                socket.close(1008, "bad resume parameters")
            else:
                await self._admission.admit(socket, wishes)
                self._watch_expiry(socket)

    async def _challenge(self, socket: Socket, request: Request) -> None:
        token = request.data.get("token") if isinstance(request.data, dict) else None
        try:
            known = isinstance(token, str) and await self._admission.identify(socket, token)
        except ApiError:
            socket.close(1013, "signing in is not possible just now; reconnect")
            return
        if not known:
            socket.close(1008, "the token is not valid")
            return
        self._arrivals.discard(socket)
        admitted = self._spawn(self._admission.admit(socket, Wishes(codec=socket.codec)))
        await asyncio.wait([admitted], timeout=1.0)  # hello first, when the bus is there
        self._watch_expiry(socket)
        reply(socket, {"status": "OK", "seq_reply": request.seq})

    def message(self, socket: Socket, binary: bool, payload: bytes) -> None:
        """Part of Desk."""
        self.stats.requests += 1
        self._requests.message(socket, binary, payload)

    def ponged(self, socket: Socket) -> None:
        """Part of Desk."""
        if socket.session is not None:
            for listener in self.on_pong:
                listener(socket.session.user_id)

    def _active(self, user_id: str) -> None:
        for listener in self.on_activity:
            listener(user_id)

    def writable(self, socket: Socket) -> None:
        """Part of Desk."""
        connection = socket.connection
        if connection is not None and connection.unblock(PAUSED):
            self.hub.enqueue(connection)

    def slow_down(self, socket: Socket) -> None:
        """Part of Desk."""
        self._slowed.append(socket)

    def closing(self, socket: Socket) -> None:
        """Part of Desk."""
        self._closing[socket] = asyncio.get_running_loop().time() + CLOSE_SECONDS
        self._left(socket)

    def closed(self, socket: Socket) -> None:
        """Part of Desk."""
        self._left(socket)
        self.stats.sockets -= 1
        self._sockets.discard(socket)
        self._wheel[(id(socket) >> 4) % WHEEL].discard(socket)
        self._closing.pop(socket, None)

    def _left(self, socket: Socket) -> None:
        self._arrivals.discard(socket)
        self._expiring.pop(socket, None)
        self._registry.ending.pop(socket, None)
        self._registry.part(socket, keep=not self.draining)

    # what the hub tells (Keeper)

    def overflowed(self, connection: Connection) -> None:
        """Part of Keeper."""
        socket = connection.socket
        if isinstance(socket, Socket):
            self.stats.overflows += 1
            socket.close(1013, "too slow; reconnect and resume")
        else:
            self._registry.discard(connection)

    def interrupted(self, connection: Connection) -> None:
        """Part of Keeper."""
        connection.block(HELD)
        self._checkpoints.hold(connection)

    def _rooms_of(self, connection: Connection) -> int:
        user = self.hub.users.get(connection.user_id)
        return user.digest if user is not None else 0

    def _saved(self, connection: Connection) -> None:
        if connection.unblock(HELD):
            self.hub.enqueue(connection)

    def anew(self, connections: Iterable[Connection]) -> None:
        """Part of Keeper: hello with a new id tells the client to fetch everything again."""
        connections = list(connections)
        sockets = [connection.socket for connection in connections]
        self._registry.end(connections)
        for socket in sockets:
            if isinstance(socket, Socket):
                self.stats.anew += 1
                socket.connection = None
                self._spawn(self._admission.admit(socket, Wishes(codec=socket.codec)))

    # sessions

    def _sessions_ended(self, signal: SessionsEnded) -> None:
        user = self.hub.users.get(signal.user_id)
        if user is None:
            return
        user.version += 1
        for connection in user.connections:
            if signal.session_ids is None or connection.session_id in signal.session_ids:
                if isinstance(connection.socket, Socket):
                    self._registry.end_session(connection.socket)
                else:
                    self._registry.end([connection])

    def _sessions_changed(self, signal: SessionsChanged) -> None:
        user = self.hub.users.get(signal.user_id)
        if user is None:
            return
        user.version += 1
        for connection in user.connections:
            if isinstance(connection.socket, Socket):  # who comes back later is looked up then
                self._spawn(self._look_up(connection.socket, insist=True))

    def settings_changed(self) -> None:
        """Look at once for sessions that may have no sockets any more."""
        for socket in self._sockets:
            if socket.session is not None and not self._accepts(socket.session):
                self._spawn(self._look_up(socket))

    def _watch_expiry(self, socket: Socket) -> None:
        """Have a session looked at when it expires, if that is before the next visit: until then events are its own."""
        session = socket.session
        if session is not None and session.expires_at and socket.state == OPEN:
            seconds = (session.expires_at - now_ms()) / 1000
            if seconds <= TICK_SECONDS * (WHEEL + 1):
                self._expiring[socket] = asyncio.get_running_loop().time() + seconds

    async def _look_up(self, socket: Socket, *, insist: bool = False) -> None:
        """See whether the session still holds, and what it may; with `insist` also if the database is away just now."""
        session: Session | None = None
        admin = False
        while True:
            try:
                session = await self._authenticate(socket.token)
                admin = session is not None and await self._is_admin(session)
                break
            except ApiError:
                if not insist or socket.state != OPEN:
                    return
            await asyncio.sleep(AGAIN_SECONDS)
        if socket.state != OPEN or socket.session is None:
            return
        if session is None:
            self._registry.end_session(socket)
            return
        socket.session = session
        connection = socket.connection
        if connection is not None and connection.is_admin != admin:
            connection.is_admin = admin
            self.interrupted(connection)

    # time

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = ticks.call_later(TICK_SECONDS, self._tick)
        now = loop.time()
        self._ticks += 1
        slowed, self._slowed = self._slowed, []
        for socket in sorted(slowed, key=attrgetter("heard_at")):  # so that all sockets of a user have their turn
            socket.read_on(now)
        self._arrivals.close_overdue(now)
        for socket in _due(self._registry.ending, now):
            socket.close(1008, "the session has ended")
        for socket in _due(self._closing, now):
            socket.abort()
        for socket in [each for each, moment in self._expiring.items() if moment <= now]:
            del self._expiring[socket]
            self._spawn(self._look_up(socket))
        for socket in list(self._wheel[self._ticks % WHEEL]):
            self._visit(socket, now)
        self._registry.sweep(now)
        self.hub.sweep()
        self._histories.sweep(now)
        if self._ticks % 2 == 0 and not self.draining and self._bus.settled and self._saving.done():
            connections = list(self._registry.connections.values())
            self._saving = self._spawn(self._checkpoints.round(connections, now))

    def _visit(self, socket: Socket, now: float) -> None:
        if socket.state != OPEN:
            return
        if now - socket.heard_at > SILENCE_SECONDS:
            socket.abort()
            return
        if now - socket.pinged_at >= PING_SECONDS:
            socket.pinged_at = now
            socket.transport.write(PING_FRAME)
        session = socket.session
        if session is None:
            return
        if not self._accepts(session):
            self._spawn(self._look_up(socket))
        else:
            self._watch_expiry(socket)

    # the end

    async def _drain(self, seconds: float) -> None:
        await asyncio.wait([self._saving])
        sockets = [socket for socket in self._sockets if socket.state == OPEN]
        size = max(1, -(-len(sockets) // DRAIN_BATCHES))
        for start in range(0, len(sockets), size):
            batch = sockets[start : start + size]
            leaving = [socket.connection for socket in batch if socket.connection is not None]
            for connection in leaving:
                if not connection.blocked:
                    connection.flush()
                if self._bus.settled and not self._checkpoints.waits(connection):
                    connection.mark(self._bus.position, self._rooms_of(connection))
                self._checkpoints.drop(connection)  # no later mark would be true
                self.hub.remove(connection)
            await self._checkpoints.save([one for one in leaving if one.marks])
            for socket in batch:
                socket.close(1001, "the server is going away; reconnect and resume")
            await asyncio.sleep(seconds / DRAIN_BATCHES)
        if self._timer is not None:
            self._timer.cancel()
        for socket in list(self._sockets):
            socket.abort()
        self._checkpoints.stop()
        for task in list(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work for a socket failed", exc_info=error)


def _due(deadlines: dict[Socket, float], now: float) -> list[Socket]:
    """The sockets whose time has come, taken off the list; deadlines of one list are in order."""
    due = []
    for socket, deadline in deadlines.items():
        if deadline > now:
            break
        due.append(socket)
    for socket in due:
        del deadlines[socket]
    return due
