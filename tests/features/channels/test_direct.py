"""Direct and group channels."""

import asyncio
import hashlib

from tests.features.channels.hearing import Clients, Settings, Sockets
from tests.make import Make


async def test_two_users_have_one_direct_channel(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob, eve = await make.users(3)

    async with socket(ada) as mine, socket(bob) as theirs, socket(eve) as others:
        first = (await client(ada).post("/channels/direct", [ada.id, bob.id])).ok(201)
        seen = [await mine.next("direct_added"), await theirs.next("direct_added")]
        again = (await client(bob).post("/channels/direct", [ada.id, bob.id])).ok(201)
        assert await theirs.names() == []
        assert await others.names() == []

    assert first["type"] == "D"
    assert first["team_id"] == ""
    assert first["display_name"] == ""
    assert first["name"] == "__".join(sorted([ada.id, bob.id]))
    assert again["id"] == first["id"]
    for event in seen:
        assert event.data == {"creator_id": ada.id, "teammate_id": bob.id}
        assert event.broadcast["channel_id"] == first["id"]


async def test_both_who_start_at_the_same_moment_get_the_same_channel(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)

    replies = await asyncio.gather(
        *(client(who, node=n % 2).post("/channels/direct", [ada.id, bob.id]) for n, who in enumerate([ada, bob] * 4))
    )

    assert {reply.ok(201)["id"] for reply in replies} == {replies[0].json["id"]}


async def test_a_direct_channel_with_oneself_has_one_member(make: Make, client: Clients) -> None:
    ada = await make.user()

    channel = (await client(ada).post("/channels/direct", [ada.id, ada.id])).ok(201)

    members = (await client(ada).get(f"/channels/{channel['id']}/members")).ok()
    assert channel["name"] == f"{ada.id}__{ada.id}"
    assert [member["user_id"] for member in members] == [ada.id]


async def test_nobody_opens_direct_channels_of_others_but_administrators(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)

    refused = await client(eve).post("/channels/direct", [ada.id, bob.id])
    admitted = await client(make.admin).post("/channels/direct", [ada.id, bob.id])
    seen = await client(eve).get(f"/channels/{admitted.json['id']}")

    assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error")
    assert admitted.status == 201
    assert seen.status == 403


async def test_a_direct_channel_needs_two_users_that_exist(make: Make, client: Clients) -> None:
    ada = await make.user()

    alone = await client(ada).post("/channels/direct", [ada.id])
    crowd = await client(ada).post("/channels/direct", [ada.id] * 3)
    nobody = await client(ada).post("/channels/direct", [ada.id, "a" * 26])
    odd = await client(ada).post("/channels/direct", [ada.id, None])

    assert (alone.status, alone.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert crowd.status == 400
    assert (nobody.status, nobody.error_id) == (400, "api.channel.create_direct_channel.invalid_user.app_error")
    assert odd.status == 400


async def test_direct_messages_can_be_limited_to_team_mates(make: Make, client: Clients, settings: Settings) -> None:
    ada, bob, eve = await make.users(3)
    await make.team(members=[ada, bob])
    settings(TeamSettings={"RestrictDirectMessage": "team"})

    mate = await client(ada).post("/channels/direct", [ada.id, bob.id])
    stranger = await client(ada).post("/channels/direct", [ada.id, eve.id])

    assert mate.status == 201
    assert stranger.error_id == "api.channel.create_channel.direct_channel.team_restricted_error"


async def test_a_group_channel_is_made_once_for_its_members(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob, cyd, eve = await make.users(4)
    ids = sorted([ada.id, bob.id, cyd.id])

    async with socket(bob) as theirs, socket(eve) as others:
        first = (await client(ada).post("/channels/group", [bob.id, cyd.id])).ok(201)
        added = await theirs.next("group_added")
        again = (await client(cyd).post("/channels/group", ids)).ok(201)
        assert await others.names() == []

    assert first["type"] == "G"
    assert first["name"] == hashlib.sha1("".join(ids).encode(), usedforsecurity=False).hexdigest()
    assert first["display_name"] == ", ".join(sorted([ada.username, bob.username, cyd.username]))
    assert again["id"] == first["id"]
    assert sorted(added.data["teammate_ids"]) == ids
    assert added.broadcast["channel_id"] == first["id"]
    assert (await client(eve).get(f"/channels/{first['id']}")).status == 403


async def test_a_group_has_three_to_eight_members(make: Make, client: Clients) -> None:
    ada, *others = await make.users(9)

    small = await client(ada).post("/channels/group", [others[0].id])
    large = await client(ada).post("/channels/group", [other.id for other in others])
    nobody = await client(ada).post("/channels/group", [others[0].id, "a" * 26])
    eight = await client(ada).post("/channels/group", [other.id for other in others[:7]])

    assert (small.status, small.error_id) == (400, "api.channel.create_group.bad_size.app_error")
    assert (large.status, large.error_id) == (400, "api.channel.create_group.bad_size.app_error")
    assert (nobody.status, nobody.error_id) == (400, "api.channel.create_group.bad_user.app_error")
    assert eight.status == 201
    assert len(eight.json["display_name"]) <= 64


async def test_only_the_header_of_a_direct_channel_changes(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob, eve = await make.users(3)
    channel = await make.direct(ada, bob)

    async with socket(bob) as events:
        changed = (await client(ada).put(f"/channels/{channel.id}/patch", {"header": "our header"})).ok()
        updated = await events.next("channel_updated")
        post = (await events.next("posted")).data["post"]
    renamed = await client(ada).put(f"/channels/{channel.id}/patch", {"name": "other"})
    foreign = await client(eve).put(f"/channels/{channel.id}/patch", {"header": "theirs"})

    assert changed["header"] == updated.data["channel"]["header"] == "our header"
    assert post["type"] == "system_header_change"
    assert renamed.error_id == "api.channel.update_channel.update_direct_or_group_messages_not_allowed.app_error"
    assert foreign.status == 403


async def test_direct_channels_have_no_coming_and_going(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)
    channel = await make.direct(ada, bob)

    added = await client(ada).post(f"/channels/{channel.id}/members", {"user_id": eve.id})
    left = await client(ada).delete(f"/channels/{channel.id}/members/me")
    archived = await client(ada).delete(f"/channels/{channel.id}")

    assert added.error_id == "api.channel.add_user_to_channel.type.app_error"
    assert left.error_id == "api.channel.remove_channel_member.type.app_error"
    assert archived.error_id == "api.channel.delete_channel.type.invalid"


async def test_a_group_becomes_a_private_channel_of_a_team_of_all_its_members(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob, cyd = await make.users(3)
    team, other = await make.team(members=[ada, bob, cyd]), await make.team(members=[ada, bob])
    group = await make.group(ada, bob, cyd)
    body = {"channel_id": group.id, "team_id": team.id, "name": "from-group", "display_name": "From Group"}

    teams = (await client(bob).get(f"/channels/{group.id}/common_teams")).ok()
    wrong = await client(ada).post(f"/channels/{group.id}/convert_to_channel", {**body, "team_id": other.id})
    async with socket(cyd) as events:
        channel = (await client(ada).post(f"/channels/{group.id}/convert_to_channel", body)).ok()
        updated = await events.next("channel_updated")
        post = (await events.next("posted")).data["post"]
        await make.post(bob, group, "still here")
        assert (await events.next("posted")).data["post"]["message"] == "still here"
    again = await client(ada).post(f"/channels/{group.id}/convert_to_channel", {**body, "name": "twice"})

    assert [one["id"] for one in teams] == [team.id]
    assert wrong.error_id == "app.channel.group_message_conversion.incorrect_team"
    assert (channel["type"], channel["team_id"], channel["name"]) == ("P", team.id, "from-group")
    assert updated.data["channel"]["type"] == "P"
    assert post["type"] == "system_gm_to_channel"
    assert sorted(post["props"]["gmMembersDuringConversionIDs"]) == sorted([ada.id, bob.id, cyd.id])
    assert again.error_id == "app.channel.group_message_conversion.original_channel_not_gm"
    members = (await client(ada).get(f"/channels/{group.id}/members")).ok()
    assert {member["user_id"]: member["scheme_admin"] for member in members} == {
        ada.id: True,
        bob.id: False,
        cyd.id: False,
    }


async def test_common_teams_are_for_groups(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    channel = await make.direct(ada, bob)

    reply = await client(ada).get(f"/channels/{channel.id}/common_teams")

    assert (reply.status, reply.error_id) == (400, "app.channel.get_common_teams.incorrect_channel_type")
