"""Posts that link to another post of this service: who may read that one sees it below the link.

What is shown depends on the reader and on the other post as it is now, so it is made anew on each read and stays out of
what everyone in a channel hears.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, structs

from server.access.grants import may_read_channel
from server.config import Config
from server.context import Context
from server.db import SQL, Db
from server.features.posts.links import links_in
from server.features.posts.metadata import shown
from server.features.posts.models import Embed, Post, StoredPost, stored_columns

PROP = "previewed_post"
"""The prop that holds the id of the post that is linked to."""

_PATH = re.compile(r"/[a-z0-9_-]+/pl/([A-Za-z0-9]{26})/?(?:[?#].*)?")


class PermalinkData(Struct, frozen=True):
    """The data of an embed of type permalink."""

    post_id: str
    post: Post
    team_name: str
    channel_display_name: str
    channel_type: str
    channel_id: str


class Source(Struct, frozen=True):
    """A post that is linked to, and where it is."""

    row: StoredPost
    team_name: str
    channel_display_name: str
    channel_type: str

    def embed(self) -> Embed:
        """What is shown below a link to it."""
        return Embed(
            "permalink",
            data=PermalinkData(
                self.row.id,
                shown(self.row),
                self.team_name,
                self.channel_display_name,
                self.channel_type,
                self.row.channel_id,
            ),
        )


_WIDTH = len(StoredPost.__struct_fields__)

SOURCES = SQL(f"""
    SELECT {stored_columns("p", listed=True)}, coalesce(t.name, ''), c.display_name, c.type
      FROM posts p
      JOIN channels c ON c.id = p.channel_id
 LEFT JOIN teams t ON t.id = c.team_id
     WHERE p.id = ANY($1) AND p.original_id = '' AND p.delete_at = 0
""")


async def sources_of(db: Db, ids: Iterable[str]) -> dict[str, Source]:
    """Live posts and where they are, by id. Index: posts_pkey."""
    rows = await db.rows(SOURCES, list(ids))
    sources = {row[0]: Source(StoredPost(*row[:_WIDTH]), *row[_WIDTH:]) for row in rows}
    for source in sources.values():
        source.row.props = source.row.props or {}  # large ones stay out: many posts may link to the same one
    return sources


def linked_post_id(config: Config, url: str) -> str:
    """The post that an address of this service leads to, "" for any other address."""
    site = config.ServiceSettings.SiteURL.rstrip("/")
    found = _PATH.fullmatch(url, len(site)) if site and url.startswith(site) else None
    return found[1] if found is not None else ""


def link_post(config: Config, message: str, props: dict[str, Any]) -> None:
    """Set the prop to the post that the message links to first; what a client gave is dropped."""
    props.pop(PROP, None)
    if "/pl/" not in message or props.get("attachments") or not config.ServiceSettings.EnablePermalinkPreviews:
        return
    post_id = linked_post_id(config, links_in(message).first)
    if post_id:
        props[PROP] = post_id


async def add_permalinks(ctx: Context, posts: Iterable[Post]) -> None:
    """Put the posts that these link to below them, as far as they are there and the caller may read them."""
    linking = [post for post in posts if post.props and isinstance(post.props.get(PROP), str)]
    if not linking or ctx.session is None or not ctx.config.ServiceSettings.EnablePermalinkPreviews:
        return
    sources = await sources_of(ctx.db, {post.props[PROP] for post in linking})
    channels = {source.row.channel_id for source in sources.values()}
    readable = {channel_id for channel_id in channels if await may_read_channel(ctx, channel_id)}
    for post in linking:
        source = sources.get(post.props[PROP])
        if source is not None and source.row.channel_id in readable and source.row.id != post.id:
            show_source(post, source)


def show_source(post: Post, source: Source) -> None:
    """Put a post below one that links to it; only for the eyes of who may read both."""
    post.metadata = structs.replace(post.metadata, embeds=[source.embed()])


def changed_sources(posts: Iterable[Post]) -> int:
    """A number that is another one when the linked posts that are shown below these change."""
    number = 0
    for post in posts:
        if post.metadata.embeds:
            for embed in post.metadata.embeds:
                if isinstance(embed.data, PermalinkData):
                    number += embed.data.post.update_at
    return number
