"""Places for services that are backed up and restored."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from server.engines.postgres import Postgres
from server.engines.redis import Redis
from tests.backup.commands import Place
from tests.engines import Databases

_numbers = count(1)


@pytest.fixture
def bare_database(postgres: Postgres) -> Iterator[Callable[[], str]]:
    """`bare_database()` is the DSN of a database without any tables."""
    made: list[str] = []

    def make() -> str:
        made.append(f"bare_{next(_numbers)}")
        postgres.execute(f"CREATE DATABASE {made[-1]}")
        return postgres.dsn(made[-1])

    yield make
    for name in made:
        postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def source(fresh_database: str, redis_server: Redis, tmp_path: Path) -> Place:
    """Where the service is that is backed up."""
    return Place(fresh_database, f"{redis_server.url}?db=1", tmp_path / "files")


@pytest.fixture
def target(bare_database: Callable[[], str], redis_server: Redis, tmp_path: Path) -> Place:
    """Where nothing is yet."""
    return Place(bare_database(), f"{redis_server.url}?db=2", tmp_path / "restored")


@pytest.fixture
def other_target(databases: Databases, redis_server: Redis, tmp_path: Path) -> Iterator[Place]:
    """Where there are tables with nothing in them."""
    dsn = databases.fresh()
    yield Place(dsn, f"{redis_server.url}?db=3", tmp_path / "also_restored")
    databases.drop(dsn)
