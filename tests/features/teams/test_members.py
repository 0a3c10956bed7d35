"""Members of teams over HTTP: joining, adding, inviting, leaving, roles, unread counts."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from server.context import request_context
from server.features.users.token_queries import TEAM_INVITATION, insert_mail_token
from server.ids import new_id
from tests.clients_of import Client
from tests.make import Make, Person, Thing
from tests.nodes import TestNode
from tests.smtp import MailServer

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]


def member(team: Thing, user: Person) -> dict[str, str]:
    return {"team_id": team.id, "user_id": user.id}


async def town_posts(client: Client, team: Thing) -> list[dict[str, Any]]:
    """The system posts of the main channel, oldest first."""
    channel = (await client.get(f"/teams/{team.id}/channels/name/town-square")).ok()
    page = (await client.get(f"/channels/{channel['id']}/posts")).ok()
    posts = [page["posts"][post_id] for post_id in page["order"]]
    return [post for post in reversed(posts) if post["type"].startswith("system_")]


async def test_an_added_user_hears_of_it_and_of_everything_in_the_team_from_then_on(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(owner=ada)

    async with socket(bob, node=1) as events, socket(ada) as others, socket(eve) as strangers:
        added = (await client(ada).post(f"/teams/{team.id}/members", member(team, bob))).ok(201)
        told = await events.next("added_to_team")
        seen = await others.next("user_added")
        (await client(ada).put(f"/teams/{team.id}/patch", {"description": "new"})).ok()
        assert (await events.next("update_team")).data["team"]["description"] == "new"
        assert not {"added_to_team", "user_added", "update_team"} & set(await strangers.names())

    assert added == {
        "team_id": team.id,
        "user_id": bob.id,
        "roles": "team_user",
        "delete_at": 0,
        "scheme_guest": False,
        "scheme_user": True,
        "scheme_admin": False,
        "explicit_roles": "",
        "create_at": added["create_at"],
    }
    assert told.data == {"team_id": team.id, "user_id": bob.id}
    assert (seen.data["user_id"], seen.data["team_id"]) == (bob.id, team.id)
    post = (await town_posts(client(bob), team))[-1]
    assert post["type"] == "system_add_to_team"
    assert post["props"]["addedUserId"] == bob.id
    assert post["props"]["username"] == ada.username
    channels = (await client(bob).get(f"/users/me/teams/{team.id}/channels")).ok()
    assert {channel["name"] for channel in channels} == {"town-square", "off-topic"}


async def test_adding_again_changes_nothing(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(owner=ada)
    first = (await client(ada).post(f"/teams/{team.id}/members", member(team, bob))).ok(201)
    posts = len(await town_posts(client(ada), team))

    async with socket(bob) as events:
        second = (await client(ada).post(f"/teams/{team.id}/members", member(team, bob))).ok(201)
        assert "added_to_team" not in await events.names()

    assert second == first
    assert len(await town_posts(client(ada), team)) == posts


async def test_oneself_joins_only_teams_open_to_all(make: Make, client: Clients, admin: Person) -> None:
    ada = await make.user()
    closed, public = await make.team(), await make.team(allow_open_invite=True)

    refused = await client(ada).post(f"/teams/{closed.id}/members", member(closed, ada))
    joined = (await client(ada).post(f"/teams/{public.id}/members", member(public, ada))).ok(201)

    assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error")
    assert joined["user_id"] == ada.id
    assert (await town_posts(client(ada), public))[-1]["type"] == "system_join_team"
    assert (await client(ada).get(f"/teams/{closed.id}/members")).status == 403


async def test_who_may_add_whom(make: Make, client: Clients, admin: Person) -> None:
    ada, bob, eve = await make.users(3)
    team, other = await make.team(members=[ada]), await make.team()
    path = f"/teams/{team.id}/members"

    assert (await client(eve).post(path, member(team, bob))).status == 403
    assert (await client().post(path, member(team, bob))).status == 401
    mixed = await client(ada).post(path, member(other, bob))
    assert (mixed.status, mixed.error_id) == (400, "api.context.invalid_body_param.app_error")
    bodies: list[Any] = [{}, {"team_id": team.id}, {"team_id": team.id, "user_id": "short"}, []]
    for bad in bodies:
        assert (await client(ada).post(path, bad)).status == 400
    nobody = await client(ada).post(path, {"team_id": team.id, "user_id": new_id()})
    assert (nobody.status, nobody.error_id) == (404, "app.user.missing_account.const")
    missing = new_id()
    reply = await client(admin).post(f"/teams/{missing}/members", {"team_id": missing, "user_id": bob.id})
    assert (reply.status, reply.error_id) == (404, "app.team.get.find.app_error")
    (await client(ada).post(path, member(team, bob))).ok(201)


async def test_allowed_domains_and_the_size_of_a_team_are_kept(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada = await make.user()
    stranger = await make.user(email=f"{make.name('x')}@elsewhere.example")
    third, fourth = await make.users(2)
    team = await make.team(members=[ada], allowed_domains="example.org, other.example")
    path = f"/teams/{team.id}/members"

    foreign = await client(admin).post(path, member(team, stranger))
    settings(TeamSettings={"MaxUsersPerTeam": 3})
    (await client(admin).post(path, member(team, third))).ok(201)
    full = await client(admin).post(path, member(team, fourth))

    assert (foreign.status, foreign.error_id) == (400, "api.team.join_user_to_team.allowed_domains.app_error")
    assert (full.status, full.error_id) == (400, "app.team.join_user_to_team.max_accounts.app_error")
    (await client(third).delete(f"{path}/me")).ok()
    (await client(admin).post(path, member(team, fourth))).ok(201)


async def test_two_nodes_never_overfill_a_team(make: Make, client: Clients, admin: Person, settings: Settings) -> None:
    users = await make.users(6)
    team = await make.team()
    settings(TeamSettings={"MaxUsersPerTeam": 3})

    replies = await asyncio.gather(
        *(
            client(admin, node=number % 2).post(f"/teams/{team.id}/members", member(team, user))
            for number, user in enumerate(users)
        )
    )

    assert sorted(reply.status for reply in replies) == [201, 201, 400, 400, 400, 400]


async def test_many_are_added_at_once(make: Make, client: Clients, admin: Person, socket: Sockets) -> None:
    ada, bob, eve = await make.users(3)
    stranger = await make.user(email=f"{make.name('x')}@elsewhere.example")
    team = await make.team(members=[ada], allowed_domains="example.org")
    path = f"/teams/{team.id}/members/batch"
    missing = new_id()
    mixed = [member(team, bob), member(team, stranger), {"team_id": team.id, "user_id": missing}]

    refused = await client(ada).post(path, mixed)
    half = await client(ada).post(path, mixed[:2])
    assert (refused.status, half.error_id) == (404, "api.team.join_user_to_team.allowed_domains.app_error")
    assert (await client(ada).post(f"/teams/{team.id}/members/ids", [bob.id])).ok() == []

    async with socket(bob, node=1) as events:
        lines = (await client(ada).post(f"{path}?graceful=true", mixed)).ok(201)
        assert (await events.next("added_to_team")).data["team_id"] == team.id
    assert [line["user_id"] for line in lines] == [bob.id, stranger.id, missing]
    assert (lines[0]["member"]["user_id"], lines[0]["error"]) == (bob.id, None)
    assert lines[1]["member"] is lines[2]["member"] is None
    assert lines[1]["error"]["id"] == "api.team.join_user_to_team.allowed_domains.app_error"
    assert (lines[2]["error"]["id"], lines[2]["error"]["status_code"]) == ("app.user.missing_account.const", 404)
    both = (await client(ada).post(path, [member(team, bob), member(team, eve), member(team, eve)])).ok(201)
    assert [line["user_id"] for line in both] == [bob.id, eve.id]
    assert (await client(eve).get(f"/teams/{team.id}")).status == 200


async def test_bad_batches_are_refused(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada])
    path = f"/teams/{team.id}/members/batch"
    other = {"team_id": new_id(), "user_id": bob.id}

    bodies: list[Any] = [[], [other], [{"team_id": team.id}], {}, [None], [member(team, bob)] * 257]
    for body in bodies:
        assert (await client(ada).post(path, body)).status == 400
    assert (await client(bob).post(path, [member(team, bob)])).status == 403


async def test_an_invitation_lets_in(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(type="I")
    path = "/teams/members/invite"

    joined = (await client(ada).post(f"{path}?invite_id={team.body['invite_id']}")).ok(201)
    wrong = await client(bob).post(f"{path}?invite_id={new_id()}")
    empty = await client(bob).post(path)

    assert (joined["team_id"], joined["user_id"]) == (team.id, ada.id)
    assert (wrong.status, wrong.error_id) == (404, "app.team.get_by_invite_id.finding.app_error")
    assert (empty.status, empty.error_id) == (400, "api.team.add_user_to_team.missing_parameter.app_error")
    assert (await client().post(f"{path}?invite_id={team.body['invite_id']}")).status == 401


async def test_the_token_of_a_mail_lets_one_account_in(make: Make, client: Clients, two_nodes: Any) -> None:
    ada, bob = await make.users(2)
    team = await make.team(type="I")
    nodes: tuple[TestNode, TestNode] = two_nodes
    context = request_context(nodes[0].services)
    token = await insert_mail_token(context.db, TEAM_INVITATION, {"team_id": team.id, "email": "x@example.org"})

    joined = (await client(ada).post(f"/teams/members/invite?token={token}")).ok(201)
    again = await client(bob).post(f"/teams/members/invite?token={token}")

    assert joined["team_id"] == team.id
    assert (again.status, again.error_id) == (400, "api.user.create_user.signup_link_invalid.app_error")


async def test_of_two_users_with_the_same_link_one_comes_in_and_a_full_team_leaves_the_link_alive(
    make: Make, client: Clients, settings: Settings, two_nodes: Any
) -> None:
    ada, bob = await make.users(2)
    team = await make.team()
    nodes: tuple[TestNode, TestNode] = two_nodes
    extra = {"team_id": team.id, "email": "x@example.org"}
    token = await insert_mail_token(nodes[0].services.db, TEAM_INVITATION, extra)

    settings(TeamSettings={"MaxUsersPerTeam": 1})
    full = await client(ada).post(f"/teams/members/invite?token={token}")
    settings(TeamSettings={"MaxUsersPerTeam": 50})
    replies = await asyncio.gather(
        client(ada).post(f"/teams/members/invite?token={token}"),
        client(bob, node=1).post(f"/teams/members/invite?token={token}"),
    )

    assert (full.status, full.error_id) == (400, "app.team.join_user_to_team.max_accounts.app_error")
    assert sorted(reply.status for reply in replies) == [201, 400]
    assert (await client(make.admin).get(f"/teams/{team.id}/stats")).ok()["total_member_count"] == 2


async def test_an_invitation_leads_into_channels_and_brings_words(
    make: Make, client: Clients, settings: Settings, mails: MailServer
) -> None:
    ada, bob, eve = await make.users(3)
    team, other = await make.team(members=[bob], owner=ada), await make.team(owner=ada)
    public, private = await make.channel(team, owner=ada), await make.channel(team, owner=ada, type="P")
    archived, foreign = await make.channel(team, owner=ada), await make.channel(other, owner=ada)
    path = f"/teams/{team.id}/invite/email?graceful=true"

    settings(ServiceSettings={"EnableEmailInvitations": True})
    body = {"emails": ["new@example.org"], "message": "Come and see", "channelIds": [public.id, private.id]}
    refused = await client(bob).post(path, body)
    wrong = await client(ada).post(path, {**body, "channelIds": [foreign.id]})
    invited = await client(ada).post(path, {**body, "channelIds": [public.id, private.id, archived.id]})
    mail = await mails.to("new@example.org")
    token = re.search(r"[?&]t=([0-9a-v]+)", mail.text)
    (await client(ada).delete(f"/channels/{archived.id}")).ok()

    assert refused.status == 403
    assert (wrong.status, wrong.error_id) == (400, "api.team.invite_guests.channel_in_invalid_team.app_error")
    assert invited.ok() == [{"email": "new@example.org", "error": None}]
    assert "Come and see" in mail.text
    assert token is not None
    (await client(eve).post(f"/teams/members/invite?token={token[1]}")).ok(201)
    mine = (await client(eve).get(f"/users/me/teams/{team.id}/channels?include_deleted=true")).ok()
    assert {channel["name"] for channel in mine} == {"town-square", "off-topic", public.name, private.name}


async def test_invitations_by_mail_are_queued(make: Make, client: Clients, settings: Settings, two_nodes: Any) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob], owner=ada, allowed_domains="example.org")
    path = f"/teams/{team.id}/invite/email"

    off = await client(ada).post(path, ["one@example.org"])
    assert (off.status, off.error_id) == (501, "api.team.invite_members.disabled.app_error")
    settings(ServiceSettings={"EnableEmailInvitations": True}, JobSettings={"RunJobs": False})
    assert (await client(eve).post(path, ["one@example.org"])).status == 403
    refused = await client(ada).post(path, ["one@example.org", "nonsense"])
    assert (refused.status, refused.error_id) == (400, "api.team.invite_members.invalid_email.app_error")
    for bad in ([1], "x", ["x"] * 101, {}, {"emails": "x"}, {"emails": ["one@example.org"], "channelIds": ["x"]}):
        reply = await client(ada).post(path, bad)
        assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")
    for reply in (await client(ada).post(path, []), await client(ada).post(path, {"emails": []})):
        assert (reply.status, reply.error_id) == (400, "api.team.invite_members.no_one.app_error")

    assert (await client(bob).post(path, ["one@example.org", "ONE@example.org"])).ok() == {"status": "OK"}
    mixed = ["two@example.org", "two@elsewhere.example", "nonsense"]
    lines = (await client(ada).post(f"{path}?graceful=true", mixed)).ok()

    assert [line["email"] for line in lines] == mixed
    assert [line["error"] and line["error"]["id"] for line in lines] == [
        None,
        "api.team.invite_members.invalid_email.app_error",
        "api.team.invite_members.invalid_email.app_error",
    ]


async def test_leaving_a_team_leaves_its_channels_and_its_events(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob, eve], owner=ada)
    channel = await make.channel(team, members=[bob, eve])

    async with socket(bob, node=1) as events, socket(eve) as others:
        assert (await client(bob).delete(f"/teams/{team.id}/members/{bob.id}")).ok() == {"status": "OK"}
        own, theirs = await events.next("leave_team"), await others.next("leave_team")
        await events.until_now()
        await make.post(eve, channel)
        (await client(ada).put(f"/teams/{team.id}/patch", {"description": "new"})).ok()
        assert not {"posted", "update_team"} & set(await events.names())

    assert own.data == theirs.data == {"team_id": team.id, "user_id": bob.id}
    assert (own.broadcast["user_id"], theirs.broadcast["team_id"]) == (bob.id, team.id)
    left = (await client(eve).get(f"/teams/{team.id}/members/{bob.id}")).ok()
    assert (left["delete_at"] > 0, left["scheme_admin"]) == (True, False)
    assert (await client(bob, node=1).get(f"/teams/{team.id}")).status == 403
    assert (await client(bob, node=1).get(f"/channels/{channel.id}/posts")).status == 403
    assert (await client(bob).get("/users/me/teams")).ok() == []
    last = (await town_posts(client(eve), team))[-1]
    assert (last["type"], last["user_id"], last["props"]["username"]) == ("system_leave_team", bob.id, bob.username)
    again = await client(bob).delete(f"/teams/{team.id}/members/{bob.id}")
    assert (again.status, again.error_id) == (404, "app.team.get_member.missing.app_error")


async def test_administrators_put_others_out_and_back_without_old_rights(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob, eve], owner=ada)
    (
        await client(ada).put(
            f"/teams/{team.id}/members/{bob.id}/schemeRoles", {"scheme_user": True, "scheme_admin": True}
        )
    ).ok()

    assert (await client(eve).delete(f"/teams/{team.id}/members/{bob.id}")).status == 403
    (await client(ada).delete(f"/teams/{team.id}/members/{bob.id}")).ok()
    last = (await town_posts(client(eve), team))[-1]
    back = (await client(ada).post(f"/teams/{team.id}/members", member(team, bob))).ok(201)

    assert last["type"] == "system_remove_from_team"
    assert (back["roles"], back["delete_at"]) == ("team_user", 0)
    assert (await client(bob).get(f"/teams/{team.id}")).status == 200


async def test_without_join_messages_nothing_is_posted(make: Make, client: Clients, settings: Settings) -> None:
    ada, bob = await make.users(2)
    settings(ServiceSettings={"ExperimentalEnableDefaultChannelLeaveJoinMessages": False})
    team = await make.team(members=[bob], owner=ada)

    (await client(bob).delete(f"/teams/{team.id}/members/me")).ok()

    assert await town_posts(client(ada), team) == []


async def test_members_are_listed_and_found(make: Make, client: Clients, admin: Person) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob], owner=ada)
    gone = await make.user("aaa")
    await make.join_team(team, gone)
    (await client(admin).delete(f"/users/{gone.id}")).ok()
    path = f"/teams/{team.id}/members"

    async def ids(query: str = "") -> list[str]:
        return [one["user_id"] for one in (await client(bob).get(f"{path}{query}")).ok()]

    assert set(await ids()) == {ada.id, bob.id, gone.id}
    by_name = sorted((ada, bob, gone), key=lambda user: user.username)
    assert await ids("?sort=Username") == [user.id for user in by_name]
    assert set(await ids("?exclude_deleted_users=true")) == {ada.id, bob.id}
    assert await ids("?sort=Username&page=1&per_page=2") == [by_name[2].id]
    assert (await client(bob).get(f"{path}?sort=age")).status == 400
    found = (await client(bob).post(f"{path}/ids", [ada.id, eve.id])).ok()
    assert [one["user_id"] for one in found] == [ada.id]
    bodies: list[Any] = [[], ["short"], {}]
    for bad in bodies:
        assert (await client(bob).post(f"{path}/ids", bad)).status == 400
    assert (await client(bob).get(f"{path}/{ada.id}")).ok()["scheme_admin"] is True
    missing = await client(bob).get(f"{path}/{eve.id}")
    assert (missing.status, missing.error_id) == (404, "app.team.get_member.missing.app_error")
    for refused in (
        await client(eve).get(path),
        await client(eve).get(f"{path}/{ada.id}"),
        await client(eve).post(f"{path}/ids", [ada.id]),
    ):
        assert refused.status == 403


async def test_memberships_of_a_user(make: Make, client: Clients, admin: Person) -> None:
    ada, bob = await make.users(2)
    teams = [await make.team(members=[ada]), await make.team(members=[ada])]

    mine = (await client(ada).get("/users/me/teams/members")).ok()

    assert {one["team_id"] for one in mine} == {team.id for team in teams}
    assert {one["roles"] for one in mine} == {"team_user"}
    assert (await client(admin).get(f"/users/{ada.id}/teams/members")).ok() == mine
    assert (await client(bob).get(f"/users/{ada.id}/teams/members")).status == 403


async def test_roles_of_members_change_and_act_at_once_on_all_nodes(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[bob], owner=ada)
    path = f"/teams/{team.id}/members/{bob.id}"
    assert (await client(bob, node=1).put(f"/teams/{team.id}/patch", {"description": "x"})).status == 403

    async with socket(bob, node=1) as events:
        (await client(ada).put(f"{path}/schemeRoles", {"scheme_user": True, "scheme_admin": True})).ok()
        told = await events.next("memberrole_updated")
    assert told.data["member"]["roles"] == "team_user team_admin"
    assert told.broadcast["user_id"] == bob.id
    (await client(bob, node=1).put(f"/teams/{team.id}/patch", {"description": "x"})).ok()

    (await client(ada).put(f"{path}/roles", {"roles": "team_user team_post_all"})).ok()
    changed = (await client(ada).get(path)).ok()
    assert (changed["explicit_roles"], changed["scheme_user"], changed["scheme_admin"]) == (
        "team_post_all",
        True,
        False,
    )
    assert changed["roles"] == "team_post_all team_user"


@pytest.mark.parametrize(
    ("roles", "error"),
    [
        ("", "api.context.invalid_body_param.app_error"),
        ("nonsense", "app.role.get_by_name.app_error"),
        ("channel_user", "api.channel.update_team_member_roles.scheme_role.app_error"),
        ("system_admin", "api.channel.update_team_member_roles.scheme_role.app_error"),
        ("team_guest team_user", "api.team.update_team_member_roles.guest_and_user.app_error"),
        ("team_admin", "api.team.update_team_member_roles.unset_user_scheme.app_error"),
        ("team_guest", "api.channel.update_team_member_roles.changing_guest_role.app_error"),
        (1, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_bad_roles_are_refused(roles: Any, error: str, make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[bob], owner=ada)
    path = f"/teams/{team.id}/members/{bob.id}"

    reply = await client(ada).put(f"{path}/roles", {"roles": roles})

    assert (reply.status, reply.error_id) == (400, error)
    assert (await client(ada).get(path)).ok()["roles"] == "team_user"
    assert (await client(bob).put(f"{path}/roles", {"roles": "team_admin"})).status == 403
    assert (await client(bob).put(f"{path}/schemeRoles", {"scheme_admin": True})).status == 403
    guest = {"scheme_guest": True, "scheme_user": True}
    assert (await client(ada).put(f"{path}/schemeRoles", guest)).status == 400
    roleless = await client(ada).put(f"{path}/schemeRoles", {"scheme_user": False, "scheme_admin": True})
    assert (roleless.status, roleless.error_id) == (
        400,
        "api.team.update_team_member_roles.unset_user_scheme.app_error",
    )
    missing = await client(ada).put(f"/teams/{team.id}/members/{new_id()}/schemeRoles", {"scheme_user": True})
    assert missing.status == 404


async def test_unread_counts_leave_out_direct_and_muted_channels(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team, quiet = await make.team(members=[ada, bob]), await make.team(members=[ada])
    loud, muted = await make.channel(team, members=[ada, bob]), await make.channel(team, members=[ada, bob])
    direct = await make.direct(ada, bob)
    for one in (await client(ada).get(f"/users/me/teams/{team.id}/channels")).ok():
        (await client(ada).post("/channels/members/me/view", {"channel_id": one["id"]})).ok()
    muting = {"channel_id": muted.id, "user_id": ada.id, "mark_unread": "mention"}
    (await client(ada).put(f"/channels/{muted.id}/members/{ada.id}/notify_props", muting)).ok()

    root = await make.post(bob, loud)
    await make.post(bob, loud, f"@{ada.username} come", root_id=root["id"])
    await make.post(bob, loud, f"@{ada.username} now")
    await make.post(bob, muted)
    await make.post(bob, direct)
    unreads = {one["team_id"]: one for one in (await client(ada, node=1).get("/users/me/teams/unread")).ok()}
    threads = (await client(ada).get(f"/users/me/teams/{team.id}/unread?include_collapsed_threads=true")).ok()

    assert set(unreads) == {team.id, quiet.id}
    here = unreads[team.id]
    assert (here["msg_count"], here["msg_count_root"], here["mention_count_root"]) == (3, 2, 1)
    assert (here["thread_count"], here["thread_mention_count"], here["thread_urgent_mention_count"]) == (0, 0, 0)
    assert unreads[quiet.id]["mention_count"] == 0
    assert (threads["thread_count"], threads["thread_mention_count"]) == (1, 1)
    assert {**threads, "thread_count": 0, "thread_mention_count": 0} == here
    excluded = (await client(ada).get(f"/users/me/teams/unread?exclude_team={team.id}")).ok()
    assert {one["team_id"] for one in excluded} == {quiet.id}
    assert (await client(bob).get(f"/users/{ada.id}/teams/unread")).status == 403
    assert (await client(bob).get(f"/users/{ada.id}/teams/{team.id}/unread")).status == 403
    assert (await client(bob).get(f"/users/me/teams/{quiet.id}/unread")).status == 403
