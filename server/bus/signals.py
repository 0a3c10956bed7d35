"""Signals: what nodes tell each other and clients never see. Each goes to a topic, in order with the events there."""

from typing import Any

from msgspec import Struct

NODES = "nodes"
"""The topic that every node is always subscribed to."""

SIGNALS: dict[str, type["Signal"]] = {}
"""Every signal class by its name in the envelope."""


class Signal(Struct, frozen=True, kw_only=True):
    """Base of all signals; the class name names it in the envelope."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        SIGNALS[cls.__name__] = cls

    def topics(self) -> list[str]:
        """The topics that the signal is published to."""
        return [NODES]


class Invalidate(Signal, frozen=True, kw_only=True):
    """Every node but the sender, which has done so already, drops what it caches under these tags."""

    tags: tuple[str, ...]
    sender: str = ""
    """The `node_id` of the sender's bus: what it has read again since is as new as what it says here."""


class ConfigChanged(Signal, frozen=True, kw_only=True):
    """The settings in the database changed: every node reads them again."""


class EventsLost(Signal, frozen=True, kw_only=True):
    """A node could not publish to these topics for a while (None: it lost count): their connections start anew."""

    missed: tuple[str, ...] | None


class UserSignal(Signal, frozen=True, kw_only=True):
    """Base of the signals about one user: they reach the nodes that the user is connected to."""

    user_id: str

    def topics(self) -> list[str]:
        """The topic of the user."""
        return [f"user:{self.user_id}"]


class Joined(UserSignal, frozen=True, kw_only=True):
    """From here on the user's connections get the events of these rooms ("channel:<id>", "team:<id>")."""

    rooms: tuple[str, ...]


class Left(UserSignal, frozen=True, kw_only=True):
    """From here on the user's connections get nothing from these rooms any more."""

    rooms: tuple[str, ...]


class SessionsEnded(UserSignal, frozen=True, kw_only=True):
    """Sessions of the user were revoked or logged out (None: all of them): their sockets fall silent and close."""

    session_ids: tuple[str, ...] | None = None


class SessionsChanged(UserSignal, frozen=True, kw_only=True):
    """Roles or expiry of the user's sessions changed: open sockets look their session up again."""


class NodeSignal(Signal, frozen=True, kw_only=True):
    """Base of the signals to one node."""

    node_id: str

    def topics(self) -> list[str]:
        """The topic of the node."""
        return [f"node:{self.node_id}"]


class TakenOver(NodeSignal, frozen=True, kw_only=True):
    """A client resumed its connection on another node: this one forgets its copy."""

    connection_id: str
