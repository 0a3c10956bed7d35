"""Posts on the wire: the post, the bodies that make and change one, and lists of them."""

from types import NoneType
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from server.db import columns
from server.features.emoji.models import Emoji
from server.features.files.models import FileInfo
from server.ids import Id

MAX_MESSAGE = 16_383
MAX_PROPS = 800_000
SMALL_PROPS = 16_384
"""Bytes of props, as they are stored, with which a post comes in a list; larger ones are read apart."""
MAX_HASHTAGS = 1000
MAX_FILES = 10
MAX_PENDING_ID = 256

SYSTEM_PREFIX = "system_"

JOIN_CHANNEL = "system_join_channel"
GUEST_JOIN_CHANNEL = "system_guest_join_channel"
LEAVE_CHANNEL = "system_leave_channel"
ADD_TO_CHANNEL = "system_add_to_channel"
ADD_GUEST_TO_CHANNEL = "system_add_guest_to_chan"
REMOVE_FROM_CHANNEL = "system_remove_from_channel"
JOIN_TEAM = "system_join_team"
LEAVE_TEAM = "system_leave_team"
ADD_TO_TEAM = "system_add_to_team"
REMOVE_FROM_TEAM = "system_remove_from_team"
HEADER_CHANGE = "system_header_change"
PURPOSE_CHANGE = "system_purpose_change"
DISPLAY_NAME_CHANGE = "system_displayname_change"
CHANGE_PRIVACY = "system_change_chan_privacy"
CONVERT_CHANNEL = "system_convert_channel"
CHANNEL_DELETED = "system_channel_deleted"
CHANNEL_RESTORED = "system_channel_restored"
MOVE_CHANNEL = "system_move_channel"
EPHEMERAL = "system_ephemeral"
WRANGLER = "system_wrangler"
"""Says that a thread was moved."""

UNCOUNTED = frozenset(
    (
        JOIN_CHANNEL,
        GUEST_JOIN_CHANNEL,
        LEAVE_CHANNEL,
        ADD_TO_CHANNEL,
        ADD_GUEST_TO_CHANNEL,
        REMOVE_FROM_CHANNEL,
        JOIN_TEAM,
        LEAVE_TEAM,
        ADD_TO_TEAM,
        REMOVE_FROM_TEAM,
    )
)
"""Types of posts that make no channel unread."""

CHANNEL_WIDE = "*"
"""Stands in a post's mentions for all members, whom @channel, @all or @here called."""


class Priority(Struct, frozen=True, kw_only=True):
    """How urgent a root post is, and whether its readers shall confirm it."""

    priority: Literal["", "important", "urgent"] = ""
    requested_ack: bool = False
    persistent_notifications: bool = False


class Embed(Struct, frozen=True, omit_defaults=True):
    """Something shown below a post: image, link, opengraph, message_attachment or permalink."""

    type: str
    url: str = ""
    data: Any = None


class PostImage(Struct, frozen=True):
    """A picture that a post shows from elsewhere; frame_count is 0 unless it is a GIF."""

    width: int
    height: int
    format: str
    frame_count: int = 0


class Metadata(Struct, frozen=True, omit_defaults=True):
    """What the server knows about a post beyond its row; parts without content are left out."""

    embeds: list[Embed] | None = None
    emojis: list[Emoji] | None = None
    """Custom ones that it uses, in its text and as reactions."""
    files: list[FileInfo] | None = None
    images: dict[str, PostImage] | None = None
    reactions: list[Any] | None = None
    priority: Priority | None = None
    acknowledgements: list[Any] | None = None


class Post(Struct, omit_defaults=True):
    """A post. Fields with a plain default are sent only when they say something else, all others always.

    The columns come first, in the order of `page_columns`.
    """

    id: str
    create_at: int
    update_at: int
    edit_at: int
    delete_at: int
    is_pinned: bool
    user_id: str
    channel_id: str
    root_id: str
    message: str
    type: str
    props: dict[str, Any]
    hashtags: str
    reply_count: int
    file_ids: list[str] | None = None
    has_reactions: bool = False
    original_id: str = field(default_factory=str)
    pending_post_id: str = field(default_factory=str)
    last_reply_at: int = field(default_factory=int)
    participants: list[Any] | None = field(default_factory=NoneType)
    metadata: Metadata = field(default_factory=Metadata)
    is_following: bool | None = None

    @property
    def is_system(self) -> bool:
        """Whether the server wrote it."""
        return self.type.startswith(SYSTEM_PREFIX)


class StoredPost(Struct):
    """A row of posts: what `Post` shows, and what stays inside."""

    id: str
    create_at: int
    update_at: int
    edit_at: int
    delete_at: int
    is_pinned: bool
    user_id: str
    channel_id: str
    root_id: str
    original_id: str
    message: str
    type: str
    props: dict[str, Any]
    hashtags: str
    file_ids: list[str]
    has_reactions: bool
    priority: dict[str, Any] | None
    reply_count: int
    preview: dict[str, Any] | None = None
    """What stands behind its links, as its metadata show it: embeds and images."""
    reactions: list[Any] | None = None
    """Those of the table `reactions`, oldest first, as they are shown."""
    files: list[Any] | None = None
    """Those of the view `file_infos`, in the order of file_ids."""
    acknowledgements: list[Any] | None = None
    """Those of the table `post_acknowledgements`, oldest first, of a post that asks for them."""


# Props that are small, 0 in the place of others: it is no object, so it can't be mistaken for one. They are stored as
# they are, so their size is known without reading them.
_SMALL = f"WHEN pg_column_size({{table}}.props) > {SMALL_PROPS} THEN '0'::jsonb ELSE {{table}}.props END"


def stored_columns(table: str = "posts", *, listed: bool = False) -> str:
    """What a query selects from posts (or its alias) to make StoredPosts. Other tables cost only if it is there.

    `listed`: without large props, for `with_large_props`.
    """
    own = columns(StoredPost, table, leave=("reactions", "files", "acknowledgements"))
    if listed:
        own = own.replace(f"{table}.props", f"CASE {_SMALL.format(table=table)}")
    return f"""{own},
           CASE WHEN {table}.has_reactions AND {table}.delete_at = 0 THEN
               (SELECT jsonb_agg(to_jsonb(reaction) ORDER BY reaction.create_at, reaction.user_id, reaction.emoji_name)
                  FROM reactions AS reaction WHERE reaction.post_id = {table}.id) END,
           CASE WHEN {table}.file_ids <> '{{}}' AND ({table}.delete_at = 0 OR {table}.original_id <> '') THEN
               (SELECT jsonb_agg(to_jsonb(file) ORDER BY array_position({table}.file_ids, file.id))
                  FROM file_infos AS file WHERE file.id = ANY({table}.file_ids)
                   AND (file.delete_at = 0 OR {table}.original_id <> '')) END,
           CASE WHEN {table}.priority ->> 'requested_ack' = 'true' AND {table}.delete_at = 0 THEN
               (SELECT jsonb_agg(to_jsonb(ack) ORDER BY ack.acknowledged_at, ack.user_id)
                  FROM post_acknowledgements AS ack WHERE ack.post_id = {table}.id) END"""


STORED_COLUMNS = stored_columns()

EMPTY_PROPS = 8
"""Bytes of an object with nothing in it, as it is stored; one with something has more."""


def page_columns(table: str = "posts") -> str:
    """What pages are made of: in the order of Post, then priority and preview.

    What is empty is left out, reading it would cost more than finding that out.
    """
    before = ("id", "create_at", "update_at", "edit_at", "delete_at", "is_pinned", "user_id", "channel_id", "root_id")
    small = f"CASE WHEN pg_column_size({table}.props) <= {EMPTY_PROPS} THEN NULL {_SMALL.format(table=table)}"
    files = f"nullif({table}.file_ids, '{{}}')"
    named = ", ".join(f"{table}.{name}" for name in (*before, "message", "type"))
    return f"""{named}, {small}, {table}.hashtags, {table}.reply_count, {files}, {table}.has_reactions,
           {table}.priority, {table}.preview"""


PAGE_WIDTH = 18
PAGE_PRIORITY = 16
"""Where in a page the priority is."""
PAGE_PROPS = 11
"""Where among them the props are."""


class NewMetadata(Struct, kw_only=True):
    """What of a new post's metadata its author decides."""

    priority: Priority | None = None


class NewPost(Struct, kw_only=True):
    """Body of POST /posts. Ids, author and times are the server's; only an administrator may date a post back."""

    channel_id: str = ""
    root_id: str = ""
    message: str = ""
    type: str = ""
    props: dict[str, Any] = {}
    file_ids: list[str] = []
    is_pinned: bool = False
    pending_post_id: str = ""
    create_at: int = 0
    metadata: NewMetadata | None = None


class NewEphemeral(Struct, kw_only=True):
    """Body of POST /posts/ephemeral: a post for the eyes of one user."""

    user_id: Id
    post: NewPost


class PostUpdate(Struct, kw_only=True):
    """Body of PUT /posts/{post_id}; `id` is that of the path."""

    id: str
    message: str = ""
    is_pinned: bool | UnsetType = UNSET
    props: dict[str, Any] | UnsetType = UNSET


class PostPatch(Struct, kw_only=True):
    """Body of PUT /posts/{post_id}/patch: only what is there is changed."""

    message: str | UnsetType = UNSET
    is_pinned: bool | UnsetType = UNSET
    props: dict[str, Any] | UnsetType = UNSET
    file_ids: list[str] | UnsetType = UNSET


class MoveThread(Struct, kw_only=True):
    """Body of POST /posts/{post_id}/move."""

    channel_id: Id


class SetUnread(Struct, kw_only=True):
    """Body of POST /users/{user_id}/posts/{post_id}/set_unread."""

    collapsed_threads_supported: bool = False


class PostList(Struct, omit_defaults=True):
    """Posts by id, and the order of those that were asked for, newest first."""

    order: list[str]
    posts: dict[str, Post]
    next_post_id: str
    prev_post_id: str
    first_inaccessible_post_time: int
    has_next: bool | None = None


class PostInfo(Struct):
    """Where a post is, for someone who follows a link to it."""

    channel_id: str
    channel_type: str
    channel_display_name: str
    has_joined_channel: bool
    team_id: str
    team_type: str
    team_display_name: str
    has_joined_team: bool


class ChannelUnreadAt(Struct):
    """What a user has left to read after setting a post unread; msg_count is what has been read."""

    team_id: str
    user_id: str
    channel_id: str
    msg_count: int
    mention_count: int
    mention_count_root: int
    urgent_mention_count: int
    msg_count_root: int
    last_viewed_at: int


PostIds = Annotated[list[Id], Meta(min_length=1, max_length=1000)]
"""A body that is a list of post ids."""
