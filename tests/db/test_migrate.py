"""Migrations: one node migrates, the others wait; what is done is not done twice."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from server.db.migrate import LOCK, migrate, schema_files, schema_folder
from server.engines.postgres import Postgres


async def test_two_nodes_starting_together_migrate_once(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE empty_for_migration")
    dsn = postgres.dsn("empty_for_migration")

    done = await asyncio.gather(*(migrate(dsn) for _ in range(3)))

    numbers = [number for number, _ in schema_files(schema_folder())]
    assert sorted(done, key=len) == [[], [], numbers]
    assert await migrate(dsn) == []


async def test_nobody_waits_where_all_is_done(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(f"SELECT pg_advisory_lock({LOCK})")

    assert await asyncio.wait_for(migrate(database), 30) == []

    await connection.close()


def test_a_missing_number_is_refused(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0003_c.sql", "notes.txt"):
        (tmp_path / name).touch()

    with pytest.raises(ValueError, match=r"\[1, 3\]"):
        schema_files(tmp_path)


async def test_a_failing_file_leaves_nothing_behind(postgres: Postgres, tmp_path: Path) -> None:
    postgres.execute("CREATE DATABASE failing_migration")
    dsn = postgres.dsn("failing_migration")
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (id int)")
    (tmp_path / "0002_bad.sql").write_text("CREATE TABLE half (id int); SELECT nonsense FROM nowhere")

    with pytest.raises(Exception, match="nowhere"):
        await migrate(dsn, tmp_path)
    (tmp_path / "0002_bad.sql").write_text("CREATE TABLE half (id int)")

    assert await migrate(dsn, tmp_path) == [2]
