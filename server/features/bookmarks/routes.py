"""Bookmarks over HTTP."""

from collections.abc import Sequence

from server.access.guards import Guard, in_service, reads_channel
from server.context import Context
from server.errors import invalid_body
from server.features.bookmarks import service
from server.features.bookmarks.models import (
    BookmarkPatch,
    ChannelBookmark,
    NewBookmark,
    UpdateChannelBookmarkResponse,
)
from server.http.router import Router
from server.ids import Id

router = Router("bookmarks")


def _may(what: str) -> Guard:
    return in_service(f"{what}_bookmark_{{public,private}}_channel; in direct and group channels members but guests")


@router.get("/channels/{channel_id}/bookmarks", guard=reads_channel)
async def list_channel_bookmarks_for_channel(
    ctx: Context, channel_id: Id, bookmarks_since: int = 0
) -> Sequence[ChannelBookmark]:
    """The bookmarks of a channel in their order, or what changed of them since a time, deleted ones too."""
    if bookmarks_since < 0:
        raise invalid_body("bookmarks_since")
    return await service.bookmarks_of(ctx, channel_id, bookmarks_since)


@router.post("/channels/{channel_id}/bookmarks", guard=_may("add"), status=201)
async def create_channel_bookmark(ctx: Context, channel_id: Id, body: NewBookmark) -> ChannelBookmark:
    """Add a link, or a file that the caller uploaded to the channel."""
    return await service.create_bookmark(ctx, channel_id, body)


@router.patch("/channels/{channel_id}/bookmarks/{bookmark_id}", guard=_may("edit"))
async def update_channel_bookmark(
    ctx: Context, channel_id: Id, bookmark_id: Id, body: BookmarkPatch
) -> UpdateChannelBookmarkResponse:
    """Change a bookmark; one of somebody else's is replaced by one of the caller's."""
    return await service.update_bookmark(ctx, channel_id, bookmark_id, body)


@router.post("/channels/{channel_id}/bookmarks/{bookmark_id}/sort_order", guard=_may("order"))
async def update_channel_bookmark_sort_order(
    ctx: Context, channel_id: Id, bookmark_id: Id, body: int
) -> list[ChannelBookmark]:
    """Move a bookmark to another place, counted from 0."""
    return await service.sort_bookmark(ctx, channel_id, bookmark_id, body)


@router.delete("/channels/{channel_id}/bookmarks/{bookmark_id}", guard=_may("delete"))
async def delete_channel_bookmark(ctx: Context, channel_id: Id, bookmark_id: Id) -> ChannelBookmark:
    """Delete a bookmark."""
    return await service.delete_bookmark(ctx, channel_id, bookmark_id)
