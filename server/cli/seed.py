"""`hubbub seed`: fill an empty database with a made-up company, for load tests and for trying things out."""

import asyncio
import contextlib
import io
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import asyncpg
from msgspec import Struct

from server.cli.failure import DATABASE_ERRORS, CommandError, first_line
from server.cli.operator import operator_context
from server.cli.seed_posts import (
    NOBODY,
    Story,
    followers_of,
    make_story,
    members_of,
    mentions_of,
    participants_of,
    reactions_to,
)
from server.cli.seed_words import Texts
from server.cli.seed_world import World, add_people, make_world
from server.context import Context
from server.errors import ApiError
from server.features.channels.rules import default_names
from server.features.posts.hashtags import hashtags_in
from server.features.search.terms import terms_of
from server.features.users.passwords import hash_password
from server.ids import new_token

DAY_MS = 24 * 3600 * 1000
CHUNK = 1 << 18
"""Bytes of a copy that are sent at once."""
REPORT_SECONDS = 2.0
MOST_CHANNELS = 10_000
"""Of one user."""

_FILLED = ("posts", "post_terms", "threads", "thread_memberships")
"""Tables whose indexes are made after them, which is several times faster."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be made."""

    posts: int
    users: int
    channels: int
    teams: int
    days: int
    password: str
    number: int
    anyway: bool
    with_channels: tuple[int, ...] = ()
    """Beside the users there are some who are in exactly so many channels."""


def numbers(text: str) -> tuple[int, ...]:
    """Numbers of channels as the command line has them, with commas between; CommandError for anything else."""
    parts = [part.strip() for part in text.split(",")] if text else []
    if not all(part.isascii() and part.isdigit() and 0 < int(part) <= MOST_CHANNELS for part in parts):
        raise CommandError(f"--with-channels takes numbers from 1 to {MOST_CHANNELS:,} with commas between them")
    return tuple(map(int, parts))


def run(wanted: Wanted) -> str:
    """Fill the database; CommandError when it holds something, or does not help."""

    async def work() -> str:
        async with operator_context() as ctx:
            return await _fill(ctx, wanted)

    try:
        return asyncio.run(work())
    except ApiError as error:
        raise CommandError(error.message) from error
    except asyncpg.UniqueViolationError as error:
        raise CommandError(f"the database has some of these names already: {first_line(error)}") from error
    except DATABASE_ERRORS as error:
        raise CommandError(f"the database does not help: {first_line(error)}") from error


async def _fill(ctx: Context, wanted: Wanted) -> str:
    started = time.monotonic()
    connection = await ctx.services.db.connect()
    try:
        there = await _users_in(connection, wanted)
        names = default_names(ctx.config.TeamSettings.ExperimentalDefaultChannels)
        chance = random.Random(wanted.number)  # noqa: S311 - no secret comes from it
        now = ctx.now()
        since = now - wanted.days * DAY_MS
        world = make_world(
            chance,
            users=wanted.users,
            teams=wanted.teams,
            channels=wanted.channels,
            default_names=names,
            at=since - 1000,
            first=there + 1,
        )
        counts = sorted(set(wanted.with_channels))
        add_people(chance, world, counts=counts, default_names=names, at=since - 1000, first=there + 1)
        say("planning")
        story = make_story(chance, world, wanted.posts, since, now)
        password = await hash_password(wanted.password)
        async with connection.transaction():
            if not there:
                # Nobody signs up while the database counts as empty. A second `seed` waits here, and then refuses.
                await connection.execute("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE", timeout=24 * 3600)
                await _users_in(connection, wanted)
            copy = Copy(connection)
            await copy.prepare(drop_indexes=not there)
            await _copy_world(copy, world, story, chance, password, since - 1000, first=not there)
            with tempfile.TemporaryFile() as terms, tempfile.TemporaryFile() as reactions:
                shortest = ctx.config.ServiceSettings.MinimumHashtagLength
                await _copy_posts(copy, world, story, chance, shortest, terms, reactions)
                await copy.raw("post_terms", "channel_id, create_at, id, user_id, terms", terms)
                columns = "post_id, user_id, emoji_name, create_at, update_at, channel_id"
                await copy.raw("reactions", columns, reactions)
            await _copy_threads(copy, world, story, chance)
            if not there:
                await connection.execute("DELETE FROM posts_to_note")  # they all have their terms
            await copy.finish()
        say("analyzing")
        await connection.execute("VACUUM (ANALYZE)", timeout=24 * 3600)
    finally:
        await connection.close(timeout=5)
    seconds = time.monotonic() - started
    return (
        f"made {wanted.posts:,} posts, {len(world.user_ids):,} users, {len(world.places):,} channels and "
        f"{len(world.teams)} teams in {seconds:.0f} s; {world.usernames[0]} is "
        f"{'the administrator' if not there else 'the first of them'}"
    )


async def _users_in(connection: Any, wanted: Wanted) -> int:
    """How many users there are; CommandError when there are some and may not be."""
    there: int = await connection.fetchval("SELECT count(*) FROM users")
    if there and not wanted.anyway:
        raise CommandError(f"the database has {there:,} users; --anyway adds to what is there")
    return there


def say(line: str) -> None:
    """A line of progress for the person who waits."""
    with contextlib.suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)


class Copy:
    """Rows copied into tables within one transaction: all are there in the end, or none."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._indexes: list[str] = []

    async def prepare(self, *, drop_indexes: bool) -> None:
        """Make ready; without indexes nobody else can write meanwhile."""
        await self._connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL maintenance_work_mem = '512MB'")
        await self._connection.execute("SET LOCAL synchronous_commit = off")
        if await self._connection.fetchval("SELECT usesuper FROM pg_user WHERE usename = current_user"):
            # Foreign keys hold by the way the rows are made; to check each takes as long as to write it.
            await self._connection.execute("SET LOCAL session_replication_role = replica")
        if not drop_indexes:
            return
        rows = await self._connection.fetch(
            """SELECT indexname, indexdef FROM pg_indexes
                WHERE schemaname = current_schema() AND tablename = ANY($1) AND indexdef NOT LIKE 'CREATE UNIQUE%'""",
            list(_FILLED),
        )
        for name, definition in rows:
            self._indexes.append(definition)
            await self._connection.execute(f'DROP INDEX "{name}"')

    async def rows(self, table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Copy rows of texts, numbers and booleans."""
        await self._copy(table, columns, _Source(map(_line, rows)))

    async def lines(self, table: str, columns: str, lines: Iterator[str]) -> None:
        """Copy rows in the form that COPY reads."""
        await self._copy(table, columns, _Source(lines))

    async def raw(self, table: str, columns: str, lines: IO[bytes]) -> None:
        """Copy a file of such rows."""
        lines.seek(0)
        say(f"copying {table}")
        await self._copy(table, columns, lines)

    async def _copy(self, table: str, columns: str, source: object) -> None:
        names = [name.strip() for name in columns.split(",")]
        await self._connection.copy_to_table(table, source=source, columns=names, timeout=24 * 3600)

    async def finish(self) -> None:
        """Make the indexes again."""
        for definition in self._indexes:
            say(f"indexing {definition.split(' ON ')[0].removeprefix('CREATE INDEX ')}")
            await self._connection.execute(definition, timeout=24 * 3600)


class _Source:
    """Lines in chunks, for asyncpg."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    async def __aiter__(self) -> Any:
        buffer = io.StringIO()
        for line in self._lines:
            buffer.write(line)
            if buffer.tell() > CHUNK:
                yield buffer.getvalue().encode()
                buffer = io.StringIO()
        yield buffer.getvalue().encode()


def _line(row: tuple[object, ...]) -> str:
    return "\t".join([_field(value) for value in row]) + "\n"


def _field(value: object) -> str:
    if isinstance(value, str):
        return value.translate(_ESCAPES) if any(sign in value for sign in "\\\t\n\r") else value
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)


async def _copy_world(
    copy: Copy, world: World, story: Story, chance: random.Random, password: str, at: int, *, first: bool
) -> None:
    def roles(user: int) -> str:
        return "system_admin system_user" if first and user == 0 else "system_user"

    people = list(enumerate(zip(world.user_ids, world.usernames, strict=True)))
    await copy.rows(
        "users",
        "id, create_at, update_at, username, email, email_verified, first_name, last_name, roles, last_password_update",
        (
            (user_id, at, at, name, f"{name}@example.org", True, name.title(), "Seeded", roles(user), at)
            for user, (user_id, name) in people
        ),
    )
    await copy.rows("credentials", "user_id, password", ((user_id, password) for user_id in world.user_ids))
    await copy.rows(
        "teams",
        "id, create_at, update_at, display_name, name, type, allow_open_invite, invite_id",
        ((team.id, at, at, team.name.title(), team.name, "O", True, new_token()) for team in world.teams),
    )
    await copy.rows(
        "team_members",
        "team_id, user_id, create_at, scheme_admin",
        ((team.id, world.user_ids[user], at, user == team.members[0]) for team in world.teams for user in team.members),
    )
    await copy.rows(
        "channels",
        "id, create_at, update_at, team_id, type, display_name, name, creator_id, total_msg_count,"
        " total_msg_count_root, last_post_at, last_root_post_at",
        _channels(world, story, at),
    )
    await copy.rows(
        "channel_members",
        "channel_id, user_id, last_viewed_at, msg_count, msg_count_root, mention_count, mention_count_root,"
        " last_update_at",
        (
            (
                place.id,
                world.user_ids[user],
                member.last_viewed_at,
                member.msg_count,
                member.msg_count_root,
                member.mention_count,
                member.mention_count_root,
                max(at, member.last_viewed_at),
            )
            for where, place in enumerate(world.places)
            for user, member in members_of(chance, story, world, where)
        ),
    )


def _channels(world: World, story: Story, at: int) -> Iterator[tuple[object, ...]]:
    for place, posts in zip(world.places, story.posts_of, strict=True):
        roots = [post for post in posts if story.root[post] == NOBODY]
        yield (
            place.id,
            at,
            at,
            place.team.id if place.team else "",
            place.kind,
            place.display_name,
            place.name,
            "" if place.personal else world.user_ids[place.members[0]],
            len(posts),
            len(roots),
            story.at[posts[-1]] if posts else 0,
            story.at[roots[-1]] if roots else 0,
        )


async def _copy_posts(
    copy: Copy,
    world: World,
    story: Story,
    chance: random.Random,
    shortest_tag: int,
    terms: IO[bytes],
    reactions: IO[bytes],
) -> None:
    """Copy the posts; what belongs into other tables is written into the two files."""
    texts = Texts(chance)
    progress = _progress(len(story.ids))

    def rows() -> Iterator[str]:
        for post, post_id in enumerate(story.ids):
            progress(post)
            called, at, root = story.called[post], story.at[post], story.root[post]
            message = texts.message("" if called == NOBODY else world.usernames[called])
            channel_id = world.places[story.place[post]].id
            user_id = world.user_ids[story.author[post]]
            thread = story.threads.get(post)
            tags = hashtags_in(message, shortest_tag)
            mentioned = ",".join([world.user_ids[user] for user in mentions_of(story, world, post)])
            terms.write(f"{channel_id}\t{at}\t{post_id}\t{user_id}\t{terms_of(message)}\n".encode())
            changed = story.at[thread.replies[-1]] if thread else at
            reacted = 0
            for user, emoji, reacted in reactions_to(chance, story, world, post):
                row = f"{post_id}\t{world.user_ids[user]}\t{emoji}\t{reacted}\t{reacted}\t{channel_id}\n"
                reactions.write(row.encode())
            yield (
                f"{post_id}\t{at}\t{max(changed, reacted)}\t{user_id}\t{channel_id}\t"
                f"{'' if root == NOBODY else story.ids[root]}\t{_field(message)}\t{tags}\t"
                f"{len(thread.replies) if thread else 0}\t{{{mentioned}}}\t{'t' if reacted else 'f'}\n"
            )

    await copy.lines(
        "posts",
        "id, create_at, update_at, user_id, channel_id, root_id, message, hashtags, reply_count, mentions,"
        " has_reactions",
        rows(),
    )


def _progress(posts: int) -> Callable[[int], None]:
    started = time.monotonic()
    due = started + REPORT_SECONDS

    def note(done: int) -> None:
        nonlocal due
        if done & 0x3FF:
            return
        now = time.monotonic()
        if now >= due:
            due = now + REPORT_SECONDS
            say(f"posts: {done:,} of {posts:,}, {done / (now - started):,.0f} a second")

    return note


async def _copy_threads(copy: Copy, world: World, story: Story, chance: random.Random) -> None:
    say("copying threads")
    await copy.rows(
        "threads",
        "post_id, channel_id, last_reply_at, participants",
        (
            (
                story.ids[root],
                world.places[story.place[root]].id,
                story.at[thread.replies[-1]],
                f"{{{','.join(world.user_ids[user] for user in participants_of(story, root))}}}",
            )
            for root, thread in story.threads.items()
        ),
    )
    await copy.rows(
        "thread_memberships",
        "post_id, user_id, last_viewed, last_updated, unread_mentions",
        (
            (
                story.ids[root],
                world.user_ids[follower.user],
                follower.last_viewed,
                follower.last_updated,
                follower.unread_mentions,
            )
            for root in story.threads
            for follower in followers_of(chance, story, world, root)
        ),
    )
