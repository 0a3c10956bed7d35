"""Whether the key fits, and sealing what stands in the database."""

import structlog

from server.config import ConfigError
from server.config.environment import variable_of
from server.db import Db, Pool
from server.features.secrets import queries
from server.sealing import Unreadable

KEY = "SqlSettings.AtRestEncryptKey"
PLACE = "systems.value:AtRestKeyCheck"

BEGUN, DONE = "begun", "done"
"""What the key check says of the secrets that stood in the open before there was a key."""

log = structlog.get_logger()


async def prepare(db: Pool) -> None:
    """See that the key fits the database, and with its first one seal what stands there in the open.

    Raises ConfigError when secrets were sealed with a key that is not among the present ones.
    """
    mark = await queries.key_check(db)
    if mark is None and not db.seals.active:
        log.warning("secrets stand in the open in the database", set=variable_of(KEY))
        return
    if mark is None:
        await queries.insert_key_check(db, db.seals.seal(BEGUN, PLACE))
        mark = await queries.key_check(db) or ""
    if _opened(db, mark) == BEGUN:
        count = await _seal_all(db)
        await queries.update_key_check(db, db.seals.seal(DONE, PLACE))
        log.info("the secrets of the database have been sealed", count=count)


async def reseal(db: Pool) -> int:
    """Seal all secrets with the first key, after which older keys are of no use; how many were not sealed with it."""
    if not db.seals.active:
        raise ConfigError(variable_of(KEY), "is not set")
    await prepare(db)
    count = await _seal_all(db)
    await queries.update_key_check(db, db.seals.seal(DONE, PLACE))
    return count


async def require_key(db: Db) -> None:
    """Raise ConfigError when secrets were sealed with a key that is not among the present ones."""
    mark = await queries.key_check(db)
    if mark is not None:
        _opened(db, mark)


def _opened(db: Db, mark: str) -> str:
    try:
        return db.seals.open(mark, PLACE)
    except Unreadable:
        wrong = "is not the key that" if db.seals.active else "is not set, but with a key"
        raise ConfigError(variable_of(KEY), f"{wrong} the secrets of this database were sealed with") from None


async def _seal_all(db: Pool) -> int:
    count = sum([await queries.seal_column(db, column) for column in queries.COLUMNS])
    for version in await queries.settings_ids(db):
        async with db.begin() as tx:
            await queries.seal_settings(tx, version)
    return count
