"""Personal access tokens: making, using and ending them, and who may."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import websockets

from server.context import request_context
from server.db import SQL
from server.ids import new_id, now_ms
from tests.clients_of import Client
from tests.make import Make, Person
from tests.nodes import TestNode
from tests.waiting import PATIENCE, next_moment

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]

STORED = SQL("SELECT row_to_json(t)::text FROM user_access_tokens t WHERE user_id = $1")
EXPIRE = SQL("UPDATE user_access_tokens SET expires_at = $2 WHERE id = $1")

EXPIRED = "api.context.session_expired.app_error"
FORBIDDEN = "api.context.permissions.app_error"


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings(ServiceSettings={"EnableUserAccessTokens": True})


@pytest.fixture
async def ada(make: Make, client: Clients, admin: Person) -> Person:
    """Someone who may have tokens."""
    ada = await make.user("ada")
    roles = {"roles": "system_user system_user_access_token"}
    (await client(admin).put(f"/users/{ada.id}/roles", roles)).ok()
    return ada


async def create(client: Client, user_id: str = "me", **fields: Any) -> dict[str, Any]:
    token: dict[str, Any] = (await client.post(f"/users/{user_id}/tokens", {"description": "ci", **fields})).ok()
    return token


def holder(person: Person, token: dict[str, Any]) -> Person:
    """The same user, who comes with a personal access token."""
    return Person({"id": person.id, "username": person.username, "email": person.email}, token["token"])


async def test_a_token_is_told_once_and_lets_its_owner_in(ada: Person, client: Clients, node: TestNode) -> None:
    token = await create(client(ada), description="  my script  ")

    assert token == {
        "id": token["id"],
        "token": token["token"],
        "user_id": ada.id,
        "description": "my script",
        "is_active": True,
    }
    assert len(token["token"]) == 26
    assert token["token"] != token["id"]
    public = {name: value for name, value in token.items() if name != "token"}
    assert (await client(ada).get("/users/me/tokens")).ok() == [public]
    assert (await client(ada).get(f"/users/tokens/{token['id']}")).ok() == public
    assert (await client(holder(ada, token)).get("/users/me")).ok()["id"] == ada.id
    assert (await client(holder(ada, token), node=1).get("/users/me")).ok()["id"] == ada.id
    assert token["token"] not in str(await node.services.db.values(STORED, ada.id))


async def test_a_token_may_come_as_bearer_or_token_but_not_in_the_url(
    ada: Person, client: Clients, node: TestNode
) -> None:
    secret = (await create(client(ada)))["token"]

    async with httpx.AsyncClient(base_url=f"{node.url}/api/v4", timeout=PATIENCE) as http:
        for scheme in ("Bearer", "bearer", "Token"):
            assert (await http.get("/users/me", headers={"authorization": f"{scheme} {secret}"})).status_code == 200
        in_url = await http.get(f"/users/me?access_token={secret}")

    assert in_url.status_code == 401
    assert secret not in in_url.text


async def test_the_session_of_a_token_is_marked_and_acts_with_the_owners_roles(
    ada: Person, client: Clients, node: TestNode, make: Make, socket: Sockets
) -> None:
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    user = holder(ada, await create(client(ada)))

    async with socket(ada) as events:
        (await client(user).post("/posts", {"channel_id": channel.id, "message": "from a script"})).ok(201)
        posted = await events.next("posted")

    session = await node.node._authenticate(user.token)
    assert session is not None
    assert session.props["type"] == "UserAccessToken"
    assert session.props["is_bot"] == session.props["is_guest"] == "false"
    assert session.id == session.props["user_access_token_id"]
    assert session.expires_at == 0
    assert posted.data["post"]["user_id"] == ada.id
    assert "from_bot" not in posted.data["post"]["props"]
    assert (await client(user).get("/config")).error_id == FORBIDDEN


@pytest.mark.parametrize("end", ["disable", "revoke", "rotate"])
async def test_ending_a_token_ends_its_requests_and_sockets_on_all_nodes_at_once(
    ada: Person, client: Clients, make: Make, socket: Sockets, end: str
) -> None:
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])
    token = await create(client(ada))
    other = await create(client(ada))
    user, still = holder(ada, token), holder(ada, other)
    for node in (0, 1):
        (await client(user, node=node).get("/users/me")).ok()

    async with socket(user, node=1) as ended, socket(still, node=1) as going_on:
        (await client(ada).post(f"/users/tokens/{end}", {"token_id": token["id"]})).ok()
        (await client(ada).post("/posts", {"channel_id": channel.id, "message": "secret"})).ok(201)

        assert (await going_on.next("posted")).data["post"]["message"] == "secret"
        with pytest.raises(websockets.ConnectionClosed):
            await ended.next("posted")
    for node in (0, 1):
        assert (await client(user, node=node).get("/users/me")).error_id == EXPIRED
        assert (await client(still, node=node).get("/users/me")).status == 200


async def test_a_disabled_token_works_again_when_enabled(ada: Person, client: Clients) -> None:
    token = await create(client(ada))

    (await client(ada).post("/users/tokens/disable", {"token_id": token["id"]})).ok()
    disabled = (await client(ada).get(f"/users/tokens/{token['id']}")).ok()
    refused = await client(holder(ada, token)).get("/users/me")
    (await client(ada).post("/users/tokens/enable", {"token_id": token["id"]})).ok()

    assert disabled["is_active"] is False
    assert refused.error_id == EXPIRED
    assert (await client(holder(ada, token)).get("/users/me")).status == 200


async def test_a_revoked_token_is_gone(ada: Person, client: Clients) -> None:
    token = await create(client(ada))

    assert (await client(ada).post("/users/tokens/revoke", {"token_id": token["id"]})).ok() == {"status": "OK"}

    assert (await client(ada).get("/users/me/tokens")).ok() == []
    for path in ("revoke", "enable", "disable", "rotate"):
        gone = await client(ada).post(f"/users/tokens/{path}", {"token_id": token["id"]})
        assert (gone.status, gone.error_id) == (404, "app.user_access_token.get_by_user.app_error")
    assert (await client(ada).get(f"/users/tokens/{token['id']}")).status == 404


async def test_a_rotated_token_keeps_all_but_its_secret(ada: Person, client: Clients) -> None:
    token = await create(client(ada), expires_at=now_ms() + 100_000)

    rotated = (await client(ada).post("/users/tokens/rotate", {"token_id": token["id"]})).ok()
    longer = (
        await client(ada).post("/users/tokens/rotate", {"token_id": token["id"], "expires_at": now_ms() + 900_000})
    ).ok()

    assert {**rotated, "token": ""} == {**token, "token": ""}
    assert rotated["token"] != token["token"]
    assert longer["expires_at"] > token["expires_at"]
    assert (await client(holder(ada, rotated)).get("/users/me")).error_id == EXPIRED
    assert (await client(holder(ada, longer)).get("/users/me")).status == 200


async def test_an_expired_token_is_no_good(ada: Person, client: Clients, node: TestNode) -> None:
    token = await create(client(ada), expires_at=now_ms() + 60_000)
    assert token["expires_at"] > now_ms()
    await node.services.db.run(EXPIRE, token["id"], now_ms() - 1)
    await request_context(node.services).tell([f"session:{token['id']}"])

    assert (await client(holder(ada, token)).get("/users/me")).error_id == EXPIRED


async def test_the_longest_life_of_tokens_is_a_setting(ada: Person, client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"MaximumPersonalAccessTokenLifetimeDays": 1})
    hour = 3600_000

    for expires_at in (0, now_ms() + 25 * hour):
        refused = await client(ada).post("/users/me/tokens", {"description": "x", "expires_at": expires_at})
        assert (refused.status, refused.error_id) == (400, "app.user_access_token.expires_at.app_error")
    await create(client(ada), expires_at=now_ms() + 23 * hour)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"description": ""},
        {"description": "   "},
        {"description": "x" * 256},
        {"description": 5},
        {"description": "x", "expires_at": 1},
        {"description": "x", "expires_at": -1},
        {"description": "x", "expires_at": "tomorrow"},
        {"description": "x", "expires_at": 1 << 60},
        {"description": "a\0b"},
    ],
)
async def test_malformed_tokens_are_refused(ada: Person, client: Clients, body: dict[str, Any]) -> None:
    refused = await client(ada).post("/users/me/tokens", body)

    assert (refused.status, refused.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert (await client(ada).get("/users/me/tokens")).ok() == []


async def test_tokens_of_others_are_for_administrators(ada: Person, make: Make, client: Clients, admin: Person) -> None:
    token = await create(client(ada))
    eve = await make.user("eve")
    (await client(admin).put(f"/users/{eve.id}/roles", {"roles": "system_user system_user_access_token"})).ok()

    for person in (eve, await make.user()):
        found = [
            await client(person).post(f"/users/{ada.id}/tokens", {"description": "x"}),
            await client(person).get(f"/users/{ada.id}/tokens"),
            await client(person).get(f"/users/tokens/{token['id']}"),
            await client(person).get("/users/tokens"),
            await client(person).post("/users/tokens/search", {"term": ada.username}),
            *[
                await client(person).post(f"/users/tokens/{path}", {"token_id": token["id"]})
                for path in ("disable", "enable", "revoke", "rotate")
            ],
        ]
        assert {(reply.status, reply.error_id) for reply in found} == {(403, FORBIDDEN)}
    assert (await client().get(f"/users/{ada.id}/tokens")).status == 401
    assert (await client(admin).get(f"/users/{ada.id}/tokens")).ok()[0]["id"] == token["id"]
    made = await create(client(admin), ada.id)
    assert (await client(holder(ada, made)).get("/users/me")).ok()["id"] == ada.id
    (await client(admin).post("/users/tokens/disable", {"token_id": token["id"]})).ok()
    assert (await client(holder(ada, token)).get("/users/me")).error_id == EXPIRED


async def test_only_administrators_make_tokens_of_administrators(
    make: Make, client: Clients, admin: Person, ada: Person
) -> None:
    role = (await client(admin).get("/roles/name/system_custom_group_admin")).ok()
    editors = {"permissions": [*role["permissions"], "edit_other_users"]}
    (await client(admin).put(f"/roles/{role['id']}/patch", editors)).ok()
    roles = {"roles": "system_user system_user_access_token system_custom_group_admin"}
    (await client(admin).put(f"/users/{ada.id}/roles", roles)).ok()
    bob = await make.user()

    refused = [
        await client(ada).post(f"/users/{admin.id}/tokens", {"description": "x"}),
        await client(ada).get(f"/users/{admin.id}/tokens"),
    ]
    token = await create(client(ada), bob.id)
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()

    assert {(reply.status, reply.error_id) for reply in refused} == {(403, FORBIDDEN)}
    assert token["user_id"] == bob.id


async def test_without_the_role_nobody_has_tokens(make: Make, client: Clients) -> None:
    bob = await make.user()

    assert (await client(bob).post("/users/me/tokens", {"description": "x"})).error_id == FORBIDDEN
    assert (await client(bob).get("/users/me/tokens")).error_id == FORBIDDEN


async def test_switched_off_no_token_is_made_or_works(ada: Person, client: Clients, settings: Settings) -> None:
    token = await create(client(ada))
    settings(ServiceSettings={"EnableUserAccessTokens": False})

    refused = await client(ada).post("/users/me/tokens", {"description": "x"})

    assert (refused.status, refused.error_id) == (501, "app.user_access_token.disabled")
    assert (await client(ada).post("/users/tokens/enable", {"token_id": token["id"]})).status == 501
    assert (await client(ada).post("/users/tokens/rotate", {"token_id": token["id"]})).status == 501
    assert (await client(holder(ada, token)).get("/users/me")).error_id == EXPIRED
    assert (await client(ada).get("/users/me/tokens")).ok()[0]["id"] == token["id"]
    (await client(ada).post("/users/tokens/revoke", {"token_id": token["id"]})).ok()


async def test_the_tokens_of_a_deactivated_user_are_no_good_and_their_sockets_end(
    ada: Person, client: Clients, admin: Person, socket: Sockets
) -> None:
    user = holder(ada, await create(client(ada)))
    (await client(user).get("/users/me")).ok()

    async with socket(user) as events:
        (await client(admin).put(f"/users/{ada.id}/active", {"active": False})).ok()
        with pytest.raises(websockets.ConnectionClosed):
            await events.next("posted")
    refused = await client(user).get("/users/me")
    (await client(admin).put(f"/users/{ada.id}/active", {"active": True})).ok()

    assert refused.error_id == EXPIRED
    assert (await client(user).get("/users/me")).status == 200


async def test_administrators_list_and_search_tokens(ada: Person, client: Clients, admin: Person) -> None:
    first = await create(client(ada))
    await next_moment()
    second = await create(client(ada), description="other")

    for term in (ada.username, ada.username.upper(), ada.id):
        found = (await client(admin).post("/users/tokens/search", {"term": term})).ok()
        assert [token["id"] for token in found] == [first["id"], second["id"]]
        assert all("token" not in token for token in found)
    by_id = (await client(admin).post("/users/tokens/search", {"term": second["id"]})).ok()
    assert [token["id"] for token in by_id] == [second["id"]]
    assert (await client(admin).post("/users/tokens/search", {"term": "100%_"})).ok() == []
    listed = (await client(admin).get("/users/tokens?per_page=200")).ok()
    assert {first["id"], second["id"]} <= {token["id"] for token in listed}
    page = (await client(ada).get("/users/me/tokens?page=1&per_page=1")).ok()
    assert [token["id"] for token in page] == [second["id"]]


async def test_unknown_users_and_tokens(client: Clients, admin: Person) -> None:
    assert (await client(admin).get(f"/users/{new_id()}/tokens")).status == 404
    assert (await client(admin).get(f"/users/tokens/{new_id()}")).status == 404
    assert (await client(admin).get("/users/tokens/short")).status == 400
    assert (await client(admin).post("/users/tokens/revoke", {"token_id": "short"})).status == 400
