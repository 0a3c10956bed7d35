"""Limits that always hold, over all nodes: guessing, mailing, making accounts and posting through hooks."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from server.access import limits
from server.access.rates import EXCEEDED, Rate
from server.features.sessions import login_service
from server.features.teams.models import MAX_INVITED
from server.features.users.token_queries import MOST_OF_A_SENDER
from tests.clients_of import Client, Reply
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]

FORM = {"content-type": "application/x-www-form-urlencoded"}

_hosts = count(1)


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Settings) -> None:
    """Requests come through a proxy that says from where."""
    settings(ServiceSettings={"TrustedProxyIPHeader": ["X-Real-IP"]})


def anybody() -> dict[str, str]:
    """The headers that the proxy adds for a client that nobody has seen before."""
    return {"x-real-ip": f"2001:db8:1:{next(_hosts):x}::1"}


def told(headers: Mapping[str, str]) -> list[str | None]:
    return [headers.get(f"x-ratelimit-{name}") for name in ("limit", "remaining", "reset")]


class Asked(Struct):
    """The answers until the first 429, and how many seconds it took to get them."""

    replies: list[Reply]
    refused: Reply
    took: float


async def until_refused(ask: Callable[[int], Any], most: int) -> Asked:
    """Ask both nodes in turn until one refuses; AssertionError when none does."""
    replies: list[Reply] = []
    begun = time.monotonic()
    for number in range(most + 20):
        reply: Reply = await ask(number % 2)
        if reply.status == 429:
            return Asked(replies, reply, time.monotonic() - begun)
        replies.append(reply)
    raise AssertionError(f"{len(replies)} are not too many: {replies[-1]}")


def check(asked: Asked, rate: Rate, status: int) -> None:
    """All before were answered as ever, were as many as the limit says, and the refusal tells when to come again."""
    replies, refused = asked.replies, asked.refused
    assert {reply.status for reply in replies} == {status}
    assert rate.burst <= len(replies) <= rate.burst + asked.took / rate.seconds + 1  # time goes on meanwhile
    assert refused.error_id == EXCEEDED
    assert told(refused.headers)[:2] == [str(rate.burst), "0"]
    assert rate.whole - rate.seconds <= int(told(refused.headers)[2] or 0) <= rate.whole
    assert 1 <= int(refused.headers["retry-after"]) <= rate.seconds + 1


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> Rate:
    """The limit of failed logins; nobody gets another guess while a test goes on."""
    rate = replace(limits.LOGIN_FAILURES, seconds=600.0)
    monkeypatch.setattr(login_service, "LOGIN_FAILURES", rate)
    return rate


async def test_one_password_on_all_accounts_is_tried_in_vain(make: Make, client: Clients, failures: Rate) -> None:
    ada = await make.user()
    here = anybody()

    def spray(node: int) -> Any:
        body = {"login_id": f"nobody{next(_hosts)}", "password": PASSWORD}
        return client(node=node).post("/users/login", body, headers=here)

    asked = await until_refused(spray, failures.burst)
    right = {"login_id": ada.username, "password": PASSWORD}
    there = [await client(node=node).post("/users/login", right, headers=here) for node in (0, 1)]
    elsewhere = await client().post("/users/login", right, headers=anybody())

    check(asked, failures, 401)
    assert [reply.status for reply in there] == [429, 429]
    assert elsewhere.status == 200


async def test_guesses_at_one_time_count_all(client: Clients, failures: Rate) -> None:
    here = anybody()
    guesses = [{"login_id": f"nobody{number}", "password": PASSWORD} for number in range(150)]
    begun = time.monotonic()
    replies = await asyncio.gather(
        *(client(node=number % 2).post("/users/login", body, headers=here) for number, body in enumerate(guesses))
    )
    after = [await client(node=node).post("/users/login", guesses[0], headers=here) for node in (0, 1)]
    over = [reply.status for reply in replies].count(401) - failures.burst

    assert {reply.status for reply in replies} <= {401, 429}
    assert [reply.status for reply in after] == [429, 429]
    passed = time.monotonic() - begun
    # A node that knows that it refuses does not ask for how long by now: the one that counted last has heard of all.
    longest = max(int(reply.headers["retry-after"]) for reply in after)
    assert longest > max(0, (over - 1) * failures.seconds - passed)


async def test_a_company_signs_in_from_one_address(make: Make, client: Clients) -> None:
    people = await make.users(20)
    here = anybody()
    bodies = [{"login_id": person.username, "password": PASSWORD} for person in people]
    replies = await asyncio.gather(
        *(
            client(node=number % 2).post("/users/login", bodies[number % len(bodies)], headers=here)
            for number in range(150)
        )
    )

    assert {reply.status for reply in replies} == {200}


async def test_the_machine_of_the_node_is_not_limited_by_address(client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"TrustedProxyIPHeader": []})
    body = {"login_id": "nobody", "password": PASSWORD}
    # A header that no proxy is trusted with says nothing.
    statuses = {
        (await client().post("/users/login", body, headers={"x-real-ip": "203.0.113.9"})).status for _ in range(120)
    }

    assert statuses == {401}


@pytest.mark.parametrize("path", ["/users/password/reset/send", "/users/email/verify/send"])
async def test_nobody_makes_us_mail_everybody(client: Clients, path: str) -> None:
    here = anybody()

    def ask(node: int) -> Any:
        return client(node=node).post(path, {"email": f"somebody{next(_hosts)}@example.org"}, headers=here)

    check(await until_refused(ask, limits.ACCOUNT_MAILS.burst), limits.ACCOUNT_MAILS, 200)
    assert (await client().post(path, {"email": "somebody@example.org"}, headers=anybody())).status == 200


async def test_accounts_are_not_made_by_the_thousand(make: Make, client: Clients, admin: Person) -> None:
    here = anybody()

    def sign_up(node: int, user: Person | None = None) -> Any:
        name = make.name("signed")
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        return client(user, node=node).post("/users", body, headers=here)

    check(await until_refused(sign_up, limits.SIGN_UPS.burst), limits.SIGN_UPS, 201)
    assert (await sign_up(0, admin)).status == 201


async def test_oauth_codes_are_not_guessed(client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"EnableOAuthServiceProvider": True})
    here = anybody()
    app = b64encode(b"app:secret").decode()

    def guess(node: int) -> Any:
        form = f"grant_type=authorization_code&code={next(_hosts)}&redirect_uri=https://example.org".encode()
        headers = {**here, **FORM, "authorization": f"Basic {app}"}
        return client(node=node).post("//oauth/access_token", form, headers=headers)

    asked = await until_refused(guess, limits.TOKEN_FAILURES.burst)

    check(asked, limits.TOKEN_FAILURES, asked.replies[0].status)
    assert asked.replies[0].status in (400, 401)


async def test_programs_do_not_register_themselves_by_the_thousand(client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"EnableOAuthServiceProvider": True, "EnableDynamicClientRegistration": True})
    here = anybody()

    def register(node: int) -> Any:
        body = {"client_name": "app", "redirect_uris": ["https://example.org/back"]}
        return client(node=node).post("/oauth/apps/register", body, headers=here)

    check(await until_refused(register, limits.APP_REGISTRATIONS.burst), limits.APP_REGISTRATIONS, 201)


async def test_a_hook_whose_address_leaked_does_not_fill_its_channel(
    make: Make, client: Clients, admin: Person, monkeypatch: pytest.MonkeyPatch, two_nodes: tuple[TestNode, TestNode]
) -> None:
    rate = Rate("hook_calls", burst=10, seconds=60.0)
    monkeypatch.setattr("server.features.webhooks.routes.HOOK_CALLS", rate)
    team = await make.team()
    channel = await make.channel(team, members=[admin])
    hooks = [
        (await client(admin).post("/hooks/incoming", {"channel_id": channel.id, "display_name": name})).ok(201)
        for name in ("one", "other")
    ]

    def call(node: int) -> Any:
        return client(node=node).post(f"//hooks/{hooks[0]['id']}", {"text": "hello"}, headers=anybody())

    asked = await until_refused(call, 10)

    check(asked, rate, 200)
    assert len(asked.replies) == 10
    assert (await client().post(f"//hooks/{hooks[1]['id']}", {"text": "hello"})).status == 200


async def test_who_invites_too_many_is_told_when_to_go_on(make: Make, client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"EnableEmailInvitations": True, "TrustedProxyIPHeader": []})
    ada = await make.user()
    team = await make.team(owner=ada)
    path = f"/teams/{team.id}/invite/email"
    addresses = [f"{make.name('invited')}@example.org" for _ in range(MOST_OF_A_SENDER + MAX_INVITED)]
    batches = [addresses[start : start + MAX_INVITED] for start in range(0, len(addresses), MAX_INVITED)]
    *replies, refused = [await client(ada, node=number % 2).post(path, each) for number, each in enumerate(batches)]

    assert {reply.status for reply in replies} == {200}
    assert (refused.status, refused.error_id) == (429, "app.email.rate_limit_exceeded.app_error")
    assert refused.headers["x-ratelimit-limit"] == str(MOST_OF_A_SENDER)
    assert refused.headers["retry-after"] == refused.headers["x-ratelimit-reset"]
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
