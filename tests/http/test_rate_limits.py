"""The limit of requests that settings switch on: who is counted, what is told, and what is let through."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from server.access.rates import EXCEEDED, Rate, Rates
from server.engines.directory import DataDirectory
from server.engines.redis import FORGETFUL, Redis
from server.metrics import registry
from tests.clients_of import Client
from tests.make import Make, Person
from tests.nodes import TestNode, start_node

Clients = Callable[..., Client]
Settings = Callable[..., None]
Nodes = tuple[TestNode, TestNode]

LIMITS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after")

_hosts = count(1)


def anybody() -> dict[str, str]:
    """The headers that a proxy adds for a client that nobody has seen before."""
    number = next(_hosts)
    return {"x-real-ip": f"203.0.{number // 250}.{number % 250 + 1}"}


def told(headers: Mapping[str, str]) -> list[str | None]:
    """What an answer says of limits, in the order of LIMITS."""
    return [headers.get(name) for name in LIMITS]


SLOWLY = 60
"""What a test asks for may take a while on a busy machine: meanwhile nothing may come back that was used up."""


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are minutes."""
    monkeypatch.setattr(
        "server.access.request_limits.Rate", lambda name, burst, seconds: Rate(name, burst, seconds * SLOWLY)
    )


@pytest.fixture
def limited(settings: Settings, slowly: None) -> Settings:
    """Three requests at once from an address, and one a minute; `limited(…)` changes it."""

    def limit(**changes: Any) -> None:
        rate = {"Enable": True, "PerSec": 1, "MaxBurst": 2, **changes}
        settings(RateLimitSettings=rate, ServiceSettings={"TrustedProxyIPHeader": ["X-Real-IP"]})

    limit()
    return limit


async def asked(client: Clients, headers: Mapping[str, str], times: int, user: Person | None = None) -> list[int]:
    """The statuses of so many requests, on both nodes in turn."""
    path = "/config/client?format=old"
    return [(await client(user, node=number % 2).get(path, headers=headers)).status for number in range(times)]


async def test_nobody_is_limited_unless_settings_say_so(client: Clients) -> None:
    replies = await asyncio.gather(*(client().get("/config/client?format=old") for _ in range(150)))

    assert {reply.status for reply in replies} == {200}
    assert told(replies[-1].headers) == [None] * 4


async def test_callers_are_limited_over_all_nodes_and_told_when_to_come_again(
    client: Clients, limited: Settings
) -> None:
    here, begun = anybody(), time.monotonic()
    replies = [await client(node=number % 2).get("/config/client?format=old", headers=here) for number in range(5)]
    error, took = replies[3].json, time.monotonic() - begun

    assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
    assert [told(reply.headers)[1] for reply in replies] == ["2", "1", "0", "0", "0"]
    assert {reply.headers["x-ratelimit-limit"] for reply in replies} == {"3"}
    for reply, times in zip(replies, (1, 2, 3, 3, 3), strict=True):
        assert times * SLOWLY - took <= int(reply.headers["x-ratelimit-reset"]) <= times * SLOWLY
    for reply in replies[3:]:
        assert SLOWLY - took <= int(reply.headers["retry-after"]) <= SLOWLY
    assert [reply.headers.get("retry-after") for reply in replies[:3]] == [None] * 3
    assert (replies[3].error_id, error["message"], error["status_code"]) == (EXCEEDED, "limit exceeded", 429)
    assert replies[3].headers["content-type"] == "application/json"


async def test_so_many_a_second_are_let_through(client: Clients, settings: Settings) -> None:
    settings(RateLimitSettings={"Enable": True, "PerSec": 1, "MaxBurst": 2})
    settings(ServiceSettings={"TrustedProxyIPHeader": ["X-Real-IP"]})
    here = anybody()
    statuses: list[int] = []
    begun = time.monotonic()
    while statuses.count(200) < 5:
        statuses += await asked(client, here, 2)
        await asyncio.sleep(0.1)

    assert set(statuses) <= {200, 429}
    assert time.monotonic() - begun > 1


async def test_every_kind_of_answer_counts_and_tells(client: Clients, limited: Settings) -> None:
    here = anybody()
    unknown = await client().get("/nothing", headers=here)
    private = await client().get("/users/me", headers=here)
    broken = await client().post("/users/login", b"{", headers=here)
    refused = await client().get("/nothing", headers=here)

    assert [reply.status for reply in (unknown, private, broken, refused)] == [404, 401, 400, 429]
    assert [told(reply.headers)[1] for reply in (unknown, private, broken, refused)] == ["2", "1", "0", "0"]


async def test_addresses_are_counted_apart_and_ipv6_by_network(client: Clients, limited: Settings) -> None:
    one, other = anybody(), anybody()
    mapped = {"x-real-ip": f"::ffff:{one['x-real-ip']}"}
    six, near, far = ({"x-real-ip": f"2001:db8:0:{net}::{host}"} for net, host in (("a", 1), ("a", 2), ("b", 1)))

    assert await asked(client, one, 4) == [200, 200, 200, 429]
    assert await asked(client, other, 1) == [200]
    assert await asked(client, mapped, 1) == [429]
    assert await asked(client, six, 3) == [200] * 3
    assert await asked(client, near, 1) == [429]
    assert await asked(client, far, 1) == [200]


async def test_what_a_client_says_of_its_own_address_does_not_count(
    client: Clients, settings: Settings, limited: Settings
) -> None:
    settings(ServiceSettings={"TrustedProxyIPHeader": ["X-Forwarded-For"]})
    here = anybody()["x-real-ip"]
    claims = [{"x-forwarded-for": f"198.51.100.{number}, {here}"} for number in range(4)]
    statuses = [(await client().get("/nothing", headers=claim)).status for claim in claims]
    settings(HubbubSettings={"TrustedProxies": 2})
    two = [(await client().get("/nothing", headers=claim)).status for claim in claims]

    assert statuses == [404, 404, 404, 429]
    assert two == [404] * 4


async def test_users_are_counted_wherever_they_are(make: Make, client: Clients, limited: Settings) -> None:
    limited(VaryByUser=True, MaxBurst=100)
    ada, bob = await make.users(2)
    limited(VaryByUser=True)

    assert await asked(client, anybody(), 4, ada) == [200, 200, 200, 429]
    assert await asked(client, anybody(), 1, ada) == [429]
    here = anybody()
    assert await asked(client, here, 1, bob) == [200]
    assert await asked(client, here, 4) == [200, 200, 200, 429]
    forged = [{**here, "authorization": f"Bearer forged{number}"} for number in range(2)]
    assert [await asked(client, each, 1) for each in forged] == [[429], [429]]
    assert await asked(client, here, 1, bob) == [200]


async def test_a_header_may_tell_callers_apart(client: Clients, limited: Settings) -> None:
    limited(VaryByHeader="X-Tenant", VaryByRemoteAddr=False)
    red, blue = ({**anybody(), "x-tenant": f"{colour}-{next(_hosts)}"} for colour in ("red", "blue"))

    assert await asked(client, red, 4) == [200, 200, 200, 429]
    assert await asked(client, {**red, **anybody()}, 1) == [429]
    assert await asked(client, {**red, "x-tenant": red["x-tenant"].upper()}, 1) == [429]
    assert await asked(client, blue, 1) == [200]


async def test_load_balancers_are_not_limited(client: Clients, limited: Settings) -> None:
    here = anybody()
    statuses = await asked(client, here, 4)
    well = [
        (await client().get(path, headers=here)).status
        for path in ("/system/ping", "//health/live", "//health/ready") * 3
    ]

    assert statuses[-1] == 429
    assert set(well) == {200}


async def test_settings_hold_at_once(client: Clients, limited: Settings, settings: Settings) -> None:
    here = anybody()
    before = await asked(client, here, 4)
    limited(MaxBurst=4)
    more = await asked(client, here, 6)
    settings(RateLimitSettings={"Enable": False})
    off = await asked(client, here, 2)

    assert before == [200, 200, 200, 429]
    assert more == [200] * 5 + [429]
    assert off == [200, 200]


async def test_new_sockets_count_as_requests(make: Make, two_nodes: Nodes, client: Clients, limited: Settings) -> None:
    limited(MaxBurst=100)
    ada = await make.user()
    limited()
    headers = {**anybody(), "Authorization": f"Bearer {ada.token}"}
    for number in range(3):
        url = f"ws://127.0.0.1:{two_nodes[number % 2].port}/api/v4/websocket"
        async with connect(url, additional_headers=headers) as socket:
            assert json.loads(await socket.recv())["event"] == "hello"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{two_nodes[0].port}/api/v4/websocket", additional_headers=headers):
            pass
    answer = refused.value.response

    assert answer.status_code == 429
    assert [answer.headers.get(name) for name in LIMITS[:2]] == ["3", "0"]
    assert 1 <= int(answer.headers["retry-after"]) <= SLOWLY
    assert json.loads(answer.body or b"")["id"] == EXCEEDED
    assert await asked(client, headers, 1) == [429]


async def test_a_flood_costs_neither_redis_nor_database(
    client: Clients, node: TestNode, limited: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: Rates = node.services.extras[Rates]  # type: ignore[assignment]
    commands = []
    command = rates._command

    async def noted(*words: Any) -> Any:
        commands.append(words)
        return await command(*words)

    monkeypatch.setattr(rates, "_command", noted)
    refused = registry.get_sample_value("hubbub_rate_limited_total", {"rate": "requests"}) or 0
    here = {**anybody(), "authorization": "Bearer nobody"}
    started, statements = time.monotonic(), node.statements
    statuses = [(await client().get("/users/me", headers=here)).status for _ in range(100)]
    admitted = statuses.count(401)

    assert 3 <= admitted <= 3 + (time.monotonic() - started) / SLOWLY
    assert statuses.count(429) == 100 - admitted
    assert node.statements - statements == admitted
    assert admitted <= len(commands) <= admitted + 2
    assert registry.get_sample_value("hubbub_rate_limited_total", {"rate": "requests"}) == refused + 100 - admitted


async def test_limits_hold_while_redis_is_away_and_are_shared_again_when_it_is_back(
    fresh_database: str, tmp_path: Path
) -> None:
    settings = {
        "MM_RATELIMITSETTINGS_ENABLE": "true",
        "MM_RATELIMITSETTINGS_PERSEC": "1",
        "MM_RATELIMITSETTINGS_MAXBURST": "9",
        "MM_SERVICESETTINGS_TRUSTEDPROXYIPHEADER": "X-Real-IP",
    }
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(DataDirectory(tmp_path / "engines"))
        redis = stack.enter_context(Redis(directory, settings=FORGETFUL))
        nodes = [
            await stack.enter_async_context(start_node(fresh_database, redis.url, tmp_path, **settings)) for _ in "ab"
        ]

        async def let_through(*asked: TestNode) -> tuple[int, float]:
            """How many requests of a new client get through, of 15 on each of these nodes; the seconds it took."""
            here, started, statuses = anybody(), time.monotonic(), []
            for _ in range(15):
                statuses += [(await each.client().get("/users/me", headers=here)).status for each in asked]
            assert set(statuses) == {401, 429}
            return statuses.count(401), time.monotonic() - started

        together, took = await let_through(*nodes)
        redis.stop()
        apart, took_apart = await let_through(*nodes)
        redis.start()
        back = time.monotonic()
        while any(each.services.extras[Rates]._blind for each in nodes):  # type: ignore[attr-defined]
            assert time.monotonic() - back < 30
            await asyncio.sleep(0.1)
            await let_through(*nodes)
        again, took_again = await let_through(*nodes)

    assert 10 <= together <= 10 + took
    assert 20 <= apart <= 20 + 2 * took_apart
    assert 10 <= again <= 10 + took_again
    assert took_apart < took + 5  # nobody waits for Redis with each request
