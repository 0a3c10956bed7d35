"""Previews of links: what an address gives, remembered for a while, and what of it is shown below a post."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec

from server.access.grants import channel_place, role_permissions
from server.access.permissions import Permission
from server.access.roles import CHANNEL_GUEST, CHANNEL_USER, TEAM_USER
from server.bus.event import Room
from server.context import Context
from server.features.channels.rooms import room_of
from server.features.posts.emojis import add_emojis
from server.features.posts.events import PostEdited
from server.features.posts.links import Links, links_of
from server.features.posts.metadata import shown
from server.features.posts.models import Embed, PostImage, StoredPost
from server.features.posts.permalinks import PROP, Source, linked_post_id, show_source, sources_of
from server.features.posts.queries import lock_post, post_by_id, set_preview
from server.features.previews import queries
from server.features.previews.fetcher import NOTHING, Fetcher
from server.features.previews.models import Found, OpenGraph
from server.notify.outbound import OutboundRefused, checked_url

KEPT_MS = 24 * 3600 * 1000
NOTHING_KEPT_MS = 3600 * 1000
"""How long it is remembered that an address gave nothing."""
SECONDS = 20.0
"""For all links of a post."""


def is_restricted(ctx: Context, url: str) -> bool:
    """Whether the operator wants no previews of what lies at an address, by its domain or one above it."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return True
    for word in ctx.config.ServiceSettings.RestrictLinkPreviews.replace(",", " ").split():
        domain = word.lower().partition("://")[2] or word.lower()
        domain = domain.partition("/")[0].removeprefix("*").strip(".")
        if domain and (host == domain or host.endswith(f".{domain}")):
            return True
    return False


async def found_at(ctx: Context, url: str) -> Found:
    """What an address gives, at most a day old; nothing for addresses that may not be asked.

    Raises Busy when too many people ask at once.
    """
    try:
        checked_url(url)
    except OutboundRefused:
        return NOTHING
    if is_restricted(ctx, url):
        return NOTHING
    known = await queries.found_at(ctx.db, url, ctx.now())
    if known is not None:
        return known
    fetcher: Fetcher = ctx.part(Fetcher)
    language = ctx.config.LocalizationSettings.DefaultServerLocale
    found, source = await fetcher.find(url, language, asked=ctx.session is not None)
    if source and is_restricted(ctx, source):
        found = NOTHING
    await queries.keep_found(ctx.db, url, found, ctx.now() + (NOTHING_KEPT_MS if found.kind == "none" else KEPT_MS))
    return found


async def open_graph_of(ctx: Context, url: str) -> OpenGraph:
    """What the page at an address says of itself; just the address when it says nothing."""
    return (await found_at(ctx, url)).page or OpenGraph(url=url)


async def preview_of(ctx: Context, links: Links, *, embeds: bool) -> dict[str, Any] | None:
    """What is shown below a post with these links, as it is stored; None for nothing."""
    if not ctx.config.ServiceSettings.EnableLinkPreviews:
        return None
    first = links.first if embeds and not linked_post_id(ctx.config, links.first) else ""
    images: dict[str, PostImage] = {}
    embed, _ = await asyncio.gather(
        _embed_of(ctx, first, images), asyncio.gather(*(_note_image(ctx, url, images) for url in links.images))
    )
    preview: dict[str, Any] = {}
    if embed is not None:
        preview["embeds"] = [msgspec.to_builtins(embed)]
    if images:
        preview["images"] = msgspec.to_builtins(images)
    return preview or None


async def _embed_of(ctx: Context, url: str, images: dict[str, PostImage]) -> Embed | None:
    if not url or is_restricted(ctx, url):
        return None
    found = await found_at(ctx, url)
    if found.page is not None:
        if found.page.images:
            await _note_image(ctx, found.page.images[0].shown, images)
        return Embed("opengraph", url, found.page)
    if _is_shown(ctx, found.image):
        _note(images, url, found.image)
        return Embed("image", url)
    return Embed("link", url)


async def _note_image(ctx: Context, url: str, images: dict[str, PostImage]) -> None:
    found = await found_at(ctx, url)
    if _is_shown(ctx, found.image):
        _note(images, url, found.image)


def _note(images: dict[str, PostImage], url: str, image: PostImage | None) -> None:
    if image is not None:
        images[url] = image


def _is_shown(ctx: Context, image: PostImage | None) -> bool:
    return image is not None and (image.format != "svg" or ctx.config.ServiceSettings.EnableSVGs)


async def preview_post(ctx: Context, post_id: str) -> None:
    """Find out what stands behind the links of a post, and tell its channel when that is something new."""
    post = await post_by_id(ctx.db, post_id)
    if post is None or post.delete_at:
        return
    links = links_of(post.message, post.props)
    async with asyncio.timeout(SECONDS):
        preview = await preview_of(ctx, links, embeds=not post.props.get("attachments"))
    source = await _source_of(ctx, post)
    if preview == post.preview and source is None:
        return
    readers = await _readers(ctx, post.channel_id, source) if source is not None else None
    async with ctx.begin() as tx:
        current = await lock_post(tx, post_id)
        if current is None or current.delete_at or links_of(current.message, current.props) != links:
            return  # a later job knows better
        changed = shown(await set_preview(tx, current, ctx.now(), preview))
        await add_emojis(ctx, [changed])
        if source is None or readers is None:
            tx.publish(PostEdited(room=await room_of(ctx, post.channel_id), post=changed))
        elif readers.user_ids is None or readers.user_ids:
            show_source(changed, source)
            tx.publish(PostEdited(room=readers, post=changed))


async def _source_of(ctx: Context, post: StoredPost) -> Source | None:
    """The post that this one links to."""
    source_id = post.props.get(PROP)
    if not isinstance(source_id, str) or not ctx.config.ServiceSettings.EnablePermalinkPreviews:
        return None
    return (await sources_of(ctx.db, [source_id])).get(source_id) if source_id != post.id else None


async def _readers(ctx: Context, channel_id: str, source: Source) -> Room:
    """Who of a channel may read the post that is linked to: all, if it is in the same channel.

    Others who may, by a role of their own, see it when they read the post.
    """
    if source.row.channel_id == channel_id:
        return await room_of(ctx, channel_id)
    place = await channel_place(ctx, source.row.channel_id)
    if place is None:
        return Room(channel_id, ())
    roles = await role_permissions(ctx.services)
    found = await queries.readers_of(
        ctx.db,
        channel_id,
        place.id,
        place.team_id,
        members=Permission.READ_CHANNEL_CONTENT in roles.get(CHANNEL_USER, ()),
        guests=Permission.READ_CHANNEL_CONTENT in roles.get(CHANNEL_GUEST, ()),
        team=place.type == "O" and Permission.READ_PUBLIC_CHANNEL in roles.get(TEAM_USER, ()),
    )
    return Room(channel_id, tuple(found))
