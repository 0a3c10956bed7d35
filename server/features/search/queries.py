"""The tables `post_terms` and `file_terms`: what is noted of posts and files, and the search in them.

There are two ways to the newest hits. One takes all hits out of the index and sorts them; it is short where few posts
match. The other walks back in time through the channels of the reader, a stretch of time after the other; it is short
where many do. Rare words are looked up at once; for others the first steps of the walk tell how to go on.
"""

from collections.abc import Mapping, Sequence

import asyncpg
from msgspec import Struct

from server.db import SQL, Db, Pool, columns
from server.db.pool import batch
from server.errors import Busy
from server.features.files.models import FileInfo
from server.features.posts.models import StoredPost

FIRST_STEPS = 1500
"""Entries that are looked at before it is decided how to go on."""
LONGEST_WALK = 50_000
"""Entries that are looked at; where the index is of no help, what is older is not found."""
FEW_MATCHES = 8000
"""Entries that the index may find before a walk is tried."""
LOOKUP_STEPS = 0.6
"""What it costs to take an entry out of the index, in steps of a walk."""
MAX_HITS = 10_000
"""Of one search, on all its pages."""
FIRST_SPAN = 3600 * 1000
"""Milliseconds of the first stretch; where little is written the next ones are longer."""
TIMEOUT_MS = 3000

POSTS, FILES = "post_terms", "file_terms"

SETTINGS = SQL(f"""
    SELECT set_config('statement_timeout', '{TIMEOUT_MS}', true),
           set_config('plan_cache_mode', 'force_custom_plan', true),
           set_config('max_parallel_workers_per_gather', '0', true),
           set_config('enable_presorted_aggregate', 'off', true),
           set_config('jit', 'off', true)
""")


class Wanted(Struct, kw_only=True):
    """What is looked for, with ids instead of names. Times are milliseconds, `until` is the first that is too late."""

    channel_ids: Sequence[str]
    query: str = ""
    """A tsquery, "" for any."""
    index_query: str = ""
    """The part of it that few entries match, "" for none."""
    joint: bool = False
    """Whether that must hold several terms at once."""
    user_ids: Sequence[str] | None = None
    not_user_ids: Sequence[str] = ()
    extensions: Sequence[str] | None = None
    not_extensions: Sequence[str] = ()
    since: int = 0
    until: int
    gaps: Sequence[tuple[int, int]] = ()
    newest: int
    """Nothing is newer."""
    matches: float
    """How many entries of the whole table the index finds, about."""
    entries: float
    """How many entries the channels have, about."""

    @property
    def selective(self) -> bool:
        """Whether the index can find it."""
        return bool(self.index_query) or self.user_ids is not None or self.extensions is not None


class Walk(Struct):
    """How far a walk went: what it found, newest first, back to which time, over how many entries, with which span."""

    found: list[str]
    until: int
    seen: int
    span: int


# $1 channels, $2 query, $3 users, $4 not those, $5 and $6 gaps, $7 extensions, $8 not those.
_OTHERS = """
    ($3::text[] IS NULL OR t.user_id = ANY($3)) AND t.user_id <> ALL($4::text[])
    AND NOT EXISTS (SELECT FROM unnest($5::bigint[], $6::bigint[]) AS gap (since, until)
                     WHERE t.create_at >= gap.since AND t.create_at < gap.until)"""
_ONLY = {
    POSTS: f"{_OTHERS} AND $7::text[] IS NULL AND cardinality($8::text[]) = 0",
    FILES: f"""{_OTHERS}
    AND ($7::text[] IS NULL OR t.extension = ANY($7)) AND t.extension <> ALL($8::text[])
    AND EXISTS (SELECT FROM files AS f
                 WHERE f.id = t.id AND f.channel_id = t.channel_id AND f.post_id <> '' AND f.delete_at = 0)""",
}


def _walk_sql(table: str) -> SQL:
    """$9 the time to start from, $10 the newest entry, $11 the first time, $12 hits and $13 entries that are enough."""
    return SQL(f"""
    WITH RECURSIVE walk AS (
        SELECT $9::bigint AS until, least($9, $10::bigint + 1) - $14::bigint AS since, $14::bigint AS span,
               0::bigint AS seen, '{{}}'::text[] COLLATE "C" AS found, 0 AS step
     UNION ALL
        SELECT walk.since, walk.since - next.span, next.span, walk.seen + part.seen, walk.found || part.found, step + 1
          FROM walk
    CROSS JOIN LATERAL (
               SELECT count(*) AS seen,
                      coalesce(array_agg(t.id ORDER BY t.create_at DESC, t.id DESC)
                               FILTER (WHERE ($2 = '' OR t.terms @@ $2::tsquery) AND {_ONLY[table]}), '{{}}') AS found
                 FROM {table} AS t
                WHERE t.channel_id = ANY($1::text[])
                  AND t.create_at >= greatest(walk.since, $11::bigint) AND t.create_at < walk.until
               ) AS part
    CROSS JOIN LATERAL (
               SELECT walk.span * CASE WHEN part.seen < 100 THEN 4 WHEN part.seen < 500 THEN 2 ELSE 1 END AS span
               ) AS next
         WHERE cardinality(walk.found) < $12 AND walk.seen < $13::bigint AND walk.until > $11 AND step < 1000
    )
    SELECT found, until, seen, span FROM walk ORDER BY step DESC LIMIT 1
    """)


def _lookup_sql(table: str, everywhere: bool) -> SQL:
    """$9 and $10 the times between which, $11 how many, $12 the part of the query for the index.

    `everywhere`: the index is asked for the query once, not for each channel.
    """
    channels = "(t.channel_id = ANY($1::text[])) IS TRUE" if everywhere else "t.channel_id = ANY($1::text[])"
    return SQL(f"""
    SELECT t.id
      FROM {table} AS t
     WHERE {channels} AND t.create_at >= $9::bigint AND t.create_at < $10::bigint
       AND ($12 = '' OR t.terms @@ $12::tsquery) AND ($2 = '' OR (t.terms @@ $2::tsquery) IS TRUE) AND {_ONLY[table]}
  ORDER BY t.create_at DESC, t.id DESC
     LIMIT $11::bigint
    """)


WALK = {table: _walk_sql(table) for table in (POSTS, FILES)}
LOOKUP = {
    (table, everywhere): _lookup_sql(table, everywhere) for table in (POSTS, FILES) for everywhere in (False, True)
}


async def find(pool: Pool, table: str, wanted: Wanted, enough: int) -> list[str]:
    """The newest hits, up to `enough`. Raises Busy for a search that takes too long.

    Indexes: post_terms_pkey and post_terms_idx, of files file_terms_pkey and file_terms_idx.
    """
    if not wanted.channel_ids or wanted.since >= wanted.until:
        return []
    try:
        async with pool.begin() as tx:
            await tx.rows(SETTINGS)
            return (await _find(tx, table, wanted, enough))[:enough]
    except Busy as error:
        if isinstance(error.__cause__, asyncpg.QueryCanceledError):
            raise Busy(
                "app.search.timeout.app_error", "The search takes too long: name more words, a channel or days."
            ) from error
        raise


async def _find(db: Db, table: str, wanted: Wanted, enough: int) -> list[str]:
    if wanted.selective and wanted.matches <= FEW_MATCHES:
        return await _lookup(db, table, wanted, wanted.until, enough)
    start = Walk([], wanted.until, 0, FIRST_SPAN)
    walk = await _walk(db, table, wanted, start, enough, FIRST_STEPS if wanted.selective else LONGEST_WALK)
    missing = enough - len(walk.found)
    if missing <= 0 or walk.until <= wanted.since or not wanted.selective:
        return walk.found
    found = walk.found
    steps = min(missing * walk.seen / len(found), wanted.entries) if found else wanted.entries
    if steps <= wanted.matches * LOOKUP_STEPS:
        walk = await _walk(db, table, wanted, walk, missing, LONGEST_WALK)
        found = found + walk.found
        missing -= len(walk.found)
        if missing <= 0 or walk.until <= wanted.since:
            return found
    return found + await _lookup(db, table, wanted, walk.until, missing)


async def _lookup(db: Db, table: str, wanted: Wanted, until: int, enough: int) -> list[str]:
    # The lists of several frequent terms are long to go through, and would be gone through for every channel anew.
    everywhere = wanted.joint and FEW_MATCHES < wanted.matches <= 2 * wanted.entries
    return await db.values(
        LOOKUP[table, everywhere], *_arguments(wanted), wanted.since, until, enough, wanted.index_query
    )


async def _walk(db: Db, table: str, wanted: Wanted, start: Walk, enough: int, steps: int) -> Walk:
    walk = await db.one(
        Walk,
        WALK[table],
        *_arguments(wanted),
        start.until,
        wanted.newest,
        wanted.since,
        enough,
        steps,
        start.span,
    )
    return walk or start


def _arguments(wanted: Wanted) -> list[object]:
    return [
        wanted.channel_ids,
        wanted.query,
        wanted.user_ids,
        wanted.not_user_ids,
        [since for since, _ in wanted.gaps],
        [until for _, until in wanted.gaps],
        wanted.extensions,
        wanted.not_extensions,
    ]


# Channels of a user with what the user is there. Those of teams only while the user is in the team.
CHANNELS_OF = SQL("""
    SELECT c.id, c.name, c.last_post_at, c.total_msg_count, m.roles, m.scheme_guest, m.scheme_user, m.scheme_admin
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
 LEFT JOIN team_members tm ON tm.team_id = c.team_id AND tm.user_id = $1 AND tm.delete_at = 0
     WHERE m.user_id = $1 AND (c.team_id = '' OR tm.user_id IS NOT NULL)
       AND ($2 = '' OR coalesce(c.team_id) IN ($2, '')) AND (c.delete_at = 0 OR $3)
""")


class Readable(Struct):
    """A channel with the membership of the reader."""

    id: str
    name: str
    last_post_at: int
    total_msg_count: int
    roles: str
    scheme_guest: bool
    scheme_user: bool
    scheme_admin: bool


async def channels_of(db: Db, user_id: str, team_id: str, *, archived: bool) -> list[Readable]:
    """The channels that a user is in, of a team and direct ones, or of all teams. Index: channel_members_user_idx."""
    return await db.many(Readable, CHANNELS_OF, user_id, team_id, archived)


USER_IDS = SQL("SELECT username, id FROM users WHERE username = ANY($1)")


async def user_ids_of(db: Db, usernames: Sequence[str]) -> dict[str, str]:
    """The ids of users by their names. Index: users_username_idx."""
    return {row[0]: row[1] for row in await db.rows(USER_IDS, usernames)}


SET_TERMS = SQL("""
    INSERT INTO post_terms (channel_id, create_at, id, user_id, terms)
    VALUES ($1, $2, $3, $4, $5::text::tsvector)
        ON CONFLICT (channel_id, create_at, id) DO UPDATE SET terms = excluded.terms
""")


async def set_terms(db: Db, post: StoredPost, terms: str) -> None:
    """Note what an edited post is found by."""
    await db.run(SET_TERMS, post.channel_id, post.create_at, post.id, post.user_id, terms)


FILE_INFOS = SQL(f"""
    SELECT {columns(FileInfo)}
      FROM file_infos
     WHERE id = ANY($1) AND delete_at = 0 AND post_id <> ''
  ORDER BY array_position($1::text[], id)
""")


async def file_infos(db: Db, ids: Sequence[str]) -> list[FileInfo]:
    """Files of posts, in the order of their ids. Index: files_pkey."""
    return await db.many(FileInfo, FILE_INFOS, ids)


SET_FILE_TERMS = SQL("""
    INSERT INTO file_terms (channel_id, create_at, id, user_id, extension, terms)
    SELECT channel_id, create_at, files.id, user_id, extension, given.terms::tsvector
      FROM unnest($1::text[], $2::text[]) AS given (id, terms)
      JOIN files ON files.id = given.id AND files.erase_at = 0
        ON CONFLICT (id) DO UPDATE SET terms = excluded.terms
""")


async def set_file_terms(db: Db, terms: Mapping[str, str]) -> None:
    """Note what files are found by: terms by the id of a file."""
    await db.run(SET_FILE_TERMS, list(terms), list(terms.values()))


TAKE_IN = SQL("SELECT gin_clean_pending_list('post_terms_idx'), gin_clean_pending_list('file_terms_idx')")


async def take_in(db: Db) -> None:
    """Take new entries into the indexes, so that neither searches nor posts have to."""
    await db.rows(TAKE_IN)


UNKNOWN_POSTS = SQL("""
    SELECT id, channel_id, create_at, user_id, message,
           delete_at > 0 OR original_id <> '' OR type LIKE 'system\\_%'
           OR EXISTS (SELECT FROM post_terms AS t
                       WHERE t.channel_id = posts.channel_id AND t.create_at = posts.create_at AND t.id = posts.id)
      FROM posts, posts_to_note AS rest
     WHERE id > after_id AND create_at < until
  ORDER BY id
     LIMIT $1
""")


class Unknown(Struct):
    """A post that was perhaps written without terms; `done`: it has them, or shall have none."""

    id: str
    channel_id: str
    create_at: int
    user_id: str
    message: str
    done: bool


async def unknown_posts(db: Db, limit: int) -> list[Unknown]:
    """The next posts to be looked at, in the order of their ids; none when all are done. Index: posts_pkey."""
    return await db.many(Unknown, UNKNOWN_POSTS, limit)


INSERT_TERMS = SQL("""
    INSERT INTO post_terms (channel_id, create_at, id, user_id, terms)
    SELECT channel_id, create_at, id, user_id, terms::tsvector
      FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[])
        AS given (channel_id, create_at, id, user_id, terms)
     WHERE EXISTS (SELECT FROM posts WHERE posts.id = given.id AND posts.delete_at = 0)
        ON CONFLICT (channel_id, create_at, id) DO NOTHING
""")


async def insert_terms(db: Db, posts: Sequence[Unknown], terms: Sequence[str]) -> None:
    """Note what posts are found by that are not noted yet."""
    rows = [
        (post.channel_id, post.create_at, post.id, post.user_id, found_by)
        for post, found_by in zip(posts, terms, strict=True)
    ]
    await db.run(INSERT_TERMS, *batch(rows, 5))


MOVE_ON = SQL("UPDATE posts_to_note SET after_id = $1")


async def move_on(db: Db, id: str) -> None:
    """Remember that all posts up to this one are noted."""
    await db.run(MOVE_ON, id)


END_NOTING = SQL("DELETE FROM posts_to_note WHERE until < $1")


async def end_noting(db: Db, now: int) -> None:
    """Look for no more posts, if there can be none any more."""
    await db.run(END_NOTING, now)
