"""What the gateway itself tells a client."""

from functools import lru_cache
from typing import ClassVar

from server.bus.envelope import body_of
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


_USER_ID, _CONNECTION_ID = "0" * 26, "1" * 26


@lru_cache(1)
def _pattern(server_version: str) -> bytes:
    hello = Hello(user_id=_USER_ID, connection_id=_CONNECTION_ID, server_version=server_version)
    return body_of(hello.name, hello.data(), hello.audience())[0]


def hello_body(user_id: str, connection_id: str, server_version: str) -> bytes:
    """The body of a hello: but for the ids it is the same for all, and encoded once."""
    body = _pattern(server_version).replace(_USER_ID.encode(), user_id.encode())
    return body.replace(_CONNECTION_ID.encode(), connection_id.encode())
