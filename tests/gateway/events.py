"""Events for the tests of the gateway."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from server.bus.event import Aside, AsJson, Audience, Event


class Told(Event, frozen=True, kw_only=True):
    """Any text, for any audience."""

    name: ClassVar[str] = "told_in_test"
    personal_fields: ClassVar[tuple[str, ...]] = ("mentions",)
    text: str
    to: Aside[Audience]
    mentions: Aside[tuple[str, ...]] = ()
    post: AsJson[dict[str, object]] | None = None

    def audience(self) -> Audience:
        return self.to

    def personal(self) -> Mapping[str, Sequence[str]]:
        return {"mentions": self.mentions} if self.mentions else {}


class Typing(Told, frozen=True, kw_only=True):
    """The same, but transient."""

    name: ClassVar[str] = "typing_in_test"
    transient: ClassVar[bool] = True


def in_channel(text: object, channel_id: str = "c", **more: object) -> Told:
    """Something said in a channel."""
    return Told(text=str(text), to=Audience(channel_id=channel_id, **more))  # type: ignore[arg-type]


def for_user(text: object, user_id: str) -> Told:
    """Something for one user."""
    return Told(text=str(text), to=Audience(user_id=user_id))
