"""What is nobody else's business: private parts of people, channels one is not in and what is said there."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.clients_of import Client, Reply
from tests.make import Make, Person
from tests.nodes import TestNode
from tests.security.world import World, build_world

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]

HIDDEN_NAME = "Hiddenfirst"
HIDDEN_LAST = "Hiddenlast"
HIDDEN_KEYS = "hiddenkeyword"
SECRET = "the secret of the private channel"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(node: TestNode, make: Make) -> AsyncIterator[World]:
    """The people of the matrix, one of them with a private life."""
    built = await build_world(node, make)
    profile = {
        "first_name": HIDDEN_NAME,
        "last_name": HIDDEN_LAST,
        "notify_props": {"mention_keys": HIDDEN_KEYS},
        "nickname": "Vic",
    }
    (await node.client(built.victim.token).put("/users/me/patch", profile)).ok()
    yield built


@pytest.mark.parametrize("role", ["guest", "outsider", "team", "member", "chan_admin", "team_admin"])
async def test_nobody_sees_the_private_parts_of_a_person(world: World, settings: Settings, role: str) -> None:
    settings(PrivacySettings={"ShowEmailAddress": False, "ShowFullName": False})
    victim, team, caller = world.victim, world.team.id, world.client(role)
    group = await caller.post("/channels/group", [world.id_of(role), victim.id, world.friend.id])
    await world.node.client(victim.token).post(
        "/posts", {"channel_id": world.public.id, "root_id": world.public_root, "message": "again"}
    )
    asked: list[Reply] = [
        await caller.get(f"/users/{victim.id}"),
        await caller.get(f"/users/username/{victim.username}"),
        await caller.get(f"/users/email/{victim.email}"),
        await caller.get("/users?per_page=200"),
        await caller.get(f"/users?in_team={team}"),
        await caller.get(f"/users?in_channel={world.public.id}"),
        await caller.get(f"/users?not_in_channel={world.public.id}&in_team={team}"),
        await caller.post("/users/ids", [victim.id]),
        await caller.post("/users/usernames", [victim.username]),
        await caller.post("/users/search", {"term": victim.username}),
        await caller.post("/users/search", {"term": victim.username, "team_id": team}),
        await caller.get(f"/users/autocomplete?name={victim.username}&in_team={team}"),
        await caller.get(f"/users/autocomplete?name={victim.username}&in_team={team}&in_channel={world.public.id}"),
        await caller.get(f"/posts/{world.public_root}/thread?collapsedThreads=true&collapsedThreadsExtended=true"),
        await caller.get(
            f"/channels/{world.public.id}/posts?collapsedThreads=true&collapsedThreadsExtended=true",
        ),
        await caller.get(f"/channels/{world.public.id}/members"),
        await caller.get(f"/teams/{team}/members"),
    ]
    if group.status == 201:
        asked.append(await caller.post("/users/group_channels", [group.json["id"]]))
    by_name = await caller.post("/users/search", {"term": HIDDEN_NAME})

    for reply in asked:
        assert reply.status in (200, 403), reply
        for private in (victim.email, HIDDEN_NAME, HIDDEN_LAST, HIDDEN_KEYS):
            assert private not in reply.text, f"{private}: {reply.text[:2000]}"
    assert victim.id not in by_name.text


async def test_events_about_a_person_hide_the_same(world: World, settings: Settings, socket: Sockets) -> None:
    settings(PrivacySettings={"ShowEmailAddress": False, "ShowFullName": False})
    async with socket(world.people["member"]) as events, socket(world.victim, node=1) as own:
        await world.node.client(world.victim.token).put("/users/me/patch", {"nickname": "Vicky"})
        seen = await events.next("user_updated")
        mine = await own.next("user_updated")

    for private in (world.victim.email, HIDDEN_NAME, HIDDEN_LAST, HIDDEN_KEYS):
        assert private not in str(seen.raw)
        assert private in str(mine.raw)


@pytest.mark.parametrize("role", ["guest", "outsider", "team", "member", "chan_admin"])
async def test_the_invitation_of_a_team_is_for_those_who_may_invite(world: World, role: str) -> None:
    caller, invite_id = world.client(role), world.team.body["invite_id"]
    may = role in ("team", "member", "chan_admin")
    own = await caller.get(f"/teams/{world.team.id}")
    lists = [
        await caller.get(f"/users/{world.id_of(role)}/teams"),
        await caller.get("/teams?per_page=200"),
        await caller.post("/teams/search", {"term": world.team.name}),
        await caller.get(f"/teams/name/{world.team.name}"),
    ]

    for reply in [own, *lists]:
        assert (invite_id in reply.text) <= may, reply
        assert world.other_team.body["invite_id"] not in reply.text
        assert world.people["team_admin"].email not in reply.text


@pytest.mark.parametrize("role", ["outsider", "team", "team_admin"])
async def test_a_private_channel_is_unknown_to_those_who_are_not_in_it(
    make: Make, world: World, client: Clients, role: str
) -> None:
    caller, team, name = world.client(role), world.team.id, world.private.name
    (await client(world.victim).post("/posts", {"channel_id": world.private.id, "message": SECRET})).ok(201)
    (await client(world.victim).post(f"/posts/{world.root}/pin")).ok()
    (
        await client(world.victim).post(
            "/reactions", {"user_id": world.victim.id, "post_id": world.root, "emoji_name": "see_no_evil"}
        )
    ).ok()
    me = f"/users/{world.id_of(role)}"
    flag = {"user_id": world.id_of(role), "category": "flagged_post", "name": world.root, "value": "true"}
    flagging = await caller.put(f"{me}/preferences", [flag])
    following = await caller.put(f"{me}/teams/{team}/threads/{world.root}/following")
    asked = [
        await caller.get(f"/teams/{team}/channels?per_page=200"),
        await caller.get(f"/teams/{team}/channels/deleted"),
        await caller.get(f"/teams/{team}/channels/recommended"),
        await caller.get(f"/teams/{team}/channels/autocomplete?name={name}"),
        await caller.get(f"/teams/{team}/channels/search_autocomplete?name={name}"),
        await caller.post(f"/teams/{team}/channels/search", {"term": name}),
        await caller.post(f"/teams/{team}/channels/search_archived", {"term": name}),
        await caller.post(f"/teams/{team}/channels/ids", [world.private.id]),
        await caller.post("/channels/search?system_console=false", {"term": name}),
        await caller.post("/channels/stats/member_count", [world.private.id]),
        await caller.get(f"/teams/{team}/channels/name/{name}"),
        await caller.get(f"/users/me/teams/{team}/channels"),
        await caller.get("/users/me/channels"),
        await caller.get("/users/me/channel_members"),
        await caller.get(f"/users/me/teams/{team}/channels/categories"),
        await caller.post("/posts/ids", [world.root, world.reply]),
        await caller.post("/posts/ids/reactions", [world.root]),
        await caller.get("/users/me/posts/flagged"),
        await caller.get(f"/users/me/teams/{team}/threads?extended=true"),
        await caller.get(f"/posts/{world.root}/info"),
        await caller.get(f"/channels/{world.public.id}/posts?before={world.root}"),
        await caller.get(f"/channels/{world.public.id}/posts?after={world.root}"),
        await caller.get(f"/channels/{world.private.id}/posts?since=1"),
        await caller.get(f"/users/me/channels/{world.private.id}/posts/unread"),
        await caller.post("/channels/members/me/mark_read", [world.private.id]),
        await caller.post("/channels/members/me/view", {"channel_id": world.private.id}),
    ]

    assert (flagging.status, following.status) == (403, 403)
    for reply in asked:
        assert reply.status < 500
        known = {world.private.id, name} - set(reply.text.split('"')) == {world.private.id, name}
        assert known, reply.text[:1000]
        for private in (SECRET, "the first of a thread", "see_no_evil"):
            assert private not in reply.text, reply.text[:1000]


@pytest.mark.parametrize("role", ["guest", "team", "member", "team_admin"])
async def test_direct_channels_are_known_to_their_two(make: Make, world: World, client: Clients, role: str) -> None:
    direct = await make.direct(world.victim, world.friend)
    post = await make.post(world.victim, direct, SECRET)
    caller, team = world.client(role), world.team.id
    asked = [
        await caller.get(f"/channels/{direct.id}"),
        await caller.get(f"/channels/{direct.id}/members"),
        await caller.get(f"/channels/{direct.id}/posts"),
        await caller.get(f"/posts/{post['id']}"),
        await caller.get(f"/posts/{post['id']}/info"),
        await caller.get(f"/teams/{team}/channels/name/{direct.name}"),
        await caller.get(f"/teams/{team}/channels/search_autocomplete?name={world.victim.username}"),
        await caller.post(f"/teams/{team}/channels/search", {"term": direct.name}),
        await caller.post("/channels/search?system_console=false", {"term": direct.name}),
        await caller.get(f"/users/me/teams/{team}/channels"),
        await caller.get(f"/channels/{direct.id}/common_teams"),
        await caller.post("/channels/direct", [world.victim.id, world.friend.id]),
        await caller.post(f"/channels/{direct.id}/members", {"user_id": world.id_of(role)}),
        await caller.put(f"/channels/{direct.id}/patch", {"header": "x"}),
        await caller.post("/posts", {"channel_id": direct.id, "message": "x"}),
    ]

    for reply in asked:
        assert SECRET not in reply.text
        assert direct.id not in reply.text, reply.text[:1000]


async def test_who_left_hears_and_reads_nothing_of_the_threads_followed(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, eve = await make.users(2)
    team = await make.team(members=[ada, eve])
    channel = await make.channel(team, members=[eve], owner=ada, type="P")
    root = await make.post(eve, channel, "mine")
    await make.post(ada, channel, "a reply", root_id=root["id"])
    flag = {"user_id": eve.id, "category": "flagged_post", "name": root["id"], "value": "true"}
    (await client(eve).put("/users/me/preferences", [flag])).ok()
    async with socket(eve, node=1) as events:
        (await client(ada).delete(f"/channels/{channel.id}/members/{eve.id}")).ok()
        await events.until_now()
        await make.post(ada, channel, SECRET, root_id=root["id"])
        await make.post(ada, channel, f"@{eve.username} {SECRET}")
        await client(ada).put(f"/posts/{root['id']}/pin")
        heard = await events.names()
    thread = f"/users/me/teams/{team.id}/threads"
    asked = [
        await client(eve).get(f"{thread}?extended=true"),
        await client(eve).get(f"{thread}/{root['id']}"),
        await client(eve).get(f"{thread}/mention_counts"),
        await client(eve).put(f"{thread}/{root['id']}/read/1"),
        await client(eve).get("/users/me/posts/flagged"),
        await client(eve).get(f"/posts/{root['id']}"),
        await client(eve).get(f"/posts/{root['id']}/edit_history"),
        await client(eve).put(f"/posts/{root['id']}/patch", {"message": "still mine"}),
        await client(eve).delete(f"/posts/{root['id']}"),
    ]

    assert heard == []
    for reply in asked:
        assert SECRET not in reply.text
        assert '"message":"mine"' not in reply.text, reply
    assert {reply.status for reply in asked[5:]} == {403}


async def test_bodies_can_not_bring_what_is_the_servers(make: Make, client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"ExperimentalEnableHardenedMode": True})
    ada, eve = await make.users(2)
    team = await make.team(members=[ada, eve])
    channel = await make.channel(team, owner=ada)
    (await client(eve).post(f"/channels/{channel.id}/members", {"user_id": eve.id, "roles": "channel_admin"})).ok(201)
    name = make.name("mallory")
    account = {
        "username": name,
        "email": f"{name}@example.org",
        "password": eve.password,
        "roles": "system_admin",
        "create_at": 1,
        "delete_at": 1,
        "email_verified": True,
        "auth_service": "ldap",
        "auth_data": "x",
        "is_bot": True,
        "mfa_active": True,
        "last_password_update": 1,
    }
    made = (await client().post("/users", account)).ok(201)
    profile = {"id": eve.id, "username": eve.username, "email": eve.email, "roles": "system_admin", "create_at": 1}
    updated = (await client(eve).put(f"/users/{eve.id}", {**profile, "delete_at": 1, "is_bot": True})).ok()
    patched = (await client(eve).put("/users/me/patch", {"roles": "system_admin", "email_verified": True})).ok()
    posted = (
        await client(eve).post(
            "/posts",
            {
                "id": ada.id,
                "user_id": ada.id,
                "channel_id": channel.id,
                "message": "as ada",
                "create_at": 5,
                "update_at": 5,
                "edit_at": 5,
                "delete_at": 5,
                "original_id": ada.id,
                "reply_count": 9,
                "has_reactions": True,
                "props": {
                    "from_webhook": "true",
                    "override_username": "ada",
                    "override_icon_url": "x",
                    "from_bot": "true",
                    "from_plugin": "true",
                },
            },
        )
    ).ok(201)
    member = (await client(eve).get(f"/channels/{channel.id}/members/{eve.id}")).ok()
    new = {"team_id": team.id, "name": make.name("c"), "display_name": "C", "type": "O"}
    foreign = {"creator_id": ada.id, "create_at": 1, "total_msg_count": 9, "scheme_id": ada.id, "id": ada.id}
    made_channel = (await client(eve).post("/channels", {**new, **foreign})).ok(201)
    made_team = (
        await client(eve).post(
            "/teams", {"name": make.name("t"), "display_name": "T", "type": "O", "id": ada.id, "invite_id": "short"}
        )
    ).ok(201)

    assert (made["roles"], made["delete_at"], made.get("is_bot"), made["auth_service"]) == ("system_user", 0, None, "")
    assert not made.get("email_verified")
    assert made["create_at"] > 1
    assert updated["roles"] == patched["roles"] == "system_user"
    assert (updated["delete_at"], updated.get("is_bot")) == (0, None)
    assert updated["create_at"] > 1
    assert not patched.get("email_verified")
    assert posted["id"] != ada.id
    assert (posted["user_id"], posted["delete_at"], posted["edit_at"], posted["props"]) == (eve.id, 0, 0, {})
    assert posted["create_at"] > 5
    assert (posted["original_id"], posted["reply_count"], posted.get("has_reactions", False)) == ("", 0, False)
    assert (member["scheme_admin"], member["roles"]) == (False, "channel_user")
    assert made_channel["creator_id"] == eve.id
    assert made_channel["id"] != ada.id
    assert (made_channel["total_msg_count"], made_channel["scheme_id"]) in ((0, ""), (0, None))
    assert made_team["id"] != ada.id
    assert made_team["invite_id"] != "short"


async def test_nobody_gives_rights_that_are_not_theirs(make: Make, client: Clients) -> None:
    ada, eve = await make.users(2)
    team = await make.team(owner=ada)
    await make.join_team(team, eve)
    channel = await make.channel(team, owner=eve)
    in_channel = f"/channels/{channel.id}/members/{eve.id}/roles"
    in_team = f"/teams/{team.id}/members/{ada.id}/roles"

    refused = [
        await client(eve).put(in_channel, {"roles": "channel_user channel_admin system_manager"}),
        await client(eve).put(in_channel, {"roles": "channel_user channel_admin system_admin"}),
        await client(eve).put(in_channel, {"roles": "channel_user team_admin"}),
        await client(ada).put(in_team, {"roles": "team_user team_admin system_user_manager"}),
        await client(ada).put(in_team, {"roles": "team_user team_admin system_read_only_admin"}),
        await client(ada).put(in_team, {"roles": "team_user channel_admin"}),
    ]
    given = [
        await client(eve).put(in_channel, {"roles": "channel_user channel_admin system_post_all"}),
        await client(ada).put(in_team, {"roles": "team_user team_admin team_post_all"}),
    ]

    assert [reply.status for reply in refused] == [403, 400, 400, 403, 403, 400]
    assert [reply.status for reply in given] == [200, 200]


async def test_managers_of_accounts_do_not_touch_administrators(make: Make, client: Clients, admin: Person) -> None:
    eve, other = await make.users(2)
    (
        await client(admin).put(f"/users/{eve.id}/roles", {"roles": "system_user system_manager system_user_manager"})
    ).ok()
    (await client(admin).put(f"/users/{other.id}/roles", {"roles": "system_user system_admin"})).ok()
    asked = [
        await client(eve).put(f"/users/{other.id}/patch", {"email": "eve@example.org"}),
        await client(eve).put(f"/users/{other.id}/password", {"new_password": "Mallory-1234"}),
        await client(eve).put(f"/users/{other.id}/active", {"active": False}),
        await client(eve).put(f"/users/{eve.id}/roles", {"roles": "system_admin"}),
        await client(eve).put(f"/users/{other.id}/roles", {"roles": "system_user"}),
        await client(eve).delete(f"/users/{other.id}"),
        await client(eve).put("/config/patch", {"ServiceSettings": {"EnableAPIUserDeletion": True}}),
    ]

    assert [reply.status for reply in asked] == [403] * len(asked)
