"""Changing settings: check them, store them as a new version, and have every node read them again."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from server.bus.signals import ConfigChanged
from server.config import Config, ConfigError
from server.config.change import patched, replaced
from server.config.client import client_config
from server.config.masking import mask, without, without_masked
from server.context import Context
from server.db import Db
from server.errors import ApiError, BadRequest, invalid_body
from server.features.guests.models import DeactivateGuests
from server.features.system import queries
from server.features.system.events import ClientConfigChanged
from server.features.system.store import ConfigStore
from server.ids import new_id

Change = Callable[[Config, Config, Mapping[str, Any], Collection[str]], Config]

DAY = 86_400_000


def settings(ctx: Context, *, remove_masked: bool = False, remove_defaults: bool = False) -> dict[str, Any]:
    """The settings in force as administrators see them: secrets masked, or left out, or all defaults left out."""
    shown = mask(ctx.config)
    if remove_defaults:
        shown = without(shown, mask(Config()))
    return without_masked(shown) if remove_masked else shown


async def update_settings(ctx: Context, body: Mapping[str, Any]) -> dict[str, Any]:
    """Put a whole config in force: what it leaves out falls back to its default."""
    return await _change(ctx, body, replaced)


async def patch_settings(ctx: Context, body: Mapping[str, Any]) -> dict[str, Any]:
    """Change the settings that the body names."""
    return await _change(ctx, body, patched)


async def _change(ctx: Context, body: Mapping[str, Any], change: Change) -> dict[str, Any]:
    store: ConfigStore = ctx.part(ConfigStore)
    facts = await store.facts()
    try:
        async with ctx.begin() as tx:
            await queries.lock_settings(tx)
            stored = store.parse(await queries.active_settings(tx))
            new = change(stored, store.in_force(stored), body, store.overrides.locked)
            config = store.in_force(new)
            if new != stored:
                await queries.replace_settings(tx, new_id(), new, ctx.now())
                await _forget_old(tx, config, ctx.now())
                if store.in_force(stored).GuestAccountsSettings.Enable and not config.GuestAccountsSettings.Enable:
                    tx.enqueue(DeactivateGuests())
                tx.publish(ConfigChanged())
                tx.publish(ClientConfigChanged(config=client_config(config, facts, signed_in=True)))
        await store.reload()
    except ConfigError as error:
        raise _refusal(error) from None
    return settings(ctx)


async def _forget_old(db: Db, config: Config, now: int) -> None:
    days = config.JobSettings.CleanupConfigThresholdDays
    if days > 0:
        await queries.delete_old_settings(db, now - days * DAY)


def _refusal(error: ConfigError) -> ApiError:
    if not error.id:
        return invalid_body(error.key)
    return BadRequest(error.id, f"{error}.")


async def reload_settings(ctx: Context) -> None:
    """Have all nodes read the stored settings again."""
    await ctx.tell(messages=[ConfigChanged()])
    try:
        await ctx.part(ConfigStore).reload()
    except ConfigError as error:
        raise _refusal(error) from None
