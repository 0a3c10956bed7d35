"""Preferences over HTTP, and what the user's own sockets hear of them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from server.errors import BadRequest
from server.features.preferences import service
from server.features.preferences.models import Preference
from server.ids import new_id
from tests.clients_of import Client
from tests.make import Make, Person

Clients = Callable[..., Client]
Sockets = Callable[..., Any]


def wish(user: Person, name: str, value: str = "true", category: str = "display_settings") -> dict[str, str]:
    return {"user_id": user.id, "category": category, "name": name, "value": value}


async def test_preferences_are_kept_and_read_in_three_ways(make: Make, client: Clients) -> None:
    ada = await make.user()
    mine = [wish(ada, "name_format", "username"), wish(ada, "use_military_time", "false"), wish(ada, "x1", "", "last")]

    assert (await client(ada).put("/users/me/preferences", mine)).ok() == {"status": "OK"}

    stored = (await client(ada, node=1).get(f"/users/{ada.id}/preferences")).ok()
    assert [item for item in mine if item not in stored] == []
    assert wish(ada, ada.id, "0", "tutorial_step") in stored
    assert (await client(ada).get("/users/me/preferences/display_settings")).ok() == mine[:2]
    one = await client(ada).get("/users/me/preferences/display_settings/name/name_format")
    assert one.ok() == mine[0]


async def test_the_last_value_of_a_name_counts(make: Make, client: Clients) -> None:
    ada = await make.user()

    (await client(ada).put("/users/me/preferences", [wish(ada, "aa", "1"), wish(ada, "aa", "2")])).ok()
    first = (await client(ada).get("/users/me/preferences/display_settings/name/aa")).ok()
    (await client(ada).put("/users/me/preferences", [wish(ada, "aa", "3")])).ok()
    second = (await client(ada).get("/users/me/preferences/display_settings/name/aa")).ok()

    assert (first["value"], second["value"]) == ("2", "3")


async def test_what_is_not_there_is_told(make: Make, client: Clients) -> None:
    ada = await make.user()

    category = await client(ada).get("/users/me/preferences/nothing")
    name = await client(ada).get("/users/me/preferences/tutorial_step/name/nothing")
    short = await client(ada).get("/users/me/preferences/tutorial_step/name/x")

    assert (category.status, category.error_id) == (404, "api.preference.preferences_category.get.app_error")
    assert (name.status, name.error_id) == (400, "app.preference.get.app_error")
    assert (short.status, short.error_id) == (400, "api.context.invalid_url_param.app_error")


async def test_only_oneself_and_administrators_reach_preferences(make: Make, admin: Person, client: Clients) -> None:
    ada, bob = await make.users(2)

    assert (await client(bob).get(f"/users/{ada.id}/preferences")).status == 403
    assert (await client(bob).put(f"/users/{ada.id}/preferences", [wish(ada, "aa")])).status == 403
    assert (await client(bob).post(f"/users/{ada.id}/preferences/delete", [wish(ada, "aa")])).status == 403
    assert (await client().get(f"/users/{ada.id}/preferences")).status == 401
    foreign = await client(bob).put("/users/me/preferences", [wish(bob, "aa"), wish(ada, "aa")])
    assert (foreign.status, foreign.error_id) == (403, "api.preference.update_preferences.set.app_error")
    foreign = await client(bob).post("/users/me/preferences/delete", [wish(ada, "aa")])
    assert (foreign.status, foreign.error_id) == (403, "api.preference.delete_preferences.delete.app_error")
    assert (await client(bob).get("/users/me/preferences/display_settings")).status == 404
    (await client(admin).put(f"/users/{ada.id}/preferences", [wish(ada, "aa")])).ok()
    nobody = {**wish(ada, "aa"), "user_id": new_id()}
    for category in ("display_settings", "channel_open_time"):
        missing = await client(admin).put(f"/users/{nobody['user_id']}/preferences", [{**nobody, "category": category}])
        assert (missing.status, missing.error_id) == (404, "app.user.missing_account.const")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"category": ""}, "model.preference.is_valid.category.app_error"),
        ({"category": "c" * 33}, "model.preference.is_valid.category.app_error"),
        ({"name": "n" * 33}, "model.preference.is_valid.name.app_error"),
        ({"value": "v" * 20_001}, "model.preference.is_valid.value.app_error"),
        ({"value": 1}, "api.context.invalid_body_param.app_error"),
        ({"value": "a\0b"}, "api.context.invalid_body_param.app_error"),
        ({"category": "theme", "value": "no json"}, "model.preference.is_valid.theme.app_error"),
        ({"category": "flagged_post", "name": "short"}, "api.context.invalid_body_param.app_error"),
        ({"category": "flagged_post", "name": new_id()}, "api.context.invalid_body_param.app_error"),
        ({"category": "favorite_channel", "name": "short"}, "api.context.invalid_body_param.app_error"),
        ({"category": "favorite_channel", "name": new_id()}, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_bad_preferences_are_refused_and_none_of_the_list_is_kept(
    change: dict[str, Any], error: str, make: Make, client: Clients
) -> None:
    ada = await make.user()

    reply = await client(ada).put("/users/me/preferences", [wish(ada, "good"), {**wish(ada, "bad"), **change}])

    assert (reply.status, reply.error_id) == (400, error)
    assert (await client(ada).get("/users/me/preferences/display_settings")).status == 404


async def test_lists_have_one_to_a_hundred_preferences(make: Make, client: Clients) -> None:
    ada = await make.user()
    many = [wish(ada, f"name{number}") for number in range(101)]

    assert (await client(ada).put("/users/me/preferences", many)).status == 400
    assert (await client(ada).put("/users/me/preferences", [])).status == 400
    assert (await client(ada).post("/users/me/preferences/delete", [])).status == 400
    (await client(ada).put("/users/me/preferences", many[:100])).ok()
    assert len((await client(ada).get("/users/me/preferences/display_settings")).ok()) == 100


@pytest.mark.parametrize("category", ["display_settings", "channel_open_time"])
async def test_a_user_can_have_so_many_preferences(
    category: str, make: Make, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await make.user()
    monkeypatch.setattr(service, "MAX_PREFERENCES", 3)

    def set_to(name: str, value: str = "true") -> dict[str, str]:
        return wish(ada, name, value, category)

    (await client(ada).put("/users/me/preferences", [set_to("aa"), set_to("bb")])).ok()  # and tutorial_step
    more = await client(ada).put("/users/me/preferences", [set_to("cc")])
    again = await client(ada).put("/users/me/preferences", [set_to("bb", "other")])

    assert (more.status, more.error_id) == (400, "app.preference.save.too_many.app_error")
    assert again.status == 200
    assert (await client(ada).get(f"/users/me/preferences/{category}")).ok() == [set_to("aa"), set_to("bb", "other")]


@pytest.mark.parametrize("category", ["display_settings", "channel_open_time"])
async def test_the_values_of_a_user_can_have_so_many_bytes(
    category: str, make: Make, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await make.user()
    monkeypatch.setattr(service, "MAX_BYTES", 101)  # one of them is tutorial_step's

    replies = [
        await client(ada).put("/users/me/preferences", [wish(ada, name, value, category)])
        for name, value in (("aa", "ä" * 40), ("bb", "b" * 21), ("bb", "b" * 20), ("aa", "\U0001f600" * 20))
    ]

    assert [reply.status for reply in replies] == [200, 400, 200, 200]
    (await client(ada).put("/users/me/preferences", [wish(ada, "aa", "", category)])).ok()


@pytest.mark.parametrize("category", ["display_settings", "channel_open_time"])
@pytest.mark.parametrize(("limit", "size"), [("MAX_PREFERENCES", 1), ("MAX_BYTES", 100)])
async def test_limits_hold_for_writes_at_the_same_moment(
    limit: str, size: int, category: str, make: Make, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await make.user()
    monkeypatch.setattr(service, limit, 30 * size + 1)  # one of them is tutorial_step's

    def ten(start: int) -> list[dict[str, str]]:
        return [wish(ada, f"name{start + number}", "x" * size, category) for number in range(10)]

    replies = await asyncio.gather(
        *(client(ada, node=turn % 2).put("/users/me/preferences", ten(10 * turn)) for turn in range(12))
    )

    assert sorted(reply.status for reply in replies) == [200] * 3 + [400] * 9
    assert len((await client(ada).get(f"/users/me/preferences/{category}")).ok()) == 30


async def test_writes_at_the_same_moment_all_count(make: Make, client: Clients) -> None:
    ada = await make.user()

    async def put(number: int) -> None:
        mine = [wish(ada, name, str(number), "channel_open_time") for name in ("aa", f"name{number}", "zz")]
        (await client(ada, node=number % 2).put("/users/me/preferences", mine)).ok()

    await asyncio.gather(*(put(number) for number in range(12)))

    stored = {item["name"]: item["value"] for item in (await client(ada).get("/users/me/preferences")).ok()}
    assert {name for name in stored if name.startswith("name")} == {f"name{number}" for number in range(12)}
    assert stored["aa"] == stored["zz"]


async def test_what_is_no_colour_in_a_theme_becomes_white(make: Make, client: Clients) -> None:
    ada = await make.user()
    theme = '{"type":"custom","sidebarBg":"#145dbf","sidebarText":"url(//evil)","image":"x.png"}'

    (await client(ada).put("/users/me/preferences", [wish(ada, "", theme, "theme")])).ok()

    stored = (await client(ada).get("/users/me/preferences/theme")).ok()
    assert stored[0]["value"] == '{"type":"custom","sidebarBg":"#145dbf","sidebarText":"#ffffff","image":"x.png"}'


async def test_posts_and_channels_that_are_flagged_must_be_readable(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    attic = await make.channel(team, members=[ada], type="P")
    post = await make.post(ada, attic)

    flag, favorite = wish(ada, post["id"], category="flagged_post"), wish(ada, attic.id, category="favorite_channel")
    (await client(ada).put("/users/me/preferences", [flag, favorite])).ok()

    for refused in (flag, favorite):
        reply = await client(bob).put("/users/me/preferences", [{**refused, "user_id": bob.id}])
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    assert (await client(ada).get("/users/me/preferences/flagged_post")).ok() == [flag]


async def test_the_own_sockets_hear_of_changes_and_nobody_else(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    await make.team(members=[ada, bob])
    mine = [wish(ada, "aa", "1"), wish(ada, "bb", "2")]

    async with socket(ada, node=1) as events, socket(bob) as others:
        (await client(ada).put("/users/me/preferences", mine)).ok()
        changed = await events.next("preferences_changed")
        (await client(ada).post("/users/me/preferences/delete", mine[:1])).ok()
        deleted = await events.next("preferences_deleted")
        names = await others.names()

    assert isinstance(changed.raw["preferences"], str)
    assert changed.data == {"preferences": mine}
    assert changed.broadcast["user_id"] == ada.id
    assert deleted.data == {"preferences": mine[:1]}
    assert not {"preferences_changed", "preferences_deleted"} & set(names)
    assert (await client(ada).get("/users/me/preferences/display_settings")).ok() == mine[1:]


async def test_listeners_run_inside_the_transaction_of_the_write(
    make: Make, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await make.user()
    told: list[tuple[str, list[Preference]]] = []

    async def listen(ctx: Any, tx: Any, user_id: str, preferences: Any) -> None:
        told.append((user_id, list(preferences)))
        if preferences[0].name == "refused":
            raise BadRequest("a.listener.refused")

    monkeypatch.setattr(service, "SAVED", {"display_settings": [listen]})
    (await client(ada).put("/users/me/preferences", [wish(ada, "taken", "1")])).ok()
    refused = await client(ada).put("/users/me/preferences", [wish(ada, "refused")])

    assert told[0] == (ada.id, [Preference(ada.id, "display_settings", "taken", "1")])
    assert refused.error_id == "a.listener.refused"
    assert (await client(ada).get("/users/me/preferences/display_settings")).ok() == [wish(ada, "taken", "1")]
