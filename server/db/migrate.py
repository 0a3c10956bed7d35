"""Migrations: the numbered files of schema/, run once each under an advisory lock."""

import re
from pathlib import Path

import asyncpg
import structlog

_LOCK = 0x68756262
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

    Nodes that start together wait for each other: the lock is held by one, the others find all done.
    """
    files = schema_files(folder or schema_folder())
    connection = await asyncpg.connect(dsn, timeout=30)
    done: list[int] = []
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (number integer PRIMARY KEY, run_at timestamptz DEFAULT now())"
        )
        newest = await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_migrations")
        for number, path in files:
            if number <= newest:
                continue
            async with connection.transaction():
                await connection.execute(path.read_text(encoding="utf-8"))
                await connection.execute("INSERT INTO schema_migrations (number) VALUES ($1)", number)
            done.append(number)
            log.info("migrated", file=path.name)
    finally:
        await connection.close(timeout=5)
    return done
