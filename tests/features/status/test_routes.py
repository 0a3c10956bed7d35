"""Statuses over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from server.ids import new_id
from tests.clients_of import Client
from tests.make import Make, Person
from tests.waiting import PATIENCE, until

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]


async def status_of(client: Client, user: Person) -> dict[str, Any]:
    status: dict[str, Any] = (await client.get(f"/users/{user.id}/status")).ok()
    return status


async def choose(client: Client, user: Person, status: str, **fields: Any) -> dict[str, Any]:
    body = {"user_id": user.id, "status": status, **fields}
    chosen: dict[str, Any] = (await client.put(f"/users/{user.id}/status", body)).ok()
    return chosen


async def becomes(client: Client, user: Person, status: str, patience: float = PATIENCE) -> dict[str, Any]:
    """Ask until the status is this one."""

    async def changed() -> dict[str, Any] | None:
        found = await status_of(client, user)
        return found if found["status"] == status else None

    return await until(changed, f"not {status}", patience)


async def test_who_was_never_there_is_offline(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    stranger = new_id()

    assert await status_of(client(ada), bob) == {
        "user_id": bob.id,
        "status": "offline",
        "manual": False,
        "last_activity_at": 0,
        "dnd_end_time": 0,
    }
    assert (await client(ada).get(f"/users/{stranger}/status")).ok()["status"] == "offline"
    assert (await client(ada).get("/users/short/status")).status == 400
    assert (await client().get(f"/users/{bob.id}/status")).status == 401


@pytest.mark.parametrize("status", ["away", "dnd", "offline"])
async def test_a_chosen_status_is_manual_and_known_to_all_nodes(status: str, make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    assert (await status_of(client(bob, node=1), ada))["status"] == "offline"

    chosen = await choose(client(ada), ada, status)

    assert (chosen["status"], chosen["manual"]) == (status, True)
    assert await status_of(client(bob), ada) == chosen
    assert await status_of(client(bob, node=1), ada) == chosen


async def test_online_is_never_manual(make: Make, client: Clients) -> None:
    ada = await make.user()
    await choose(client(ada), ada, "dnd")

    chosen = await choose(client(ada), ada, "online")

    assert (chosen["status"], chosen["manual"]) == ("online", False)
    assert chosen["last_activity_at"] > 0
    assert await status_of(client(ada, node=1), ada) == chosen


async def test_statuses_of_many_are_asked_for_by_ids(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)
    await choose(client(ada), ada, "away")
    await choose(client(bob), bob, "dnd")

    found = (await client(eve).post("/users/status/ids", [ada.id, bob.id, eve.id, ada.id])).ok()

    assert {item["user_id"]: item["status"] for item in found} == {ada.id: "away", bob.id: "dnd", eve.id: "offline"}
    assert len(found) == 3


@pytest.mark.parametrize("body", [[], ["short"], [1], "x", {"a": 1}, None])
async def test_bad_ids_are_refused(body: Any, make: Make, client: Clients) -> None:
    ada = await make.user()

    reply = await client(ada).post("/users/status/ids", body)

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_polling_statuses_costs_no_query(make: Make, client: Clients, counted: Callable[..., Any]) -> None:
    ada, bob = await make.users(2)
    await choose(client(bob), bob, "dnd")
    (await client(ada).post("/users/status/ids", [ada.id, bob.id])).ok()

    with counted(sql=0):
        found = (await client(ada).post("/users/status/ids", [ada.id, bob.id])).ok()

    assert {item["status"] for item in found} == {"dnd", "offline"}


async def test_only_oneself_and_administrators_choose(make: Make, admin: Person, client: Clients) -> None:
    ada, bob = await make.users(2)

    foreign = await client(bob).put(f"/users/{ada.id}/status", {"user_id": ada.id, "status": "away"})
    mixed = await client(bob).put("/users/me/status", {"user_id": ada.id, "status": "away"})

    assert (foreign.status, foreign.error_id) == (403, "api.context.permissions.app_error")
    assert (mixed.status, mixed.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert (await status_of(client(bob), ada))["status"] == "offline"
    assert (await choose(client(admin), ada, "away"))["status"] == "away"


@pytest.mark.parametrize(
    "change",
    [
        {"status": "ooo"},
        {"status": "busy"},
        {"status": 1},
        {"dnd_end_time": "soon"},
        {"dnd_end_time": -1},
        {"dnd_end_time": 1 << 60},
    ],
)
async def test_bad_statuses_are_refused(change: dict[str, Any], make: Make, client: Clients) -> None:
    ada = await make.user()

    reply = await client(ada).put("/users/me/status", {"user_id": ada.id, "status": "dnd", **change})

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert (await status_of(client(ada), ada))["status"] == "offline"


async def test_without_statuses_everyone_is_offline(make: Make, client: Clients, settings: Settings) -> None:
    ada = await make.user()
    await choose(client(ada), ada, "dnd")
    settings(ServiceSettings={"EnableUserStatuses": False})

    assert (await status_of(client(ada), ada))["status"] == "offline"
    assert (await choose(client(ada), ada, "away"))["status"] == "offline"


def custom(text: str, emoji: str = "calendar", **fields: str) -> dict[str, str]:
    return {"emoji": emoji, "text": text, **fields}


async def stored_custom(client: Client) -> Any:
    props = (await client.get("/users/me")).ok().get("props") or {}
    return json.loads(props["customStatus"]) if props.get("customStatus") else None


async def recent(client: Client) -> list[str]:
    reply = (await client.get("/users/me/preferences/custom_status/name/recent_custom_statuses")).ok()
    return [item["text"] for item in json.loads(reply["value"])]


async def test_a_custom_status_is_set_told_and_taken_away(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    async with socket(bob, node=1) as events:
        (await client(ada).put("/users/me/status/custom", custom("In a meeting"))).ok()
        told = await events.next("user_updated")
        while told.data["user"]["id"] != ada.id:
            told = await events.next("user_updated")

    status = await stored_custom(client(ada))
    assert status == {"emoji": "calendar", "text": "In a meeting", "duration": "", "expires_at": "0001-01-01T00:00:00Z"}
    assert json.loads(told.data["user"]["props"]["customStatus"]) == status
    assert await recent(client(ada)) == ["In a meeting"]
    async with socket(bob, node=1) as events:
        (await client(ada).delete("/users/me/status/custom")).ok()
        told = await events.next("user_updated")
        while told.data["user"]["id"] != ada.id:
            told = await events.next("user_updated")
    assert await stored_custom(client(ada)) is None
    # Clients lay what they hear over what they have, so it has to be said that there is none.
    assert (told.data["user"]["id"], told.data["user"]["props"]) == (ada.id, {"customStatus": ""})
    assert await recent(client(ada)) == ["In a meeting"]


async def test_the_last_five_custom_statuses_are_kept_newest_first(make: Make, client: Clients) -> None:
    ada = await make.user()

    for text in ("one", "two", "three", "four", "five", "six", "three"):
        (await client(ada).put("/users/me/status/custom", custom(text))).ok()

    assert await recent(client(ada)) == ["three", "six", "five", "four", "two"]
    (await client(ada).post("/users/me/status/custom/recent/delete", custom("six"))).ok()
    (await client(ada).delete("/users/me/status/custom/recent", custom("four"))).ok()
    (await client(ada).delete("/users/me/status/custom/recent?emoji=calendar&text=two")).ok()
    assert await recent(client(ada)) == ["three", "five"]
    missing = await client(ada).post("/users/me/status/custom/recent/delete", custom("six"))
    assert (missing.status, missing.error_id) == (
        400,
        "api.custom_status.recent_custom_statuses.delete.app_error",
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        custom("", ""),
        custom("x", "e" * 65),
        custom("x", duration="for ever"),
        custom("x", duration="one_hour"),
        custom("x", duration="one_hour", expires_at="2001-01-01T00:00:00Z"),
        custom("x", expires_at="tomorrow"),
        custom("x", expires_at="9999-99-99T00:00:00Z"),
        {"text": 1},
    ],
)
async def test_bad_custom_statuses_are_refused(body: dict[str, Any], make: Make, client: Clients) -> None:
    ada = await make.user()

    reply = await client(ada).put("/users/me/status/custom", body)

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert await stored_custom(client(ada)) is None


async def test_a_custom_status_with_an_end_keeps_it_and_a_long_text_is_cut(make: Make, client: Clients) -> None:
    ada = await make.user()
    body = custom("x" * 120, "", duration="date_and_time", expires_at="2999-01-01T10:00:00+02:00")

    (await client(ada).put("/users/me/status/custom", body)).ok()

    assert await stored_custom(client(ada)) == {**body, "text": "x" * 100, "emoji": "speech_balloon"}


async def test_custom_statuses_can_be_switched_off_and_are_ones_own(
    make: Make, client: Clients, settings: Settings
) -> None:
    ada, bob = await make.users(2)

    assert (await client(bob).put(f"/users/{ada.id}/status/custom", custom("hi"))).status == 403
    assert (await client(bob).delete(f"/users/{ada.id}/status/custom")).status == 403
    settings(TeamSettings={"EnableCustomUserStatuses": False})
    reply = await client(ada).put("/users/me/status/custom", custom("hi"))
    assert (reply.status, reply.error_id) == (501, "api.custom_status.disabled")


async def test_over_rest_one_types_in_threads_and_channels_only(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, members=[ada])

    for parent_id, status in (("", 200), ("x" * 26, 200), ("x" * 27, 400), ("thread", 400)):
        body = {"channel_id": channel.id, "parent_id": parent_id}
        assert (await client(ada).post("/users/me/typing", body)).status == status
