"""Where requests come from, as proxies tell it, and as what they are counted."""

import msgspec
import pytest

from server.access.addresses import client_ip, counted_address, is_own_machine
from server.config import Config


def behind(proxies: int, told: str) -> str:
    """The client of a request that came through so many trusted proxies, with this header."""
    config = Config()
    service = msgspec.structs.replace(config.ServiceSettings, TrustedProxyIPHeader=["X-Forwarded-For"])
    hubbub = msgspec.structs.replace(config.HubbubSettings, TrustedProxies=proxies)
    config = msgspec.structs.replace(config, ServiceSettings=service, HubbubSettings=hubbub)
    return client_ip(config, "10.0.0.1", lambda name: told if name == "x-forwarded-for" else "")


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("", "10.0.0.1"),
        ("203.0.113.7", "203.0.113.7"),
        ("127.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1,, ,203.0.113.7, ", "203.0.113.7"),
        ("203.0.113.7:49152", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:49152", "2001:db8::7"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
        ("unknown", "unknown"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_the_last_entry_is_the_client_without_its_port(told: str, client: str) -> None:
    assert behind(1, told) == client


def test_of_several_proxies_the_outermost_one_says_it() -> None:
    assert behind(2, "127.0.0.1, 203.0.113.7:1, 10.0.0.2") == "203.0.113.7"
    assert behind(5, "203.0.113.7, 10.0.0.2") == "203.0.113.7"


@pytest.mark.parametrize(
    ("ip", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::1"),
        ("::2", "::"),
        ("unknown", "unknown"),
    ],
)
def test_addresses_of_one_client_count_as_one(ip: str, counted: str) -> None:
    assert counted_address(ip) == counted


def test_only_the_own_machine_is_the_own_machine() -> None:
    own = ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "::1"]
    assert [ip for ip in [*own, "10.0.0.1", "0.0.0.0", "unknown", ""] if is_own_machine(ip)] == own
    assert not is_own_machine("2001:db8::1")
