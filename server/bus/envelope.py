"""Sealed messages: an event is encoded once, by its publisher, into the very bytes that all sockets share."""

import time
from collections.abc import Collection

import msgspec
from msgspec import Struct

from server.bus.event import Audience, Event
from server.bus.scripts import HEADER
from server.bus.signals import SIGNALS, Signal

_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode

_EVENT, _SIGNAL = b"e", b"s"
_PAYLOAD = HEADER.size + 1


class Envelope(Struct, array_like=True, omit_defaults=True, gc=False):
    """An event as nodes pass it on."""

    id: str
    """Under which it goes out once only, "" without such a limit."""
    name: str
    sent_at: float
    """Seconds since the epoch."""
    body: bytes
    """The frame's JSON as far as all receivers share it: everything up to the number after `"seq":`."""
    cut: int
    """Where in the body the personal fields go: the end of `data`."""
    transient: bool = False
    sanitized: bool = False
    sensitive: bool = False
    omit_user: str = ""
    connection_id: str = ""
    omit_connection_id: str = ""
    personal: dict[str, list[str]] = {}
    """Field → users who get it, each with just their own id in it."""
    json_fields: tuple[str, ...] = ()
    position: int = 0
    """Where it stands among all messages of the service; set on arrival."""
    late: bool = False
    """Set on arrival: messages with higher positions were passed on before it."""
    author: str = ""
    """The others that are named in it are asked to confirm it, where clients want that; "" to ask nobody."""

    def asks(self, user_id: str) -> bool:
        """Whether a user named in it is to be asked for confirmation."""
        return bool(self.author) and user_id != self.author

    def body_for(self, user_id: str, ask: bool = False) -> bytes:
        """The body with the personal fields of this user; with `ask` it asks for confirmation."""
        fields = [field for field, users in self.personal.items() if user_id in users]
        if not fields:
            return self.body
        text = b",".join(b'"%b":"[\\"%b\\"]"' % (field.encode(), user_id.encode()) for field in fields)
        if ask:
            text += b',"should_ack":true'
        comma = b"" if self.body[self.cut - 1 : self.cut] == b"{" else b","
        return b"".join((self.body[: self.cut], comma, text, self.body[self.cut :]))


def _broadcast(audience: Audience) -> bytes:
    shown: dict[str, object] = {
        "omit_users": {audience.omit_user: True} if audience.omit_user else None,
        "user_id": audience.user_id,
        "channel_id": audience.channel_id,
        "team_id": audience.team_id,
        "connection_id": audience.connection_id,
        "omit_connection_id": audience.omit_connection_id,
    }
    if audience.sanitized:
        shown["contains_sanitized_data"] = True
    if audience.sensitive:
        shown["contains_sensitive_data"] = True
    return _json(shown)


def body_of(name: str, data: bytes, audience: Audience) -> tuple[bytes, int]:
    """The shared JSON of an event's frame, up to the number after `"seq":`, and where its `data` ends."""
    head = b'{"event":"%b","data":%b' % (name.encode(), data)
    return b'%b,"broadcast":%b,"seq":' % (head, _broadcast(audience)), len(head) - 1


def topics_of(message: Event | Signal) -> Collection[str]:
    """The topics that a message is published to."""
    return message.topics() if isinstance(message, Signal) else dict.fromkeys(message.audience().topics())


def seal(message: Event | Signal) -> tuple[str, bytes, Collection[str]]:
    """The id under which the message goes out only once (or ""), its payload, and its topics."""
    if isinstance(message, Signal):
        return "", _SIGNAL + _pack((type(message).__name__, message)), message.topics()
    audience = message.audience()
    body, cut = body_of(message.name, message.data(), audience)
    once = message.envelope_id()
    personal = message.personal()
    envelope = Envelope(
        id=once,
        name=message.name,
        sent_at=time.time(),
        body=body,
        cut=cut,
        transient=message.transient,
        sanitized=audience.sanitized,
        sensitive=audience.sensitive,
        omit_user=audience.omit_user,
        connection_id=audience.connection_id,
        omit_connection_id=audience.omit_connection_id,
        personal={field: list(users) for field, users in personal.items()},
        json_fields=(*message.json_fields(), *personal),
        author=message.asks_others_than(),
    )
    return once, _EVENT + _pack(envelope), dict.fromkeys(audience.topics())


_open_event = msgspec.msgpack.Decoder(Envelope).decode
_open_signal = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw]).decode


def unseal(blob: bytes) -> Envelope | Signal | None:
    """What a message from the wire or a stream holds; None for a signal of a newer node that this one doesn't know.

    Raises msgspec.MsgspecError for anything else.
    """
    content = memoryview(blob)[_PAYLOAD:]
    if blob[_PAYLOAD - 1 : _PAYLOAD] == _EVENT:
        return _open_event(content)
    name, fields = _open_signal(content)
    kind = SIGNALS.get(name)
    return msgspec.msgpack.decode(fields, type=kind) if kind is not None else None
