"""What the gateway itself tells a client."""

from typing import ClassVar

from server.bus.event import Aside, Audience, Event


class Hello(Event, frozen=True, kw_only=True):
    """A connection begins; whatever came before has to be fetched. For that connection, as its first event."""

    name: ClassVar[str] = "hello"
    user_id: Aside[str]
    connection_id: str
    server_version: str

    def audience(self) -> Audience:
        """The user; it never leaves the node, which puts it into the one connection."""
        return Audience(user_id=self.user_id)
