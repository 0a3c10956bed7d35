"""Statuses on the wire and in the table."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.ids import Id

ONLINE, AWAY, DND, OFFLINE, OUT_OF_OFFICE = "online", "away", "dnd", "offline", "ooo"

MAX_IDS = 10_000
"""How many users' statuses one request can ask for."""

Ids = Annotated[list[Id], Meta(min_length=1, max_length=MAX_IDS)]


class Status(Struct, frozen=True):
    """The status of a user. dnd_end_time is in seconds, 0 for no end."""

    user_id: str
    status: str = OFFLINE
    manual: bool = False
    last_activity_at: int = 0
    dnd_end_time: int = 0


class StatusRow(Struct, frozen=True, array_like=True):
    """A status as it is stored; of two for the same user the one with the higher version is newer."""

    user_id: str
    status: str
    manual: bool
    last_activity_at: int
    dnd_end_time: int
    version: int

    def shown(self) -> Status:
        """As clients see it."""
        return Status(self.user_id, self.status, self.manual, self.last_activity_at, self.dnd_end_time)


class NewStatus(Struct, frozen=True, kw_only=True):
    """Body of PUT /users/{user_id}/status."""

    user_id: str = ""
    status: Literal["online", "away", "dnd", "offline"]
    dnd_end_time: Annotated[int, Meta(ge=0, le=1 << 40)] = 0


class ActiveStatus(Struct, frozen=True, kw_only=True):
    """Data of the action user_update_active_status."""

    user_is_active: bool
    manual: bool = False


class StatusIds(Struct, frozen=True, kw_only=True):
    """Data of the action get_statuses_by_ids."""

    user_ids: Ids


class TypingIn(Struct, frozen=True, kw_only=True):
    """Where someone types: a channel, and the root of the thread or "". The same over REST and sockets."""

    channel_id: Id
    parent_id: Annotated[str, Meta(pattern=r"^([A-Za-z0-9]{26})?\Z")] = ""
