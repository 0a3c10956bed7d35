"""Channels on the wire."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from server.ids import Id, IdOrEmpty, new_id

OPEN, PRIVATE, DIRECT, GROUP = "O", "P", "D", "G"

DEFAULT_CHANNEL = "town-square"
"""The channel of a team that nobody can leave, archive, rename or make private."""

GROUP_SIZES = range(3, 9)

Ids = Annotated[list[Id], Meta(max_length=1000)]
"""A body that is a list of ids."""


class BannerInfo(Struct, kw_only=True):
    """A line above the posts of a channel."""

    enabled: bool = False
    text: Annotated[str, Meta(max_length=1024)] = ""
    background_color: Annotated[str, Meta(max_length=16)] = ""


class Channel(Struct):
    """A channel; the fields up to default_category_name are columns of the table, in the order of queries."""

    id: str
    create_at: int
    update_at: int
    delete_at: int
    team_id: str
    type: str
    display_name: str
    name: str
    header: str
    purpose: str
    last_post_at: int
    total_msg_count: int
    creator_id: str
    scheme_id: str | None
    props: dict[str, Any] | None
    group_constrained: bool | None
    shared: bool | None
    total_msg_count_root: int
    last_root_post_at: int
    banner_info: dict[str, Any] | None
    default_category_name: str
    extra_update_at: int = 0
    policy_id: str | None = None
    policy_enforced: bool = False

    @property
    def is_personal(self) -> bool:
        """Whether it is a direct or group channel: without a team, and its members never change."""
        return self.type in (DIRECT, GROUP)


def blank_channel(type: str, team_id: str, name: str, display_name: str, creator_id: str, now: int) -> Channel:
    """A new channel that is not stored yet."""
    return Channel(
        id=new_id(),
        create_at=now,
        update_at=now,
        delete_at=0,
        team_id=team_id,
        type=type,
        display_name=display_name,
        name=name,
        header="",
        purpose="",
        last_post_at=0,
        total_msg_count=0,
        creator_id=creator_id,
        scheme_id=None,
        props=None,
        group_constrained=None,
        shared=None,
        total_msg_count_root=0,
        last_root_post_at=0,
        banner_info=None,
        default_category_name="",
    )


NOT_COLUMNS = ("extra_update_at", "policy_id", "policy_enforced")


class ChannelWithTeamData(Struct):
    """A channel with its team; the first fields as in Channel."""

    id: str
    create_at: int
    update_at: int
    delete_at: int
    team_id: str
    type: str
    display_name: str
    name: str
    header: str
    purpose: str
    last_post_at: int
    total_msg_count: int
    creator_id: str
    scheme_id: str | None
    props: dict[str, Any] | None
    group_constrained: bool | None
    shared: bool | None
    total_msg_count_root: int
    last_root_post_at: int
    banner_info: dict[str, Any] | None
    default_category_name: str
    team_display_name: str
    team_name: str
    team_update_at: int
    extra_update_at: int = 0
    policy_id: str | None = None
    policy_enforced: bool = False


class ChannelsWithCount(Struct):
    """A page of channels and how many there are in all."""

    channels: list[ChannelWithTeamData]
    total_count: int


class NewChannel(Struct, kw_only=True):
    """Body of POST /channels."""

    team_id: IdOrEmpty = ""
    name: str = ""
    display_name: str = ""
    type: str = ""
    header: str = ""
    purpose: str = ""
    default_category_name: Annotated[str, Meta(max_length=64)] = ""
    group_constrained: bool | None = None
    banner_info: BannerInfo | None = None


class ChannelUpdate(Struct, kw_only=True):
    """Body of PUT /channels/{channel_id}: the whole channel; empty names keep the old ones."""

    id: str = ""
    name: str = ""
    display_name: str = ""
    type: str = ""
    header: str = ""
    purpose: str = ""
    group_constrained: bool | UnsetType = UNSET


class ChannelPatch(Struct, kw_only=True):
    """Body of PUT /channels/{channel_id}/patch: only what is there is changed."""

    name: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    header: str | UnsetType = UNSET
    purpose: str | UnsetType = UNSET
    group_constrained: bool | UnsetType = UNSET
    banner_info: BannerInfo | UnsetType = UNSET
    default_category_name: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET


class Privacy(Struct):
    """Body of PUT /channels/{channel_id}/privacy."""

    privacy: str = ""


class Move(Struct):
    """Body of POST /channels/{channel_id}/move."""

    team_id: Id
    force: bool = False


class GroupConversion(Struct, kw_only=True):
    """Body of POST /channels/{channel_id}/convert_to_channel."""

    team_id: Id
    channel_id: IdOrEmpty = ""
    name: str = ""
    display_name: str = ""


class Search(Struct, kw_only=True):
    """Body of the searches in one team, and among the group channels of a user."""

    term: Annotated[str, Meta(max_length=1024)] = ""
    page: int | str | None = None
    per_page: int | str | None = None


class SearchEverywhere(Struct, kw_only=True):
    """Body of POST /channels/search."""

    term: Annotated[str, Meta(max_length=1024)] = ""
    not_associated_to_group: str = ""
    exclude_default_channels: bool = False
    team_ids: Ids = msgspec.field(default_factory=list)
    group_constrained: bool = False
    exclude_group_constrained: bool = False
    public: bool = False
    private: bool = False
    include_deleted: bool = False
    deleted: bool = False
    page: int | str | None = None
    per_page: int | str | None = None
    include_search_by_id: bool = False
    exclude_remote: bool = False


class ChannelStats(Struct):
    """How many are in a channel, and what is in it. Deactivated users don't count."""

    channel_id: str
    member_count: int
    guest_count: int
    pinnedpost_count: int
    files_count: int
