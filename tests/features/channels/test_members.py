"""Joining, adding, leaving and removing."""

import json

from tests.features.channels.hearing import Clients, Counted, Sockets
from tests.make import Make


async def test_members_of_a_team_join_its_public_channels(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, owner=ada)

    async with socket(ada) as events, socket(bob, node=1) as mine, socket(eve) as others:
        reply = await client(bob).post(f"/channels/{channel.id}/members", {"user_id": bob.id})
        added = await events.next("user_added")
        post = (await events.next("posted")).data["post"]
        own = await mine.next("user_added")
        await make.post(ada, channel, "welcome")
        texts = [(await mine.next("posted")).data["post"]["message"] for _ in range(2)]
        assert await others.names() == []

    member = reply.ok(201)
    assert (member["channel_id"], member["user_id"], member["roles"]) == (channel.id, bob.id, "channel_user")
    assert member["mention_count"] == 0
    assert added.data == own.data == {"user_id": bob.id, "team_id": team.id}
    assert added.broadcast["channel_id"] == channel.id
    assert (post["type"], post["user_id"]) == ("system_join_channel", bob.id)
    assert texts[1] == "welcome"


async def test_joining_twice_changes_nothing(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)

    async with socket(ada) as events:
        again = await client(bob).post(f"/channels/{channel.id}/members", {"user_id": bob.id})
        assert await events.names() == []

    assert again.ok(201)["user_id"] == bob.id


async def test_being_added_is_a_mention(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, owner=ada)

    async with socket(bob) as events, socket(ada) as others:
        member = (await client(ada).post(f"/channels/{channel.id}/members", {"user_id": bob.id})).ok(201)
        added = await events.next("user_added")
        posted = await events.next("posted")
        elsewhere = await others.next("posted")

    post = posted.data["post"]
    assert added.data["user_id"] == bob.id
    assert (post["type"], post["user_id"]) == ("system_add_to_channel", ada.id)
    assert post["props"] == {
        "userId": ada.id,
        "username": ada.username,
        "addedUserId": bob.id,
        "addedUsername": bob.username,
    }
    assert posted.data["mentions"] == [bob.id]
    assert "mentions" not in elsewhere.data
    assert member["last_viewed_at"] == member["last_update_at"] == -1
    unread = (await client(bob).get(f"/users/me/channels/{channel.id}/unread")).ok()
    assert (unread["mention_count"], unread["mention_count_root"], unread["msg_count"]) == (1, 1, 0)


async def test_several_are_added_in_one_call(make: Make, client: Clients) -> None:
    ada, bob, cyd = await make.users(3)
    team = await make.team(members=[ada, bob, cyd])
    channel = await make.channel(team, owner=ada, type="P")

    many = (await client(ada).post(f"/channels/{channel.id}/members", {"user_ids": [cyd.id, bob.id]})).ok(201)
    none = await client(ada).post(f"/channels/{channel.id}/members", {"user_ids": []})
    odd = await client(ada).post(f"/channels/{channel.id}/members", {"user_ids": ["x"]})

    assert [member["user_id"] for member in many] == [cyd.id, bob.id]
    assert (none.status, none.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert odd.status == 400


async def test_an_answer_in_a_thread_is_where_the_adding_is_told(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel, other = await make.channel(team, owner=ada), await make.channel(team, owner=ada)
    root, foreign = await make.post(ada, channel, "ask @bob"), await make.post(ada, other)
    path = f"/channels/{channel.id}/members"

    refused = await client(ada).post(path, {"user_id": bob.id, "post_root_id": foreign["id"]})
    async with socket(ada) as events:
        (await client(ada).post(path, {"user_id": bob.id, "post_root_id": root["id"]})).ok(201)
        post = (await events.next("posted")).data["post"]

    assert refused.status == 400
    assert post["root_id"] == root["id"]


async def test_nobody_joins_private_channels_or_other_teams(make: Make, client: Clients) -> None:
    ada, bob, outsider = await make.users(3)
    team = await make.team(members=[ada, bob])
    public, private = await make.channel(team, owner=ada), await make.channel(team, owner=ada, type="P")

    itself = await client(bob).post(f"/channels/{private.id}/members", {"user_id": bob.id})
    stranger = await client(outsider).post(f"/channels/{public.id}/members", {"user_id": outsider.id})
    brought = await client(ada).post(f"/channels/{public.id}/members", {"user_id": outsider.id})
    by_outsider = await client(bob).post(f"/channels/{private.id}/members", {"user_id": ada.id})
    nobody = await client(ada).post(f"/channels/{public.id}/members", {"user_id": "a" * 26})

    assert (itself.status, itself.error_id) == (403, "api.context.permissions.app_error")
    assert stranger.status == 403
    assert (brought.status, brought.error_id) == (404, "app.team.get_member.missing.app_error")
    assert by_outsider.status == 403
    assert (nobody.status, nobody.error_id) == (404, "app.user.missing_account.const")


async def test_deactivated_users_are_not_added(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, owner=ada)
    (await client(make.admin).delete(f"/users/{bob.id}")).ok()

    reply = await client(ada).post(f"/channels/{channel.id}/members", {"user_id": bob.id})

    assert (reply.status, reply.error_id) == (403, "app.channel.add_member.deleted_user.app_error")


async def test_who_leaves_hears_nothing_more(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada, type="P")

    async with socket(ada) as stays, socket(bob, node=1) as goes:
        (await client(bob).delete(f"/channels/{channel.id}/members/me")).ok()
        told = await stays.next("user_removed")
        post = (await stays.next("posted")).data["post"]
        own = await goes.next("user_removed")
        await make.post(ada, channel, "secret")
        assert await goes.names() == []

    assert told.data == {"user_id": bob.id, "remover_id": bob.id}
    assert told.broadcast["channel_id"] == channel.id
    assert own.data == {"channel_id": channel.id, "remover_id": bob.id}
    assert own.broadcast["user_id"] == bob.id
    assert (post["type"], post["user_id"]) == ("system_leave_channel", bob.id)
    assert (await client(bob).get(f"/channels/{channel.id}")).status == 403
    assert (await client(bob, node=1).get(f"/channels/{channel.id}/members")).status == 403


async def test_members_are_removed_by_members(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, [bob], owner=ada)
    path = f"/channels/{channel.id}/members/{bob.id}"

    refused = await client(eve).delete(path)
    async with socket(ada) as events:
        (await client(ada).delete(path)).ok()
        post = (await events.next("posted")).data["post"]
    again = await client(ada).delete(path)

    assert refused.status == 403
    assert (post["type"], post["user_id"]) == ("system_remove_from_channel", ada.id)
    assert post["props"]["removedUserId"] == bob.id
    assert post["props"]["removedUsername"] == bob.username
    assert (again.status, again.error_id) == (404, "app.channel.get_member.missing.app_error")


async def test_who_comes_back_starts_anew(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    await make.post(ada, channel)
    (await client(bob).post("/channels/members/me/view", {"channel_id": channel.id})).ok()
    (await client(bob).delete(f"/channels/{channel.id}/members/me")).ok()

    (await client(bob).post(f"/channels/{channel.id}/members", {"user_id": bob.id})).ok(201)

    member = (await client(bob).get(f"/channels/{channel.id}/members/me")).ok()
    assert (member["msg_count"], member["last_viewed_at"], member["mention_count"]) == (0, 0, 0)


async def test_leaving_a_team_ends_all_its_memberships(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team, other = await make.team(members=[ada, bob]), await make.team(members=[ada, bob])
    channel = await make.channel(team, [bob], owner=ada)
    kept = await make.channel(other, [bob], owner=ada)

    async with socket(bob) as events:
        (await client(bob).delete(f"/teams/{team.id}/members/me")).ok()
        await events.next("leave_team")
        await events.until_now()
        await make.post(ada, channel, "gone")
        await make.post(ada, kept, "here")
        assert (await events.next("posted")).data["post"]["message"] == "here"

    members = (await client(bob).get("/users/me/channel_members")).ok()
    assert channel.id not in [member["channel_id"] for member in members]
    assert kept.id in [member["channel_id"] for member in members]
    assert (await client(bob).get(f"/channels/{channel.id}")).status == 403


async def test_lists_of_members_hide_when_others_looked(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, [bob], owner=ada)
    await make.post(ada, channel)
    await make.post(bob, channel)

    listed = (await client(ada).get(f"/channels/{channel.id}/members")).ok()
    by_ids = (await client(ada).post(f"/channels/{channel.id}/members/ids", [bob.id, eve.id])).ok()
    one = (await client(ada).get(f"/channels/{channel.id}/members/{bob.id}")).ok()
    mine = (await client(ada).get(f"/channels/{channel.id}/members/me")).ok()
    page = (await client(ada).get(f"/channels/{channel.id}/members?page=1&per_page=1")).ok()

    assert [member["user_id"] for member in listed] == sorted([ada.id, bob.id])
    assert [member["user_id"] for member in by_ids] == [bob.id]
    assert [member["user_id"] for member in page] == [max(ada.id, bob.id)]
    for member in [*by_ids, one, *(member for member in listed if member["user_id"] == bob.id)]:
        assert (member["last_viewed_at"], member["last_update_at"]) == (-1, -1)
    assert mine["last_viewed_at"] > 0
    assert mine["last_update_at"] > 0


async def test_members_are_asked_for_with_care(make: Make, client: Clients) -> None:
    ada, eve, outsider = await make.users(3)
    team = await make.team(members=[ada, eve])
    channel = await make.channel(team, owner=ada, type="P")
    path = f"/channels/{channel.id}/members"

    empty = await client(ada).post(f"{path}/ids", [])
    absent = await client(ada).get(f"{path}/{eve.id}")
    hidden = [await client(eve).get(path), await client(outsider).post(f"{path}/ids", [ada.id])]

    assert (empty.status, empty.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert (absent.status, absent.error_id) == (404, "app.channel.get_member.missing.app_error")
    assert [reply.status for reply in hidden] == [403, 403]


async def test_a_channel_gets_exactly_the_members_of_a_list(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob, cyd, dan, outsider = await make.users(5)
    team = await make.team(members=[ada, bob, cyd, dan])
    channel = await make.channel(team, [bob], owner=ada, type="P")
    body = {"members": [cyd.id, dan.id, outsider.id], "channel_admins": [cyd.id, ada.id]}

    async with socket(bob) as goes:
        reply = await client(ada).put(f"/channels/{channel.id}/members?batch_size=2", body)
        await goes.next("user_removed")

    batches = [json.loads(line) for line in reply.text.splitlines()]
    members = (await client(ada).get(f"/channels/{channel.id}/members")).ok()
    assert reply.status == 200
    assert sorted(user_id for batch in batches for user_id in batch["added"]) == sorted([cyd.id, dan.id])
    assert [user_id for batch in batches for user_id in batch["removed"]] == [bob.id]
    assert [error["user_id"] for batch in batches for error in batch["errors"]] == [outsider.id]
    assert {member["user_id"]: member["scheme_admin"] for member in members} == {
        ada.id: True,
        cyd.id: True,
        dan.id: False,
    }


async def test_setting_members_needs_the_rights_for_it(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob, eve])
    channel = await make.channel(team, [bob], owner=ada)
    path = f"/channels/{channel.id}/members"

    stranger = await client(eve).put(path, {"members": [eve.id]})
    promoting = await client(bob).put(path, {"members": [ada.id, bob.id], "channel_admins": [bob.id]})
    odd = await client(ada).put(f"{path}?batch_size=0", {"members": []})
    same = await client(bob).put(path, {"members": [ada.id, bob.id]})

    assert (stranger.status, promoting.status, odd.status) == (403, 403, 400)
    assert json.loads(same.text) == {"added": [], "removed": [], "errors": []}


async def test_many_join_a_team_and_its_channels_at_once(make: Make, client: Clients, counted: Counted) -> None:
    people = await make.users(20)
    team = await make.team()
    body = [{"team_id": team.id, "user_id": person.id} for person in people]

    (await client(make.admin).post(f"/teams/{team.id}/members/batch", body)).ok(201)

    town = (await client(people[0]).get(f"/teams/{team.id}/channels/name/town-square")).ok()
    stats = (await client(people[0]).get(f"/channels/{town['id']}/stats")).ok()
    assert stats["member_count"] == 21
