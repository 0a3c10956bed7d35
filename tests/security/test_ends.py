"""What ends is over: sessions, memberships and accounts, a second after the answer at most, on every node."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.db import SQL
from server.ids import now_ms
from tests.clients_of import Client, Socket
from tests.make import PASSWORD, Make, Person, Thing
from tests.nodes import TestNode
from tests.waiting import PATIENCE

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]

EXPIRE = SQL("UPDATE sessions SET expires_at = $2 WHERE user_id = $1")

LATEST_SECONDS = 1.0
LASTS_MS = 4000
"""A session that is about to end: until then two sockets must open and hear something."""

Ending = Callable[[Clients, Person, Person], Awaitable[None]]


async def _revoke(client: Clients, admin: Person, eve: Person) -> None:
    sessions = (await client(eve).get("/users/me/sessions")).ok()
    (await client(admin).post(f"/users/{eve.id}/sessions/revoke", {"session_id": sessions[0]["id"]})).ok()


async def _revoke_all(client: Clients, admin: Person, eve: Person) -> None:
    (await client(admin).post(f"/users/{eve.id}/sessions/revoke/all")).ok()


async def _log_out(client: Clients, admin: Person, eve: Person) -> None:
    (await client(eve).post("/users/logout")).ok()


async def _deactivate(client: Clients, admin: Person, eve: Person) -> None:
    (await client(admin).put(f"/users/{eve.id}/active", {"active": False})).ok()


async def _delete(client: Clients, admin: Person, eve: Person) -> None:
    (await client(admin).delete(f"/users/{eve.id}")).ok()


async def _change_password(client: Clients, admin: Person, eve: Person) -> None:
    (await client(admin).put(f"/users/{eve.id}/password", {"new_password": "An0ther-secret"})).ok()


async def _heard_after(socket: Socket) -> tuple[list[str], int | None]:
    """The events that come until the socket is closed, and the code with which it was, None for not."""
    names: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                names.append((await socket.next()).name)
    except TimeoutError:
        return names, None
    except ConnectionClosed as closed:
        return names, closed.rcvd.code if closed.rcvd else 0


@pytest.mark.parametrize("end", [_revoke, _revoke_all, _log_out, _deactivate, _delete, _change_password])
async def test_an_ended_session_hears_nothing_and_gets_nothing(
    make: Make, client: Clients, socket: Sockets, admin: Person, end: Ending
) -> None:
    ada, eve = await make.users(2)
    team = await make.team(members=[ada, eve])
    channel = await make.channel(team, members=[ada, eve])
    async with socket(eve) as here, socket(eve, node=1) as there:
        await end(client, admin, eve)
        await asyncio.sleep(LATEST_SECONDS)
        start = (len(here.seen), len(there.seen))
        await make.post(ada, channel, f"@{eve.username} not for you")
        heard = await asyncio.gather(_heard_after(here), _heard_after(there))
        seen = [event.name for part, at in zip((here, there), start, strict=True) for event in part.seen[at:]]
    replies = [await client(eve, node=node).get("/users/me") for node in (0, 1)]

    assert "posted" not in seen
    assert [code for _, code in heard] == [1008, 1008]
    assert [reply.status for reply in replies] == [401, 401]


async def test_an_expired_session_hears_nothing(
    make: Make, client: Clients, socket: Sockets, two_nodes: tuple[TestNode, TestNode]
) -> None:
    ada, eve = await make.users(2)
    team = await make.team(members=[ada, eve])
    channel = await make.channel(team, members=[ada, eve])

    async def hear(message: str, *sockets: Socket) -> None:
        await make.post(ada, channel, message)
        for events in sockets:
            await events.next("posted")

    begun = now_ms()
    async with socket(eve) as here, socket(eve, node=1) as there:
        await hear("early", here, there)
    ends = now_ms() + LASTS_MS + 3 * (now_ms() - begun)  # on a busy machine, too
    await two_nodes[0].services.db.run(EXPIRE, eve.id, ends)
    for each in two_nodes:
        each.services.cache.clear()
    async with socket(eve) as here, socket(eve, node=1) as there:
        await hear("in time", here, there)
        await asyncio.sleep((ends - now_ms()) / 1000 + LATEST_SECONDS)
        start = (len(here.seen), len(there.seen))
        await make.post(ada, channel, "too late")
        heard = await asyncio.gather(_heard_after(here), _heard_after(there))
        seen = [event.name for part, at in zip((here, there), start, strict=True) for event in part.seen[at:]]
    replies = [await client(eve, node=node).get("/users/me") for node in (0, 1)]
    url = f"ws://127.0.0.1:{two_nodes[1].port}/api/v4/websocket"
    async with connect(url, additional_headers={"Authorization": f"Bearer {eve.token}"}) as late:
        await late.send('{"seq": 1, "action": "get_statuses"}')
        refused = await asyncio.wait_for(late.recv(), PATIENCE)

    assert "not_authenticated" in str(refused), "a hello would have come before"
    assert "posted" not in seen
    assert [code for _, code in heard] == [1008, 1008]
    assert [reply.status for reply in replies] == [401, 401]


async def test_access_tokens_that_are_switched_off_are_out_at_once(
    make: Make, client: Clients, socket: Sockets, admin: Person, two_nodes: tuple[TestNode, TestNode]
) -> None:
    ada = await make.user()
    team = await make.team(members=[ada], owner=admin)
    channel = await make.channel(team, members=[ada], owner=admin)

    async def switch(on: bool) -> None:
        change = {"ServiceSettings": {"EnableUserAccessTokens": on}}
        (await client(admin).put("/config/patch", change)).ok()
        for each in two_nodes:
            await each.has_read_settings()

    await switch(True)
    token = (await client(admin).post("/users/me/tokens", {"description": "script"})).ok()["token"]
    script = Person({"id": admin.id, "username": admin.username, "email": admin.email}, token)
    async with socket(script) as here, socket(script, node=1) as there, socket(admin) as page:
        await switch(False)
        await asyncio.sleep(LATEST_SECONDS)
        start = (len(here.seen), len(there.seen))
        await make.post(ada, channel, "not for programs")
        heard = await asyncio.gather(_heard_after(here), _heard_after(there))
        seen = [event.name for part, at in zip((here, there), start, strict=True) for event in part.seen[at:]]
        await page.next("posted")
    replies = [await client(script, node=node).get("/users/me") for node in (0, 1)]

    assert "posted" not in seen
    assert [code for _, code in heard] == [1008, 1008]
    assert [reply.status for reply in replies] == [401, 401]


async def _leave_channel(client: Clients, ada: Person, eve: Person, team: Thing, channel: Thing) -> None:
    (await client(eve, node=1).delete(f"/channels/{channel.id}/members/{eve.id}")).ok()


async def _put_out_of_channel(client: Clients, ada: Person, eve: Person, team: Thing, channel: Thing) -> None:
    (await client(ada).delete(f"/channels/{channel.id}/members/{eve.id}")).ok()


async def _set_members(client: Clients, ada: Person, eve: Person, team: Thing, channel: Thing) -> None:
    reply = await client(ada).put(f"/channels/{channel.id}/members", {"members": [ada.id]})
    assert reply.status == 200


async def _put_out_of_team(client: Clients, ada: Person, eve: Person, team: Thing, channel: Thing) -> None:
    (await client(ada).delete(f"/teams/{team.id}/members/{eve.id}")).ok()


@pytest.mark.parametrize("end", [_leave_channel, _put_out_of_channel, _set_members, _put_out_of_team])
async def test_who_is_out_of_a_channel_hears_nothing_of_it(
    make: Make, client: Clients, socket: Sockets, end: Callable[..., Awaitable[None]]
) -> None:
    ada, eve = await make.users(2)
    team = await make.team(owner=ada)
    await make.join_team(team, eve)
    channel = await make.channel(team, members=[eve], owner=ada, type="P")
    post = await make.post(ada, channel, "before")
    async with socket(eve) as here, socket(eve, node=1) as there:
        await end(client, ada, eve, team, channel)
        await asyncio.sleep(LATEST_SECONDS)
        await here.until_now()
        await there.until_now()
        await make.post(ada, channel, f"@{eve.username} not for you")
        await client(ada).put(f"/posts/{post['id']}/patch", {"message": "nor this"})
        await client(ada).post("/reactions", {"user_id": ada.id, "post_id": post["id"], "emoji_name": "cat"})
        await client(ada).put(f"/channels/{channel.id}/patch", {"header": "nor this"})
        await client(ada).post("/users/me/typing", {"channel_id": channel.id})
        heard = {*await here.names(), *await there.names()}
    asked = [
        await client(eve, node=node).get(path)
        for node in (0, 1)
        for path in (f"/channels/{channel.id}", f"/channels/{channel.id}/posts", f"/posts/{post['id']}")
    ]
    posting = await client(eve, node=1).post("/posts", {"channel_id": channel.id, "message": "still here"})

    assert heard == set()
    assert [reply.status for reply in (*asked, posting)] == [403] * 7


async def test_cookies_write_only_with_proof_and_from_the_own_site(
    make: Make, two_nodes: tuple[TestNode, TestNode]
) -> None:
    eve = await make.user()
    node = two_nodes[0]
    body = {"login_id": eve.username, "password": PASSWORD}
    async with httpx.AsyncClient(base_url=f"{node.url}/api/v4", timeout=PATIENCE) as browser:
        signed_in = await browser.post("/users/login", json=body, headers={"X-Requested-With": "XMLHttpRequest"})
        csrf = signed_in.cookies["MMCSRF"]
        write = {"url": "/users/me/patch", "json": {"nickname": "changed"}}
        plain = await browser.put(**write)  # type: ignore[arg-type]
        wrong = await browser.put(headers={"X-CSRF-Token": "x" + csrf[1:]}, **write)  # type: ignore[arg-type]
        proven = await browser.put(headers={"X-CSRF-Token": csrf}, **write)  # type: ignore[arg-type]
        form = await browser.post(
            "/users/logout", content="a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        browser.cookies.clear()
        still = await browser.get("/users/me", headers={"Authorization": f"Bearer {signed_in.headers['token']}"})
        cookie = f"MMAUTHTOKEN={signed_in.headers['token']}"
    url = f"ws://127.0.0.1:{node.port}/api/v4/websocket"
    for origin in ("https://evil.example.org", "null", f"http://127.0.0.1.evil.example.org:{node.port}"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, additional_headers={"Cookie": cookie, "Origin": origin}):
                pass
        assert refused.value.response.status_code == 403

    assert "set-cookie" not in form.headers
    assert [reply.status_code for reply in (plain, wrong, proven, still)] == [401, 401, 200, 200]
    assert form.status_code == 200
    assert "HttpOnly" in signed_in.headers.get_list("set-cookie")[0]


async def test_tokens_in_urls_and_of_strangers_open_nothing(
    make: Make, two_nodes: tuple[TestNode, TestNode], client: Clients, socket: Sockets
) -> None:
    ada, eve = await make.users(2)
    node = two_nodes[1]
    by_url = await client().get(f"/users/me?access_token={ada.token}")
    async with socket(ada) as hers:
        query = f"?connection_id={hers.connection_id}&sequence_number=0"
        async with socket(eve, node=1, query=query) as his:
            hello = await his.next("hello")
        assert (await hers.action("ping"))["status"] == "OK"
    url = f"ws://127.0.0.1:{node.port}/api/v4/websocket?access_token={ada.token}&token={ada.token}"
    async with connect(url) as nobody:
        await nobody.send('{"seq": 1, "action": "get_statuses"}')
        refused = await asyncio.wait_for(nobody.recv(), 30)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(nobody.recv(), 30)

    assert by_url.status == 401
    assert ada.token not in by_url.text
    assert hello.data["connection_id"] != hers.connection_id
    assert hello.broadcast["user_id"] == eve.id
    assert "not_authenticated" in str(refused)


async def test_signing_in_makes_a_new_session_whatever_was_sent_along(
    make: Make, client: Clients, node: TestNode
) -> None:
    ada, eve = await make.users(2)
    body = {"login_id": ada.username, "password": PASSWORD, "token": eve.token}

    first = await client(eve).post("/users/login", body)
    second = await client(eve).post("/users/login", body)

    cookie = {"MMAUTHTOKEN": eve.token}
    async with httpx.AsyncClient(base_url=f"{node.url}/api/v4", cookies=cookie, timeout=PATIENCE) as browser:
        planted = await browser.post(
            "/users/login",
            json={"login_id": ada.username, "password": PASSWORD},
            headers={"X-Requested-With": "XMLHttpRequest"},
        )
    cookies = [each for each in planted.headers.get_list("set-cookie") if each.startswith("MMAUTHTOKEN=")]

    assert planted.json()["id"] == ada.id
    assert [each.partition(";")[0] for each in cookies] == [f"MMAUTHTOKEN={planted.headers['token']}"]
    assert planted.headers["token"] not in (eve.token, ada.token)
    tokens = {first.headers["token"], second.headers["token"], ada.token, eve.token}
    assert len(tokens) == 4
    assert (await client(eve).get("/users/me")).json["id"] == eve.id
