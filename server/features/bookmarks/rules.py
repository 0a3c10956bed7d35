"""Who may change the bookmarks of a channel, and what a bookmark may be."""

from urllib.parse import urlsplit

from server.access.grants import ChannelPlace, channel_place, check_channel, may_read_channel, member_roles
from server.access.permissions import Permission
from server.access.roles import CHANNEL_GUEST, SYSTEM_GUEST
from server.context import Context
from server.errors import BadRequest, Forbidden, forbidden
from server.features.bookmarks.models import ChannelBookmark
from server.features.channels.rules import no_such_channel
from server.features.emoji.known import may_be_name

MAX_NAME = 64
MAX_URL = 1024

PERMISSIONS = {
    "create": (Permission.ADD_BOOKMARK_PUBLIC_CHANNEL, Permission.ADD_BOOKMARK_PRIVATE_CHANNEL),
    "update": (Permission.EDIT_BOOKMARK_PUBLIC_CHANNEL, Permission.EDIT_BOOKMARK_PRIVATE_CHANNEL),
    "delete": (Permission.DELETE_BOOKMARK_PUBLIC_CHANNEL, Permission.DELETE_BOOKMARK_PRIVATE_CHANNEL),
    "sort": (Permission.ORDER_BOOKMARK_PUBLIC_CHANNEL, Permission.ORDER_BOOKMARK_PRIVATE_CHANNEL),
}
"""For what is done in a public channel, and in a private one."""

_OPERATIONS = {
    "create": "create_channel_bookmark",
    "update": "update_channel_bookmark",
    "delete": "delete_channel_bookmark",
    "sort": "update_channel_bookmark_sort_order",
}


async def check_may(ctx: Context, channel_id: str, action: str) -> None:
    """Refuse a caller who may not do this to the bookmarks of a channel: create, update, delete or sort."""
    place = await channel_place(ctx, channel_id)
    if place is None:
        raise no_such_channel()
    if place.type in ("O", "P"):
        await check_channel(ctx, channel_id, PERMISSIONS[action][place.type == "P"])
        # Administrators of the team have these rights in all its channels, but answers show what is in the channel.
        if not await may_read_channel(ctx, channel_id):
            raise forbidden()
    else:
        await _check_member(ctx, place, action)
    if place.delete_at:
        raise archived(action)


async def _check_member(ctx: Context, place: ChannelPlace, action: str) -> None:
    """In direct and group channels everybody may, but for guests."""
    roles = await member_roles(ctx, place.id, ctx.user_id)
    if roles is None:
        raise _refused(action, "direct_or_group_channels", "The channel is not yours.")
    if CHANNEL_GUEST in roles or (ctx.session is not None and SYSTEM_GUEST in ctx.session.roles.split()):
        raise _refused(action, "direct_or_group_channels_by_guests", "Guests can't change bookmarks.")


def archived(action: str) -> Forbidden:
    """403 for an archived channel."""
    return _refused(action, "deleted_channel", "The channel is archived.")


def _refused(action: str, why: str, message: str) -> Forbidden:
    return Forbidden(f"api.channel.bookmark.{_OPERATIONS[action]}.{why}.forbidden.app_error", message)


def _invalid(what: str, message: str) -> BadRequest:
    return BadRequest(f"model.channel_bookmark.is_valid.{what}.missing_or_invalid.app_error", message)


def check_bookmark(bookmark: ChannelBookmark) -> None:
    """Refuse a bookmark that clients could not show."""
    if not bookmark.display_name.strip() or len(bookmark.display_name) > MAX_NAME:
        raise _invalid("display_name", f"A bookmark is called something, with at most {MAX_NAME} characters.")
    if bookmark.type == "link":
        if not _is_address(bookmark.link_url):
            raise _invalid("link_url", "A link begins with http:// or https://.")
        if bookmark.file_id:
            raise bad_file()
    elif bookmark.link_url or bookmark.image_url:
        raise _invalid("link_url", "The bookmark of a file has no link.")
    elif not bookmark.file_id:
        raise bad_file()
    if bookmark.image_url and not _is_address(bookmark.image_url):
        raise _invalid("image_url", "The address of a picture begins with http:// or https://.")
    if bookmark.emoji and not may_be_name(bookmark.emoji):
        raise _invalid("emoji", "This is no emoji's name.")
    if not 0 <= bookmark.sort_order < 2**31:
        raise _invalid("sort_order", "There is no such place.")


def bad_file() -> BadRequest:
    """400 for a file that the caller may not bookmark in the channel."""
    return _invalid("file_id", "The file is not the caller's, not uploaded to the channel, or already attached.")


def _is_address(url: str) -> bool:
    if len(url) > MAX_URL or any(character <= " " for character in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != -1
    except ValueError:
        return False
