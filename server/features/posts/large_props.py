"""Props of posts that are too large to come along in lists: read apart, as many of them as fit into one answer.

A post may hold 800,000 bytes of props, and a list a thousand posts; almost none has more than a few thousand. What does
not fit is left out of the list, and is read with the post alone.
"""

from collections.abc import Collection, Sequence
from operator import itemgetter
from typing import Any

from server.db import SQL, Db
from server.features.posts.models import PAGE_PROPS, StoredPost

MAX_BYTES = 4_000_000
"""In one answer, as they are stored."""

LARGE_PROPS = SQL("""
    SELECT id, props
      FROM (SELECT id, props, sum(pg_column_size(props)) OVER (ORDER BY create_at DESC, id DESC) AS so_far
              FROM posts
             WHERE id = ANY($1)) AS large
     WHERE so_far <= $2
""")

_props_of = itemgetter(PAGE_PROPS)


async def _large_props(db: Db, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The props of posts by id, of the newest ones, up to MAX_BYTES. Index: posts_pkey."""
    return {row[0]: row[1] for row in await db.rows(LARGE_PROPS, ids, MAX_BYTES)}


async def large_of_page(db: Db, rows: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """The large props among rows of `page_columns`, by post."""
    if 0 not in map(_props_of, rows):
        return {}
    return await _large_props(db, [row[0] for row in rows if _props_of(row) == 0])


async def with_large_props(db: Db, posts: list[StoredPost]) -> list[StoredPost]:
    """Rows of a list, whose small props are there, with their large ones."""
    without = [post for post in posts if _is_left_out(post.props)]
    if without:
        found = await _large_props(db, [post.id for post in without])
        for post in without:
            post.props = found.get(post.id, {})
    return posts


def _is_left_out(props: object) -> bool:
    return props == 0
