"""Who is told of a post, how and why: pure functions of what users have chosen."""

from typing import Literal

from server.features.notifications.models import PostFacts, Reader, Reason, Telling
from server.features.posts.mentions import attachment_texts, find_calls, keywords_of
from server.features.posts.models import CHANNEL_WIDE, SYSTEM_PREFIX
from server.features.status.models import AWAY, DND, OFFLINE, ONLINE, OUT_OF_OFFICE

NOTHING = Telling()

_CALLED = ("direct", "group", "mention", "everyone", "comment")
"""Reasons that make a post one for the reader in particular."""


def telling(post: PostFacts, reader: Reader) -> Telling:
    """Whether and why a member of its channel is told of a post."""
    reason = reason_for(post, reader)
    if not reason:
        return NOTHING
    return Telling(reason, email=_by_email(post, reader, reason), push=_by_push(post, reader, reason))


def reason_for(post: PostFacts, reader: Reader) -> Reason:
    """What a post is to a reader, whatever the reader has chosen to be told of; "" for nothing."""
    if reader.is_bot or post.type.startswith(SYSTEM_PREFIX):
        return ""
    named = reader.user_id in post.mentions
    if reader.user_id == post.author_id and not named:
        return ""
    if post.channel_type == "D":
        return "direct"
    if post.channel_type == "G":
        return "mention" if _is_named(post, reader) else "group"
    if named:
        return "comment" if _is_only_answered(post, reader) else "mention"
    if _is_called_with_all(post, reader):
        return "everyone"
    if post.root_id and reader.collapsed:
        return "thread" if reader.following else ""
    return "all"


def _is_only_answered(post: PostFacts, reader: Reader) -> bool:
    """Whether the post does not name its reader, but replies to a thread of the reader."""
    wants = reader.props.get("comments") in ("any", "root")
    return bool(post.root_id) and wants and not reader.collapsed and not _is_named(post, reader)


def _is_named(post: PostFacts, reader: Reader) -> bool:
    return f"@{reader.username}" in post.message.lower()


def _is_called_with_all(post: PostFacts, reader: Reader) -> bool:
    if not post.everyone or (post.everyone == "here" and reader.status != ONLINE):
        return False
    if reader.props.get("channel", "true") != "true":
        return False
    ignores = reader.channel_props.get("ignore_channel_mentions", "default")
    return ignores == "off" or (ignores != "on" and not _is_muted(reader))


def _is_muted(reader: Reader) -> bool:
    return reader.channel_props.get("mark_unread") == "mention"


def chosen(reader: Reader, name: str) -> str:
    """A choice for the channel, or where it leaves that open the user's general one."""
    here = reader.channel_props.get(name, "default")
    return here if here not in ("", "default") else reader.props.get(name, "")


def _by_email(post: PostFacts, reader: Reader, reason: Reason) -> bool:
    """Mails are for those who are not there; there are none of posts that are not for the reader in particular."""
    if chosen(reader, "email") in ("false", "none") or _is_muted(reader):
        return False
    if reader.status in (ONLINE, DND, OUT_OF_OFFICE):
        return False
    if reason == "thread":
        return reader.props.get("email_threads", "all") == "all"
    return reason in _CALLED


def _by_push(post: PostFacts, reader: Reader, reason: Reason) -> bool:
    if post.forced:
        return True
    if _is_muted(reader) or not _status_allows_push(post, reader):
        return False
    level = chosen(reader, "push") or "mention"
    if post.channel_type == "G" and level == "mention" and reader.channel_props.get("push", "default") == "default":
        level = "all"  # few people talk there: every message is meant for all of them
    if level == "none":
        return False
    if level == "all" or reason == "thread":
        return level == "all" or chosen(reader, "push_threads") in ("all", "")
    return reason in _CALLED and (reason != "group" or level == "all")


def _status_allows_push(post: PostFacts, reader: Reader) -> bool:
    if reader.status in (DND, OUT_OF_OFFICE):
        return False
    until = reader.props.get("push_status", ONLINE)
    if until == AWAY:
        return reader.status in (AWAY, OFFLINE)
    if until == OFFLINE:
        return reader.status == OFFLINE
    in_thread = bool(post.root_id) and reader.collapsed  # who looks into the channel does not see its threads
    return in_thread or not (reader.viewing and reader.status == ONLINE)


def called_everyone(message: str, props: dict[str, object], mentions: list[str]) -> Literal["", "here", "all"]:
    """Whether a post called all members of its channel, by what was kept of that when it was written."""
    if CHANNEL_WIDE not in mentions:
        return ""
    calls = find_calls((message, *attachment_texts(props.get("attachments"))), keywords_of((), ()))
    return "here" if calls.here and not (calls.all or calls.channel) else "all"
