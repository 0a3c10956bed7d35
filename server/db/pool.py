"""The connection pool and transactions: `many`, `one`, `value`, `run`; failures become API errors."""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import asyncpg
import msgspec

from server.db.connections import Connections
from server.db.sql import SQL
from server.errors import ApiError, BadRequest, Busy
from server.sealing import Seals

T = TypeVar("T")

DEADLOCK_TRIES = 3

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


class Db(ABC):
    """Something that runs statements: the pool, or a transaction. A query does not care which."""

    stats: DbStats
    seals: Seals
    """For the queries of columns that hold secrets."""

    @abstractmethod
    async def _fetch(self, sql: SQL, args: tuple[object, ...]) -> list[Any]: ...

    @abstractmethod
    async def _execute(self, sql: SQL, args: tuple[object, ...]) -> str: ...

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


async def prepare_connection(connection: Any) -> None:
    """Teach a connection our JSON: jsonb columns come and go as Python values."""
    await connection.set_type_codec("jsonb", encoder=_to_json, decoder=_decode, schema="pg_catalog", format="text")


def _to_json(value: object) -> str:
    return _encode(value).decode()


class Tx(Db):
    """A transaction under way on one connection."""

    def __init__(self, connection: Any, stats: DbStats, seals: Seals) -> None:
        self._connection = connection
        self.stats = stats
        self.seals = seals

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

    def __init__(self, dsn: str, *, size: int = 10, timeout: float = 30.0, seals: Seals | None = None) -> None:
        self._dsn = dsn
        self._timeout = timeout
        self._connections = Connections(lambda: self._open_connection("hubbub"), size, timeout)
        self.stats = DbStats()
        self.seals = seals or Seals()

    async def open(self) -> None:
        """Connect; raises OSError or a PostgreSQL error when the database does not answer."""
        self._connections.give_back(await self._connections.take())

    async def close(self) -> None:
        """Close the connections; those in use are closed as soon as they are not."""
        await self._connections.close()

    def aside(self) -> "Pool":
        """The same connections with statistics of their own, for background work."""
        pool = Pool(self._dsn, size=self.size, timeout=self._timeout, seals=self.seals)
        pool._connections = self._connections
        return pool

    async def connect(self) -> Any:
        """A connection of one's own, outside the pool; the caller closes it."""
        with _translated():
            return await self._open_connection("hubbub writer")

    async def _open_connection(self, name: str) -> Any:
        connection = await asyncpg.connect(
            self._dsn, command_timeout=self._timeout, server_settings={"application_name": name}
        )
        await prepare_connection(connection)
        return connection

    @property
    def in_use(self) -> int:
        """Connections that are busy now."""
        return self._connections.in_use

    @property
    def size(self) -> int:
        """Connections at most."""
        return self._connections.size

    async def _fetch(self, sql: SQL, args: tuple[object, ...]) -> list[Any]:
        rows: list[Any] = await self._run_alone(sql, args, "fetch")
        return rows

    async def _execute(self, sql: SQL, args: tuple[object, ...]) -> str:
        return str(await self._run_alone(sql, args, "execute"))

    async def _run_alone(self, sql: SQL, args: tuple[object, ...], method: str) -> Any:
        """Run a statement that commits by itself; the loser of a deadlock has changed nothing and tries again."""
        started = time.perf_counter()
        try:
            with _translated():
                for _ in range(DEADLOCK_TRIES - 1):
                    try:
                        return await self._run_once(sql, args, method)
                    except asyncpg.DeadlockDetectedError:
                        continue
                return await self._run_once(sql, args, method)
        finally:
            self.stats.statements += 1
            self.stats.seconds += time.perf_counter() - started

    async def _run_once(self, sql: SQL, args: tuple[object, ...], method: str) -> Any:
        connection = await self._connections.take()
        try:
            result = await getattr(connection, method)(sql.text, *args)
        except asyncpg.PostgresError:
            self._connections.give_back(connection)
            raise
        except BaseException:
            self._connections.drop(connection)
            raise
        self._connections.give_back(connection)
        return result

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        with _translated():
            connection = await self._connections.take()
        ended = False
        try:
            transaction = connection.transaction()
            with _translated():
                await transaction.start()
            try:
                yield Tx(connection, self.stats, self.seals)
            except BaseException:
                with _translated():
                    await transaction.rollback()
                ended = True
                raise
            with _translated():
                await transaction.commit()
            ended = True
        finally:
            # Interrupted at its beginning or end, a transaction may be open still: nobody else may write into it.
            if ended:
                self._connections.give_back(connection)
            else:
                self._connections.drop(connection)


def batch(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Rows turned into columns for `unnest($1, $2, …)`; `width` columns also when there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
