"""What clients can ask for over the socket: a registry of actions, each with a typed body."""

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec import inspect as shapes

from server.errors import ApiError, BadRequest, Busy, Internal, Unauthorized

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[object]])

_PATH = re.compile(r" - at `(?:key in )?`?\$\.?([^`.\[]*)")
_MISSING = re.compile(r"missing required field `([^`]+)`")


class Request(Struct):
    """A request as clients send it; what is missing is refused later, with a reply."""

    seq: Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)] = 0
    action: str = ""
    data: Any = None


class Action(Struct, frozen=True):
    """A handler, and the type of the body that it takes besides the context (None: no body)."""

    handler: Callable[..., Awaitable[object]]
    body: Any
    has_fields: bool
    """Whether the body is a Struct."""


class Actions:
    """A registry of actions, filled like a router:

        actions = Actions()

        @actions.on("user_typing")
        async def user_typing(ctx: Context, data: TypingBody) -> None: ...

    A handler takes the context and, if it wants any, a body by type; what it returns is the reply's `data`.
    An ApiError that it raises becomes a FAIL reply.
    """

    def __init__(self) -> None:
        self.handlers: dict[str, Action] = {}

    def on(self, name: str) -> Callable[[Handler], Handler]:
        """Register the handler of an action; a second one of the same name is refused at import."""

        def register(handler: Handler) -> Handler:
            parameters = list(inspect.signature(handler).parameters)
            body = get_type_hints(handler)[parameters[1]] if len(parameters) > 1 else None
            has_fields = body is not None and isinstance(shapes.type_info(body), shapes.StructType)
            self._add(name, Action(handler, body, has_fields))
            return handler

        return register

    def include(self, other: "Actions") -> None:
        """Take over all actions of another registry."""
        for name, action in other.handlers.items():
            self._add(name, action)

    def _add(self, name: str, action: Action) -> None:
        if name in self.handlers:
            raise ValueError(f"the action {name} is defined twice")
        self.handlers[name] = action


def body_of(action: Action, data: object) -> object:
    """The data of a request as the type that the handler wants; raises BadRequest naming a field that is wrong."""
    try:
        given = data if data is not None else {}
        if action.has_fields and isinstance(given, dict):
            given = {key: item for key, item in given.items() if item is not None}  # null means absent
        return msgspec.convert(given, action.body)
    except msgspec.ValidationError as error:
        text = str(error)
        missing, path = _MISSING.search(text), _PATH.search(text)
        raise invalid_param(missing[1] if missing else path[1] if path else "data") from None


def invalid_param(name: str) -> BadRequest:
    """A parameter that is missing or wrong."""
    return BadRequest("api.websocket_handler.invalid_param.app_error", f"Invalid {name or 'data'} parameter.")


def refusal_of(request: Request, known: bool, signed_in: bool) -> ApiError | None:
    """Why a request is refused before anything is done for it, if it is."""
    if not request.action:
        return BadRequest("api.web_socket_router.no_action.app_error", "The request names no action.")
    if request.seq <= 0:
        return BadRequest("api.web_socket_router.bad_seq.app_error", "The seq of a request is a positive number.")
    if not signed_in:
        return Unauthorized("api.web_socket_router.not_authenticated.app_error", "The connection is not signed in.")
    if not known:
        return Internal("api.web_socket_router.bad_action.app_error", "There is no such action.")
    return None


def busy() -> Busy:
    """The client asks for more than is done for one connection."""
    return Busy("api.websocket_handler.server_busy.app_error", "Too many requests on this connection; slow down.")
