"""The writer of posts: those that arrive while a commit is under way go into the next one together."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import structlog
from msgspec import Struct

from server.bus.event import Event
from server.bus.signals import Signal
from server.context import Services
from server.db import data_error
from server.errors import ApiError, Busy
from server.features.posts.insert import Draft, Written, statement_for, written_of

GROUP = 128
"""Posts in one statement at most."""
GROUP_CHARS = 4_000_000
"""Characters of their messages and props, about."""
WAITING = 4096
"""Posts that may wait for their turn; more are refused."""
TRIES = 3

# The plan must not change with the sizes of tables, and is worth keeping: it takes longer to make than to run.
_SESSION = """
    SET plan_cache_mode = force_generic_plan;
    SET jit = off;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off
"""

# Nothing was written, so trying again is safe.
_UNDONE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)

News = Callable[[Written], Sequence[Event | Signal]]
"""What to publish once a post is written; must not block."""

log = structlog.get_logger()


class _Entry(Struct, eq=False):
    draft: Draft
    news: News
    done: "asyncio.Future[Written | None]"


class PostWriter:
    """Writes the posts of this node, in groups, on a connection of its own. Alone, a post goes at once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: list[_Entry] = []
        self._running: asyncio.Task[None] | None = None
        self._publishing: set[asyncio.Task[None]] = set()
        self._connection: Any = None
        self._prepared: dict[str, Any] = {}
        self._stopped = False

    async def start(self) -> None:
        """Take posts; the connection is made for the first one."""
        self._stopped = False

    async def stop(self) -> None:
        """Write what is waiting and close the connection; posts that come later are refused."""
        self._stopped = True
        if self._running is not None:
            await asyncio.wait([self._running], timeout=10)
        if self._publishing:
            await asyncio.wait(self._publishing, timeout=5)
        await self._disconnect()

    async def write(self, draft: Draft, news: News) -> Written | None:
        """Store a post, publish its news, and give what became of it.

        None when it is not to be: the channel is gone or archived, the root is no live root of the channel, or the
        pending_post_id was used before. Raises Busy when the database is away or too many posts are waiting; after
        that it is unknown whether the post was stored, and repeating the pending_post_id tells.
        """
        if self._stopped or len(self._waiting) >= WAITING:
            raise Busy("api.context.server_busy.app_error")
        entry = _Entry(draft, news, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await entry.done

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._write_group(self._next_group())
        finally:
            self._running = None

    def _next_group(self) -> list[_Entry]:
        """The next posts in the order they came; of two with one pending_post_id the second waits for the first."""
        group: list[_Entry] = []
        later: list[_Entry] = []
        keys: set[tuple[str, str]] = set()
        chars = 0
        for position, entry in enumerate(self._waiting):
            draft = entry.draft
            key = (draft.user_id, draft.pending_post_id)
            if draft.pending_post_id and key in keys:
                later.append(entry)
                continue
            if len(group) == GROUP or chars > GROUP_CHARS:
                later += self._waiting[position:]
                break
            keys.add(key)
            chars += len(draft.message) + len(draft.props_json)
            group.append(entry)
        self._waiting = later
        return group

    async def _write_group(self, group: list[_Entry], tries: int = TRIES) -> None:
        try:
            written = await self._execute([entry.draft for entry in group])
        except _UNDONE as error:
            if tries > 1:
                await self._write_group(group, tries - 1)
            else:
                _fail(group, data_error(error))
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            # One of them can't be stored; the others must not suffer for it.
            if len(group) > 1:
                for entry in group:
                    await self._write_group([entry])
            else:
                _fail(group, data_error(error))
        except (ApiError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            log.warning("posts could not be written", posts=len(group), error=repr(error.__cause__ or error))
            await self._disconnect()
            _fail(group, Busy("api.context.server_busy.app_error"))
        except Exception:
            log.exception("posts could not be written", posts=len(group))
            _fail(group, Busy("api.context.server_busy.app_error"))
        except BaseException:
            _fail(group, Busy("api.context.server_busy.app_error"))
            raise
        else:
            self._tell(group, written)

    async def _execute(self, drafts: Sequence[Draft]) -> dict[str, Written]:
        stats = self._services.db.stats
        sql, arguments = statement_for(drafts)
        if self._connection is None or self._connection.is_closed():
            self._prepared.clear()
            self._connection = await self._services.db.connect()
            await self._connection.execute(_SESSION)
        statement = self._prepared.get(sql.text)
        if statement is None:
            statement = self._prepared[sql.text] = await self._connection.prepare(sql.text)
        started = time.perf_counter()
        try:
            with self._services.db.watched(self._connection):
                rows = await statement.fetch(*arguments)
        finally:
            stats.statements += 1
            stats.seconds += time.perf_counter() - started
        return written_of(drafts, rows)

    def _tell(self, group: list[_Entry], written: dict[str, Written]) -> None:
        """Publish the news of a group in its order, and only then answer its authors; the next group need not wait."""
        events: list[Event | Signal] = []
        for entry in group:
            result = written.get(entry.draft.id)
            if result is None:
                continue
            try:
                events += entry.news(result)
            except Exception:
                log.exception("the news of a post could not be made", post_id=result.id)
        task = asyncio.create_task(self._publish(group, written, events))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish(self, group: list[_Entry], written: dict[str, Written], events: list[Event | Signal]) -> None:
        try:
            if events:
                await self._services.bus.publish(events)
        finally:
            for entry in group:
                if not entry.done.done():
                    entry.done.set_result(written.get(entry.draft.id))

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                await connection.close(timeout=1)


def _fail(group: Sequence[_Entry], error: ApiError) -> None:
    for entry in group:
        if not entry.done.done():
            entry.done.set_exception(error)
