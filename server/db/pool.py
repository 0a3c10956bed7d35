"""The connection pool and transactions: `many`, `one`, `value`, `run`; failures become API errors."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import asyncpg
import msgspec

from server.db.sql import SQL
from server.errors import ApiError, BadRequest, Busy

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)


def data_error(error: Exception) -> ApiError:
    """The API error for a failure of the database: input that it can't hold is a 400, an absent database a 503."""
    if isinstance(error, asyncpg.DataError):
        return BadRequest("api.context.invalid_param.app_error", name="value")
    return Busy("api.context.server_busy.app_error")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (asyncpg.DataError, *_AWAY) as error:
        raise data_error(error) from error


class DbStats:
    """What the pool has done: counts and seconds since the start."""

    __slots__ = ("errors", "seconds", "statements")

    def __init__(self) -> None:
        self.statements = 0
        self.seconds = 0.0
        self.errors = 0


class Db:
    """Something that runs statements: the pool, or a transaction. A query does not care which."""

    stats: DbStats

    async def _fetch(self, sql: SQL, args: tuple[object, ...]) -> list[Any]:
        raise NotImplementedError

    async def _execute(self, sql: SQL, args: tuple[object, ...]) -> str:
        raise NotImplementedError

    async def many(self, make: Callable[..., T], sql: SQL, *args: object) -> list[T]:
        """All rows, each as `make(*row)`."""
        return [make(*row) for row in await self._fetch(sql, args)]

    async def one(self, make: Callable[..., T], sql: SQL, *args: object) -> T | None:
        """The first row as `make(*row)`, or None."""
        rows = await self._fetch(sql, args)
        return make(*rows[0]) if rows else None

    async def rows(self, sql: SQL, *args: object) -> list[Any]:
        """All rows as asyncpg records."""
        return await self._fetch(sql, args)

    async def row(self, sql: SQL, *args: object) -> Any | None:
        """The first row as an asyncpg record, or None."""
        rows = await self._fetch(sql, args)
        return rows[0] if rows else None

    async def value(self, sql: SQL, *args: object) -> Any:
        """The first column of the first row, or None."""
        rows = await self._fetch(sql, args)
        return rows[0][0] if rows else None

    async def values(self, sql: SQL, *args: object) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in await self._fetch(sql, args)]

    async def run(self, sql: SQL, *args: object) -> int:
        """Run a statement for its effect; the number of rows it touched."""
        tag = await self._execute(sql, args)
        last = tag.rsplit(" ", 1)[-1]
        return int(last) if last.isdigit() else 0


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that needs no reset between uses: no session state is ever set on pooled connections."""

    def get_reset_query(self) -> str:
        return ""


async def prepare_connection(connection: Any) -> None:
    """Teach a connection our JSON: jsonb columns come and go as Python values."""
    await connection.set_type_codec("jsonb", encoder=_to_json, decoder=_decode, schema="pg_catalog", format="text")


def _to_json(value: object) -> str:
    return _encode(value).decode()


class Tx(Db):
    """A transaction under way on one connection."""

    def __init__(self, connection: Any, stats: DbStats) -> None:
        self._connection = connection
        self.stats = stats

    async def _fetch(self, sql: SQL, args: tuple[object, ...]) -> list[Any]:
        started = time.perf_counter()
        try:
            with _translated():
                rows: list[Any] = await self._connection.fetch(sql.text, *args)
                return rows
        finally:
            self.stats.statements += 1
            self.stats.seconds += time.perf_counter() - started

    async def _execute(self, sql: SQL, args: tuple[object, ...]) -> str:
        started = time.perf_counter()
        try:
            with _translated():
                return str(await self._connection.execute(sql.text, *args))
        finally:
            self.stats.statements += 1
            self.stats.seconds += time.perf_counter() - started


class Pool(Db):
    """The pool of a node. Statements on it commit by themselves; `begin` opens a transaction."""

    def __init__(self, dsn: str, *, size: int = 10, timeout: float = 30.0) -> None:
        self._dsn = dsn
        self._size = size
        self._timeout = timeout
        self._pool: Any = None
        self.stats = DbStats()

    async def open(self) -> None:
        """Connect; raises OSError or a PostgreSQL error when the database does not answer."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=1,
            max_size=self._size,
            command_timeout=self._timeout,
            connection_class=_Connection,
            init=prepare_connection,
            max_inactive_connection_lifetime=0,
            server_settings={"application_name": "hubbub"},
        )

    async def close(self) -> None:
        """Close all connections, waiting shortly for those in use."""
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except TimeoutError:
                self._pool.terminate()

    def aside(self) -> "Pool":
        """The same connections with statistics of their own, for background work; only once it is open."""
        pool = Pool(self._dsn, size=self._size, timeout=self._timeout)
        pool._pool = self._pool
        return pool

    async def connect(self) -> Any:
        """A connection of one's own, outside the pool; the caller closes it."""
        with _translated():
            connection = await asyncpg.connect(
                self._dsn,
                command_timeout=self._timeout,
                server_settings={"application_name": "hubbub writer"},
            )
            await prepare_connection(connection)
            return connection

    @property
    def in_use(self) -> int:
        """Connections that are busy now."""
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool is not None else 0

    @property
    def size(self) -> int:
        """Connections at most."""
        return self._size

    async def _fetch(self, sql: SQL, args: tuple[object, ...]) -> list[Any]:
        started = time.perf_counter()
        try:
            with _translated():
                async with self._pool.acquire(timeout=self._timeout) as connection:
                    rows: list[Any] = await connection.fetch(sql.text, *args)
                    return rows
        finally:
            self.stats.statements += 1
            self.stats.seconds += time.perf_counter() - started

    async def _execute(self, sql: SQL, args: tuple[object, ...]) -> str:
        started = time.perf_counter()
        try:
            with _translated():
                async with self._pool.acquire(timeout=self._timeout) as connection:
                    return str(await connection.execute(sql.text, *args))
        finally:
            self.stats.statements += 1
            self.stats.seconds += time.perf_counter() - started

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        with _translated():
            connection = await self._pool.acquire(timeout=self._timeout)
        try:
            transaction = connection.transaction()
            with _translated():
                await transaction.start()
            try:
                yield Tx(connection, self.stats)
            except BaseException:
                with _translated():
                    await transaction.rollback()
                raise
            with _translated():
                await transaction.commit()
        finally:
            await self._pool.release(connection)


def batch(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Rows turned into columns for `unnest($1, $2, …)`; `width` columns also when there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
