"""Every SQL constant of the program is prepared on the real schema, so a typo fails before anyone tests for it."""

import importlib
import pkgutil

import asyncpg
import pytest

import server
from server.context import request_context
from server.db.sql import ALL_SQL, columns
from server.features.welcome.nodes import LivingNode
from server.ids import new_id
from tests.nodes import TestNode


def import_everything() -> None:
    """Import all modules of the program: SQL constants register themselves."""
    for module in pkgutil.walk_packages(server.__path__, "server."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


async def test_every_statement_fits_the_schema(database: str) -> None:
    import_everything()
    connection = await asyncpg.connect(database)
    refused = []
    try:
        for sql in ALL_SQL:
            try:
                await connection.prepare(sql.text)
            except asyncpg.PostgresError as error:
                refused.append(f"{error}: {' '.join(sql.text.split())[:200]}")
    finally:
        await connection.close()

    assert len(ALL_SQL) > 50
    assert refused == []


async def test_a_typo_would_be_found(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        with pytest.raises(asyncpg.UndefinedColumnError):
            await connection.prepare("SELECT no_such_column FROM posts")
    finally:
        await connection.close()


async def test_news_of_a_rolled_back_change_stays_away(node: TestNode, no_doubts: None) -> None:
    ctx = request_context(node.services)
    tag = f"user:{new_id()}"
    await node.services.cache.get(("kept", tag), (tag,), _value)

    with pytest.raises(LookupError):
        async with ctx.begin() as tx:
            tx.invalidate(tag)
            raise LookupError
    kept = node.services.cache.peek(("kept", tag), object)
    async with ctx.begin() as tx:
        tx.invalidate(tag)

    assert kept == "value"
    assert node.services.cache.peek(("kept", tag), object) is None


async def _value() -> str:
    return "value"


def test_columns_follow_the_struct() -> None:
    assert columns(LivingNode, "n", leave=("seen_at",)) == "n.id, n.address, n.version, n.started_at"
