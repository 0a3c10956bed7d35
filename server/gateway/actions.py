"""What clients can ask for over the socket: a registry of actions, each with a typed body."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[object]])


class Actions:
    """A registry of actions, filled like a router:

        actions = Actions()

        @actions.on("user_typing")
        async def user_typing(ctx: Context, data: TypingBody) -> None: ...

    A handler takes the context and, if it wants any, a body by type; what it returns is the reply's `data`.
    An ApiError that it raises becomes a FAIL reply.
    """

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def on(self, name: str) -> Callable[[Handler], Handler]:
        """Register the handler of an action; a second one of the same name is refused at import."""
        raise NotImplementedError

    def include(self, other: "Actions") -> None:
        """Take over all actions of another registry."""
        raise NotImplementedError
