"""Signals: what nodes tell each other and clients never see. Each goes to a topic, in order with the events around it."""

from msgspec import Struct

NODES = "nodes"
"""The topic that every node is always subscribed to."""

SIGNALS: dict[str, type["Signal"]] = {}
"""Every signal class by its name in the envelope."""


class Signal(Struct, frozen=True, kw_only=True):
    """Base of all signals; the class name names it in the envelope."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        SIGNALS[cls.__name__] = cls

    def topics(self) -> list[str]:
        """The topics that the signal is published to."""
        return [NODES]


class Invalidate(Signal):
    """Every node drops what it caches under these tags."""

    tags: tuple[str, ...]


class ConfigChanged(Signal):
    """The settings in the database changed: every node reads them again."""


class EventsLost(Signal):
    """A node could not publish to these topics for a while (None: it lost count): their connections start anew."""

    missed: tuple[str, ...] | None


class UserSignal(Signal):
    """Base of the signals about one user: they reach the nodes that the user is connected to."""

    user_id: str

    def topics(self) -> list[str]:
        """The topic of the user."""
        return [f"user:{self.user_id}"]


class Joined(UserSignal):
    """From here on the user's connections get the events of these rooms ("channel:<id>", "team:<id>")."""

    rooms: tuple[str, ...]


class Left(UserSignal):
    """From here on the user's connections get nothing from these rooms any more."""

    rooms: tuple[str, ...]


class SessionsEnded(UserSignal):
    """Sessions of the user were revoked or logged out (None: all of them): their sockets fall silent and close."""

    session_ids: tuple[str, ...] | None = None


class SessionsChanged(UserSignal):
    """Roles or expiry of the user's sessions changed: open sockets look their session up again."""


class NodeSignal(Signal):
    """Base of the signals to one node."""

    node_id: str

    def topics(self) -> list[str]:
        """The topic of the node."""
        return [f"node:{self.node_id}"]


class TakenOver(NodeSignal):
    """A client resumed its connection on another node: this one forgets its copy."""

    connection_id: str
