"""What a post and its readers are to the rules, the jobs that tell people, and the bodies of requests."""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from server.ids import IdOrEmpty
from server.jobs.job import Job

Reason = Literal["", "direct", "group", "mention", "everyone", "comment", "thread", "all"]
"""Why a user is told of a post; "" for not at all."""

MAX_WORD = 256


class PostFacts(Struct, frozen=True, kw_only=True):
    """What the rules need of a post."""

    author_id: str
    channel_type: str
    type: str = ""
    root_id: str = ""
    message: str = ""
    mentions: frozenset[str] = frozenset()
    """Those whom it calls by name or word; in direct and group channels all others."""
    everyone: Literal["", "here", "all"] = ""
    """Whether it calls all members, or those who are online."""
    forced: bool = False
    """Whether it is pushed whatever its readers have chosen: a test that one of them asked for."""


class Reader(Struct, kw_only=True):
    """What the rules need of a member of the channel."""

    user_id: str
    username: str
    props: dict[str, str]
    """The user's notify props."""
    channel_props: dict[str, str]
    """Those of the membership."""
    status: str = "offline"
    viewing: bool = False
    """Whether the user has looked into the channel a moment ago."""
    following: bool = False
    """Whether the user follows the thread of the post."""
    collapsed: bool = False
    """Whether the user has collapsed threads."""
    is_bot: bool = False


class Telling(Struct, frozen=True):
    """Whether and why a reader is told of a post."""

    reason: Reason = ""
    email: bool = False
    push: bool = False


class PostNotice(Struct, frozen=True):
    """A post, where it stands and who wrote it, as mails and push notifications need them."""

    id: str
    create_at: int
    root_id: str
    user_id: str
    message: str
    type: str
    props: dict[str, Any]
    mentions: list[str]
    file_names: list[str]
    channel_id: str
    channel_type: str
    channel_name: str
    channel_display_name: str
    team_id: str
    team_name: str
    team_display_name: str
    username: str
    nickname: str
    first_name: str
    last_name: str


class Candidate(Struct, frozen=True):
    """A member who may be told of a post, as stored."""

    user_id: str
    username: str
    email: str
    email_verified: bool
    timezone: dict[str, str]
    props: dict[str, str]
    channel_props: dict[str, str]
    viewed_at: int
    """When the user last read the channel."""
    thread_viewed_at: int
    """When the user last read the thread; 0 for who does not follow it."""
    following: bool
    collapsed: bool
    email_interval: str
    """The preference, in seconds; "" for none."""
    name_format: str
    """The preference, "" for none."""


class Device(Struct, frozen=True):
    """A phone that a session belongs to."""

    session_id: str
    user_id: str
    device_id: str


class Batched(Struct, frozen=True):
    """A post that waits for a digest."""

    post_id: str
    reason: Reason
    create_at: int


class NotifyOfPost(Job, frozen=True, kw_only=True):
    """Find out who is to be told of a post, and leave a job for each mail and each phone."""

    name: ClassVar[str] = "notify_of_post"
    post_id: str
    again: list[str] = []
    """Only these users, over their phones, also if they have read it: an urgent post that they have not answered."""


class SendPostMail(Job, frozen=True, kw_only=True):
    """Mail a post to someone."""

    name: ClassVar[str] = "send_post_mail"
    post_id: str
    user_id: str
    reason: Reason


class SendDigest(Job, frozen=True, kw_only=True):
    """Mail someone all posts that have waited long enough."""

    name: ClassVar[str] = "send_digest"
    user_id: str

    @property
    def key(self) -> str:
        """One at a time for each user."""
        return f"{self.name}:{self.user_id}"


class SendPush(Job, frozen=True, kw_only=True):
    """Tell a phone of a post."""

    name: ClassVar[str] = "send_push"
    post_id: str
    user_id: str
    session_id: str
    reason: Reason
    again: bool = False
    """Also if the post has been read."""


class SendSilentPush(Job, frozen=True, kw_only=True):
    """Bring the phones of a user up to date: take away what has been read elsewhere, or show the new count."""

    name: ClassVar[str] = "send_silent_push"
    user_id: str
    type: Literal["clear", "update_badge"]
    channel_id: str = ""
    root_id: str = ""
    except_session_id: str = ""
    """The session that caused it, whose phone knows already."""


class SendSessionPush(Job, frozen=True, kw_only=True):
    """Tell a phone that its session has ended."""

    name: ClassVar[str] = "send_session_push"
    session_id: str


class ForwardAck(Job, frozen=True, kw_only=True):
    """Tell the push proxy that a phone got a notification."""

    name: ClassVar[str] = "forward_push_ack"
    id: str
    received_at: int
    platform: str
    type: str
    post_id: str
    is_id_loaded: bool


class ReplyAutomatically(Job, frozen=True, kw_only=True):
    """Reply to a direct message in the words that its receiver left."""

    name: ClassVar[str] = "reply_automatically"
    post_id: str
    user_id: str
    channel_id: str

    @property
    def key(self) -> str:
        """One at a time for each user and channel."""
        return f"{self.name}:{self.channel_id}:{self.user_id}"


class SetAutomaticStatus(Job, frozen=True, kw_only=True):
    """Make the status of a user say whether messages are replied to automatically."""

    name: ClassVar[str] = "set_automatic_status"
    user_id: str


class NotificationAck(Struct, kw_only=True):
    """Body of POST /notifications/ack."""

    id: Annotated[str, Meta(max_length=MAX_WORD)]
    received_at: Annotated[int, Meta(ge=0, lt=1 << 53)] = 0
    platform: Annotated[str, Meta(max_length=MAX_WORD)] = ""
    type: Annotated[str, Meta(max_length=MAX_WORD)] = ""
    post_id: IdOrEmpty = ""
    is_id_loaded: bool = False


class PostedNotifyAck(Struct, frozen=True, kw_only=True):
    """Data of the action posted_notify_ack: what a client did with a post that it was to tell its user of."""

    post_id: Annotated[str, Meta(max_length=MAX_WORD)] = ""
    user_agent: Annotated[str, Meta(max_length=2048)] = ""
    status: Annotated[str, Meta(max_length=MAX_WORD)] = ""
    reason: Annotated[str, Meta(max_length=MAX_WORD)] = ""
    data: Any = None
