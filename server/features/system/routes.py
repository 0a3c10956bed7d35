"""Routes of the settings, the licence and what else clients ask of the installation."""

import zoneinfo
from functools import cache
from typing import Any, Literal

from server.access.grants import has_system
from server.access.guards import anyone, in_service, on_system, signed_in
from server.access.permissions import Permission
from server.config.client import client_config, client_license
from server.context import Context
from server.features.system import service
from server.features.system.models import ServerLimits
from server.features.system.store import ConfigStore
from server.features.users.list_queries import count_users
from server.http.router import LARGE_BODY, Router

# Names in the time zone database that are no places.
NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})

router = Router("config")


@router.get("/config", guard=on_system(Permission.MANAGE_SYSTEM))
async def get_config(ctx: Context, remove_masked: bool = False, remove_defaults: bool = False) -> dict[str, Any]:
    """All settings; secrets are masked."""
    return service.settings(ctx, remove_masked=remove_masked, remove_defaults=remove_defaults)


@router.put("/config", guard=on_system(Permission.MANAGE_SYSTEM), body_limit=LARGE_BODY)
async def update_config(ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    """Replace all settings: those left out fall back to their defaults."""
    return await service.update_settings(ctx, body)


@router.put("/config/patch", guard=on_system(Permission.MANAGE_SYSTEM), body_limit=LARGE_BODY)
async def patch_config(ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    """Change the settings that are named and no others."""
    return await service.patch_settings(ctx, body)


@router.get("/config/environment", guard=on_system(Permission.MANAGE_SYSTEM))
async def get_environment_config(ctx: Context) -> dict[str, Any]:
    """The settings that the server's environment decides, each as true."""
    store: ConfigStore = ctx.part(ConfigStore)
    return store.overrides.as_tree()


@router.post("/config/reload", guard=on_system(Permission.RELOAD_CONFIG))
async def reload_config(ctx: Context) -> None:
    """Have all nodes read the stored settings again."""
    await service.reload_settings(ctx)


@router.get("/config/client", guard=anyone)
async def get_client_config(ctx: Context, format: Literal["old", ""] = "old") -> dict[str, str]:
    """The settings that clients need; a few of them without a session."""
    store: ConfigStore = ctx.part(ConfigStore)
    return client_config(ctx.config, await store.facts(), signed_in=ctx.session is not None)


@router.get("/license/client", guard=anyone)
async def get_client_license(ctx: Context, format: Literal["old", ""] = "old") -> dict[str, str]:
    """The licence, of which there is none and none is needed."""
    return client_license()


@router.get("/limits/server", guard=in_service("the count of users: sysconsole_read_user_management_users"))
async def get_server_limits(ctx: Context) -> ServerLimits:
    """How many accounts are active, for those who manage accounts, and how many there may be: any number."""
    if not await has_system(ctx, Permission.SYSCONSOLE_READ_USER_MANAGEMENT_USERS):
        return ServerLimits()
    return ServerLimits(active_user_count=await count_users(ctx.db, None))


@router.get("/system/timezones", guard=signed_in)
async def get_supported_timezone(ctx: Context) -> list[str]:
    """The names of all time zones that users can choose."""
    return _timezones()


@cache
def _timezones() -> list[str]:
    return sorted(zoneinfo.available_timezones() - NO_ZONES)
