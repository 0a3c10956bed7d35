"""Whether the node is well: what load balancers, schedulers and clients ask."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec
from msgspec import Struct

from server.access.grants import has_system
from server.access.guards import anyone
from server.access.permissions import Permission
from server.context import Context
from server.errors import ApiError
from server.features.notifications.trial_service import can_receive
from server.features.system import queries
from server.features.system.models import Ping, Wellness
from server.http.reply import Reply
from server.http.router import Router
from server.storage.blobs import Blobs

OK = "OK"
UNHEALTHY = "UNHEALTHY"

# The database and a bucket must answer within this many seconds.
PATIENCE = 2.0

router = Router("system")
outside = Router("system", prefix="")


class Readiness(Struct):
    """Whether the node takes requests: not before it has started, and no more once it drains."""

    is_ready: Callable[[], bool]


@router.get("/system/ping", guard=anyone)
async def get_ping(
    ctx: Context, get_server_status: bool = False, use_rest_semantics: bool = False, device_id: str = ""
) -> Ping | Reply:
    """Whether the server is up; with get_server_status also how its database and file store are."""
    clients = ctx.config.ClientRequirements
    ping = Ping(
        AndroidLatestVersion=clients.AndroidLatestVersion,
        AndroidMinVersion=clients.AndroidMinVersion,
        IosLatestVersion=clients.IosLatestVersion,
        IosMinVersion=clients.IosMinVersion,
    )
    if device_id:
        ping.CanReceiveNotifications = await can_receive(ctx, device_id)
    if get_server_status:
        ping.database_status = _word(await _database_answers(ctx))
        ping.filestore_status = _word(await _files_are_writable(ctx))
        if ping.database_status == OK and await has_system(ctx, Permission.MANAGE_SYSTEM):
            ping.root_status = os.geteuid() == 0
        if UNHEALTHY in (ping.database_status, ping.filestore_status):
            ping.status = UNHEALTHY
    if ping.status != OK and not use_rest_semantics:
        return Reply(content=msgspec.json.encode(ping), status=500)
    return ping


@outside.get("/health/live", guard=anyone)
async def get_live(ctx: Context) -> Wellness:
    """Whether the process answers: restart it when it does not."""
    return Wellness(status=OK)


@outside.get("/health/ready", guard=anyone)
async def get_ready(ctx: Context) -> Wellness | Reply:
    """Whether requests should be sent here: 503 while the node starts, drains or has no database."""
    readiness: Readiness = ctx.part(Readiness)
    database = await _database_answers(ctx)
    ready = database and readiness.is_ready()
    # Without the bus the node still answers requests, so that alone makes it no worse than others.
    wellness = Wellness(status=_word(ready), database=_word(database), bus=_word(ctx.services.bus.connected))
    return wellness if ready else Reply(content=msgspec.json.encode(wellness), status=503)


def _word(well: bool) -> str:
    return OK if well else UNHEALTHY


async def _database_answers(ctx: Context) -> bool:
    return await _answers(queries.alive(ctx.db))


async def _files_are_writable(ctx: Context) -> bool:
    if ctx.config.FileSettings.DriverName != "local":
        blobs: Blobs = ctx.part(Blobs)
        return await _answers(blobs.size("health"))  # there need not be such a file
    return await asyncio.to_thread(_is_writable, Path(ctx.config.FileSettings.Directory))


async def _answers(question: Coroutine[None, None, object]) -> bool:
    """Whether something is answered in time, whatever the answer."""
    try:
        await asyncio.wait_for(question, PATIENCE)
    except (ApiError, TimeoutError):
        return False
    return True


def _is_writable(folder: Path) -> bool:
    """Whether files can be put into a folder, which is made at need."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
