"""Where a request comes from: behind proxies, and as what it is counted."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from server.config import Config

MAX_ADDRESS = 64


def client_ip(config: Config, peer: str, header: Callable[[str], str]) -> str:
    """The address of the client: the peer's, or what the trusted proxies say.

    `header` gives the values of a header joined by commas, "" for none. Each proxy appends who spoke to it, so what
    counts is the entry that the outermost one of our own appended; whatever stands before it is the client's word.
    """
    for name in config.ServiceSettings.TrustedProxyIPHeader:
        values = [value.strip() for value in header(name.lower()).split(",") if value.strip()]
        if values:
            return _without_port(values[-min(len(values), max(1, config.HubbubSettings.TrustedProxies))])[:MAX_ADDRESS]
    return peer


def _without_port(value: str) -> str:
    """Some proxies add the port: then each connection of a client would count as somebody else."""
    host, colon, port = value.rpartition(":")
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return host if colon and port.isdecimal() and host.count(".") == 3 and ":" not in host else value


@lru_cache(4096)
def counted_address(ip: str) -> str:
    """The address under which a client's requests are counted: of IPv6 the network, for whoever has one has it all."""
    try:
        address = ip_address(ip.partition("%")[0].strip("[]"))
    except ValueError:
        return ip
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        if not address.is_loopback:
            return str(ip_network((address, 64), strict=False).network_address)
    return str(address)


def is_own_machine(ip: str) -> bool:
    """Whether a request comes from the node's own machine: from its operator, or through a proxy that isn't trusted."""
    try:
        return ip_address(counted_address(ip)).is_loopback
    except ValueError:
        return False
