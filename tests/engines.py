"""Fixtures of the real engines: one PostgreSQL and one Redis for each test process, started in half a second.

Each process of a parallel run has its own, so they need no locks. A new database is a clone of a migrated one
and takes 20 ms.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from server.db.migrate import migrate
from server.engines.directory import DataDirectory
from server.engines.postgres import FORGETFUL as FORGETFUL_POSTGRES
from server.engines.postgres import Postgres
from server.engines.redis import FORGETFUL as FORGETFUL_REDIS
from server.engines.redis import Redis

TEMPLATE = "template_hubbub"
OWN_FOLDER = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep the files of each run in a folder of its own.

    pytest has one for all runs of an account, and makes it private again at the beginning of each: who starts a
    PostgreSQL in it as another account, as root must, can't do so any more while somebody else begins to test.
    """
    if config.option.basetemp is None:
        config.option.basetemp = config.stash[OWN_FOLDER] = tempfile.mkdtemp(prefix="hubbub-tests-")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What tests that failed have left there may be of use."""
    if exitstatus and OWN_FOLDER in session.config.stash:
        del session.config.stash[OWN_FOLDER]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing."""
    if folder := config.stash.get(OWN_FOLDER, ""):
        shutil.rmtree(folder, ignore_errors=True)


class Databases:
    """Makes databases that have the newest schema and nothing in them."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._numbers = count(1)
        self._dropping = ThreadPoolExecutor(1)

    def fresh(self) -> str:
        """The DSN of a new database, for a test that can't share one; `drop` it when done."""
        return self._clone(TEMPLATE)

    def copy(self, dsn: str) -> str:
        """The DSN of a new database with all that is in another one, to which nobody is connected; `drop` it too."""
        return self._clone(self._name(dsn))

    def drop(self, dsn: str) -> Future[str]:
        """Begin to remove a database, whoever is still connected to it.

        Who waits for it must let the event loop run: PostgreSQL itself waits until clients of whatever database have
        taken what it is sending them, and those may be nodes of this process.
        """
        return self._dropping.submit(self._postgres.execute, f"DROP DATABASE IF EXISTS {self._name(dsn)} WITH (FORCE)")

    async def close(self) -> None:
        """Wait until what is being removed is gone; the rest goes with the engine."""
        await asyncio.to_thread(self._dropping.shutdown, cancel_futures=True)

    def _clone(self, template: str) -> str:
        name = f"fresh_{next(self._numbers)}"
        self._postgres.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._postgres.dsn(name)

    @staticmethod
    def _name(dsn: str) -> str:
        return dsn.partition("?")[0].rpartition("/")[2]


@pytest.fixture(scope="session")
def engine_directory() -> Iterator[DataDirectory]:
    """The private directory of this process's engines."""
    path = Path(tempfile.mkdtemp(prefix="hubbub-test-"))
    with DataDirectory(path) as directory:
        yield directory
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(engine_directory: DataDirectory) -> Iterator[Postgres]:
    """A running PostgreSQL that forgets everything with the tests."""
    with Postgres(engine_directory, settings=FORGETFUL_POSTGRES) as engine:
        yield engine


@pytest.fixture(scope="session")
def redis_server(engine_directory: DataDirectory) -> Iterator[Redis]:
    """A running Redis that forgets everything with the tests."""
    with Redis(engine_directory, settings=FORGETFUL_REDIS) as engine:
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def databases(postgres: Postgres) -> AsyncIterator[Databases]:
    """Makes databases; the template that they are cloned from is migrated once."""
    postgres.execute(f"CREATE DATABASE {TEMPLATE}")
    await migrate(postgres.dsn(TEMPLATE))
    made = Databases(postgres)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def database(databases: Databases) -> str:
    """The DSN of the database that the tests of this process share."""
    return databases.fresh()


@pytest.fixture
def fresh_database(databases: Databases) -> Iterator[str]:
    """The DSN of a database of this test's own."""
    dsn = databases.fresh()
    yield dsn
    databases.drop(dsn)
