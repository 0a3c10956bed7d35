"""The operator at the shell: a context with the rights of an administrator, over the real database and bus."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from server.bus.bus import Bus
from server.cache import Cache
from server.cli.failure import CommandError
from server.cli.production import production_settings
from server.context import Context, Services, Session, request_context
from server.db import Pool
from server.db.migrate import schema_files, schema_folder
from server.features.roles.service import seed_roles
from server.features.secrets.service import prepare as prepare_secrets
from server.features.system.queries import schema_version
from server.features.system.store import ConfigStore
from server.ids import new_id, now_ms
from server.logs import set_up_logs
from server.sealing import Seals

OPERATOR = Session(
    id="",
    user_id="",
    create_at=0,
    expires_at=0,
    last_activity_at=0,
    device_id="",
    is_oauth=False,
    props={},
    roles="system_admin",
    is_bot=False,
)
"""Nobody's session: whoever may start commands on this machine may do everything."""


@asynccontextmanager
async def operator_context() -> AsyncIterator[Context]:
    """A context for one command, whose news reaches all nodes. Raises as the database does when it is away."""
    config, overrides = production_settings(os.environ)
    set_up_logs(config)
    node_id = new_id()
    services = Services(
        config=config,
        db=Pool(config.SqlSettings.DataSource, size=2, seals=Seals(config.SqlSettings.AtRestEncryptKey)),
        bus=Bus(config.CacheSettings.RedisAddress, node_id),
        cache=Cache(),
        node_id=node_id,
    )
    store = ConfigStore(services, overrides)
    await services.db.open()
    try:
        await _require_schema(services.db)
        await prepare_secrets(services.db)
        await seed_roles(services.db, now_ms())
        await services.bus.start()
        await store.start()
        yield request_context(services, OPERATOR)
    finally:
        await store.stop()
        await services.bus.stop()
        await services.db.close()


async def _require_schema(db: Pool) -> None:
    """Commands don't migrate by the way: old nodes may be running, and when is the operator's choice."""
    newest, _ = schema_files(schema_folder())[-1]
    try:
        there = await schema_version(db)
    except asyncpg.UndefinedTableError:
        there = 0
    if there < newest:
        raise CommandError(f"the database has schema {there}, this version needs {newest}: run `hubbub migrate`")
