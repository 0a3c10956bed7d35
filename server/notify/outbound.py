"""HTTP to addresses that users chose: only to public ones, checked when the connection is made, within limits.

What is checked is the address that is connected to, so that neither a name nor a redirect nor an odd spelling of an
address leads inside. `AllowedUntrustedInternalConnections` names the exceptions.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import certifi
import httpcore
from msgspec import Struct

from server import __version__
from server.config.service import ServiceSection

MAX_URL = 65_536
"""Characters; slash commands that are called by GET carry whole messages."""
CONNECTIONS = 64
PER_HOST = 16
"""Calls under way to one host whose address a user chose: a slow one leaves connections for the others."""
PER_CALL_ADDRESSES = 4
LOOKUPS = 16
"""Names that are looked up at the same time; the owners of names decide how long that takes."""
USER_AGENT = f"Hubbub/{__version__}"

_REDIRECTS = (301, 302, 303, 307, 308)
_SECRETS = frozenset({"authorization", "cookie"})

# Threads of their own: others must not wait for slow names, nor those of the operator for those of users.
_lookups = {trusted: ThreadPoolExecutor(LOOKUPS, thread_name_prefix="names") for trusted in (False, True)}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Only these of IPv6 are given to the Internet so far: none that merely stands for one of IPv4, but for translated ones.
_UNICAST = ipaddress.ip_network("2000::/3")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
# Addresses for protocols, 6to4's relays, Teredo, and documentation.
_FORBIDDEN = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/32", "3fff::/20")))


class OutboundError(Exception):
    """A call that gave no answer; `reason` is said in constant words, never in those of the target."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutboundRefused(OutboundError):
    """The address is none that may be called."""


class OutboundFailed(OutboundError):
    """The target could not be reached, or did not answer within the limits."""


class OutboundUnreached(OutboundFailed):
    """There was no connection to the target, or it was lost: another try may help."""


class OutboundLate(OutboundFailed):
    """The target took too long."""


class Answer(Struct, frozen=True):
    """What a target answered."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case; of repeated ones the last."""
    body: bytes
    url: str
    """Where it came from, after redirects."""


class Outbound:
    """Calls addresses that users chose; `settings` gives those in force."""

    def __init__(self, settings: Callable[[], ServiceSection]) -> None:
        self._settings = settings
        self._pools: dict[tuple[bool, bool], httpcore.AsyncConnectionPool] = {}
        self._under_way: Counter[str] = Counter()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        timeout: float = 10.0,
        max_bytes: int = 1_000_000,
        redirects: int = 0,
        cut: bool = False,
        trusted: bool = False,
    ) -> Answer:
        """Send a request and read the answer, all within `timeout` seconds and `max_bytes` of body.

        With `cut` a longer body is cut off instead of refused. `redirects` are followed at most so many times, each
        checked anew. A `trusted` address, one of the operator's, may lie anywhere. Raises OutboundError.
        """
        call = _Call(method, url, dict(headers or {}), content, max_bytes, cut, trusted)
        try:
            async with asyncio.timeout(timeout):
                return await self._follow(call, redirects)
        except TimeoutError:
            raise OutboundLate("The address did not answer in time.") from None
        except httpcore.ConnectError:
            raise OutboundUnreached("The address could not be reached.") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError):
            raise OutboundUnreached("The address gave no proper answer.") from None

    async def _follow(self, call: "_Call", redirects: int) -> Answer:
        while True:
            target = checked_url(call.url)
            answer = await self._exchange(call, target)
            location = answer.headers.get("location", "")
            if redirects <= 0 or answer.status not in _REDIRECTS or not location:
                return answer
            redirects -= 1
            call.url = urljoin(answer.url, location)
            following = urlsplit(call.url)
            if (following.scheme, following.netloc) != (target.scheme, target.netloc):
                call.headers = {name: value for name, value in call.headers.items() if name.lower() not in _SECRETS}
            if answer.status == 303 or (answer.status in (301, 302) and call.method == "POST"):
                call.method, call.content = "GET", b""

    @contextlib.contextmanager
    def _place_at(self, host: str) -> Iterator[None]:
        """One of the calls that a host has under way; raises OutboundFailed when these are too many."""
        if self._under_way[host] >= PER_HOST:
            raise OutboundFailed("The address has too many calls under way.")
        self._under_way[host] += 1
        try:
            yield
        finally:
            self._under_way[host] -= 1
            if not self._under_way[host]:
                del self._under_way[host]

    async def _exchange(self, call: "_Call", target: SplitResult) -> Answer:
        if call.trusted:
            return await self._talk(call, target)
        with self._place_at(target.netloc.lower()):
            return await self._talk(call, target)

    async def _talk(self, call: "_Call", target: SplitResult) -> Answer:
        url = urlunsplit(target)
        stream = self._pool(call.trusted).stream(
            call.method, url, headers=_headers(call, target.netloc), content=call.content
        )
        async with stream as response:
            answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if answered.get("content-encoding", "identity").lower() != "identity":
                raise OutboundFailed("The address gave no proper answer.")
            body = bytearray()
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > call.max_bytes:
                    if not call.cut:
                        raise OutboundFailed("The answer of the address is too long.")
                    break
        return Answer(response.status, answered, bytes(body[: call.max_bytes]), url)

    def _pool(self, trusted: bool) -> httpcore.AsyncConnectionPool:
        """The connections to guarded or trusted addresses; certificates are checked unless the settings say no."""
        verify = not self._settings().EnableInsecureOutgoingConnections
        pool = self._pools.get((trusted, verify))
        if pool is None:
            context = ssl.create_default_context()
            context.load_verify_locations(certifi.where())
            if not verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            pool = self._pools[trusted, verify] = httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=CONNECTIONS,
                max_keepalive_connections=CONNECTIONS // 4,
                keepalive_expiry=5.0,
                network_backend=GuardedBackend(None if trusted else self._exceptions),
            )
        return pool

    def _exceptions(self) -> str:
        return self._settings().AllowedUntrustedInternalConnections

    async def start(self) -> None:
        """Connections are made when they are needed."""

    async def stop(self) -> None:
        """Close all connections."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            with contextlib.suppress(RuntimeError, OSError, httpcore.NetworkError):
                await pool.aclose()


class _Call(Struct):
    method: str
    url: str
    headers: dict[str, str]
    content: bytes
    max_bytes: int
    cut: bool
    trusted: bool


def _headers(call: _Call, host: str) -> list[tuple[bytes, bytes]]:
    sent = {"host": host, "user-agent": USER_AGENT, "accept-encoding": "identity"}
    sent |= {name.lower(): _header(value) for name, value in call.headers.items()}
    sent.pop("content-length", None)
    if call.content or call.method not in ("GET", "HEAD"):
        sent["content-length"] = str(len(call.content))
    else:
        sent.pop("content-type", None)
    return [(name.encode("ascii", "replace"), value.encode("latin-1")) for name, value in sent.items()]


def _header(value: str) -> str:
    """A value that stays within its header."""
    return "".join(char if char.isprintable() and ord(char) < 256 else " " for char in value).strip()


def checked_url(url: str) -> SplitResult:
    """The parts of an address that may be tried; raises OutboundRefused for what is no plain http(s) address."""
    refused = OutboundRefused("The address is not allowed.")
    if len(url) > MAX_URL or not url.isprintable() or " " in url or "\\" in url:
        raise refused
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        netloc = (host or "").encode("idna" if not (host or "").isascii() else "ascii").decode()
    except (ValueError, UnicodeError):
        raise refused from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or port == 0 or "%" in host:
        raise refused
    if ":" in netloc:
        netloc = f"[{netloc}]"
    if port is not None:
        netloc = f"{netloc}:{port}"
    return SplitResult(parts.scheme, netloc, _quoted(parts.path) or "/", _quoted(parts.query), "")


def _quoted(text: str) -> str:
    return "".join(char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode()) for char in text)


def is_public(address: Address) -> bool:
    """Whether an address belongs to everybody's Internet, and so does the one that it stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _FORBIDDEN)


def is_excepted(host: str, address: Address, exceptions: str) -> bool:
    """Whether the operator allows an address: `exceptions` are names, addresses and networks, by blanks or commas."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    for word in exceptions.replace(",", " ").split():
        if word.lower() == host.lower():
            return True
        with contextlib.suppress(ValueError):
            network = ipaddress.ip_network(word, strict=False)
            if address in network or (mapped is not None and mapped in network):
                return True
    return False


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public and excepted addresses only; without `exceptions` to any."""

    def __init__(self, exceptions: Callable[[], str] | None) -> None:
        self._exceptions = exceptions
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers; raises OutboundRefused when none may be called."""
        allowed = await self._addresses(host, port)
        if not allowed:
            raise OutboundRefused("The address is not allowed.")
        failure: Exception = httpcore.ConnectError("no address")
        for address in allowed[:PER_CALL_ADDRESSES]:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                _lookups[self._exceptions is None],
                partial(socket.getaddrinfo, host.strip("[]"), port, type=socket.SOCK_STREAM),
            )
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("unknown host") from None
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        if self._exceptions is None:
            return addresses
        exceptions = self._exceptions()
        return [each for each in addresses if is_public(each) or is_excepted(host.strip("[]"), each, exceptions)]
