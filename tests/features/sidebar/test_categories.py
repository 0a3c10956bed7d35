"""The sidebar of a user in a team."""

from typing import Any

import pytest

from tests.features.channels.hearing import Clients, Counted, Sockets
from tests.make import Make, Person, Thing


async def sidebar(client: Clients, user: Person, team: Thing) -> dict[str, Any]:
    reply = await client(user).get(f"/users/me/teams/{team.id}/channels/categories")
    shown: dict[str, Any] = reply.ok()
    return shown


def by_type(shown: dict[str, Any], type: str) -> dict[str, Any]:
    found: dict[str, Any] = next(category for category in shown["categories"] if category["type"] == type)
    return found


def path(team: Thing, rest: str = "") -> str:
    return f"/users/me/teams/{team.id}/channels/categories{rest}"


async def test_the_first_look_makes_three_categories(make: Make, client: Clients, counted: Counted) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel, direct = await make.channel(team, owner=ada, display_name="zzz"), await make.direct(ada, bob)

    shown = await sidebar(client, ada, team)
    with counted(sql=2):
        again = await sidebar(client, ada, team)

    assert shown == again
    assert [category["type"] for category in shown["categories"]] == ["favorites", "channels", "direct_messages"]
    assert shown["order"] == [f"{kind}_{ada.id}_{team.id}" for kind in ("favorites", "channels", "direct_messages")]
    assert [category["sort_order"] for category in shown["categories"]] == [0, 10, 20]
    assert [category["sorting"] for category in shown["categories"]] == ["", "", "recent"]
    assert [category["display_name"] for category in shown["categories"]] == [
        "Favorites",
        "Channels",
        "Direct Messages",
    ]
    assert by_type(shown, "favorites")["channel_ids"] == []
    assert len(by_type(shown, "channels")["channel_ids"]) == 3
    assert by_type(shown, "channels")["channel_ids"][-1] == channel.id
    assert by_type(shown, "direct_messages")["channel_ids"] == [direct.id]
    first = shown["categories"][0]
    assert (first["user_id"], first["team_id"], first["muted"], first["collapsed"]) == (ada.id, team.id, False, False)


async def test_a_category_of_ones_own_takes_channels_and_comes_behind_the_favorites(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    one, two = await make.channel(team, owner=ada), await make.channel(team, owner=ada)
    foreign = await make.channel(team, owner=bob)
    direct = await make.direct(ada, bob)
    body = {
        "user_id": ada.id,
        "team_id": team.id,
        "display_name": "Work",
        "type": "custom",
        "channel_ids": [two.id, direct.id, foreign.id, two.id, one.id],
    }

    async with socket(ada) as events, socket(bob) as others:
        made = (await client(ada).post(path(team), body)).ok()
        event = await events.next("sidebar_category_created")
        assert event.name not in await others.names()
    shown = await sidebar(client, ada, team)
    single = (await client(ada).get(path(team, f"/{made['id']}"))).ok()

    assert (made["type"], made["display_name"], made["sorting"]) == ("custom", "Work", "")
    assert len(made["id"]) == 26
    assert made["channel_ids"] == single["channel_ids"] == [two.id, direct.id, one.id]
    assert event.data == {"category_id": made["id"]}
    assert (event.broadcast["user_id"], event.broadcast["team_id"]) == (ada.id, team.id)
    assert shown["order"][:2] == [f"favorites_{ada.id}_{team.id}", made["id"]]
    assert [category["sort_order"] for category in shown["categories"]] == [0, 10, 20, 30]
    assert not {one.id, two.id} & set(by_type(shown, "channels")["channel_ids"])
    assert by_type(shown, "direct_messages")["channel_ids"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"display_name": ""},
        {"display_name": "x" * 65},
        {"sorting": "random"},
        {"channel_ids": "all"},
        {"user_id": "a" * 26},
        {"team_id": "a" * 26},
    ],
)
async def test_odd_categories_are_refused(make: Make, client: Clients, changes: dict[str, object]) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])

    reply = await client(ada).post(path(team), {"display_name": "Fine", "channel_ids": [], **changes})

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_moving_a_channel_updates_both_categories(make: Make, client: Clients, socket: Sockets) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    one, two = await make.channel(team, owner=ada), await make.channel(team, owner=ada)
    work = (await client(ada).post(path(team), {"display_name": "Work", "channel_ids": [one.id, two.id]})).ok()
    play = (await client(ada).post(path(team), {"display_name": "Play", "channel_ids": []})).ok()

    async with socket(ada) as events:
        bodies = [{**work, "channel_ids": [two.id]}, {**play, "channel_ids": [one.id], "collapsed": True}]
        changed = (await client(ada).put(path(team), bodies)).ok()
        event = await events.next("sidebar_category_updated")
    shown = await sidebar(client, ada, team)

    assert [category["channel_ids"] for category in changed] == [[two.id], [one.id]]
    assert changed[1]["collapsed"] is True
    assert event.data["updatedCategories"] == changed
    assert shown["order"].index(play["id"]) < shown["order"].index(work["id"])


async def test_what_is_absent_from_a_change_stays(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    one = await make.channel(team, owner=ada)
    work = (await client(ada).post(path(team), {"display_name": "Work", "channel_ids": [one.id]})).ok()

    changed = (await client(ada).put(path(team, f"/{work['id']}"), {"sorting": "alpha"})).ok()
    channels = by_type(await sidebar(client, ada, team), "channels")
    renamed = (await client(ada).put(path(team, f"/{channels['id']}"), {**channels, "display_name": "Mine"})).ok()

    assert (changed["display_name"], changed["sorting"], changed["channel_ids"]) == ("Work", "alpha", [one.id])
    assert renamed["display_name"] == "Channels"


async def test_deleting_a_category_gives_its_channels_back(make: Make, client: Clients, socket: Sockets) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    one = await make.channel(team, owner=ada)
    work = (await client(ada).post(path(team), {"display_name": "Work", "channel_ids": [one.id]})).ok()

    async with socket(ada) as events:
        (await client(ada).delete(path(team, f"/{work['id']}"))).ok()
        event = await events.next("sidebar_category_deleted")
    shown = await sidebar(client, ada, team)
    again = await client(ada).delete(path(team, f"/{work['id']}"))
    default = await client(ada).delete(path(team, f"/{shown['order'][0]}"))
    odd = await client(ada).get(path(team, "/no-category"))

    assert event.data == {"category_id": work["id"]}
    assert one.id in by_type(shown, "channels")["channel_ids"]
    assert (again.status, again.error_id) == (404, "app.channel.sidebar_categories.app_error")
    assert (default.status, default.error_id) == (400, "app.channel.sidebar_categories.app_error")
    assert (odd.status, odd.error_id) == (400, "api.context.invalid_url_param.app_error")


async def test_the_order_names_every_category_once(make: Make, client: Clients, socket: Sockets) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    order = (await client(ada).get(path(team, "/order"))).ok()
    wanted = [order[2], order[0], order[1]]

    async with socket(ada) as events:
        answered = (await client(ada).put(path(team, "/order"), wanted)).ok()
        event = await events.next("sidebar_category_order_updated")
    missing = await client(ada).put(path(team, "/order"), wanted[:2])
    double = await client(ada).put(path(team, "/order"), [*wanted[:2], wanted[0]])

    assert answered == wanted
    assert event.data == {"order": wanted}
    assert (await client(ada).get(path(team, "/order"))).ok() == wanted
    assert (missing.status, missing.error_id) == (400, "app.channel.sidebar_categories.app_error")
    assert double.status == 400


async def test_favorites_and_their_preference_are_one(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    one, two, direct = (
        await make.channel(team, owner=ada),
        await make.channel(team, owner=ada),
        await make.direct(ada, bob),
    )
    favorite = {"user_id": ada.id, "category": "favorite_channel", "value": "true"}

    # From before the first look.
    (await client(ada).put("/users/me/preferences", [{**favorite, "name": one.id}])).ok()
    assert by_type(await sidebar(client, ada, team), "favorites")["channel_ids"] == [one.id]

    # By preference.
    async with socket(ada) as events:
        (await client(ada).put("/users/me/preferences", [{**favorite, "name": direct.id}])).ok()
        await events.next("sidebar_category_updated")
    assert by_type(await sidebar(client, ada, team), "favorites")["channel_ids"] == [one.id, direct.id]
    (await client(ada).post("/users/me/preferences/delete", [{**favorite, "name": one.id}])).ok()
    shown = await sidebar(client, ada, team)
    assert by_type(shown, "favorites")["channel_ids"] == [direct.id]

    # By category.
    body: dict[str, Any] = {**by_type(shown, "favorites"), "channel_ids": [two.id]}
    async with socket(ada) as events:
        (await client(ada).put(path(team, f"/{body['id']}"), body)).ok()
        changed = await events.next("preferences_changed")
        deleted = await events.next("preferences_deleted")
    saved = (await client(ada).get("/users/me/preferences")).ok()
    assert [item["name"] for item in changed.data["preferences"]] == [two.id]
    assert [item["name"] for item in deleted.data["preferences"]] == [direct.id]
    assert [item["name"] for item in saved if item["category"] == "favorite_channel"] == [two.id]


async def test_a_favorite_direct_channel_is_one_in_every_team(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    one, two = await make.team(members=[ada, bob]), await make.team(members=[ada, bob])
    direct = await make.direct(ada, bob)
    await sidebar(client, ada, two)
    favorites = by_type(await sidebar(client, ada, one), "favorites")

    (await client(ada).put(path(one, f"/{favorites['id']}"), {**favorites, "channel_ids": [direct.id]})).ok()
    added = by_type(await sidebar(client, ada, two), "favorites")["channel_ids"]
    (await client(ada).put(path(one, f"/{favorites['id']}"), {**favorites, "channel_ids": []})).ok()
    removed = by_type(await sidebar(client, ada, two), "favorites")["channel_ids"]

    assert (added, removed) == ([direct.id], [])


async def test_muting_a_category_mutes_its_channels(make: Make, client: Clients, socket: Sockets) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    one, two = await make.channel(team, owner=ada), await make.channel(team, owner=ada)
    work = (await client(ada).post(path(team), {"display_name": "Work", "channel_ids": [one.id]})).ok()

    async def level(channel: Thing) -> str:
        member = (await client(ada).get(f"/channels/{channel.id}/members/me")).ok()
        return str(member["notify_props"]["mark_unread"])

    async with socket(ada) as events:
        (await client(ada).put(path(team, f"/{work['id']}"), {**work, "muted": True})).ok()
        member = (await events.next("channel_member_updated")).data["channelMember"]
    assert (member["channel_id"], await level(one), await level(two)) == (one.id, "mention", "all")

    (await client(ada).put(path(team, f"/{work['id']}"), {"channel_ids": [one.id, two.id]})).ok()
    assert await level(two) == "mention"

    (await client(ada).put(path(team, f"/{work['id']}"), {"muted": False})).ok()
    assert (await level(one), await level(two)) == ("all", "all")


async def test_channels_one_left_are_not_shown(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    one = await make.channel(team, owner=ada)
    work = (await client(ada).post(path(team), {"display_name": "Work", "channel_ids": [one.id]})).ok()

    (await client(ada).delete(f"/channels/{one.id}/members/me")).ok()

    assert (await client(ada).get(path(team, f"/{work['id']}"))).ok()["channel_ids"] == []


async def test_the_sidebar_is_ones_own(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team, foreign = await make.team(members=[ada, bob]), await make.team(members=[ada])
    theirs = f"/users/{ada.id}/teams/{team.id}/channels/categories"

    calls: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("POST", "", {"display_name": "x"}),
        ("PUT", "", []),
        ("GET", "/order", None),
        ("PUT", "/order", []),
        ("GET", f"/favorites_{ada.id}_{team.id}", None),
        ("PUT", f"/favorites_{ada.id}_{team.id}", {}),
        ("DELETE", f"/favorites_{ada.id}_{team.id}", None),
    ]
    for method, rest, body in calls:
        reply = await client(bob).request(method, theirs + rest, body)
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error"), (method, rest)
    assert (await client(bob).get(path(foreign))).status == 403
    assert (await client(make.admin).get(theirs)).ok()["order"][0] == f"favorites_{ada.id}_{team.id}"
