"""Which files the database names: those that people uploaded, with their small pictures, and the pictures of people,
teams, bots and emojis. Parts of uploads under way are no part of a backup.

In the order of their places, so that an archive has each once and a reader sees that without a list.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

from msgspec import Struct

from server.db import SQL
from server.features.bots import icons as bot_icons
from server.features.emoji import service as emoji
from server.features.files import places
from server.features.teams import icons as team_icons
from server.features.users import picture_service as user_pictures

AT_ONCE = 1000

# Each gives ids in the order of the places, and whether there are small pictures; with $1 that id alone, if any.
BOT_ICONS = SQL("""
    SELECT id, false FROM users
     WHERE is_bot AND bot_last_icon_update > 0 AND ($1::text IS NULL OR id = $1)
  ORDER BY id
""")

EMOJIS = SQL("""
    SELECT id, false FROM custom_emojis WHERE delete_at = 0 AND ($1::text IS NULL OR id = $1) ORDER BY id
""")

# Also those of deleted posts, which can be brought back. Erased ones may be gone from the store already.
FILES = SQL("""
    SELECT id, pictured FROM files
     WHERE erase_at = 0 AND ($1::text IS NULL OR id = $1)
  ORDER BY right(id, 2) COLLATE "C", id
""")

TEAM_ICONS = SQL("""
    SELECT id, false FROM teams WHERE last_team_icon_update > 0 AND ($1::text IS NULL OR id = $1) ORDER BY id
""")

USER_PICTURES = SQL("""
    SELECT id, false FROM users WHERE last_picture_update > 0 AND ($1::text IS NULL OR id = $1) ORDER BY id
""")


class Source(Struct, frozen=True):
    """A kind of files: which ids have some, and where those of an id lie."""

    ids: SQL
    places: Callable[[str, bool], list[str]]


def _of_file(id: str, pictured: bool) -> list[str]:
    small = [places.preview(id), places.thumbnail(id)] if pictured else []
    return [places.original(id), *small]


def _one(place: Callable[[str], str]) -> Callable[[str, bool], list[str]]:
    return lambda owner, _: [place(owner)]


SOURCES = {
    "bots": Source(BOT_ICONS, _one(bot_icons.place)),
    "emoji": Source(EMOJIS, _one(emoji.place)),
    "files": Source(FILES, _of_file),
    "teams": Source(TEAM_ICONS, _one(team_icons.place)),
    "users": Source(USER_PICTURES, _one(user_pictures.place)),
}
"""By the folder that they lie in, in order."""


async def named_places(connection: Any) -> AsyncIterator[str]:
    """Where everything lies that the database names, in the order of the text; inside a transaction."""
    for source in SOURCES.values():
        async for owner, small in connection.cursor(source.ids.text, None, prefetch=AT_ONCE):
            for place in source.places(owner, small):
                yield place


async def is_named(connection: Any, place: str) -> bool:
    """Whether the database names now what lies at a place."""
    folder, *_, owner, _ = place.split("/")
    source = SOURCES[folder]
    row = await connection.fetchrow(source.ids.text, owner)
    return row is not None and place in source.places(*row)
