"""What travels about groups."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from server.db import columns
from server.features.users.models import User
from server.ids import Id

MAX_MEMBERS_AT_ONCE = 1000

UserIds = Annotated[list[Id], Meta(max_length=MAX_MEMBERS_AT_ONCE)]


class GroupRow(Struct, frozen=True):
    """A group as stored."""

    id: str
    name: str | None
    display_name: str
    description: str
    source: str
    create_at: int
    update_at: int
    delete_at: int
    allow_reference: bool


GROUP_COLUMNS = columns(GroupRow, "g")


class Group(Struct, kw_only=True):
    """A group as it travels; what was not asked for stays away."""

    id: str
    name: str | None
    display_name: str
    description: str
    source: str
    remote_id: str | None = None
    create_at: int
    update_at: int
    delete_at: int
    has_syncables: bool = False
    member_count: int | UnsetType = UNSET
    allow_reference: bool
    scheme_admin: bool = False
    channel_member_count: int | UnsetType = UNSET
    channel_member_timezones_count: int | UnsetType = UNSET
    member_ids: list[str] | UnsetType = UNSET

    @staticmethod
    def of(row: GroupRow) -> "Group":
        """The group of a row."""
        return Group(**{name: getattr(row, name) for name in row.__struct_fields__})


class GroupMember(Struct, kw_only=True):
    """That someone is in a group, or was until `delete_at`."""

    group_id: str
    user_id: str
    create_at: int
    delete_at: int = 0


class NewGroup(Struct, kw_only=True):
    """Body of POST /groups."""

    name: str
    display_name: str
    source: str = "custom"
    description: str = ""
    allow_reference: bool = True
    user_ids: UserIds = []


class GroupPatch(Struct, kw_only=True):
    """Body of PUT /groups/{group_id}/patch; what is absent stays."""

    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    allow_reference: bool | None = None


class GroupMemberIds(Struct):
    """A body that names people."""

    user_ids: UserIds


class GroupUsers(Struct):
    """A page of a group's members."""

    members: list[User]
    total_member_count: int


class GroupStats(Struct):
    """How many are in a group."""

    group_id: str
    total_member_count: int


class GroupsWithCount(Struct):
    """A page of groups, and how many there are in all."""

    groups: list[Group]
    total_group_count: int


class GroupsOfChannels(Struct):
    """Groups by the channels that they are bound to."""

    groups: dict[str, list[Group]]


class ChannelMemberCountByGroup(Struct, kw_only=True):
    """How many of a channel's members a group has."""

    group_id: str
    channel_member_count: int
    channel_member_timezones_count: int = 0


class WantedGroups(Struct, kw_only=True):
    """Which groups a list holds."""

    q: str = ""
    since: int = 0
    has_member: str = ""
    only_referable: bool = False
    archived_too: bool = False
    only_archived: bool = False
    source: str = ""
