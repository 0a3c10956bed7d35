"""The settings of a node: what the database holds and the environment overrides, kept up to date."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from server.bus.signals import ConfigChanged
from server.config import Config, ConfigError, Overrides, merge
from server.config.client import Facts
from server.context import Services
from server.errors import ApiError
from server.features.system import queries
from server.features.terms.queries import newest as newest_terms
from server.ids import new_id, now_ms

RETRY_SECONDS = 1.0

DIAGNOSTIC_ID = "DiagnosticId"
INSTALLATION_DATE = "InstallationDate"

log = structlog.get_logger()


class ConfigStore:
    """Puts the stored settings in force at the start and whenever any node changed them."""

    def __init__(self, services: Services, overrides: Overrides) -> None:
        self.overrides = overrides
        self._services = services
        self._facts = Facts(no_accounts=True)
        self._reloading: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()
        self._again = False
        self._stopped = False
        self.on_changed: list[Callable[[], None]] = []
        """Called when other settings have come into force on this node."""
        services.bus.on(ConfigChanged, lambda _: self.reload_soon())
        services.bus.on_lost.append(self.reload_soon)

    async def start(self) -> None:
        """Read the settings. Raises ConfigError when they make no sense together with the environment."""
        db = self._services.db
        await queries.insert_systems(db, {DIAGNOSTIC_ID: new_id(), INSTALLATION_DATE: str(now_ms())})
        made = await queries.systems(db)
        self._facts = Facts(
            diagnostic_id=made[DIAGNOSTIC_ID],
            installation_date=int(made[INSTALLATION_DATE]),
            schema_version=str(await queries.schema_version(db)),
            no_accounts=True,
        )
        await self.reload()

    async def stop(self) -> None:
        """End a reload that is under way, and begin none any more: when the bus stops, news count as lost."""
        self._stopped = True
        if self._reloading is not None:
            self._reloading.cancel()

    async def facts(self) -> Facts:
        """What clients are told beside the settings."""
        # Accounts are never removed for good by themselves: once there is one, nobody needs to look again.
        if self._facts.no_accounts and await queries.has_users(self._services.db):
            self._facts = msgspec.structs.replace(self._facts, no_accounts=False)
        if not self._services.config.SupportSettings.CustomTermsOfServiceEnabled:
            return self._facts
        return msgspec.structs.replace(self._facts, terms_of_service_id=await self._terms_id())

    async def _terms_id(self) -> str:
        async def load() -> str:
            terms = await newest_terms(self._services.db)
            return terms.id if terms is not None else ""

        return await self._services.cache.get("terms", ("terms",), load)

    async def reload(self) -> None:
        """Read the stored settings and put them in force on this node; not while others are being read, or those might
        come into force after newer ones."""
        async with self._reading:
            config = self.in_force(self.parse(await queries.active_settings(self._services.db)))
            if config != self._services.config:
                self._services.config = config
                for listener in self.on_changed:
                    listener()

    def reload_soon(self) -> None:
        """Reload without waiting for it; tried again until it succeeds."""
        if self._stopped:
            return
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._reload_until_done())
        else:
            self._again = True

    async def _reload_until_done(self) -> None:
        while True:
            self._again = False
            try:
                await self.reload()
            except ConfigError as error:
                log.error("stored settings are left out", reason=str(error))
            except ApiError as error:
                log.warning("settings can't be read", reason=error.message)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if not self._again:
                return

    def parse(self, value: dict[str, Any]) -> Config:
        """Settings as they are stored, without overrides."""
        return merge(Config(), value)

    def in_force(self, stored: Config) -> Config:
        """Stored settings with the overrides of the environment; raises ConfigError when they make no sense."""
        return self.overrides.apply(stored)
