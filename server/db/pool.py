"""The connection pool and transactions: `many`, `one`, `value`, `run`; failures become API errors."""

import asyncio
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import asyncpg
import msgspec

from server.db.connections import Connections
from server.db.pulse import Pulse, probe
from server.db.sql import SQL
from server.errors import ApiError, BadRequest, Busy
from server.sealing import Seals

T = TypeVar("T")

DEADLOCK_TRIES = 3

CONNECT_SECONDS = 3.0
"""How long a connection may take to be made."""
TAKE_SECONDS = 5.0
"""How long a statement waits for a free connection."""
STATEMENTS = 200
"""So many statements a connection keeps prepared. They are kept for good: to plan one takes longer than to run it."""
REPLY_SECONDS = 5.0
"""PostgreSQL ends a statement that takes too long by itself; so much later nothing is waited for any more."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

_FAILURES = (asyncpg.DataError, *_AWAY)

_UNKNOWN = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    asyncio.CancelledError,
)
"""After these nobody knows whether what was asked has been done."""


class Backend(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection that remembers who serves it, also when it has ended, and asks with little work of its own."""

    __slots__ = ("_prepared", "patience", "pid")

    pid: int
    """The process id of the server's side."""
    patience: float | None
    """How long an answer is waited for, in seconds; None: for as long as it takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patience = None
        self._prepared: dict[str, Any] = {}

    def ask(self, text: str, args: tuple[object, ...]) -> Awaitable[tuple[list[Any], bytes, bool]]:
        """Run a statement: the rows, what it did, and whether these are all. Raises what `fetch` raises.

        It takes two thirds of the time that `fetch` takes, which looks for the statement anew each time. When its
        result has other columns than before, this fails; `forget` then, and ask again.
        """
        state = self._prepared.get(text)
        if state is None or state.closed:
            return self._ask_first(text, args)
        answer: Awaitable[tuple[list[Any], bytes, bool]] = self._protocol.bind_execute(
            state, args, "", 0, True, self.patience
        )
        return answer

    async def _ask_first(self, text: str, args: tuple[object, ...]) -> tuple[list[Any], bytes, bool]:
        state = self._prepared[text] = await self._get_statement(text, self.patience)
        answer: tuple[list[Any], bytes, bool] = await self._protocol.bind_execute(
            state, args, "", 0, True, self.patience
        )
        return answer

    def forget(self) -> None:
        """Prepare all statements anew: the schema has changed."""
        self._prepared.clear()
        self._drop_local_statement_cache()


class Unsure(Busy):
    """503: the database went away while it wrote, so whether it did is not known; `backend` is who was to do it."""

    def __init__(self, backend: int) -> None:
        super().__init__("api.context.server_busy.app_error")
        self.backend = backend


def data_error(error: Exception) -> ApiError:
    """The API error for a failure of the database: input that it can't hold is a 400, an absent database a 503."""
    if isinstance(error, asyncpg.DataError):
        return BadRequest("api.context.invalid_param.app_error", name="value")
    return Busy("api.context.server_busy.app_error")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise data_error(error) from error


@contextmanager
def _connecting() -> Iterator[None]:
    """Whatever PostgreSQL has against a new connection, nothing that was asked for is to blame."""
    try:
        with _translated():
            yield
    except asyncpg.PostgresError as error:
        raise Busy("api.context.server_busy.app_error") from error


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


async def prepare_connection(connection: Any, timeout: float = 0) -> None:
    """Teach a connection our JSON: jsonb columns come and go as Python values.

    `timeout`: seconds after which the server ends a statement, 0 for never. Statements that may not take long are not
    compiled, nor shared with other processes: to start these takes longer than the statement, and the processors are
    busy with others'. They are planned once, for any arguments: to plan one takes several times as long as to run it,
    and PostgreSQL would plan those with arrays anew each time.
    """
    if timeout:
        await connection.execute(
            f"SET statement_timeout = {int(timeout * 1000)}; SET plan_cache_mode = force_generic_plan;"
            "SET max_parallel_workers_per_gather = 0; SET jit = off"
        )
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
        return (await self._ask(sql, args))[0]

    async def _execute(self, sql: SQL, args: tuple[object, ...]) -> str:
        return (await self._ask(sql, args))[1].decode()

    async def _ask(self, sql: SQL, args: tuple[object, ...]) -> tuple[list[Any], bytes, bool]:
        started = time.perf_counter()
        try:
            answer: tuple[list[Any], bytes, bool] = await self._connection.ask(sql.text, args)
            return answer
        except asyncpg.InvalidCachedStatementError as error:  # which has ended the transaction: the next one goes well
            self._connection.forget()
            raise Busy("api.context.server_busy.app_error") from error
        except _FAILURES as error:
            raise data_error(error) from error
        finally:
            self.stats.statements += 1
            self.stats.seconds += time.perf_counter() - started


class Pool(Db):
    """The pool of a node. Statements on it commit by themselves; `begin` opens a transaction.

    `timeout`: seconds that a statement may take.
    """

    def __init__(self, dsn: str, *, size: int = 10, timeout: float = 30.0, seals: Seals | None = None) -> None:
        self._dsn = dsn
        self._timeout = timeout
        self._connections = Connections(lambda: self._open_connection("hubbub"), size, TAKE_SECONDS)
        self._own: weakref.WeakSet[Any] = weakref.WeakSet()
        self._pulse = Pulse(lambda: probe(dsn), self._cut)
        self.stats = DbStats()
        self.seals = seals or Seals()
        self.on_doubt: list[Callable[[int], None]] = []
        """Called with the process id of the server's side when it was cut off from something that it may yet do."""

    async def open(self) -> None:
        """Connect; raises OSError or a PostgreSQL error when the database does not answer."""
        self._connections.give_back(await self._connections.take())
        self._pulse.start()

    async def close(self) -> None:
        """Close the connections; those in use are closed as soon as they are not."""
        await self._pulse.stop()
        await self._connections.close()

    def aside(self) -> "Pool":
        """The same connections with statistics of their own, for background work."""
        pool = Pool(self._dsn, size=self.size, timeout=self._timeout, seals=self.seals)
        pool._connections, pool._pulse, pool.on_doubt = self._connections, self._pulse, self.on_doubt
        return pool

    async def connect(self) -> Any:
        """A connection of one's own, outside the pool; the caller closes it. It ends when the database goes away."""
        with _connecting():
            connection = await self._open_connection("hubbub writer")
        self._own.add(connection)
        return connection

    @contextmanager
    def watched(self, connection: Any) -> Iterator[None]:
        """Something is asked on a connection of one's own: when there is no sign of life, the connection ends.

        Raises Unsure when it is not known whether what was asked has been done.
        """
        self._pulse.asked(connection)
        try:
            yield
        except _UNKNOWN as error:
            self._pulse.ended(connection)
            self.doubt(connection)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise Unsure(connection.pid) from error
        except BaseException:
            self._pulse.answered(connection)
            raise
        self._pulse.answered(connection)

    def doubt(self, connection: Any) -> None:
        """A connection ended while it was to write: once it is known whether it did, `on_doubt` sees to the rest."""
        for listener in self.on_doubt:
            listener(connection.pid)

    async def _open_connection(self, name: str) -> Any:
        if self._pulse.away:
            raise TimeoutError("the database does not answer")
        connection = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await asyncpg.connect(
                    self._dsn,
                    timeout=CONNECT_SECONDS,
                    command_timeout=self._timeout + REPLY_SECONDS,
                    server_settings={"application_name": name},
                    connection_class=Backend,
                    statement_cache_size=STATEMENTS,
                    max_cacheable_statement_size=0,
                    max_cached_statement_lifetime=0,
                )
                connection.pid = connection.get_server_pid()
                connection.patience = self._timeout + REPLY_SECONDS
                await prepare_connection(connection, self._timeout)
        except BaseException as error:
            if connection is not None:
                connection.terminate()
            if isinstance(error, TimeoutError):
                self._pulse.suspect()
            raise
        return connection

    def _cut(self, waiting: list[Any]) -> None:
        """End everything that waits for a database that is away."""
        for connection in (*waiting, *self._own):
            connection.terminate()
        self._connections.refuse_waiting()

    async def _take(self) -> Any:
        with _connecting():
            if self._pulse.away:
                raise TimeoutError("the database does not answer")
            connection = await self._connections.take()
        self._pulse.asked(connection)
        return connection

    def _give_back(self, connection: Any) -> None:
        self._pulse.answered(connection)
        self._connections.give_back(connection)

    def _drop(self, connection: Any) -> None:
        self._pulse.ended(connection)
        self._connections.drop(connection)

    @property
    def in_use(self) -> int:
        """Connections that are busy now."""
        return self._connections.in_use

    @property
    def size(self) -> int:
        """Connections at most."""
        return self._connections.size

    async def _fetch(self, sql: SQL, args: tuple[object, ...]) -> list[Any]:
        return (await self._run_alone(sql, args))[0]

    async def _execute(self, sql: SQL, args: tuple[object, ...]) -> str:
        return (await self._run_alone(sql, args))[1].decode()

    async def _run_alone(self, sql: SQL, args: tuple[object, ...]) -> tuple[list[Any], bytes, bool]:
        """Run a statement that commits by itself; the loser of a deadlock has changed nothing and tries again.

        Raises Unsure when it is not known whether it has been done.
        """
        started = time.perf_counter()
        tries = DEADLOCK_TRIES
        try:
            while True:
                connection = None if self._pulse.away else self._connections.free()
                if connection is None:
                    connection = await self._take()
                else:
                    self._pulse.asked(connection)
                try:
                    try:
                        answer: tuple[list[Any], bytes, bool] = await connection.ask(sql.text, args)
                    except asyncpg.InvalidCachedStatementError:
                        connection.forget()
                        answer = await connection.ask(sql.text, args)
                except BaseException as error:
                    self._let_go(connection, error)
                    if isinstance(error, _UNKNOWN) and not sql.reads:
                        self.doubt(connection)
                        if not isinstance(error, asyncio.CancelledError):
                            raise Unsure(connection.pid) from error
                    tries -= 1
                    if not tries or not isinstance(error, asyncpg.DeadlockDetectedError):
                        raise
                else:
                    self._give_back(connection)
                    return answer
        except _FAILURES as error:
            raise data_error(error) from error
        finally:
            self.stats.statements += 1
            self.stats.seconds += time.perf_counter() - started

    def _let_go(self, connection: Any, error: BaseException) -> None:
        """Take back a connection on which a statement failed, if it can be used again."""
        if isinstance(error, asyncpg.PostgresError) and not connection.is_closed():
            self._give_back(connection)
        else:
            self._drop(connection)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        connection = await self._take()
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
            try:
                with _translated():
                    await transaction.commit()
            except Busy as error:
                if isinstance(error.__cause__, _UNKNOWN):
                    raise Unsure(connection.pid) from error
                raise
            ended = True
        finally:
            # Interrupted at its beginning or end, a transaction may be open still: nobody else may write into it.
            if ended:
                self._give_back(connection)
            else:
                self._drop(connection)
                self.doubt(connection)


def batch(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Rows turned into columns for `unnest($1, $2, …)`; `width` columns also when there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
