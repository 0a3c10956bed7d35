"""Showing and changing the bookmarks of a channel."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict, replace

from server.context import Change, Context
from server.errors import BadRequest, NotFound
from server.features.bookmarks import queries
from server.features.bookmarks.events import (
    ChannelBookmarkCreated,
    ChannelBookmarkDeleted,
    ChannelBookmarkSorted,
    ChannelBookmarkUpdated,
)
from server.features.bookmarks.models import (
    MAX_BOOKMARKS,
    BookmarkPatch,
    ChannelBookmark,
    NewBookmark,
    UpdateChannelBookmarkResponse,
)
from server.features.bookmarks.rules import archived, bad_file, check_bookmark, check_may
from server.features.channels.rooms import room_of
from server.features.files import queries as files
from server.ids import id_at


def no_such_bookmark() -> NotFound:
    """404 for a bookmark that is not in the channel, or no longer."""
    return NotFound("app.channel.bookmark.get.app_error", "There is no such bookmark.")


def _tag(channel_id: str) -> str:
    return f"bookmarks:{channel_id}"


async def bookmarks_of(ctx: Context, channel_id: str, since: int) -> Sequence[ChannelBookmark]:
    """The bookmarks of a channel; with `since` those that changed since then, deleted ones too."""
    if since:
        return await queries.changed_since(ctx.db, channel_id, since)
    at_hand = ctx.cache.peek(("bookmarks", channel_id), list)
    if at_hand is not None:
        return at_hand
    return await ctx.cache.get(
        ("bookmarks", channel_id), (_tag(channel_id),), lambda: queries.bookmarks_of(ctx.db, channel_id)
    )


async def create_bookmark(ctx: Context, channel_id: str, new: NewBookmark) -> ChannelBookmark:
    """Add a bookmark of the caller's behind the others."""
    await check_may(ctx, channel_id, "create")
    now = ctx.now()
    bookmark = ChannelBookmark(
        id=id_at(now),
        create_at=now,
        update_at=now,
        delete_at=0,
        channel_id=channel_id,
        owner_id=ctx.user_id,
        file_id=new.file_id,
        display_name=new.display_name,
        sort_order=0,
        type=new.type,
        link_url=new.link_url,
        image_url=new.image_url,
        emoji=new.emoji.strip(":"),
    )
    check_bookmark(bookmark)
    async with ctx.begin() as tx:
        await _lock(tx, channel_id, "create")
        others = await queries.bookmarks_of(tx, channel_id)
        if len(others) >= MAX_BOOKMARKS:
            raise BadRequest("app.channel.bookmark.save.app_error", f"A channel has at most {MAX_BOOKMARKS} bookmarks.")
        bookmark.sort_order = others[-1].sort_order + 1 if others else 0
        check_bookmark(bookmark)
        await queries.insert_bookmark(tx, bookmark)
        await _take_file(ctx, tx, bookmark)
        created = await _stored(tx, bookmark)
        tx.invalidate(_tag(channel_id))
        room = await room_of(ctx, channel_id)
        tx.publish(ChannelBookmarkCreated(room=room, connection_id=ctx.connection_id, bookmark=created))
    return created


async def _lock(tx: Change, channel_id: str, action: str) -> None:
    if not await queries.lock_channel(tx, channel_id):
        raise archived(action)


async def _take_file(ctx: Context, tx: Change, bookmark: ChannelBookmark) -> None:
    """Let a new or changed bookmark have its file, one that the caller uploaded to the channel for it."""
    if bookmark.file_id and not await files.bookmark_file(
        tx, bookmark.file_id, bookmark.id, ctx.user_id, bookmark.channel_id, ctx.now()
    ):
        raise bad_file()


async def _existing(tx: Change, bookmark_id: str, channel_id: str) -> ChannelBookmark:
    bookmark = await queries.bookmark_by_id(tx, bookmark_id, channel_id)
    if bookmark is None:
        raise no_such_bookmark()
    return bookmark


async def _stored(tx: Change, bookmark: ChannelBookmark) -> ChannelBookmark:
    """The bookmark as it was just stored, with its file."""
    return await _existing(tx, bookmark.id, bookmark.channel_id) if bookmark.file_id else bookmark


async def update_bookmark(
    ctx: Context, channel_id: str, bookmark_id: str, patch: BookmarkPatch
) -> UpdateChannelBookmarkResponse:
    """Change a bookmark; another one's is deleted and the changed one stands in its place as the caller's."""
    await check_may(ctx, channel_id, "update")
    async with ctx.begin() as tx:
        await _lock(tx, channel_id, "update")
        old = await _existing(tx, bookmark_id, channel_id)
        response = await _changed(ctx, tx, old, replace(old, **_given(patch)))
        tx.invalidate(_tag(channel_id))
        room = await room_of(ctx, channel_id)
        tx.publish(ChannelBookmarkUpdated(room=room, connection_id=ctx.connection_id, bookmarks=response))
    return response


def _given(patch: BookmarkPatch) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(patch).items() if value is not UNSET}
    if "emoji" in fields:
        fields["emoji"] = fields["emoji"].strip(":")
    return fields


async def _changed(
    ctx: Context, tx: Change, old: ChannelBookmark, new: ChannelBookmark
) -> UpdateChannelBookmarkResponse:
    check_bookmark(new)
    now = ctx.now()
    new.update_at = max(now, old.update_at + 1)
    if old.owner_id == ctx.user_id:
        await queries.update_bookmark(tx, new)
    else:
        new.id, new.create_at, new.owner_id, new.original_id = id_at(now), now, ctx.user_id, old.id
        await queries.delete_bookmark(tx, old.id, new.update_at)
        await queries.insert_bookmark(tx, new)
    if new.file_id != old.file_id:
        await _take_file(ctx, tx, new)
        await files.erase_bookmarked(tx, old.file_id, old.id, now)
    elif new.id != old.id and new.file_id:
        await files.hand_on_file(tx, new.file_id, old.id, new.id)
    updated = await _stored(tx, new)
    if new.id == old.id:
        return UpdateChannelBookmarkResponse(updated)
    return UpdateChannelBookmarkResponse(updated, replace(old, delete_at=new.update_at, update_at=new.update_at))


async def delete_bookmark(ctx: Context, channel_id: str, bookmark_id: str) -> ChannelBookmark:
    """Delete a bookmark, with its file."""
    await check_may(ctx, channel_id, "delete")
    async with ctx.begin() as tx:
        await _lock(tx, channel_id, "delete")
        bookmark = await _existing(tx, bookmark_id, channel_id)
        now = max(ctx.now(), bookmark.update_at + 1)
        await queries.delete_bookmark(tx, bookmark.id, now)
        await files.erase_bookmarked(tx, bookmark.file_id, bookmark.id, now)
        deleted = replace(bookmark, delete_at=now, update_at=now)
        tx.invalidate(_tag(channel_id))
        room = await room_of(ctx, channel_id)
        tx.publish(ChannelBookmarkDeleted(room=room, connection_id=ctx.connection_id, bookmark=deleted))
    return deleted


async def sort_bookmark(ctx: Context, channel_id: str, bookmark_id: str, place: int) -> list[ChannelBookmark]:
    """Move a bookmark to a place among those of the channel, counted from 0; all of them in their new order."""
    await check_may(ctx, channel_id, "sort")
    async with ctx.begin() as tx:
        await _lock(tx, channel_id, "sort")
        ids = [bookmark.id for bookmark in await queries.bookmarks_of(tx, channel_id)]
        if bookmark_id not in ids:
            raise no_such_bookmark()
        if not 0 <= place < len(ids):
            raise BadRequest("app.channel.bookmark.update_sort.app_error", "There is no such place.")
        ids.remove(bookmark_id)
        ids.insert(place, bookmark_id)
        await queries.sort_bookmarks(tx, ids, ctx.now())
        bookmarks = await queries.bookmarks_of(tx, channel_id)
        tx.invalidate(_tag(channel_id))
        room = await room_of(ctx, channel_id)
        tx.publish(ChannelBookmarkSorted(room=room, connection_id=ctx.connection_id, bookmarks=bookmarks))
    return bookmarks
