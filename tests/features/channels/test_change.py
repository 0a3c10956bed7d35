"""Changing, converting, archiving and moving channels."""

import pytest

from tests.features.channels.hearing import Clients, Sockets
from tests.make import Make


async def test_a_patch_changes_what_it_names_and_tells_the_members(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, [bob], owner=ada, header="old", purpose="why")

    async with socket(bob) as events, socket(eve) as others:
        changed = (
            await client(bob).put(
                f"/channels/{channel.id}/patch", {"header": "new", "display_name": "Renamed", "purpose": None}
            )
        ).ok()
        updated = await events.next("channel_updated")
        posts = [(await events.next("posted")).data["post"] for _ in range(2)]
        assert await others.names() == []

    assert (changed["header"], changed["display_name"], changed["purpose"]) == ("new", "Renamed", "why")
    assert changed["name"] == channel.name
    assert changed["update_at"] > channel.body["update_at"]
    assert updated.data["channel"]["id"] == channel.id
    assert updated.data["channel"]["header"] == "new"
    assert updated.broadcast["channel_id"] == channel.id
    assert [post["type"] for post in posts] == ["system_displayname_change", "system_header_change"]
    assert posts[0]["props"] == {
        "username": bob.username,
        "old_displayname": channel.body["display_name"],
        "new_displayname": "Renamed",
    }
    assert posts[1]["props"] == {"username": bob.username, "old_header": "old", "new_header": "new"}
    assert posts[1]["user_id"] == bob.id


async def test_an_update_replaces_header_and_purpose_and_keeps_empty_names(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, owner=ada, header="old", purpose="why")

    async with socket(ada) as events:
        changed = (await client(ada).put(f"/channels/{channel.id}", {"id": channel.id, "purpose": "because"})).ok()
        posts = [(await events.next("posted")).data["post"] for _ in range(2)]

    assert (changed["header"], changed["purpose"]) == ("", "because")
    assert (changed["name"], changed["display_name"]) == (channel.name, channel.body["display_name"])
    assert [post["type"] for post in posts] == ["system_header_change", "system_purpose_change"]
    assert posts[1]["props"] == {"username": ada.username, "old_purpose": "why", "new_purpose": "because"}


async def test_an_update_must_be_of_the_same_channel_and_type(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel = await make.channel(team, owner=ada)

    other = await client(ada).put(f"/channels/{channel.id}", {"id": "a" * 26})
    typed = await client(ada).put(f"/channels/{channel.id}", {"id": channel.id, "type": "P"})

    assert (other.status, other.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert (typed.status, typed.error_id) == (400, "api.channel.update_channel.typechange.app_error")


async def test_changes_keep_the_rules_of_new_channels(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    channel, other = await make.channel(team, owner=ada), await make.channel(team, owner=ada)
    patch = f"/channels/{channel.id}/patch"

    taken = await client(ada).put(patch, {"name": other.name})
    odd = await client(ada).put(patch, {"name": "Not A Name"})
    long = await client(ada).put(patch, {"header": "x" * 1025})
    blank = await client(ada).put(patch, {"display_name": ""})
    fine = await client(ada).put(patch, {"name": f"{channel.name}-2"})

    assert taken.error_id == "store.sql_channel.save_channel.exists.app_error"
    assert odd.error_id == "model.channel.is_valid.1_or_more.app_error"
    assert long.error_id == "model.channel.is_valid.header.app_error"
    assert blank.error_id == "model.channel.is_valid.display_name.app_error"
    assert fine.ok()["name"] == f"{channel.name}-2"


async def test_strangers_change_nothing(make: Make, client: Clients) -> None:
    ada, eve, outsider = await make.users(3)
    team = await make.team(members=[ada, eve])
    channel = await make.channel(team, owner=ada)

    for who in (eve, outsider):
        for method, path, body in [
            ("PUT", "", {"id": channel.id, "header": "x"}),
            ("PUT", "/patch", {"header": "x"}),
            ("PUT", "/privacy", {"privacy": "P"}),
            ("POST", "/convert", None),
            ("DELETE", "", None),
            ("POST", "/restore", None),
            ("POST", "/move", {"team_id": team.id}),
        ]:
            reply = await client(who).request(method, f"/channels/{channel.id}{path}", body)
            assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error"), (method, path)
    unchanged = (await client(ada).get(f"/channels/{channel.id}")).ok()
    assert unchanged["header"] == ""
    assert unchanged["type"] == "O"


async def test_unknown_channels_are_not_found(make: Make, client: Clients) -> None:
    ada = await make.user()
    unknown = "a" * 26

    for method, path, body in [
        ("GET", "", None),
        ("PUT", "/patch", {}),
        ("DELETE", "", None),
        ("GET", "/members", None),
        ("GET", "/stats", None),
        ("GET", "/timezones", None),
        ("POST", "/members", {"user_id": ada.id}),
        ("DELETE", f"/members/{ada.id}", None),
    ]:
        reply = await client(ada).request(method, f"/channels/{unknown}{path}", body)
        assert (reply.status, reply.error_id) == (404, "app.channel.get.existing.app_error"), (method, path)
    assert (await client(ada).get("/channels/short")).error_id == "api.context.invalid_url_param.app_error"


async def test_a_team_administrator_makes_a_channel_private_and_public_again(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob, eve], owner=ada)
    channel = await make.channel(team, [bob], owner=ada)

    assert (await client(eve).get(f"/channels/{channel.id}")).status == 200
    async with socket(bob) as events, socket(eve) as others:
        private = (await client(ada).put(f"/channels/{channel.id}/privacy", {"privacy": "P"})).ok()
        converted = await others.next("channel_converted")
        updated = await events.next("channel_updated")
        post = (await events.next("posted")).data["post"]
    hidden = await client(eve).get(f"/channels/{channel.id}")
    hidden_elsewhere = await client(eve, node=1).get(f"/channels/{channel.id}")
    public = (await client(ada).put(f"/channels/{channel.id}/privacy", {"privacy": "O"})).ok()

    assert private["type"] == "P"
    assert converted.data == {"channel_id": channel.id}
    assert converted.broadcast["team_id"] == team.id
    assert updated.data["channel"]["type"] == "P"
    assert post["type"] == "system_change_chan_privacy"
    assert (hidden.status, hidden_elsewhere.status) == (403, 403)
    assert public["type"] == "O"
    assert (await client(eve).get(f"/channels/{channel.id}")).status == 200


async def test_privacy_has_its_rules(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(owner=ada)
    channel = await make.channel(team, owner=ada)
    town = (await client(ada).get(f"/teams/{team.id}/channels/name/town-square")).ok()

    odd = await client(ada).put(f"/channels/{channel.id}/privacy", {"privacy": "X"})
    default = await client(ada).put(f"/channels/{town['id']}/privacy", {"privacy": "P"})
    converted = await client(ada).post(f"/channels/{channel.id}/convert")
    twice = await client(ada).post(f"/channels/{channel.id}/convert")

    assert (odd.status, odd.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert default.error_id == "api.channel.update_channel_privacy.default_channel_error"
    assert converted.ok()["type"] == "P"
    assert twice.error_id == "api.channel.convert_channel_to_private.private_channel_error"


@pytest.mark.parametrize("type", ["O", "P"])
async def test_an_archived_channel_is_readable_and_can_be_restored(
    make: Make, client: Clients, socket: Sockets, type: str
) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob, eve], owner=ada)
    channel = await make.channel(team, [bob], owner=ada, type=type)

    async with socket(bob) as events, socket(eve) as others:
        (await client(bob).delete(f"/channels/{channel.id}")).ok()
        deleted = await events.next("channel_deleted")
        archived = (await events.next("posted")).data["post"]
        (await client(ada).post(f"/channels/{channel.id}/restore")).ok()
        restored = await events.next("channel_restored")
        back = (await events.next("posted")).data["post"]
        told = await others.names()

    assert deleted.data["channel_id"] == channel.id
    assert deleted.data["delete_at"] > 0
    assert (archived["type"], archived["user_id"]) == ("system_channel_deleted", bob.id)
    assert restored.data == {"channel_id": channel.id}
    assert (back["type"], back["user_id"]) == ("system_channel_restored", ada.id)
    assert told == (["channel_deleted", "channel_restored"] if type == "O" else [])
    key = "team_id" if type == "O" else "channel_id"
    assert deleted.broadcast[key] == (team.id if type == "O" else channel.id)
    assert (await client(bob).get(f"/channels/{channel.id}")).ok()["delete_at"] == 0


async def test_an_archived_channel_stands_still(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[bob], owner=ada)
    channel = await make.channel(team, owner=ada, archived=True)

    again = await client(ada).delete(f"/channels/{channel.id}")
    patched = await client(ada).put(f"/channels/{channel.id}/patch", {"header": "x"})
    added = await client(ada).post(f"/channels/{channel.id}/members", {"user_id": bob.id})
    left = await client(ada).delete(f"/channels/{channel.id}/members/me")
    read = await client(ada).get(f"/channels/{channel.id}")

    assert again.error_id == "api.channel.delete_channel.deleted.app_error"
    assert patched.error_id == "api.channel.update_channel.deleted.app_error"
    assert added.error_id == "api.channel.add_user.to.channel.failed.deleted.app_error"
    assert left.error_id == "api.channel.remove_user_from_channel.deleted.app_error"
    assert read.ok()["delete_at"] > 0


async def test_a_live_channel_is_not_restored(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(owner=ada)
    channel = await make.channel(team, owner=ada)

    reply = await client(ada).post(f"/channels/{channel.id}/restore")

    assert (reply.status, reply.error_id) == (400, "api.channel.restore_channel.restored.app_error")


async def test_town_square_stays_what_it_is(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(owner=ada)
    town = (await client(ada).get(f"/teams/{team.id}/channels/name/town-square")).ok()

    archived = await client(ada).delete(f"/channels/{town['id']}")
    renamed = await client(ada).put(f"/channels/{town['id']}/patch", {"name": "main"})
    left = await client(ada).delete(f"/channels/{town['id']}/members/me")
    titled = await client(ada).put(f"/channels/{town['id']}/patch", {"display_name": "Main Square"})

    assert archived.error_id == "api.channel.delete_channel.cannot.app_error"
    assert renamed.error_id == "api.channel.update_channel.tried.app_error"
    assert left.error_id == "api.channel.remove.default.app_error"
    assert titled.ok()["display_name"] == "Main Square"


async def test_the_administrator_moves_a_channel_to_a_team_of_its_members(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    old, new = await make.team(members=[ada, bob]), await make.team(members=[ada])
    channel = await make.channel(old, [bob], owner=ada)
    path = f"/channels/{channel.id}/move"

    refused = await client(make.admin).post(path, {"team_id": new.id})
    async with socket(ada) as stays, socket(bob) as goes:
        moved = (await client(make.admin).post(path, {"team_id": new.id, "force": True})).ok()
        removed = await stays.next("user_removed")
        updated = await stays.next("channel_updated")
        post = (await stays.next("posted")).data["post"]
        told = await goes.next("user_removed")
        assert "posted" not in await goes.names()

    assert refused.error_id == "app.channel.move_channel.members_do_not_match.error"
    assert moved["team_id"] == updated.data["channel"]["team_id"] == new.id
    assert removed.data == {"user_id": bob.id, "remover_id": make.admin.id}
    assert told.data == {"channel_id": channel.id, "remover_id": make.admin.id}
    assert post["type"] == "system_move_channel"
    assert (await client(bob).get(f"/channels/{channel.id}")).status == 403


async def test_a_move_needs_a_team_with_room_for_the_name(make: Make, client: Clients) -> None:
    ada = await make.user()
    old, new = await make.team(members=[ada]), await make.team(members=[ada])
    channel = await make.channel(old, owner=ada, name="same")
    await make.channel(new, owner=ada, name="same")

    taken = await client(make.admin).post(f"/channels/{channel.id}/move", {"team_id": new.id})
    nowhere = await client(make.admin).post(f"/channels/{channel.id}/move", {"team_id": "a" * 26})
    town = (await client(ada).get(f"/teams/{old.id}/channels/name/town-square")).ok()
    default = await client(make.admin).post(f"/channels/{town['id']}/move", {"team_id": new.id})

    assert taken.error_id == "store.sql_channel.save_channel.exists.app_error"
    assert nowhere.error_id == "app.team.get.find.app_error"
    assert default.error_id == "api.channel.move_channel.type.invalid"


async def test_a_banner_is_for_administrators_and_needs_text_and_colour(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    banner = {"enabled": True, "text": "Be kind", "background_color": "#aabbcc"}
    path = f"/channels/{channel.id}/patch"

    member = await client(bob).put(path, {"banner_info": banner})
    blank = await client(ada).put(path, {"banner_info": {**banner, "text": ""}})
    colourless = await client(ada).put(path, {"banner_info": {"enabled": True, "text": "x"}})
    fine = await client(ada).put(path, {"banner_info": banner})
    off = await client(ada).put(path, {"banner_info": {"enabled": False}})

    assert member.status == 403
    assert blank.error_id == "model.channel.is_valid.banner_info.text.empty.app_error"
    assert colourless.error_id == "model.channel.is_valid.banner_info.background_color.empty.app_error"
    assert fine.ok()["banner_info"] == banner
    assert off.ok()["banner_info"]["enabled"] is False
