"""Lists of posts: pages of a channel, threads, what is pinned or flagged. All of them newest first."""

from collections.abc import Sequence
from itertools import product
from operator import itemgetter
from typing import Any

from msgspec import Struct

from server.db import SQL, Db
from server.features.files.models import FileInfo
from server.features.posts.large_props import large_of_page, with_large_props
from server.features.posts.metadata import shown_in_page
from server.features.posts.models import (
    MAX_MESSAGE,
    PAGE_WIDTH,
    SMALL_PROPS,
    Post,
    StoredPost,
    page_columns,
    stored_columns,
)

MAX_SINCE = 1000
"""Changed posts in one answer."""
LATEST = 2**63 - 1
"""A time after all others. Between two times the planner expects few rows; after one it expects a third of a channel,
and would rather make a plan for each time than keep one."""
MAX_THREAD_POSTS = 1000
"""Posts of threads that come along with a list, and of a thread that is asked for without a page size."""

MAX_BYTES = 8_000_000
"""Of messages and small props in lists of up to a thousand posts; pages of at most 200 have no need of it."""

POST = stored_columns("p", listed=True)


_SIZE = f"octet_length(message) + least(pg_column_size(props), {SMALL_PROPS})"


def _within_bytes(posts: str, order: str) -> str:
    """The first of some rows of posts, until they have MAX_BYTES together; `so_far` of the last one tells whether."""
    return f"""(
        SELECT *
          FROM (SELECT *, sum({_SIZE}) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) AS so_far
                  FROM ({posts}) AS chosen) AS measured
         WHERE so_far - ({_SIZE}) < {MAX_BYTES})"""


class Page(Struct, kw_only=True):
    """Which part of a channel is asked for: from the newest on, or from a post on to older or newer ones."""

    limit: int
    offset: int = 0
    before: str = ""
    after: str = ""
    collapsed: bool = False
    deleted: bool = False


_ANCHOR = "(SELECT create_at, id FROM posts WHERE id = $5 AND channel_id = $1)"
_WHERE = {
    "": "",
    "before": f"AND (create_at, id) < {_ANCHOR}",
    "after": f"AND (create_at, id) > {_ANCHOR}",
}


class Place(Struct):
    """Where a post stands in the thread that it began."""

    last_reply_at: int
    participants: list[str] | None
    """Ids, who wrote last comes last."""
    is_following: bool


def _place(user: str, table: str = "posts") -> str:
    """Columns that tell the places of posts in the threads that they began.

    Sub-selects, which are made for the rows of the page only. The time of the last reply and the participants are one
    text: it takes one look into the table, and a fraction of the time of an array to make and to read.
    """
    return f""",
           CASE WHEN {table}.reply_count > 0 THEN
               (SELECT last_reply_at || ',' || array_to_string(participants, ',')
                  FROM threads WHERE post_id = {table}.id) END,
           CASE WHEN {table}.root_id = '' THEN
               coalesce((SELECT following FROM thread_memberships
                          WHERE post_id = {table}.id AND user_id = {user}), false) END"""


def _place_of(thread: str | None, is_following: bool) -> Place:
    """What the columns of `_place` tell."""
    if thread is None:
        return Place(0, None, is_following)
    last_reply_at, _, participants = thread.partition(",")
    return Place(int(last_reply_at), participants.split(",") if participants else None, is_following)


def _page_sql(kind: str, collapsed: bool, deleted: bool, far: bool) -> SQL:
    order = "create_at, id" if kind == "after" else "create_at DESC, id DESC"
    roots = "AND root_id = ''" if collapsed else ""
    where = f"channel_id = $1 {roots} {_WHERE[kind]}"
    columns = page_columns() + (_place("$4") if collapsed else ", $4::text IS NULL")
    if not deleted and far:
        # What is passed over is read in the index only. In one go its rows would be made, with all their sub-selects.
        return SQL(f"""
            SELECT {columns}
              FROM (SELECT id AS chosen FROM posts WHERE {where} AND delete_at = 0
                  ORDER BY {order} LIMIT $2 OFFSET $3) AS page
              JOIN posts ON posts.id = page.chosen
          ORDER BY {order}
        """)
    if not deleted:
        return SQL(f"""
            SELECT {columns}
              FROM posts
             WHERE {where} AND delete_at = 0
          ORDER BY {order}
             LIMIT $2 OFFSET $3
        """)
    some = f"SELECT * FROM posts WHERE {where} AND {{}} ORDER BY {order} LIMIT $2::bigint + $3::bigint"
    live, gone = some.format("delete_at = 0"), some.format("delete_at > 0 AND original_id = ''")
    return SQL(f"""
        SELECT {columns}
          FROM (SELECT * FROM (({live}) UNION ALL ({gone})) AS posts ORDER BY {order} LIMIT $2 OFFSET $3) AS posts
      ORDER BY {order}
    """)


_BOTH = (False, True)
PAGES = {key: _page_sql(*key) for key in product(("", "before", "after"), _BOTH, _BOTH, _BOTH)}


async def page_of(db: Db, channel_id: str, user_id: str, page: Page) -> list[Post]:
    """Posts from the near end of the page on: the newest first, with `after` the oldest. Reactions are still missing.

    Indexes: posts_channel_idx, with collapsed threads posts_channel_root_idx, for deleted posts posts_deleted_idx.
    """
    kind = "before" if page.before else "after" if page.after else ""
    arguments: list[Any] = [channel_id, page.limit, page.offset, user_id]
    if kind:
        arguments.append(page.before or page.after)
    rows = await db.rows(PAGES[kind, page.collapsed, page.deleted, page.offset > 0], *arguments)
    return await _of_page(db, rows, page.collapsed)


async def _of_page(db: Db, rows: Sequence[Sequence[Any]], collapsed: bool) -> list[Post]:
    """Posts from rows of `page_columns`, with collapsed threads and `_place`; participants are ids for now."""
    large = await large_of_page(db, rows)
    posts = [shown_in_page(row, large) for row in rows]
    if collapsed:
        for post, row in zip(posts, rows, strict=True):
            place = row[PAGE_WIDTH]
            post.is_following = row[PAGE_WIDTH + 1]
            if place is not None:
                last_reply_at, _, participants = place.partition(",")
                post.last_reply_at = int(last_reply_at)
                post.participants = participants.split(",") if participants else None
    return posts


_WIDTH = len(StoredPost.__struct_fields__)

FEW = MAX_BYTES // (4 * MAX_MESSAGE + SMALL_PROPS)
"""So many changed posts are never too large together; of more it is looked at."""


def _changed_sql(collapsed: bool, many: bool) -> SQL:
    roots = "AND root_id = ''" if collapsed else ""
    columns = page_columns() + (_place("$3") if collapsed else ", $3::text IS NULL")
    where = f"channel_id = $1 AND original_id = '' AND update_at > $2 AND update_at < {LATEST} {roots}"
    if not many:
        return SQL(f"SELECT {columns} FROM posts WHERE {where} ORDER BY update_at DESC LIMIT {FEW + 1}")
    changed = f"SELECT * FROM posts WHERE {where} ORDER BY update_at DESC LIMIT {MAX_SINCE}"
    return SQL(f"SELECT {columns} FROM {_within_bytes(changed, 'update_at DESC, id DESC')} AS posts")


CHANGED = {key: _changed_sql(*key) for key in product(_BOTH, _BOTH)}

_age = itemgetter(1, 0)


async def changed_since(db: Db, channel_id: str, user_id: str, since: int, collapsed: bool) -> list[Post]:
    """Posts of a channel that were written, changed or deleted after `since`. Index: posts_since_idx.

    Mostly there are none or few, and these are found with little ado.
    """
    rows = await db.rows(CHANGED[collapsed, False], channel_id, since, user_id)
    if len(rows) > FEW:
        rows = await db.rows(CHANGED[collapsed, True], channel_id, since, user_id)
    rows.sort(key=_age, reverse=True)
    return await _of_page(db, rows, collapsed)


def _unread_sql(collapsed: bool) -> SQL:
    where = "channel_id = $1 AND delete_at = 0" + (" AND root_id = ''" if collapsed else "")
    return SQL(f"""
    WITH seen AS MATERIALIZED (
        -- Who never looked has read nothing, but begins with the newest posts, not with the oldest.
        SELECT coalesce((SELECT last_viewed_at
                           FROM channel_members
                          WHERE channel_id = $1 AND user_id = $2 AND last_viewed_at > 0), {LATEST}) AS until
    )
    SELECT {page_columns()}{_place("$2") if collapsed else ", NULL, NULL"},
           create_at > (SELECT until FROM seen)
      FROM ((SELECT *
               FROM posts
              WHERE {where} AND create_at > (SELECT until FROM seen)
           ORDER BY create_at, id
              LIMIT $4)
             UNION ALL
            (SELECT *
               FROM posts
              WHERE {where} AND create_at <= (SELECT until FROM seen)
           ORDER BY create_at DESC, id DESC
              LIMIT $3)) AS posts
  ORDER BY create_at DESC, id DESC
    """)


UNREAD = {collapsed: _unread_sql(collapsed) for collapsed in _BOTH}


async def around_unread(
    db: Db, channel_id: str, user_id: str, before: int, after: int, collapsed: bool
) -> tuple[list[Post], list[Post]]:
    """The first posts that a member has not read, and the last ones read; to who never looked all are read.

    Indexes: posts_channel_idx, with collapsed threads posts_channel_root_idx.
    """
    rows = await db.rows(UNREAD[collapsed], channel_id, user_id, before, after)
    posts = await _of_page(db, rows, collapsed)
    unread = sum(1 for row in rows if row[-1])
    return posts[:unread], posts[unread:]


# Some posts with their reactions, and the newest replies in the threads of $2.
_REPLIES = f"""
            SELECT *
              FROM posts
             WHERE root_id = ANY($2) AND root_id <> '' AND delete_at = 0
          ORDER BY create_at DESC
             LIMIT {MAX_THREAD_POSTS}"""

DETAILS = SQL(f"""
    SELECT {POST}
      FROM (SELECT *, 0 AS so_far FROM posts WHERE id = ANY($1)
             UNION ALL
            SELECT * FROM {_within_bytes(_REPLIES, "create_at DESC, id DESC")} AS replies) AS p
     WHERE p.delete_at = 0
""")


async def details_of(db: Db, ids: Sequence[str], threads: Sequence[str]) -> list[StoredPost]:
    """Live posts, and the newest replies in some threads. Indexes: posts_pkey, posts_thread_idx."""
    return await with_large_props(db, await db.many(StoredPost, DETAILS, ids, threads))


# Rows as they are stored: made into JSON by the database for each post they would take ten times as long. The arrays
# are hidden from the planner, or it would make a plan for each length of them.
EXTRAS = SQL("""
    SELECT user_id, post_id, emoji_name, create_at, update_at, delete_at, remote_id, channel_id, NULL::jsonb
      FROM reactions
     WHERE post_id = ANY ((SELECT $1::text[])::text[])
 UNION ALL
    SELECT '', post_id, '', 0, 0, 0, '', '', to_jsonb(file)
      FROM file_infos AS file
     WHERE id = ANY ((SELECT $2::text[])::text[]) AND delete_at = 0
""")
_REACTION = ("user_id", "post_id", "emoji_name", "create_at", "update_at", "delete_at", "remote_id", "channel_id")


async def extras_of(
    db: Db, post_ids: Sequence[str], file_ids: Sequence[str]
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, FileInfo]]:
    """The reactions to some posts, by post, the oldest first, and files that are not deleted.

    Indexes: the keys of reactions and files.
    """
    reactions: dict[str, list[dict[str, Any]]] = {}
    files: dict[str, FileInfo] = {}
    for row in await db.rows(EXTRAS, post_ids, file_ids):
        if row[-1] is not None:
            files[row[-1]["id"]] = FileInfo(**row[-1])
        else:
            reactions.setdefault(row[1], []).append(dict(zip(_REACTION, row, strict=False)))
    for found in reactions.values():
        found.sort(key=lambda each: (each["create_at"], each["user_id"], each["emoji_name"]))
    return reactions, files


class ThreadPage(Struct, kw_only=True):
    """Which part of a thread is asked for: `up` from the newest to older ones, else from the root on to newer ones."""

    limit: int = MAX_THREAD_POSTS
    up: bool = False
    from_post: str = ""
    from_time: int = 0
    updates_only: bool = False
    """Times are those of changes, and deleted posts are among them."""


def _thread_sql(column: str, up: bool, collapsed: bool) -> SQL:
    sign, direction = ("<", "DESC") if up else (">", "")
    live = "AND delete_at = 0" if column == "create_at" else ""
    order = f"{column} {direction}, id {direction}"
    posts = f"""
            SELECT *
              FROM posts
             WHERE (id = (SELECT id FROM root) OR root_id = (SELECT id FROM root) AND root_id <> '')
               AND original_id = '' {live}
               AND ($2::bigint = 0 OR ({column}, id) {sign} ($2, $3))
          ORDER BY {order}
             LIMIT $4"""
    place = _place("$5", "p") if collapsed else ", $5::text IS NULL"
    return SQL(f"""
    WITH root AS MATERIALIZED (SELECT coalesce(nullif(root_id, ''), id) AS id FROM posts WHERE id = $1)
    SELECT {POST}, so_far {place} FROM {_within_bytes(posts, order)} AS p ORDER BY {order}""")


THREAD_PAGES = {key: _thread_sql(*key) for key in product(("create_at", "update_at"), _BOTH, _BOTH)}


async def thread_page(
    db: Db, post_id: str, user_id: str, page: ThreadPage, collapsed: bool
) -> tuple[list[StoredPost], Place | None, bool]:
    """Posts of the thread of a post, the root among them, in the direction of the page.

    Then, with collapsed threads, the place of the root if it is among them; and whether MAX_BYTES ended the page.
    Indexes: posts_pkey, posts_thread_idx.
    """
    sql = THREAD_PAGES["update_at" if page.updates_only else "create_at", page.up, collapsed]
    from_post = page.from_post or ("" if page.up else "~")
    rows = await db.rows(sql, post_id, page.from_time, from_post, page.limit, user_id)
    posts = await with_large_props(db, [StoredPost(*row[:_WIDTH]) for row in rows])
    root = next((row for row, post in zip(rows, posts, strict=True) if not post.root_id), None) if collapsed else None
    place = _place_of(*root[_WIDTH + 1 :]) if root is not None else None
    return posts, place, bool(rows) and rows[-1][_WIDTH] >= MAX_BYTES


PLACE_IN_THREAD = SQL("""
    SELECT coalesce(t.last_reply_at, 0), t.participants, coalesce(m.following, false)
      FROM posts p
 LEFT JOIN threads t ON t.post_id = p.id
 LEFT JOIN thread_memberships m ON m.post_id = p.id AND m.user_id = $2
     WHERE p.id = $1
""")


async def place_in_thread(db: Db, root_id: str, user_id: str) -> Place:
    """When a thread had its last reply, who takes part, and whether the user follows it."""
    return await db.one(Place, PLACE_IN_THREAD, root_id, user_id) or Place(0, None, False)


MAX_PINNED = 1000

_PINNED = f"""
            SELECT *
              FROM posts
             WHERE channel_id = $1 AND is_pinned AND delete_at = 0
          ORDER BY create_at DESC
             LIMIT {MAX_PINNED}"""

PINNED_IN = SQL(f"""
    SELECT {POST} FROM {_within_bytes(_PINNED, "create_at DESC, id DESC")} AS p ORDER BY p.create_at DESC
""")


async def pinned_in(db: Db, channel_id: str) -> list[StoredPost]:
    """The pinned posts of a channel, newest first, the newest thousand. Index: posts_pinned_idx."""
    return await with_large_props(db, await db.many(StoredPost, PINNED_IN, channel_id))


_CHOSEN = "SELECT * FROM posts WHERE id = ANY($1) AND original_id = '' AND delete_at = 0"

CHOSEN = SQL(f"""
    SELECT {POST}
      FROM {_within_bytes(_CHOSEN, "create_at DESC, id DESC")} AS p
  ORDER BY p.create_at DESC, p.id DESC
""")


async def chosen(db: Db, ids: Sequence[str]) -> list[StoredPost]:
    """Live posts that were asked for by id, newest first. Index: posts_pkey."""
    return await with_large_props(db, await db.many(StoredPost, CHOSEN, ids))


FLAGGED_BY = SQL(f"""
    SELECT {POST}
      FROM preferences f
      JOIN posts p ON p.id = f.name AND p.delete_at = 0 AND p.original_id = ''
      JOIN channels c ON c.id = p.channel_id AND ($2 = '' OR c.team_id IN ($2, '')) AND ($3 = '' OR c.id = $3)
     WHERE f.user_id = $1 AND f.category = 'flagged_post' AND f.value = 'true'
       AND (EXISTS (SELECT FROM channel_members m WHERE m.channel_id = c.id AND m.user_id = $1)
            OR c.type = 'O' AND EXISTS (SELECT FROM team_members t
                                         WHERE t.team_id = c.team_id AND t.user_id = $1 AND t.delete_at = 0
                                           AND NOT t.scheme_guest))
  ORDER BY p.create_at DESC, p.id DESC
     LIMIT $4 OFFSET $5
""")


async def flagged_by(db: Db, user_id: str, team_id: str, channel_id: str, limit: int, offset: int) -> list[StoredPost]:
    """Posts that a user flagged, in the user's channels and the public ones of its teams. Index: preferences_pkey."""
    posts = await db.many(StoredPost, FLAGGED_BY, user_id, team_id, channel_id, limit, offset)
    return await with_large_props(db, posts)
