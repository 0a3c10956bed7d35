"""The limit of requests that administrators may switch on: `RateLimitSettings`, for REST calls and new sockets."""

from collections.abc import Callable
from hashlib import blake2b

from server.access.addresses import client_ip, counted_address
from server.access.rates import Rate, Rates, exceeded
from server.access.sessions import session_by_token
from server.context import Services

HEALTH = frozenset((b"/api/v4/system/ping", b"/health/live", b"/health/ready"))
"""Paths that load balancers ask, which must not take a busy node for a dead one."""


class RequestLimits:
    """Counts the requests of each caller, as the settings of now say who that is."""

    def __init__(self, services: Services, rates: Rates) -> None:
        self._services = services
        self._rates = rates
        self._of: object = None
        self._rate = Rate("requests", 1, 1)

    @property
    def on(self) -> bool:
        """Whether requests are counted at all."""
        return self._services.config.RateLimitSettings.Enable

    async def admit(self, peer: str, token: str, header: Callable[[str], str]) -> list[tuple[str, str]]:
        """Count a request; the headers that tell what is left to its caller. Raises TooManyRequests.

        `header` gives the values of a header joined by commas, "" for none.
        """
        rate = self._current()
        standing = await self._rates.take(rate, await self._key(peer, token, header))
        if not standing.allowed:
            raise exceeded(rate, standing)
        return standing.headers()

    def _current(self) -> Rate:
        settings = self._services.config.RateLimitSettings
        if settings is not self._of:
            self._of = settings
            # The first request is not part of the burst.
            self._rate = Rate("requests", settings.MaxBurst + 1, 1 / settings.PerSec)
        return self._rate

    async def _key(self, peer: str, token: str, header: Callable[[str], str]) -> str:
        """Who is counted. Without a session people are told apart by their address, if at all."""
        settings = self._services.config.RateLimitSettings
        session = await session_by_token(self._services, token) if settings.VaryByUser and token else None
        parts = []
        if session is not None:
            parts.append(f"user:{session.user_id}")
        elif settings.VaryByRemoteAddr:
            parts.append(counted_address(client_ip(self._services.config, peer, header)))
        if settings.VaryByHeader:
            value = header(settings.VaryByHeader.lower()).lower()
            parts.append(blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest())
        return ":".join(parts)
