"""Groups: made, changed, archived; who is in them, and whom their names call."""

from collections.abc import Callable
from typing import Any

import pytest

from server.ids import new_id
from tests.clients_of import Client
from tests.make import Make, Person, Thing

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]
Counted = Callable[..., Any]


async def make_group(client: Client, make: Make, *members: Person, **fields: Any) -> dict[str, Any]:
    name = make.name("crew")
    body = {
        "name": name,
        "display_name": name.title(),
        "source": "custom",
        "allow_reference": True,
        "user_ids": [member.id for member in members],
        **fields,
    }
    group: dict[str, Any] = (await client.post("/groups", body)).ok(201)
    return group


async def test_a_group_is_made_with_its_first_members_who_hear_of_it(
    client: Clients, make: Make, socket: Sockets
) -> None:
    ada, bob, carol = await make.users(3)
    guest = await make.user()
    (await client(make.admin).put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    async with socket(bob, node=1) as bobs, socket(carol) as carols, socket(guest) as guests:
        group = await make_group(client(ada), make, ada, bob, description="Those who cook")

        received = await carols.next("received_group")
        assert received.data["group"] == group
        member = (await bobs.next("group_member_add")).data["group_member"]
        assert (member["group_id"], member["user_id"], member["delete_at"]) == (group["id"], bob.id, 0)
        assert [event.name for event in await carols.until_now() if event.name.startswith("group_member")] == []
        assert [event.name for event in await guests.until_now() if "group" in event.name] == []

    assert (group["source"], group["member_count"], group["has_syncables"]) == ("custom", 2, False)
    assert (await client(carol).get(f"/groups/{group['id']}")).ok()["description"] == "Those who cook"
    members = (await client(carol, node=1).get(f"/groups/{group['id']}/members")).ok()
    assert [user["id"] for user in members["members"]] == sorted([ada.id, bob.id])
    assert members["total_member_count"] == 2
    stats = {"group_id": group["id"], "total_member_count": 2}
    assert (await client(carol).get(f"/groups/{group['id']}/stats")).ok() == stats
    assert [each["id"] for each in (await client(bob).get("/users/me/groups")).ok()] == [group["id"]]
    assert (await client(carol).get("/users/me/groups")).ok() == []
    assert (await client(carol).get(f"/users/{bob.id}/groups")).status == 403


async def test_groups_are_listed_by_what_is_asked_for(client: Clients, make: Make) -> None:
    ada, bob = await make.users(2)
    first = await make_group(client(ada), make, ada, display_name="Zebra 100%")
    second = await make_group(client(ada), make, bob, display_name="Aardvark", allow_reference=False)

    async def listed(query: str) -> list[str]:
        found = (await client(bob).get(f"/groups?per_page=200&{query}")).ok()
        return [group["id"] for group in found if group["id"] in (first["id"], second["id"])]

    assert await listed("") == [second["id"], first["id"]]
    assert await listed(f"q={first['name']}") == [first["id"]]
    assert await listed("q=100%25") == [first["id"]]
    assert await listed("q=_ardvark") == []
    assert await listed("filter_allow_reference=true") == [first["id"]]
    assert await listed(f"filter_has_member={bob.id}") == [second["id"]]
    assert await listed("group_source=ldap") == []
    assert await listed(f"since={second['update_at'] + 1}") == []
    (whole,) = (await client(bob).get(f"/groups?q={first['name']}&include_member_count=1&include_member_ids=1")).ok()
    assert (whole["member_count"], whole["member_ids"]) == (1, [ada.id])
    assert (await client(bob).get("/groups?filter_has_member=x")).status == 400
    by_name = (await client(bob).post("/groups/names", [first["name"], "nobody"])).ok()
    assert [group["id"] for group in by_name] == [first["id"]]
    assert not by_name[0].keys() & {"member_count", "member_ids", "channel_member_count"}


async def test_people_come_and_go(client: Clients, make: Make, socket: Sockets) -> None:
    ada, bob, carol = await make.users(3)
    group = await make_group(client(ada), make, ada)
    path = f"/groups/{group['id']}/members"

    added = (await client(ada).post(path, {"user_ids": [bob.id, carol.id, ada.id]})).ok()
    assert {member["user_id"] for member in added} == {bob.id, carol.id}
    async with socket(bob) as events:
        removed = (await client(ada).delete(path, {"user_ids": [bob.id]})).ok()
        assert [member["user_id"] for member in removed] == [bob.id]
        gone = (await events.next("group_member_deleted")).data["group_member"]
        assert (gone["user_id"], gone["delete_at"] > 0) == (bob.id, True)

    (await client(make.admin).delete(f"/users/{carol.id}")).ok()
    members = (await client(ada).get(path)).ok()
    assert ([user["id"] for user in members["members"]], members["total_member_count"]) == ([ada.id], 1)
    inside = (await client(ada).get(f"/users?in_group={group['id']}&active=true")).ok()
    assert [user["id"] for user in inside] == [ada.id]
    outside = (await client(ada).get(f"/users?not_in_group={group['id']}&per_page=200&sort=create_at")).ok()
    assert ada.id not in [user["id"] for user in outside]
    assert bob.id in [user["id"] for user in outside]
    assert (await client(ada).post(path, {"user_ids": [new_id()]})).status == 400


async def test_a_group_is_changed_archived_and_restored(client: Clients, make: Make, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    group = await make_group(client(ada), make, ada)
    path = f"/groups/{group['id']}"
    async with socket(bob) as events:
        patched = (await client(ada).put(f"{path}/patch", {"display_name": "Cooks"})).ok()
        assert (patched["display_name"], patched["name"]) == ("Cooks", group["name"])
        assert (await events.next("received_group")).data["group"]["display_name"] == "Cooks"

        (await client(ada).delete(path)).ok()
        assert (await events.next("received_group")).data["group"]["delete_at"] > 0
        assert (await client(ada).delete(path)).status == 404
        archived = (await client(ada).get("/groups?filter_archived=true&per_page=200")).ok()
        assert group["id"] in [each["id"] for each in archived]
        assert (await client(ada).get("/users/me/groups")).ok() == []
        assert (await client(ada).post(f"{path}/members", {"user_ids": [bob.id]})).status == 400

        (await client(ada).post(f"{path}/restore")).ok()
        assert (await events.next("received_group")).data["group"]["delete_at"] == 0
    assert [each["id"] for each in (await client(ada).get("/users/me/groups")).ok()] == [group["id"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Upper"),
        ("name", "two words"),
        ("name", "n" * 65),
        ("name", "all"),
        ("display_name", ""),
        ("display_name", "d" * 129),
        ("description", "d" * 1025),
        ("source", "ldap"),
        ("user_ids", ["x"]),
        ("user_ids", [None]),
        ("user_ids", ["0" * 26]),
    ],
)
async def test_what_a_group_says_is_checked(client: Clients, make: Make, field: str, value: Any) -> None:
    body = {"name": make.name("crew"), "display_name": "Crew", "user_ids": [], field: value}

    assert (await client(make.admin).post("/groups", body)).status == 400


async def test_names_are_not_shared_with_groups_or_people(client: Clients, make: Make) -> None:
    ada, bob = await make.users(2)
    group, other = await make_group(client(ada), make), await make_group(client(ada), make)

    for name in (group["name"], bob.username):
        again = await client(ada).post("/groups", {"name": name, "display_name": "x"})
        assert (again.status, again.error_id) == (400, "app.custom_group.unique_name")
        renamed = await client(ada).put(f"/groups/{other['id']}/patch", {"name": name})
        assert (renamed.status, renamed.error_id) == (400, "app.custom_group.unique_name")


async def test_guests_make_no_groups_and_see_only_those_they_know(client: Clients, make: Make) -> None:
    ada, guest = await make.users(2)
    (await client(make.admin).put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()
    group = await make_group(client(ada), make, ada, guest)
    path = f"/groups/{group['id']}"

    for reply in (
        await client(guest).post("/groups", {"name": "x", "display_name": "x"}),
        await client(guest).put(f"{path}/patch", {"display_name": "x"}),
        await client(guest).delete(path),
        await client(guest).post(f"{path}/restore"),
        await client(guest).post(f"{path}/members", {"user_ids": [guest.id]}),
        await client(guest).delete(f"{path}/members", {"user_ids": [ada.id]}),
    ):
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    members = (await client(guest).get(f"{path}/members")).ok()
    assert [user["id"] for user in members["members"]] == [guest.id]
    (listed,) = (await client(guest).get(f"/groups?q={group['name']}&include_member_ids=true")).ok()
    assert listed["member_ids"] == [guest.id]
    assert (await client().get("/groups")).status == 401


async def test_groups_that_are_switched_off_cannot_be_changed(client: Clients, make: Make, settings: Settings) -> None:
    ada = await make.user()
    group = await make_group(client(ada), make, ada)
    settings(ServiceSettings={"EnableCustomGroups": False})

    refused = await client(ada).put(f"/groups/{group['id']}/patch", {"display_name": "x"})
    assert (refused.status, refused.error_id) == (501, "api.custom_groups.feature_disabled")
    assert (await client(ada).post("/groups", {"name": "x", "display_name": "x"})).status == 501
    assert (await client(ada).get("/groups")).status == 200


async def called(client: Client, channel: Thing, message: str, socket: Any, *people: Person) -> list[str]:
    """Whom a post calls, as their events say."""
    mentioned = []
    async with socket(people[0]) as first, socket(people[1], node=1) as second:
        (await client.post("/posts", {"channel_id": channel.id, "message": message})).ok(201)
        for person, events in ((people[0], first), (people[1], second)):
            event = await events.next("posted")
            if event.data.get("mentions"):
                assert event.data["mentions"] == [person.id]
                mentioned.append(person.username)
    return mentioned


async def test_a_groups_name_calls_its_members_in_the_channel(
    client: Clients, make: Make, socket: Sockets, counted: Counted
) -> None:
    ada, bob, carol, dan = await make.users(4)
    team = await make.team([ada, bob, carol, dan])
    town = await make.channel(team, [ada, bob, carol])
    group = await make_group(client(ada), make, bob, dan, ada)
    call = f"dinner, @{group['name']}!"

    assert await called(client(ada), town, call, socket, bob, carol) == [bob.username]
    body = {"channel_id": town.id, "message": call}
    with counted(sql=1):
        (await client(ada).post("/posts", body)).ok(201)
    members = {each["user_id"]: each for each in (await client(ada).get(f"/channels/{town.id}/members")).ok()}
    assert (members[bob.id]["mention_count"], members[carol.id]["mention_count"]) == (3, 1)

    path = f"/groups/{group['id']}/members"
    (await client(ada, node=1).post(path, {"user_ids": [carol.id]})).ok()
    assert await called(client(ada), town, call, socket, bob, carol) == [bob.username, carol.username]
    (await client(ada).delete(f"/groups/{group['id']}")).ok()
    assert await called(client(ada), town, call, socket, bob, carol) == []


async def test_who_may_not_call_groups_calls_nobody_and_clients_know(
    client: Clients, make: Make, socket: Sockets
) -> None:
    ada, bob, carol = await make.users(3)
    team = await make.team([ada, bob, carol])
    town = await make.channel(team, [ada, bob, carol])
    group = await make_group(client(ada), make, bob)
    unnamed = await make_group(client(ada), make, bob, allow_reference=False)
    role = (await client(make.admin).get("/roles/name/channel_user")).ok()
    without = [name for name in role["permissions"] if name != "use_group_mentions"]
    (await client(make.admin).put(f"/roles/{role['id']}/patch", {"permissions": without})).ok()
    try:
        assert await called(client(ada), town, f"@{group['name']}", socket, bob, carol) == []
        newest = (await client(bob).get(f"/channels/{town.id}/posts?per_page=1")).ok()
        assert newest["posts"][newest["order"][0]]["props"] == {"disable_group_highlight": True}
    finally:
        (await client(make.admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()
    assert await called(client(ada), town, f"@{unnamed['name']}", socket, bob, carol) == []


async def test_how_many_a_group_would_call_in_a_channel(client: Clients, make: Make) -> None:
    ada, bob, dan = await make.users(3)
    team = await make.team([ada, bob, dan])
    town = await make.channel(team, [ada, bob])
    group = await make_group(client(ada), make, ada, bob, dan)
    zone = {"timezone": {"useAutomaticTimezone": "false", "manualTimezone": "Asia/Tokyo", "automaticTimezone": ""}}
    (await client(bob).put("/users/me/patch", zone)).ok()

    counts = (await client(ada).get(f"/channels/{town.id}/member_counts_by_group?include_timezones=true")).ok()
    assert counts == [
        {"group_id": group["id"], "channel_member_count": 2, "channel_member_timezones_count": 2},
    ]
    assert (await client(dan).get(f"/channels/{town.id}/member_counts_by_group")).ok()[0]["channel_member_count"] == 2
    stranger = await make.user()
    assert (await client(stranger).get(f"/channels/{town.id}/member_counts_by_group")).status == 403


async def test_no_group_is_bound_to_teams_or_channels(client: Clients, make: Make) -> None:
    ada, stranger = await make.users(2)
    team = await make.team([ada])
    town = await make.channel(team, [ada])
    await make_group(client(ada), make, ada)

    none = {"groups": [], "total_group_count": 0}
    assert (await client(ada).get(f"/teams/{team.id}/groups")).ok() == none
    assert (await client(ada).get(f"/channels/{town.id}/groups")).ok() == none
    assert (await client(ada).get(f"/teams/{team.id}/groups_by_channels")).ok() == {"groups": {}}
    assert (await client(stranger).get(f"/teams/{team.id}/groups")).status == 403
    assert (await client(stranger).get(f"/channels/{town.id}/groups")).status == 403
