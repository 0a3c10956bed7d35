"""The embedded engines start, keep what they were given, and say in one line why they can't."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis as redis_client

from server.engines.child import EngineError
from server.engines.directory import LONGEST_SOCKET_FOLDER, DataDirectory
from server.engines.postgres import FORGETFUL, Postgres
from server.engines.redis import Redis
from tests.engines import Databases


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    with DataDirectory(tmp_path / "data") as directory:
        yield directory


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended; in a container nobody may collect the ended ones."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start_postgres(directory: DataDirectory) -> tuple[Postgres, list[str]]:
    said: list[str] = []
    return Postgres(directory, settings=FORGETFUL, say=said.append), said


def test_postgres_keeps_its_data_and_its_address(directory: DataDirectory) -> None:
    postgres, said = start_postgres(directory)
    with postgres:
        address = postgres.dsn()
        postgres.execute("CREATE TABLE kept AS SELECT 42 AS answer", "hubbub")
        first = postgres.pid

    with postgres:
        assert postgres.execute("SELECT answer FROM kept", "hubbub") == "42"
        assert postgres.dsn() == address
        assert postgres.pid != first
    assert not runs(first)
    assert said == []


def test_postgres_compares_text_by_code_point_and_folds_its_case(postgres: Postgres) -> None:
    assert postgres.execute("SELECT lower('ÄÖÉ') || (CASE WHEN 'B' < 'a' THEN '<' END)") == "äöé<"


def test_postgres_starts_again_at_once_after_it_was_killed(directory: DataDirectory) -> None:
    said: list[str] = []
    with Postgres(directory, say=said.append) as postgres:
        postgres.execute("CREATE TABLE kept AS SELECT 42 AS answer", "hubbub")
        os.kill(postgres.pid, signal.SIGKILL)
        while postgres.returncode() is None:
            time.sleep(0.01)

        postgres.start()

        assert postgres.execute("SELECT answer FROM kept", "hubbub") == "42"
    assert len(said) == 1
    assert said[0].startswith("removed the stale postmaster.pid of process ")


@pytest.mark.parametrize(
    "note",
    ["1\n/nowhere\n", str(os.getpid()), "999999999\n", "", "what?\n"],
    ids=["init", "another program", "nobody", "empty", "garbage"],
)
def test_a_stale_pid_file_of_postgres_is_removed(directory: DataDirectory, note: str) -> None:
    postgres, said = start_postgres(directory)
    with postgres:
        pass
    (directory.path / "postgres" / "postmaster.pid").write_text(note)

    with postgres:
        assert postgres.execute("SELECT 1") == "1"

    assert len(said) == 1
    assert said[0].startswith("removed the stale postmaster.pid of process ")


def test_a_broken_cluster_is_refused_in_one_line(directory: DataDirectory) -> None:
    postgres, _ = start_postgres(directory)
    with postgres:
        pass
    (directory.path / "postgres" / "global" / "pg_control").write_bytes(b"broken")

    with pytest.raises(EngineError, match=r"PostgreSQL does not start: .*pg_control") as refused:
        postgres.start()

    assert "\n" not in str(refused.value)


def test_a_folder_that_is_no_cluster_is_refused_and_left_alone(directory: DataDirectory) -> None:
    mine = directory.folder("postgres") / "thesis.txt"
    mine.write_text("all my work")
    postgres, _ = start_postgres(directory)

    with pytest.raises(EngineError, match="move it away"):
        postgres.start()

    assert mine.read_text() == "all my work"


def test_redis_keeps_its_data(directory: DataDirectory) -> None:
    engine = Redis(directory)
    with engine, redis_client.Redis.from_url(engine.url) as client:
        client.set("kept", "42")
        first = engine.pid

    with engine, redis_client.Redis.from_url(engine.url) as client:
        assert client.get("kept") == b"42"
    assert not runs(first)


def test_redis_starts_again_at_once_after_it_was_killed(directory: DataDirectory) -> None:
    engine = Redis(directory)
    with engine:
        url = engine.url
        os.kill(engine.pid, signal.SIGKILL)
        while engine.returncode() is None:
            time.sleep(0.01)

        engine.start()

        assert engine.url == url
        with redis_client.Redis.from_url(engine.url) as client:
            assert client.ping() is True


def test_broken_data_of_redis_is_refused_in_one_line(directory: DataDirectory) -> None:
    engine = Redis(directory)
    with engine, redis_client.Redis.from_url(engine.url) as client:
        client.set("kept", "42")
    for dump in (directory.path / "redis").rglob("*.rdb"):
        dump.write_bytes(b"REDIS what is this")

    with pytest.raises(EngineError, match=r"Redis does not start: ") as refused:
        engine.start()

    assert "\n" not in str(refused.value)


def test_a_directory_has_one_owner(directory: DataDirectory) -> None:
    with pytest.raises(EngineError, match=f"in use by process {os.getpid()}$"):
        DataDirectory(directory.path)


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(EngineError, match="can't use"):
        DataDirectory(tmp_path / "file")


def test_a_long_path_gets_its_sockets_elsewhere(tmp_path: Path) -> None:
    long = tmp_path / ("d" * LONGEST_SOCKET_FOLDER) / ("e" * 40)
    with DataDirectory(long) as directory:
        assert len(str(directory.run)) < LONGEST_SOCKET_FOLDER
        postgres, _ = start_postgres(directory)
        with postgres, Redis(directory) as engine, redis_client.Redis.from_url(engine.url) as client:
            assert postgres.execute("SELECT 1") == "1"
            assert client.ping() is True

    assert not directory.run.exists()


ORPHANS = """
import sys, time
from pathlib import Path
from server.engines.directory import DataDirectory
from server.engines.postgres import Postgres
from server.engines.redis import Redis
with DataDirectory(Path(sys.argv[1])) as directory, Postgres(directory) as postgres, Redis(directory) as redis:
    print(postgres.pid, redis.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")
def test_engines_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHANS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        owner.kill()

    # a new owner waits for what is still ending
    with DataDirectory(tmp_path) as directory, Postgres(directory) as postgres, Redis(directory):
        assert postgres.execute("SELECT 1") == "1"
        assert not any(runs(pid) for pid in pids)


async def test_a_fresh_database_has_the_schema_and_nothing_else(
    databases: Databases, postgres: Postgres, fresh_database: str
) -> None:
    other = databases.fresh()
    name = fresh_database.partition("?")[0].rpartition("/")[2]

    assert fresh_database != other
    assert postgres.execute("SELECT count(*) FROM users", name) == "0"
    await asyncio.wrap_future(databases.drop(other))
    with pytest.raises(EngineError, match="does not exist"):
        postgres.execute("SELECT 1", other.partition("?")[0].rpartition("/")[2])
