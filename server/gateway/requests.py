"""What clients ask for, one request after the other per connection, and the replies."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from server.context import Context, Session
from server.errors import ApiError, Internal
from server.gateway.actions import Actions, Request, body_of, busy, refusal_of
from server.gateway.frames import BINARY, MSGPACK, TEXT
from server.gateway.handshake import error_body
from server.gateway.protocol import OPEN, Socket
from server.ids import new_id, now_ms

log = logging.getLogger(__name__)

WAITING_REQUESTS = 32
"""More requests of one connection than this don't wait for their turn."""

_from_json = msgspec.json.Decoder(Request).decode
_from_msgpack = msgspec.msgpack.Decoder(Request).decode
_to_json = msgspec.json.Encoder().encode
_to_msgpack = msgspec.msgpack.Encoder().encode


class Requests:
    """Answers requests; signing in by challenge is the gateway's."""

    def __init__(
        self,
        actions: Actions,
        *,
        authenticate: Callable[[str], Awaitable[Session | None]],
        make_context: Callable[[Session, str], Context],
        server_version: Callable[[], str],
        challenge: Callable[[Socket, Request], Awaitable[None]],
        ended: Callable[[Socket], None],
        active: Callable[[str], None],
    ) -> None:
        self._actions = actions
        self._authenticate = authenticate
        self._make_context = make_context
        self._server_version = server_version
        self._challenge = challenge
        self._ended = ended
        """Called when a request shows that the session is over."""
        self._active = active
        self._tasks: set[asyncio.Task[None]] = set()

    def message(self, socket: Socket, binary: bool, payload: bytes) -> None:
        """A message of a client."""
        try:
            request = _from_msgpack(payload) if binary else _from_json(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            socket.close(1007, "the message is not a request")
            return
        if socket.requests is not None:
            if len(socket.requests) < WAITING_REQUESTS:
                socket.requests.append(request)
            else:
                fail(socket, request, busy())
        elif not self._at_once(socket, request):
            socket.requests = []
            task = asyncio.create_task(self._work(socket, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _at_once(self, socket: Socket, request: Request) -> bool:
        """Answer what needs no waiting; False for the rest."""
        if request.action == "authentication_challenge":
            return socket.session is not None
        known = request.action in self._actions.handlers or request.action in _BUILT_IN
        refused = refusal_of(request, known, socket.session is not None)
        if refused is not None:
            fail(socket, request, refused)
        elif request.action == "ping":
            pong = {"text": "pong", "version": self._server_version(), "server_time": now_ms(), "node_id": ""}
            reply(socket, {"status": "OK", "seq_reply": request.seq, "data": pong})
        elif request.action in _BUILT_IN and request.action not in self._actions.handlers:
            reply(socket, {"status": "OK", "seq_reply": request.seq})
        else:
            return False
        return True

    async def _work(self, socket: Socket, request: Request | None) -> None:
        try:
            while request is not None and socket.state == OPEN:
                await socket.room()
                if request.action == "authentication_challenge":
                    if socket.session is None:
                        await self._challenge(socket, request)
                elif not self._at_once(socket, request):
                    await self._run(socket, request)
                request = socket.requests.pop(0) if socket.requests else None
        finally:
            socket.requests = None

    async def _run(self, socket: Socket, request: Request) -> None:
        request_id = ""
        try:
            session = await self._authenticate(socket.token)
            if session is None or socket.session is None:
                self._ended(socket)
                refused = refusal_of(request, known=True, signed_in=False)
                fail(socket, request, refused or Internal("api.context.internal.app_error"))
                return
            socket.session = session
            self._active(session.user_id)
            action = self._actions.handlers[request.action]
            context = self._make_context(session, socket.connection.id if socket.connection else "")
            request_id = context.request_id
            if action.body is None:
                data = await action.handler(context)
            else:
                data = await action.handler(context, body_of(action, request.data))
        except ApiError as error:
            fail(socket, request, error, request_id)
        except Exception:
            log.exception("the action %s failed", request.action)
            fail(socket, request, Internal("api.context.internal.app_error"), request_id)
        else:
            answer: dict[str, object] = {"status": "OK", "seq_reply": request.seq}
            if data is not None:
                answer["data"] = data
            reply(socket, answer)


_BUILT_IN = frozenset(("ping", "presence", "posted_notify_ack"))
"""Actions that need no feature; the last two only tell a server what a client looks at and how notifying went."""


def reply(socket: Socket, answer: dict[str, object]) -> None:
    """Send a reply in the encoding of the connection."""
    if socket.codec == MSGPACK:
        socket.send(BINARY, _to_msgpack(answer))
    else:
        socket.send(TEXT, _to_json(answer))


def fail(socket: Socket, request: Request, error: ApiError, request_id: str = "") -> None:
    """Send a FAIL reply."""
    body = error_body(error, request_id or new_id())
    reply(socket, {"status": "FAIL", "seq_reply": request.seq, "error": body})
