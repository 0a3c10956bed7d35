"""Sessions: what is signed in where, ending it, devices, how long sessions last."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import websockets

from server.access.sessions import hash_token
from server.config.service import ServiceSection
from server.context import Context, Session, request_context
from server.db import SQL
from server.features.sessions import queries
from server.features.sessions.activity import SessionActivity
from server.features.sessions.agents import describe_agent
from server.features.sessions.jobs import sweep_sessions
from server.features.sessions.lifetimes import DAY, HOUR, extended_expiry, session_length
from server.features.sessions.service import create_session
from server.ids import now_ms
from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode
from tests.waiting import PATIENCE

Clients = Callable[..., Client]
Settings = Callable[..., None]

EXPIRY = SQL("SELECT expires_at, last_activity_at FROM sessions WHERE token_hash = $1")
SET_TIMES = SQL("UPDATE sessions SET expires_at = $2, last_activity_at = $3 WHERE token_hash = $1 RETURNING id")
COUNT = SQL("SELECT count(*) FROM sessions WHERE user_id = $1")


async def again(make: Make, person: Person) -> Person:
    """The same user on another device."""
    return await make.login({"id": person.id, "username": person.username, "email": person.email})


async def sessions_of(client: Client) -> set[str]:
    """The ids of all sessions of a user."""
    return {session["id"] for session in (await client.get("/users/me/sessions")).ok()}


async def test_sessions_are_listed_without_their_secrets(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
    login = {"login_id": ada.username, "password": PASSWORD}
    (await client().post("/users/login", login, headers={"User-Agent": agent})).ok()

    listed = (await client(ada).get("/users/me/sessions")).ok()

    assert len(listed) == 2
    for session in listed:
        assert session["token"] == ""
        assert session["user_id"] == ada.id
        assert session["roles"] == "system_user"
        assert session["expires_at"] - session["create_at"] == 30 * DAY
        assert "csrf" not in session["props"]
        assert [member["team_id"] for member in session["team_members"]] == [team.id]
    (browser,) = [session for session in listed if session["props"]["platform"] == "Linux"]
    assert browser["props"]["browser"] == "Chrome/140.0.0.0"
    assert browser["props"]["os"] == "Linux"
    assert ada.token not in str(listed)


async def test_managers_of_accounts_see_and_end_sessions_of_others(make: Make, client: Clients, admin: Person) -> None:
    ada, bob = await make.users(2)

    assert (await client(bob).get(f"/users/{ada.id}/sessions")).status == 403
    (session,) = (await client(admin).get(f"/users/{ada.id}/sessions")).ok()
    (await client(admin).post(f"/users/{ada.id}/sessions/revoke", {"session_id": session["id"]})).ok()

    assert (await client(ada).get("/users/me")).status == 401


async def test_a_revoked_session_is_out_on_all_nodes_and_its_socket_hears_nothing_more(
    make: Make, client: Clients, socket: Any
) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    before = await sessions_of(client(ada))
    other = await again(make, ada)
    (await client(other, node=1).get("/users/me")).ok()
    listed = await sessions_of(client(ada))
    assert listed == await sessions_of(client(other))
    (newest,) = listed - before

    async with socket(other, node=1) as events, socket(ada) as kept:
        (await client(ada).post("/users/me/sessions/revoke", {"session_id": newest})).ok()
        await make.post(make.admin, channel, "secret")
        await kept.next("posted")
        with pytest.raises(websockets.ConnectionClosed):
            await events.next("posted")
    for number in (0, 1):
        assert (await client(other, node=number).get("/users/me")).error_id == "api.context.session_expired.app_error"
        assert (await client(ada, node=number).get("/users/me")).status == 200


async def test_a_revoked_session_opens_no_socket_beside_others_of_its_user(
    make: Make, client: Clients, socket: Any, two_nodes: tuple[TestNode, TestNode]
) -> None:
    ada = await make.user()
    before = await sessions_of(client(ada))
    other = await again(make, ada)
    (newest,) = await sessions_of(client(ada)) - before
    url = f"ws://127.0.0.1:{two_nodes[0].port}/api/v4/websocket"
    headers = {"Authorization": f"Bearer {other.token}"}

    async with socket(ada):
        (await client(other).get("/users/me")).ok()
        async with socket(other):
            pass  # let in at once, for this node knows all that it takes
        (await client(ada).post("/users/me/sessions/revoke", {"session_id": newest})).ok()
        async with websockets.connect(url, additional_headers=headers) as late:
            await late.send(json.dumps({"action": "get_statuses", "seq": 1}))
            first = json.loads(await asyncio.wait_for(late.recv(), PATIENCE))

    assert (first.get("status"), first.get("seq_reply")) == ("FAIL", 1)


async def test_sessions_of_others_can_not_be_revoked_by_their_id(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    (session,) = (await client(bob).get("/users/me/sessions")).ok()

    foreign = await client(ada).post("/users/me/sessions/revoke", {"session_id": session["id"]})
    malformed = await client(ada).post("/users/me/sessions/revoke", {"session_id": "x"})

    assert (foreign.status, foreign.error_id) == (404, "app.session.get.app_error")
    assert (malformed.status, malformed.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert (await client(bob).get("/users/me")).status == 200


async def test_all_sessions_can_be_ended_at_once(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    other = await again(make, ada)

    (await client(ada).post("/users/me/sessions/revoke/all")).ok()

    for person in (ada, other):
        assert (await client(person, node=1).get("/users/me")).status == 401
    assert await node.services.db.value(COUNT, ada.id) == 0


async def test_logging_out_ends_the_session_and_clears_the_cookies(make: Make, client: Clients) -> None:
    ada = await make.user()
    other = await again(make, ada)

    reply = await client(ada).post("/users/logout")

    assert reply.ok() == {"status": "OK"}
    cleared = reply.headers.get_list("set-cookie")
    assert len(cleared) == 3
    assert all("Max-Age=0" in value for value in cleared)
    assert (await client(ada, node=1).get("/users/me")).status == 401
    assert (await client(other).get("/users/me")).status == 200
    assert (await client(ada).post("/users/logout")).ok() == {"status": "OK"}
    assert (await client().post("/users/logout")).ok() == {"status": "OK"}


async def test_a_device_has_one_session(make: Make, client: Clients) -> None:
    ada = await make.user()
    login = {"login_id": ada.username, "password": PASSWORD, "device_id": f"android:{ada.id}"}

    tokens = [(await client().post("/users/login", login)).headers["token"] for _ in range(2)]

    first, second = (Person({"id": ada.id, "username": "", "email": ""}, token) for token in tokens)
    assert (await client(first, node=1).get("/users/me")).status == 401
    assert (await client(second).get("/users/me")).status == 200
    assert (await client(ada).get("/users/me")).status == 200


async def test_a_session_can_be_given_to_a_device(make: Make, client: Clients) -> None:
    ada = await make.user()
    phone = await again(make, ada)
    (await client(phone).put("/users/sessions/device", {"device_id": "apple:1"})).ok()

    body = {"device_id": "apple:1", "deviceNotificationDisabled": "true", "mobileVersion": "2.30.0"}
    (await client(ada).put("/users/sessions/device", body)).ok()

    assert (await client(phone).get("/users/me")).status == 401
    (session,) = (await client(ada).get("/users/me/sessions")).ok()
    assert session["device_id"] == "apple:1"
    assert session["props"]["device_notification_disabled"] == "true"
    assert session["props"]["mobile_version"] == "2.30.0"
    (await client(ada).put("/users/sessions/device", {})).ok()
    assert (await client(ada).get("/users/me/sessions")).ok()[0]["device_id"] == "apple:1"
    for bad in ({"device_id": "d" * 513}, {"deviceNotificationDisabled": "maybe"}, {"mobileVersion": "v" * 65}):
        assert (await client(ada).put("/users/sessions/device", bad)).status == 400
    assert (await client().put("/users/sessions/device", body)).status == 401


async def test_a_user_has_only_so_many_sessions(
    make: Make, client: Clients, node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_SESSIONS", 3)
    ada = await make.user()

    others = [await again(make, ada) for _ in range(3)]

    assert (await client(ada).get("/users/me")).status == 401
    for person in others:
        assert (await client(person).get("/users/me")).status == 200
    assert await node.services.db.value(COUNT, ada.id) == 3


async def times(node: TestNode, person: Person) -> tuple[int, int]:
    row = await node.services.db.row(EXPIRY, hash_token(person.token))
    assert row is not None
    return row[0], row[1]


async def aged(node: TestNode, person: Person, *, left: int, unused: int) -> None:
    """As if the session had `left` milliseconds to go and had not been used for `unused`."""
    now = now_ms()
    session_id = await node.services.db.value(SET_TIMES, hash_token(person.token), now + left, now - unused)
    await request_context(node.services).tell([f"session:{session_id}"])


def activity_of(node: TestNode) -> SessionActivity:
    (part,) = [part for part in node.node.parts if isinstance(part, SessionActivity)]
    return part


async def test_a_used_session_lasts_longer(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    await aged(node, ada, left=20 * DAY, unused=10 * DAY)
    await activity_of(node).flush()

    for _ in range(5):
        (await client(ada).get("/users/me")).ok()
    before = node.statements
    await activity_of(node).flush()

    assert node.statements - before <= 1
    expires_at, last_activity_at = await times(node, ada)
    assert abs(expires_at - now_ms() - 30 * DAY) < 60_000
    assert abs(last_activity_at - now_ms()) < 60_000
    (session,) = (await client(ada, node=1).get("/users/me/sessions")).ok()
    assert session["expires_at"] == expires_at


async def test_a_fresh_session_is_not_written_at_each_request(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    before = await times(node, ada)

    for _ in range(5):
        (await client(ada).get("/users/me")).ok()
    await activity_of(node).flush()

    assert await times(node, ada) == before


async def test_where_activity_does_not_extend_sessions_idle_ones_end(
    make: Make, client: Clients, node: TestNode, settings: Settings
) -> None:
    settings(ServiceSettings={"ExtendSessionLengthWithActivity": False, "SessionIdleTimeoutInMinutes": 60})
    ada, bob = await make.users(2)
    await aged(node, ada, left=10 * DAY, unused=2 * HOUR)
    await aged(node, bob, left=10 * DAY, unused=2 * HOUR)
    (await client(bob).get("/users/me")).ok()
    await activity_of(node).flush()

    await sweep_sessions(request_context(node.services))

    assert (await client(ada).get("/users/me")).status == 401
    assert (await client(bob).get("/users/me")).status == 200
    assert (await times(node, bob))[0] - now_ms() < 11 * DAY


async def test_an_expired_session_is_out_and_swept(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    await aged(node, ada, left=-1, unused=0)

    assert (await client(ada).get("/users/me")).error_id == "api.context.session_expired.app_error"
    assert (await client(ada).get("/system/ping")).status == 200
    await sweep_sessions(request_context(node.services))

    assert await node.services.db.value(COUNT, ada.id) == 0


async def test_lengths_come_from_the_settings(make: Make, node: TestNode, settings: Settings) -> None:
    settings(ServiceSettings={"SessionLengthWebInHours": 2, "SessionLengthMobileInHours": 3})
    ada = await make.user()

    web = await times(node, ada)
    made = await create_session(request_context(node.services), ada.id, "system_user", device_id="phone")
    assert made is not None
    mobile = await times(node, Person({"id": "", "username": "", "email": ""}, made.token))

    assert web[0] - web[1] == 2 * HOUR
    assert mobile[0] - mobile[1] == 3 * HOUR
    assert made.max_age == 3 * 3600


def test_sessions_are_extended_when_a_hundredth_of_their_length_has_passed() -> None:
    settings, length = ServiceSection(), 30 * DAY
    threshold = length // 100

    assert extended_expiry(settings, 0, length, length) is None
    assert extended_expiry(settings, threshold - 1, length, length) is None
    assert extended_expiry(settings, threshold, length, length) == length + threshold
    assert extended_expiry(settings, 4 * 60_000, HOUR, HOUR) is None
    assert extended_expiry(settings, 5 * 60_000, HOUR, HOUR) == HOUR + 5 * 60_000
    assert extended_expiry(settings, DAY, 365 * DAY, 365 * DAY) == 366 * DAY
    assert extended_expiry(settings, DAY, 0, 0) is None
    assert extended_expiry(ServiceSection(ExtendSessionLengthWithActivity=False), DAY, length, length) is None
    assert session_length(ServiceSection(SessionLengthSSOInHours=5), mobile=True, sso=True) == 5 * HOUR


async def test_nobody_is_noted_without_a_session_and_tokens_are_not_extended(node: TestNode) -> None:
    activity = SessionActivity(lambda: request_context(node.services))
    activity.note(Context(services=node.services))
    assert activity.noted == {}

    bot = Session("id", "user", 0, now_ms() + HOUR, 0, "", False, {"type": "UserAccessToken"}, "system_user", True)
    activity.note(Context(services=node.services, session=bot))
    assert activity.noted["id"].expires_at == 0


@pytest.mark.parametrize(
    ("agent", "platform", "system", "program"),
    [
        ("", "unknown", "unknown", "unknown"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Windows",
            "Windows",
            "Firefox/140.0",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18.1 Safari/605",
            "Macintosh",
            "Mac OS",
            "Safari/18.1",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/138.0 Electron/37 Safari/537.36 Mattermost/5.12.0",
            "Linux",
            "Linux",
            "Desktop App/5.12.0",
        ),
        ("Mattermost Mobile/2.30.0+600 (iOS; 18.1; iPhone 15)", "iPhone", "iOS", "Mobile App/2.30.0"),
        ("python-requests/2.32.0", "unknown", "unknown", "python-requests/2.32.0"),
    ],
)
def test_programs_are_told_by_their_user_agent(agent: str, platform: str, system: str, program: str) -> None:
    props = describe_agent(agent)

    assert (props["platform"], props["os"], props["browser"]) == (platform, system, program)
    assert props["isMobile"] == ("true" if program.startswith("Mobile") else "false")
