"""Everything that a client can make grow has an end, and one who asks for much does not starve the others."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from server.db import SQL
from server.features.preferences.service import MAX_PREFERENCES
from server.features.sidebar.models import MAX_CATEGORIES
from server.features.status.typing import BURST, PER_SECOND
from server.features.users.jobs import MOST_INVITATIONS
from server.gateway.registry import AWAY_PER_USER
from server.ids import now_ms
from tests.clients_of import Client, Socket
from tests.make import PASSWORD, Make
from tests.nodes import TestNode
from tests.smtp import MailServer, nothing_owed
from tests.waiting import until

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]

JOBS = SQL("SELECT count(*) FROM jobs WHERE failed_at = 0 AND key LIKE $1")
FILL_PREFERENCES = SQL("""
    INSERT INTO preferences (user_id, category, name, value)
    SELECT $1, 'filled', number::text, '' FROM generate_series(1, $2::int) AS number
""")

FILL_DRAFTS = SQL("""
    INSERT INTO drafts (user_id, channel_id, root_id, create_at, update_at, message, type, props, file_ids)
    SELECT $1, $3, 'filled' || number, 1, 1, '', '', jsonb_build_object('a', repeat('x', 62_500)), '{}'
      FROM generate_series(1, $2::int) AS number
""")


async def _all_mails(mails: MailServer, node: TestNode) -> int:
    """How many mails came since the last time, once no more come."""
    await nothing_owed(node.services.db)
    count = mails.mails.qsize()
    for _ in range(count):
        mails.mails.get_nowait()
    return count


async def test_a_flood_of_password_resets_sends_one_mail(
    make: Make, client: Clients, node: TestNode, mails: MailServer
) -> None:
    ada = await make.user()
    await _all_mails(mails, node)

    for _ in range(5):
        replies = await asyncio.gather(
            *(
                client(node=number % 2).post("/users/password/reset/send", {"email": ada.email.upper()})
                for number in range(20)
            )
        )
        assert {reply.status for reply in replies} == {200}
        waiting = await node.services.db.value(JOBS, f"%{ada.id}%")
        assert waiting <= 1

    assert await _all_mails(mails, node) == 1


async def test_a_flood_of_verifications_sends_one_mail(
    make: Make, client: Clients, node: TestNode, mails: MailServer
) -> None:
    ada = await make.user()
    for _ in range(30):
        assert (await client().post("/users/email/verify/send", {"email": ada.email})).status == 200

    assert await _all_mails(mails, node) == 1


async def test_an_address_is_not_flooded_with_invitations(
    make: Make, client: Clients, node: TestNode, mails: MailServer, settings: Settings
) -> None:
    settings(ServiceSettings={"EnableEmailInvitations": True})
    eve = await make.user()
    teams = [await make.team(owner=eve) for _ in range(MOST_INVITATIONS + 3)]
    address = f"{make.name('invited')}@example.org"
    await _all_mails(mails, node)
    sent = 0
    for team in teams[:1] * 3 + teams:
        assert (await client(eve).post(f"/teams/{team.id}/invite/email", [address.upper()])).status == 200
        sent += await _all_mails(mails, node)

    assert sent == MOST_INVITATIONS


@pytest.mark.usefixtures("real_passwords")
async def test_a_flood_of_logins_leaves_the_node_answering(make: Make, client: Clients) -> None:
    ada, eve = await make.users(2)
    wrong = {"login_id": ada.username, "password": "Wr0ng-password"}
    unknown = {"login_id": "nobody.at.all", "password": "Wr0ng-password"}
    statuses: list[int] = []
    overtaken: list[int] = []

    async def try_again_and_again(body: dict[str, str]) -> None:
        while len(overtaken) < 20:
            statuses.append((await client().post("/users/login", body)).status)

    flood = [asyncio.create_task(try_again_and_again(body)) for body in (wrong, unknown) * 40]
    while len(overtaken) < 20:
        before = len(statuses)
        assert (await client(eve).get("/users/me")).status == 200
        overtaken.append(len(statuses) - before)
        await asyncio.sleep(0.02)
    await asyncio.gather(*flood)

    assert set(statuses) <= {401, 503}
    assert sorted(overtaken)[10] < 20, "requests wait for the logins before them"


async def test_sessions_of_a_user_are_bounded_and_one_can_always_sign_in(
    make: Make, client: Clients, node: TestNode
) -> None:
    ada = await make.user()
    for _ in range(3):
        assert (await client().post("/users/login", {"login_id": ada.username, "password": PASSWORD})).status == 200
    sessions = (await client(ada).get("/users/me/sessions")).ok()

    assert len(sessions) == 4


async def test_connections_that_wait_for_their_client_are_bounded_for_each_user(
    make: Make, node: TestNode, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    async with Socket.open(node, bob.token):
        pass
    for _ in range(AWAY_PER_USER // 10 + 2):
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(Socket.open(node, ada.token))

    async def all_are_away() -> bool:
        return not any(node.node.gateway.connections_of(user.id) for user in (ada, bob))

    await until(all_are_away)
    waiting = [each.user_id for each in node.node.gateway._registry.connections.values() if each.socket is None]

    assert waiting.count(ada.id) == AWAY_PER_USER
    assert waiting.count(bob.id) == 1


async def test_a_flood_of_typing_is_passed_on_slowly(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, members=[ada, bob])
    async with socket(ada) as typing, socket(bob, node=1) as events:
        begun = time.monotonic()
        for _ in range(3 * BURST):
            assert (await typing.action("user_typing", {"channel_id": channel.id}))["status"] == "OK"
        took = time.monotonic() - begun
        heard = (await events.names()).count("typing")

    assert 1 <= heard <= BURST + took * PER_SECOND + 1


async def test_preferences_and_categories_are_bounded(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    await node.services.db.run(FILL_PREFERENCES, ada.id, MAX_PREFERENCES)
    over = await client(ada).put(
        "/users/me/preferences", [{"user_id": ada.id, "category": "one", "name": "more", "value": ""}]
    )
    long = await client(ada).put(
        "/users/me/preferences", [{"user_id": ada.id, "category": "a", "name": "b", "value": "x" * 100_000}]
    )
    path = f"/users/me/teams/{team.id}/channels/categories"
    made = [(await client(ada).post(path, {"display_name": str(number)})).status for number in range(MAX_CATEGORIES)]

    assert over.error_id == "app.preference.save.too_many.app_error"
    assert long.status == 400
    assert made[-1] == 400
    assert made.count(200) + 3 == MAX_CATEGORIES


async def test_profiles_are_bounded(make: Make, client: Clients) -> None:
    ada = await make.user()
    long = "x" * 10_000
    bodies: list[dict[str, Any]] = [
        {"nickname": long},
        {"first_name": long},
        {"position": long},
        {"locale": long},
        {"props": {"a": long}},
        {"props": {str(number): "x" for number in range(5_000)}},
        {"notify_props": {"mention_keys": long}},
        {"timezone": {"manualTimezone": long}},
        {"username": long},
        {"email": f"{long}@example.org", "password": PASSWORD},
    ]

    assert {(await client(ada).put("/users/me/patch", body)).status for body in bodies} == {400}


async def test_what_one_reads_all_at_once_is_bounded_in_bytes(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    town = await make.channel(team, members=[ada])
    later = {"channel_id": town.id, "message": "x", "scheduled_at": now_ms() + 3_600_000}
    small = (await client(ada).post("/posts/schedule", {**later, "props": {}})).ok(201)
    large = {**later, "props": {"a": "x" * 790_000}}
    made = [await client(ada).post("/posts/schedule", large) for _ in range(12)]
    changed = await client(ada).put(f"/posts/schedule/{small['id']}", {**large, "id": small["id"]})
    again = await client(ada).put(f"/posts/schedule/{small['id']}", {**later, "id": small["id"], "message": "y"})
    scheduled = (await client(ada).get(f"/posts/scheduled/team/{team.id}")).content

    assert [reply.status for reply in made].count(201) == 10
    assert {made[-1].error_id, changed.error_id} == {"app.save_scheduled_post.save.app_error"}
    assert again.status == 201
    assert len(scheduled) < 9_000_000


async def test_drafts_are_bounded_in_bytes(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channels = [await make.channel(team, members=[ada]) for _ in range(3)]
    await node.services.db.run(FILL_DRAFTS, ada.id, 125, channels[0].id)
    body = {"message": "x" * 10_000, "props": {"a": "x" * 60_000}}
    made = [await client(ada).post("/drafts", {**body, "channel_id": channel.id}) for channel in channels]
    shorter = await client(ada).post("/drafts", {"channel_id": channels[0].id, "message": "short"})

    assert [reply.status for reply in made] == [201, 201, 400]
    assert made[-1].error_id == "app.draft.save.too_many.app_error"
    assert shorter.status == 201
