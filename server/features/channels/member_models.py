"""Members of channels on the wire."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from server.features.channels.models import Ids
from server.ids import Id, IdOrEmpty

NotifyProps = dict[str, str]

HIDDEN = -1
"""What others are shown instead of when a member looked into a channel."""


class ChannelMember(Struct):
    """A user in a channel. `roles` are those of the flags and the explicit ones; notify_props has every key."""

    channel_id: str
    user_id: str
    roles: str
    last_viewed_at: int
    msg_count: int
    mention_count: int
    mention_count_root: int
    urgent_mention_count: int
    msg_count_root: int
    notify_props: NotifyProps
    last_update_at: int
    scheme_guest: bool
    scheme_user: bool
    scheme_admin: bool
    explicit_roles: str


class ChannelMemberWithTeamData(Struct):
    """A membership with the team of its channel, all "" and 0 for direct and group channels."""

    channel_id: str
    user_id: str
    roles: str
    last_viewed_at: int
    msg_count: int
    mention_count: int
    mention_count_root: int
    urgent_mention_count: int
    msg_count_root: int
    notify_props: NotifyProps
    last_update_at: int
    scheme_guest: bool
    scheme_user: bool
    scheme_admin: bool
    explicit_roles: str
    team_display_name: str
    team_name: str
    team_update_at: int


class NewMembers(Struct, kw_only=True):
    """Body of POST /channels/{channel_id}/members: one user, or several."""

    user_id: IdOrEmpty = ""
    user_ids: Ids | None = None
    post_root_id: IdOrEmpty = ""


class MemberList(Struct, kw_only=True):
    """Body of PUT /channels/{channel_id}/members: who shall be in, and who of them administers (None: as before)."""

    members: Annotated[list[Id], Meta(max_length=20_000)] = msgspec.field(default_factory=list)
    channel_admins: Annotated[list[Id], Meta(max_length=20_000)] | None = None


class MemberError(Struct):
    """Why a user could not be added or removed."""

    user_id: str
    error: str


class MemberChanges(Struct):
    """A line of the answer to PUT /channels/{channel_id}/members: what one batch did."""

    added: list[str]
    removed: list[str]
    errors: list[MemberError]


class Roles(Struct):
    """Body of PUT …/members/{user_id}/roles."""

    roles: Annotated[str, Meta(max_length=1024)]


class SchemeRoles(Struct):
    """Body of PUT …/members/{user_id}/schemeRoles."""

    scheme_admin: bool = False
    scheme_user: bool = False
    scheme_guest: bool = False


class ChannelUnread(Struct):
    """What a user has not read in a channel."""

    team_id: str
    channel_id: str
    msg_count: int
    mention_count: int
    mention_count_root: int
    urgent_mention_count: int
    msg_count_root: int


class ChannelView(Struct, kw_only=True):
    """Body of POST /channels/members/{user_id}/view: the channel looked at, "" for none, and the one left."""

    channel_id: IdOrEmpty = ""
    prev_channel_id: IdOrEmpty = ""
    collapsed_threads_supported: bool = False


class ChannelViewResponse(Struct):
    """When each channel was last viewed, after viewing or reading it."""

    last_viewed_at_times: dict[str, int]
    status: str = "OK"
