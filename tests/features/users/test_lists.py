"""Lists of people: of everyone, of teams and channels, sorted, filtered, searched; and what guests see."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.features.users.list_queries import LISTS, patterns
from tests.clients_of import Client, Reply
from tests.make import Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]


def ids(reply: Reply) -> list[str]:
    return [user["id"] for user in reply.ok()]


def names(reply: Reply) -> list[str]:
    return [user["username"] for user in reply.ok()]


async def test_the_list_of_everyone_is_paged_by_name_and_hides_what_is_private(make: Make, client: Clients) -> None:
    ada = (await make.users(5))[0]

    whole = (await client(ada).get("/users?per_page=200")).ok()
    pages = [names(await client(ada).get(f"/users?per_page=2&page={page}")) for page in range(3)]

    assert [user["username"] for user in whole] == sorted(user["username"] for user in whole)
    assert list(itertools.chain(*pages)) == [user["username"] for user in whole][:6]
    assert not any("notify_props" in user or "password" in user for user in whole)
    assert names(await client(ada).get("/users?page=10000000")) == []
    assert len((await client(ada).get("/users?page=-1&per_page=x")).ok()) == min(len(whole), 60)


async def test_a_client_that_has_the_page_gets_304_until_it_changes(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada])
    path = f"/users?in_team={team.id}"
    etag = (await client(ada).get(path)).headers["etag"]

    assert (await client(ada).get(path, headers={"If-None-Match": etag})).status == 304
    await make.join_team(team, bob)
    assert bob.id in ids(await client(ada).get(path, headers={"If-None-Match": etag}))


async def test_one_page_costs_one_statement(make: Make, client: Clients, counted: Any) -> None:
    ada = await make.user()
    (await client(ada).get("/users")).ok()

    with counted(sql=1):
        (await client(ada).get("/users")).ok()


async def test_lists_of_teams_and_channels(make: Make, client: Clients, admin: Person) -> None:
    # Names that come first, so that they are on the first page however many others there are.
    ada, bob, eve, adam = [await make.user(f"0.{name}") for name in ("ada", "bob", "eve", "adam")]
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, members=[ada, bob])
    asking = client(ada)

    assert set(ids(await asking.get(f"/users?in_team={team.id}"))) == {admin.id, ada.id, bob.id, eve.id}
    outside = ids(await asking.get(f"/users?not_in_team={team.id}&per_page=200"))
    assert adam.id in outside
    assert not {ada.id, bob.id, eve.id} & set(outside)
    assert set(ids(await asking.get(f"/users?in_channel={channel.id}"))) == {admin.id, ada.id, bob.id}
    rest = await asking.get(f"/users?in_team={team.id}&not_in_channel={channel.id}")
    assert ids(rest) == [eve.id]
    elsewhere = ids(await asking.get(f"/users?not_in_channel={channel.id}&per_page=200"))
    assert {eve.id, adam.id} <= set(elsewhere)
    assert not {ada.id, bob.id} & set(elsewhere)
    assert (await asking.get("/users?without_team=true")).status == 403
    without = ids(await client(make.admin).get("/users?without_team=true&per_page=200"))
    assert adam.id in without
    assert not {ada.id, bob.id, eve.id} & set(without)
    assert ids(await asking.get(f"/users?in_group={'x' * 26}")) == []


async def test_lists_of_places_that_the_caller_may_not_know_are_refused(make: Make, client: Clients) -> None:
    ada, eve = await make.users(2)
    team = await make.team(members=[ada])
    private = await make.channel(team, members=[ada], type="P")
    queries = (
        f"in_team={team.id}",
        f"not_in_team={team.id}",
        f"in_channel={private.id}",
        f"not_in_channel={private.id}",
    )

    for query in queries:
        assert (await client(ada).get(f"/users?{query}")).status == 200
        refused = await client(eve).get(f"/users?{query}")
        assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error")
    for query in ("in_team=team", "in_channel=1", "sort=password", "in_team=" + "x" * 500, "active=perhaps"):
        reply = await client(ada).get(f"/users?{query}")
        assert reply.status == 400, query


async def test_lists_filter_by_activity_and_roles(make: Make, client: Clients, admin: Person) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    place = f"/users?in_team={team.id}"
    (await client(admin).put(f"/users/{bob.id}/active", {"active": False})).ok()
    (await client(admin).put(f"/teams/{team.id}/members/{ada.id}/roles", {"roles": "team_user team_admin"})).ok()

    assert bob.id in ids(await client(ada).get(place))
    assert bob.id not in ids(await client(ada).get(f"{place}&active=true"))
    assert ids(await client(ada).get(f"{place}&inactive=true")) == [bob.id]
    assert ids(await client(ada).get(f"{place}&role=system_admin")) == [admin.id]
    assert ids(await client(ada).get(f"{place}&roles=system_admin,system_manager")) == [admin.id]
    assert set(ids(await client(ada).get(f"{place}&team_roles=team_admin"))) == {ada.id, admin.id}
    assert ids(await client(ada).get(f"{place}&team_roles=team_user")) == [bob.id]
    assert ids(await client(ada).get(f"{place}&team_roles=team_guest")) == []


async def test_sorting(make: Make, client: Clients, admin: Person) -> None:
    ada, bob, eve = await make.user("zoe"), await make.user("amy", nickname="zz"), await make.user("mia")
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, members=[ada, bob, eve])
    place = f"/users?in_channel={channel.id}&sort="
    for person, status in ((ada, "dnd"), (bob, "away"), (eve, "online")):
        body = {"user_id": person.id, "status": status}
        (await client(person).put(f"/users/{person.id}/status", body)).ok()

    def order(found: list[str]) -> list[str]:
        return [user_id for user_id in found if user_id != admin.id]

    assert order(ids(await client(ada).get(place))) == [bob.id, eve.id, ada.id]
    assert order(ids(await client(ada).get(place + "status"))) == [eve.id, bob.id, ada.id]
    assert ids(await client(ada).get(place + "admin"))[0] == admin.id
    assert order(ids(await client(ada).get(place + "create_at"))) == [eve.id, bob.id, ada.id]
    assert order(ids(await client(ada).get(place + "display_name"))) == [eve.id, ada.id, bob.id]
    by_team = f"/users?in_team={team.id}&sort="
    assert order(ids(await client(ada).get(by_team + "create_at"))) == [eve.id, bob.id, ada.id]
    latest = (await client(ada).get(by_team + "last_activity_at")).ok()
    times = [user.get("last_activity_at", 0) for user in latest]
    assert times == sorted(times, reverse=True)
    assert times[0] > 0


async def test_every_combination_of_list_and_order_runs(node: TestNode) -> None:
    for sql in LISTS.values():
        assert await node.services.db.rows(sql, "x", "x", True, ["system_user"], None, None, 10, 0) is not None


async def test_people_by_ids_and_names(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)

    found = await client(ada).post("/users/ids", [bob.id, ada.id, "x" * 26, bob.id])
    assert sorted(ids(found)) == sorted([ada.id, bob.id])
    since = (await client(ada).get("/users/me")).ok()["update_at"]
    (await client(bob).put("/users/me/patch", {"nickname": "Bobby"})).ok()
    assert ids(await client(ada).post(f"/users/ids?since={since}", [bob.id, ada.id])) == [bob.id]
    assert names(await client(ada).post("/users/usernames", [bob.username.upper(), "nobody-here"])) == [bob.username]
    for path, body in (
        ("/users/ids", []),
        ("/users/ids", ["short"]),
        ("/users/ids", {"ids": []}),
        ("/users/ids", [None]),
        ("/users/usernames", [5]),
        ("/users/group_channels", ["short"]),
    ):
        reply = await client(ada).post(path, body)
        assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error"), (path, body)


@pytest.mark.parametrize("term", ["{name}", "@{NAME}", "count", "LOVE", "King {name}", "  {name}  "])
async def test_search_finds_words_that_begin_like_the_term(make: Make, client: Clients, term: str) -> None:
    name = make.name("searched")
    ada = await make.user(name, nickname="Countess of Lovelace", last_name="King")
    team = await make.team(members=[ada])
    term = term.replace("{name}", ada.username).replace("{NAME}", ada.username.upper())

    found = await client(ada).post("/users/search", {"term": term, "team_id": team.id})

    assert ids(found) == [ada.id]


@pytest.mark.parametrize("term", ["ountess", "50%", "a_b", "\\", "king queen", "x" * 5000])
async def test_search_finds_nothing_else(make: Make, client: Clients, term: str) -> None:
    ada = await make.user(nickname="Countess", last_name="King", first_name="505 axb")
    team = await make.team(members=[ada])

    assert (await client(ada).post("/users/search", {"term": term, "team_id": team.id})).ok() == []


async def test_search_keeps_to_its_place_and_to_active_people(make: Make, client: Clients, admin: Person) -> None:
    word = make.name("herd")
    ada, bob, eve = [await make.user(word, position=str(number)) for number in range(3)]
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, members=[ada])
    (await client(admin).put(f"/users/{eve.id}/active", {"active": False})).ok()

    async def search(**body: Any) -> list[str]:
        return ids(await client(ada).post("/users/search", {"term": word, **body}))

    assert await search() == [ada.id, bob.id]
    assert await search(allow_inactive=True) == [ada.id, bob.id, eve.id]
    assert await search(team_id=team.id) == [ada.id, bob.id]
    assert await search(not_in_team_id=team.id, allow_inactive=True) == [eve.id]
    assert await search(in_channel_id=channel.id) == [ada.id]
    assert await search(team_id=team.id, not_in_channel_id=channel.id) == [bob.id]
    assert await search(limit=1) == [ada.id]
    assert await search(without_team=True, allow_inactive=True) == [eve.id]
    assert await search(in_group_id="x" * 26) == []
    for body in ({"limit": -1}, {"limit": 5000}, {"team_id": "x"}, {"roles": "system_user"}):
        assert (await client(ada).post("/users/search", {"term": word, **body})).status == 400


async def test_addresses_are_found_by_those_who_see_them(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada = await make.user()
    address = f"{make.name('secret')}.address@example.org"
    bob = (
        await client().post("/users", {"username": make.name("bob"), "email": address, "password": ada.password})
    ).ok(201)

    body = {"term": address[:12]}
    assert ids(await client(ada).post("/users/search", body)) == [bob["id"]]

    settings(PrivacySettings={"ShowEmailAddress": False})
    assert (await client(ada).post("/users/search", body)).ok() == []
    assert ids(await client(admin).post("/users/search", body)) == [bob["id"]]


async def test_hidden_names_are_not_found_by_guessing(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada = await make.user()
    first, nick = make.name("hidden"), make.name("shown")
    bob = await make.user(first_name=first, last_name="Lastly", nickname=nick)

    async def found(person: Person, term: str) -> list[str]:
        autocompleted = (await client(person).get(f"/users/autocomplete?name={term}")).ok()["users"]
        searched = ids(await client(person).post("/users/search", {"term": term}))
        assert [user["id"] for user in autocompleted] == searched
        return searched

    assert await found(ada, first) == [bob.id]
    settings(PrivacySettings={"ShowFullName": False})
    assert await found(ada, first) == []
    assert await found(ada, f"{nick} {first}") == []
    assert await found(ada, nick) == [bob.id]
    assert await found(admin, first) == [bob.id]


async def test_only_members_of_groups_may_join_what_is_bound_to_groups(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada])
    town = (await client(ada).get(f"/teams/{team.id}/channels/name/town-square")).ok()

    for place in (f"not_in_team={team.id}", f"not_in_channel={town['id']}"):
        assert bob.id in ids(await client(ada).get(f"/users?{place}&per_page=200&sort=create_at"))
        assert (await client(ada).get(f"/users?{place}&group_constrained=true")).ok() == []
    search = {"term": bob.username, "not_in_team_id": team.id}
    assert ids(await client(ada).post("/users/search", search)) == [bob.id]
    assert (await client(ada).post("/users/search", {**search, "group_constrained": True})).ok() == []


async def test_autocomplete_tells_those_of_the_channel_from_the_rest_of_the_team(make: Make, client: Clients) -> None:
    word = make.name("auto")
    ada, bob, eve = [await make.user(word) for _ in range(3)]
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, members=[ada])

    async def complete(query: str) -> dict[str, list[str]]:
        found = (await client(ada).get(f"/users/autocomplete?name={word}&{query}")).ok()
        return {key: [user["id"] for user in users] for key, users in found.items()}

    assert await complete("") == {"users": [ada.id, bob.id, eve.id]}
    assert await complete(f"in_team={team.id}") == {"users": [ada.id, bob.id]}
    both = await complete(f"in_team={team.id}&in_channel={channel.id}")
    assert both == {"users": [ada.id], "out_of_channel": [bob.id]}
    assert await complete(f"in_channel={channel.id}") == both
    assert await complete(f"team_id={team.id}&channel_id={channel.id}") == both
    assert await complete(f"in_team={team.id}&limit=1") == {"users": [ada.id]}
    assert (await client(eve).get(f"/users/autocomplete?name={word}&in_team={team.id}")).status == 403
    email = (await client(ada).get(f"/users/autocomplete?name={ada.email}")).ok()
    assert email["users"] == []


async def test_known_people_share_a_channel(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)
    assert (await client(ada).get("/users/known")).ok() == []

    await make.direct(ada, bob)

    assert (await client(ada).get("/users/known")).ok() == [bob.id]
    assert (await client(eve).get("/users/known")).ok() == []


async def test_stats_count_active_accounts(make: Make, client: Clients, admin: Person) -> None:
    ada = await make.user()
    before = (await client(ada).get("/users/stats")).ok()["total_users_count"]
    bob = await make.user()
    assert (await client(ada).get("/users/stats")).ok() == {"total_users_count": before + 1}

    (await client(admin).put(f"/users/{bob.id}/active", {"active": False})).ok()

    assert (await client(ada).get("/users/stats")).ok() == {"total_users_count": before}


async def test_members_of_group_channels_for_those_who_are_in_them(make: Make, client: Clients) -> None:
    ada, bob, eve, adam = await make.users(4)
    group, direct = await make.group(ada, bob, eve), await make.direct(ada, bob)

    found = (await client(ada).post("/users/group_channels", [group.id, direct.id])).ok()
    assert {channel_id: {user["id"] for user in users} for channel_id, users in found.items()} == {
        group.id: {bob.id, eve.id}
    }
    assert (await client(adam).post("/users/group_channels", [group.id])).ok() == {}


async def make_guest(node: TestNode, person: Person) -> None:
    await node.services.db.run(SQL("UPDATE users SET roles = 'system_guest' WHERE id = $1"), person.id)
    await request_context(node.services).tell([f"user:{person.id}"])


async def test_guests_know_only_the_people_of_their_channels(make: Make, client: Clients, node: TestNode) -> None:
    word = make.name("guests")
    guest, ada, bob = [await make.user(word) for _ in range(3)]
    await make.direct(guest, ada)
    await make_guest(node, guest)
    asking = client(guest)

    assert (await asking.get(f"/users/{ada.id}")).ok()["username"] == ada.username
    assert (await asking.get("/users/me")).ok()["id"] == guest.id
    for path in (
        f"/users/{bob.id}",
        f"/users/username/{bob.username}",
        f"/users/email/{bob.email}",
        f"/users/{bob.id}/image",
        "/users/username/nobody-at-all",
    ):
        refused = await asking.get(path)
        assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error"), path
    both = {guest.id, ada.id}
    assert set(ids(await asking.get("/users"))) == both
    assert set(ids(await asking.post("/users/search", {"term": word}))) == both
    assert set(ids(await asking.post("/users/ids", [guest.id, ada.id, bob.id]))) == both
    assert names(await asking.post("/users/usernames", [ada.username, bob.username])) == [ada.username]
    found = (await asking.get(f"/users/autocomplete?name={word}")).ok()
    assert {user["id"] for user in found["users"]} == both
    assert (await asking.get("/users/stats")).ok() == {"total_users_count": 2}


async def test_typing_reaches_the_others_of_the_channel(make: Make, client: Clients, socket: Any) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, members=[ada, bob])
    async with socket(ada) as own, socket(bob, node=1) as other, socket(eve) as stranger:
        (await client(ada).post("/users/me/typing", {"channel_id": channel.id, "parent_id": ""})).ok()
        told = await other.next("typing")
        assert told.raw == {"user_id": ada.id, "parent_id": ""}
        assert told.broadcast["channel_id"] == channel.id
        assert "typing" not in await own.names()
        assert "typing" not in await stranger.names()

    refused = await client(eve).post("/users/me/typing", {"channel_id": channel.id})
    assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error")


def test_patterns_of_terms_have_no_wildcards_of_their_own() -> None:
    assert patterns(" @Ada_L 50% ") == ("% ada\\_l%", ["% ada\\_l%", "% 50\\%%"], "ada\\_l 50\\%%")
    assert patterns("") == ("%", ["%"], "%")
    assert len(patterns("a " * 500)[1]) == 8
