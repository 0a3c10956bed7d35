"""Making public and private channels."""

import pytest

from tests.features.channels.hearing import Clients, Settings, Sockets
from tests.make import Make


async def test_the_creator_is_the_first_member_and_administrator(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    body = {"team_id": team.id, "name": "design", "display_name": "Design", "type": "O", "header": "h", "purpose": "p"}

    async with socket(ada) as events, socket(bob) as others:
        channel = (await client(ada).post("/channels", body)).ok(201)
        created = await events.next("channel_created")
        joined = await events.next("posted")
        assert await others.names() == []

    assert {key: channel[key] for key in body} == body
    assert channel["creator_id"] == ada.id
    assert channel["delete_at"] == 0
    assert channel["create_at"] == channel["update_at"] > 0
    assert channel["total_msg_count"] == 0
    assert created.data == {"channel_id": channel["id"], "team_id": team.id}
    assert created.broadcast["user_id"] == ada.id
    assert joined.data["post"]["type"] == "system_join_channel"
    assert joined.data["post"]["props"]["username"] == ada.username
    member = (await client(ada).get(f"/channels/{channel['id']}/members/me")).ok()
    assert member["roles"] == "channel_user channel_admin"
    assert member["scheme_user"] is True
    assert member["scheme_admin"] is True
    assert member["scheme_guest"] is False
    assert member["explicit_roles"] == ""
    assert member["notify_props"] == {
        "desktop": "default",
        "email": "default",
        "push": "default",
        "mark_unread": "all",
        "ignore_channel_mentions": "default",
        "channel_auto_follow_threads": "off",
    }


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": ""}, "model.channel.is_valid.1_or_more.app_error"),
        ({"name": "Upper"}, "model.channel.is_valid.1_or_more.app_error"),
        ({"name": "with space"}, "model.channel.is_valid.1_or_more.app_error"),
        ({"name": "-edge"}, "model.channel.is_valid.1_or_more.app_error"),
        ({"name": "x" * 65}, "model.channel.is_valid.1_or_more.app_error"),
        ({"name": "x" * 1000}, "model.channel.is_valid.1_or_more.app_error"),
        ({"name": "y" * 26 + "__" + "z" * 26}, "model.channel.is_valid.name.app_error"),
        ({"display_name": " "}, "model.channel.is_valid.display_name.app_error"),
        ({"display_name": "x" * 65}, "model.channel.is_valid.display_name.app_error"),
        ({"header": "x" * 1025}, "model.channel.is_valid.header.app_error"),
        ({"purpose": "x" * 251}, "model.channel.is_valid.purpose.app_error"),
        ({"type": "X"}, "model.channel.is_valid.type.app_error"),
        ({"type": "D"}, "api.channel.create_channel.direct_channel.app_error"),
        ({"team_id": None}, "api.context.invalid_body_param.app_error"),
        ({"team_id": "short"}, "api.context.invalid_body_param.app_error"),
        ({"name": 5}, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_a_channel_that_breaks_a_rule_is_refused(
    make: Make, client: Clients, changes: dict[str, object], error: str
) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    body = {"team_id": team.id, "name": "fine", "display_name": "Fine", "type": "O", **changes}

    reply = await client(ada).post("/channels", body)

    assert reply.status == 400
    assert reply.error_id == error


@pytest.mark.parametrize("name", ["a", "a" * 64, "a-b_c", "a__b", "0"])
async def test_names_at_the_edge_are_fine(make: Make, client: Clients, name: str) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    body = {"team_id": team.id, "name": name, "display_name": "Fine", "type": "P"}

    channel = (await client(ada).post("/channels", body)).ok(201)

    assert channel["name"] == name


async def test_a_name_is_unique_in_its_team_also_among_archived_channels(make: Make, client: Clients) -> None:
    ada = await make.user()
    team, other = await make.team(members=[ada]), await make.team(members=[ada])
    await make.channel(team, owner=ada, name="taken")
    await make.channel(team, owner=ada, name="gone", archived=True)
    body = {"display_name": "x", "type": "O"}

    taken = await client(ada).post("/channels", {**body, "team_id": team.id, "name": "taken"})
    gone = await client(ada).post("/channels", {**body, "team_id": team.id, "name": "gone"})
    elsewhere = await client(ada).post("/channels", {**body, "team_id": other.id, "name": "taken"})

    assert (taken.status, taken.error_id) == (400, "store.sql_channel.save_channel.exists.app_error")
    assert (gone.status, gone.error_id) == (400, "store.sql_channel.save_channel.exists.app_error")
    assert elsewhere.status == 201


async def test_only_members_of_a_team_make_channels_in_it(make: Make, client: Clients) -> None:
    stranger = await make.user()
    team = await make.team()
    body = {"team_id": team.id, "name": "mine", "display_name": "Mine", "type": "O"}

    reply = await client(stranger).post("/channels", body)
    unknown = await client(make.admin).post("/channels", {**body, "team_id": "a" * 26})

    assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    assert (unknown.status, unknown.error_id) == (404, "app.team.get.find.app_error")


async def test_a_team_has_a_limit_of_channels(make: Make, client: Clients, settings: Settings) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    settings(TeamSettings={"MaxChannelsPerTeam": 3})
    body = {"team_id": team.id, "display_name": "x", "type": "O"}

    third = await client(ada).post("/channels", {**body, "name": "third"})
    fourth = await client(ada).post("/channels", {**body, "name": "fourth"})

    assert third.status == 201
    assert (fourth.status, fourth.error_id) == (400, "store.sql_channel.save_channel.limit.app_error")


async def test_a_header_that_mentions_public_channels_names_them_in_the_props(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(members=[ada])
    shown = await make.channel(team, owner=ada, display_name="Shown Here")
    hidden = await make.channel(team, owner=ada, type="P")

    channel = await make.channel(team, owner=ada, header=f"see ~{shown.name} and ~{hidden.name} not a~b")

    assert channel.body["props"] == {"channel_mentions": {shown.name: {"display_name": "Shown Here"}}}


async def test_a_new_team_has_two_channels_and_its_members_are_in_both(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada = await make.user()
    team = await make.team(owner=ada)
    bob = await make.user()

    async with socket(ada) as events:
        await make.join_team(team, bob)
        added = {(await events.next("user_added")).broadcast["channel_id"] for _ in range(2)}

    channels = (await client(bob).get(f"/users/me/teams/{team.id}/channels")).ok()
    assert [(channel["name"], channel["display_name"], channel["type"]) for channel in channels] == [
        ("off-topic", "Off-Topic", "O"),
        ("town-square", "Town Square", "O"),
    ]
    assert added == {channel["id"] for channel in channels}
    town = next(channel["id"] for channel in channels if channel["name"] == "town-square")
    mine = (await client(ada).get(f"/channels/{town}/members/me")).ok()
    theirs = (await client(bob).get(f"/channels/{town}/members/me")).ok()
    assert mine["scheme_admin"] is True
    assert theirs["scheme_admin"] is False
    assert theirs["mention_count"] == 0
