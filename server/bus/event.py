"""Events and their audiences: what the product tells, and whom. Defining an event class puts it in the catalogue."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Struct

T = TypeVar("T")

CATALOGUE: dict[str, list[type["Event"]]] = {}
"""Every event class by its name on the wire; `hubbub show events` prints it."""

_encode = msgspec.json.Encoder().encode


INSIDERS = "insiders"
"""The room of everyone but guests; gateways put each user into it who is no guest."""


class _Mark(Struct, frozen=True):
    name: str


_AS_JSON = _Mark("as json")
_ASIDE = _Mark("aside")

AsJson = Annotated[T, _AS_JSON]
"""A field that travels as JSON inside a JSON string."""

Aside = Annotated[T, _ASIDE]
"""A field that only says whom the event is for and does not travel."""


class Audience(Struct, frozen=True, kw_only=True):
    """Whom an event is for; the first that is set decides: user, users, channel, team, insiders, else everyone.

    `user_ids` names the users whose topics the event goes over: the members of a direct or group channel, while
    `channel_id` is what clients are shown in `broadcast`, or guests. `user_id` with channel_id or team_id
    goes to that user alone and shows all of them.
    """

    user_id: str = ""
    channel_id: str = ""
    team_id: str = ""
    user_ids: Sequence[str] | None = None
    omit_user: str = ""
    connection_id: str = ""
    omit_connection_id: str = ""
    insiders: bool = False
    """For everyone but guests."""
    sanitized: bool = False
    """For those without manage_system only."""
    sensitive: bool = False
    """For those with manage_system only."""

    def topics(self) -> list[str]:
        """The topics that the event is published to."""
        if self.user_id:
            return [f"user:{self.user_id}"]
        if self.user_ids is not None:
            return [f"user:{user_id}" for user_id in self.user_ids]
        if self.channel_id:
            return [f"channel:{self.channel_id}"]
        if self.team_id:
            return [f"team:{self.team_id}"]
        return [INSIDERS] if self.insiders else ["all"]


class Room(Struct, frozen=True):
    """Where the members of a channel are reached: its own topic, or for D and G their users' topics."""

    channel_id: str
    user_ids: tuple[str, ...] | None = None

    def audience(self, *, omit_user: str = "", omit_connection_id: str = "") -> Audience:
        """All members of the channel."""
        return Audience(
            channel_id=self.channel_id,
            user_ids=self.user_ids,
            omit_user=omit_user,
            omit_connection_id=omit_connection_id,
        )


class Turn(Struct, frozen=True):
    """The place of an event in a line whose events are published in one order, whichever nodes do it, and once each."""

    line: str
    """What is put in order: the id of a channel."""
    at: int
    """Rises along the line."""
    after: int
    """`at` of the one before it in the line, which must have been published; 0: it need not wait for any."""


class Event(Struct, frozen=True, kw_only=True):
    """Base of all events: the fields are the `data` of the wire; those that are None or UNSET stay away."""

    name: ClassVar[str] = ""
    transient: ClassVar[bool] = False
    """Dropped first for a connection that lags: typing, status_change, multiple_channels_viewed."""
    personal_fields: ClassVar[tuple[str, ...]] = ()
    """The names of all fields that `personal` may give."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__dict__.get("name"):
            CATALOGUE.setdefault(cls.name, []).append(cls)

    def audience(self) -> Audience:
        """Whom the event is for."""
        raise TypeError(f"{type(self).__name__} says no audience")

    def personal(self) -> Mapping[str, Sequence[str]]:
        """Fields that only the users named get, each then holding just that user's id: {"mentions": [user ids]}."""
        return {}

    def asks_others_than(self) -> str:
        """Who caused it: clients of the others named in `personal` are asked to confirm it; "" to ask nobody."""
        return ""

    def envelope_id(self) -> str:
        """An id under which the event is published once only, however often that is tried; "" for no such limit."""
        return ""

    def turn(self) -> Turn | None:
        """Its place in a line of events that keep their order over all nodes; None if it has none."""
        return None

    @classmethod
    def json_fields(cls) -> tuple[str, ...]:
        """The fields that travel as JSON inside a JSON string."""
        return _json_fields(cls)

    @classmethod
    def described_fields(cls) -> list[str]:
        """What `data` may hold: names, marked "?" where they may stay away and "JSON" for JSON in a string."""
        optional = {field.name for field in msgspec.structs.fields(cls) if field.default in (None, UNSET)}
        own = [
            f"{key}{'?' * (attribute in optional)}{' JSON' * as_json}" for attribute, key, as_json in _wire_fields(cls)
        ]
        personal = [f"{key}? JSON" for key in cls.personal_fields]
        return own + personal + (["should_ack?"] if personal else [])

    def data(self) -> bytes:
        """The `data` object as JSON."""
        parts: dict[str, object] = {}
        for attribute, key, as_json in _wire_fields(type(self)):
            value = getattr(self, attribute)
            if value is None or value is UNSET:
                continue
            parts[key] = _encode(value).decode() if as_json else value
        return _encode(parts)


@cache
def _wire_fields(cls: type[Event]) -> tuple[tuple[str, str, bool], ...]:
    hints = get_type_hints(cls, include_extras=True)
    fields = []
    for field in msgspec.structs.fields(cls):
        marks = _marks(hints[field.name])
        if _ASIDE not in marks:
            fields.append((field.name, field.encode_name, _AS_JSON in marks))
    return tuple(fields)


@cache
def _json_fields(cls: type[Event]) -> tuple[str, ...]:
    return tuple(key for _, key, as_json in _wire_fields(cls) if as_json)


def _marks(hint: Any) -> tuple[object, ...]:
    """The marks of a field, also of one that may be None: `AsJson[Post] | None`."""
    if get_origin(hint) is Annotated:
        return tuple(hint.__metadata__)
    return tuple(mark for option in get_args(hint) if get_origin(option) is Annotated for mark in _marks(option))
