"""Migrations: the numbered files of schema/, run once each under an advisory lock."""

import re
from pathlib import Path
from typing import Any

import asyncpg
import structlog

LOCK = 0x68756262
"""The advisory lock of whoever changes the schema, and of whoever needs it to stay as it is (shared)."""

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

log = structlog.get_logger()


def schema_files(folder: Path) -> list[tuple[int, Path]]:
    """The migrations by number; raises ValueError when a number is missing or used twice."""
    found = sorted((int(match[1]), path) for path in folder.iterdir() if (match := _FILE.fullmatch(path.name)))
    numbers = [number for number, _ in found]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"schema/ is not numbered 0001, 0002, …: {numbers}")
    return found


def schema_folder() -> Path:
    """Where the numbered SQL is: beside the package in a checkout, inside it when installed."""
    beside = Path(__file__).parents[2] / "schema"
    return beside if beside.is_dir() else Path(__file__).parents[1] / "schema"


async def migrate(dsn: str, folder: Path | None = None) -> list[int]:
    """Bring the database to the newest schema; the numbers of the files that were run.

    Nodes that start together wait for each other: the lock is held by one, the others find all done. Where all is
    done already, nobody waits.
    """
    files = schema_files(folder or schema_folder())
    connection = await asyncpg.connect(dsn, timeout=30)
    done: list[int] = []
    try:
        if await schema_of(connection) >= len(files):
            return []
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        newest = await schema_of(connection)
        for number, path in files[newest:]:
            await run_file(connection, number, path)
            done.append(number)
            log.info("migrated", file=path.name)
    finally:
        await connection.close(timeout=5)
    return done


async def schema_of(connection: Any) -> int:
    """The number of the newest file that was run in a database, 0 for none."""
    if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NULL"):
        return 0
    return int(await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_migrations"))


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


async def run_file(connection: Any, number: int, path: Path) -> None:
    """Run a file as a whole or not at all, and note it."""
    async with connection.transaction():
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (number integer PRIMARY KEY, run_at timestamptz DEFAULT now())"
        )
        await connection.execute(_text_of(path))
        await connection.execute("INSERT INTO schema_migrations (number) VALUES ($1)", number)
