"""Teams over HTTP: making, seeing, changing, archiving and deleting them."""

from collections.abc import Callable
from typing import Any

import pytest

from server.db import SQL
from server.ids import new_id
from tests.clients_of import Client
from tests.make import Make, Person
from tests.nodes import TestNode
from tests.waiting import until_gone

POSTS_LEFT = SQL("SELECT count(*) FROM posts WHERE channel_id = $1")

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]


def names(teams: list[dict[str, Any]]) -> set[str]:
    return {team["name"] for team in teams}


async def test_who_makes_a_team_administers_it_and_is_in_its_default_channels(
    make: Make, client: Clients, socket: Sockets
) -> None:
    ada = await make.user()
    name = make.name("crew")
    async with socket(ada, node=1) as events:
        team = (await client(ada).post("/teams", {"name": name, "display_name": "The Crew", "type": "O"})).ok(201)
        added = await events.next("added_to_team")
        joined = [event for event in await events.until_now() if event.name == "user_added"]

    expected = {"name": name, "display_name": "The Crew", "type": "O", "delete_at": 0, "allow_open_invite": False}
    assert {key: team[key] for key in expected} == expected
    assert team["email"] == ada.email
    assert len(team["invite_id"]) == 26
    assert set(team) >= {"scheme_id", "group_constrained", "policy_id", "last_team_icon_update", "company_name"}
    member = (await client(ada).get(f"/teams/{team['id']}/members/me")).ok()
    assert member["roles"] == "team_user team_admin"
    assert (member["scheme_user"], member["scheme_admin"], member["explicit_roles"]) == (True, True, "")
    channels = (await client(ada).get(f"/users/me/teams/{team['id']}/channels")).ok()
    assert {(channel["name"], channel["display_name"]) for channel in channels} == {
        ("town-square", "Town Square"),
        ("off-topic", "Off-Topic"),
    }
    assert added.data == {"team_id": team["id"], "user_id": ada.id}
    assert len(joined) == 2


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"display_name": ""}, "model.team.is_valid.name.app_error"),
        ({"display_name": " "}, "model.team.is_valid.name.app_error"),
        ({"display_name": "x" * 65}, "model.team.is_valid.name.app_error"),
        ({"name": "x" * 65}, "model.team.is_valid.url.app_error"),
        ({"name": "x"}, "model.team.is_valid.characters.app_error"),
        ({"name": ""}, "model.team.is_valid.characters.app_error"),
        ({"name": "Upper"}, "model.team.is_valid.characters.app_error"),
        ({"name": "with blank"}, "model.team.is_valid.characters.app_error"),
        ({"name": "umläut"}, "model.team.is_valid.characters.app_error"),
        ({"name": "-dash"}, "model.team.is_valid.characters.app_error"),
        ({"name": "admins"}, "model.team.is_valid.reserved.app_error"),
        ({"name": "postoffice"}, "model.team.is_valid.reserved.app_error"),
        ({"type": "X"}, "model.team.is_valid.type.app_error"),
        ({"type": ""}, "model.team.is_valid.type.app_error"),
        ({"description": "x" * 256}, "model.team.is_valid.description.app_error"),
        ({"company_name": "x" * 65}, "model.team.is_valid.company.app_error"),
        ({"allowed_domains": "x" * 501}, "model.team.is_valid.domains.app_error"),
        ({"display_name": 1}, "api.context.invalid_body_param.app_error"),
        ({"allow_open_invite": "true"}, "api.context.invalid_body_param.app_error"),
        ({"allowed_domains": "elsewhere.example"}, "api.team.join_user_to_team.allowed_domains.app_error"),
    ],
)
async def test_bad_teams_are_refused(change: dict[str, Any], error: str, make: Make, client: Clients) -> None:
    ada = await make.user()

    reply = await client(ada).post("/teams", {"name": make.name("crew"), "display_name": "Crew", "type": "O", **change})

    assert (reply.status, reply.error_id) == (400, error)


async def test_a_name_is_taken_for_good(make: Make, client: Clients, admin: Person) -> None:
    team = await make.team()
    body = {"name": team.name, "display_name": "Again", "type": "O"}

    taken = await client(admin).post("/teams", body)
    (await client(admin).delete(f"/teams/{team.id}")).ok()
    archived = await client(admin).post("/teams", body)

    assert (taken.status, taken.error_id) == (400, "app.team.save.existing.app_error")
    assert archived.error_id == "app.team.save.existing.app_error"
    assert (await client().post("/teams", body)).status == 401


async def test_members_see_a_team_strangers_only_an_open_one(make: Make, client: Clients) -> None:
    ada, bob, eve = await make.users(3)
    closed = await make.team(members=[bob], owner=ada)
    public = await make.team(owner=ada, allow_open_invite=True)
    shy = await make.team(owner=ada, type="I", allow_open_invite=True)

    for path in (f"/teams/{closed.id}", f"/teams/name/{closed.name}"):
        mine, theirs = (await client(ada).get(path)).ok(), (await client(bob, node=1).get(path)).ok()
        assert (mine["email"], mine["invite_id"]) == (ada.email, closed.body["invite_id"])
        assert (theirs["email"], theirs["invite_id"]) == ("", closed.body["invite_id"])  # members may invite
        refused = await client(eve).get(path)
        assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error")
        assert (await client().get(path)).status == 401
    seen = (await client(eve).get(f"/teams/{public.id}")).ok()
    assert (seen["name"], seen["email"], seen["invite_id"]) == (public.name, "", "")
    assert (await client(eve).get(f"/teams/name/{public.name}")).ok() == seen
    assert (await client(eve).get(f"/teams/{shy.id}")).status == 403
    missing = await client(eve).get(f"/teams/{new_id()}")
    assert (missing.status, missing.error_id) == (404, "app.team.get.find.app_error")
    unnamed = await client(eve).get(f"/teams/name/{make.name('nobody')}")
    assert (unnamed.status, unnamed.error_id) == (404, "app.team.get_by_name.missing.app_error")


async def test_whether_a_team_exists_is_told_to_those_who_may_know(make: Make, client: Clients, admin: Person) -> None:
    ada, eve = await make.users(2)
    closed, public = await make.team(members=[ada]), await make.team(allow_open_invite=True)

    async def exists(user: Person, name: str) -> bool:
        reply = (await client(user).get(f"/teams/name/{name}/exists")).ok()
        assert set(reply) == {"exists"}
        return bool(reply["exists"])

    assert await exists(ada, closed.name)
    assert not await exists(eve, closed.name)
    assert await exists(admin, closed.name)
    assert await exists(eve, public.name)
    assert not await exists(eve, make.name("nobody"))


async def test_a_team_is_patched_and_its_members_hear_of_it(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[bob], owner=ada)
    patch = {"display_name": "New name", "description": "For all", "company_name": "Us", "unknown": 1}

    async with socket(bob, node=1) as events, socket(eve) as strangers:
        changed = (await client(ada).put(f"/teams/{team.id}/patch", patch)).ok()
        told = await events.next("update_team")
        assert "update_team" not in await strangers.names()

    assert (changed["display_name"], changed["description"], changed["company_name"]) == ("New name", "For all", "Us")
    assert changed["name"] == team.name
    assert changed["update_at"] > team.body["update_at"]
    assert told.data["team"] == {**changed, "email": "", "invite_id": ""}
    assert isinstance(told.raw["team"], str)
    assert told.broadcast["team_id"] == team.id
    assert (await client(bob).put(f"/teams/{team.id}/patch", patch)).status == 403
    bad = await client(ada).put(f"/teams/{team.id}/patch", {"display_name": ""})
    assert (bad.status, bad.error_id) == (400, "model.team.is_valid.name.app_error")
    assert (await client(ada).get(f"/teams/{team.id}")).ok() == changed


async def test_a_team_is_updated_as_a_whole(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(owner=ada, description="old")
    whole = {**team.body, "display_name": "Whole", "description": "", "name": "other-name", "type": "I"}

    changed = (await client(ada).put(f"/teams/{team.id}", whole)).ok()

    assert (changed["display_name"], changed["description"]) == ("Whole", "")
    assert (changed["name"], changed["type"]) == (team.name, "O")
    wrong = await client(ada).put(f"/teams/{team.id}", {**whole, "id": new_id()})
    assert (wrong.status, wrong.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_privacy_and_new_invitations(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[bob], owner=ada, allow_open_invite=True)
    path = f"/teams/{team.id}/privacy"

    closed = (await client(ada).put(path, {"privacy": "I"})).ok()
    opened = (await client(ada).put(path, {"privacy": "O"})).ok()
    fresh = (await client(ada).post(f"/teams/{team.id}/regenerate_invite_id")).ok()
    shut = (await client(ada).put(f"/teams/{team.id}/patch", {"allow_open_invite": False})).ok()

    assert (closed["type"], closed["allow_open_invite"]) == ("I", False)
    assert (opened["type"], opened["allow_open_invite"]) == ("O", True)
    ids = [team.body["invite_id"], closed["invite_id"], fresh["invite_id"], shut["invite_id"]]
    assert len(set(ids)) == 4
    assert opened["invite_id"] == closed["invite_id"]
    assert (await client().get(f"/teams/invite/{team.body['invite_id']}")).status == 404
    for bad in ({"privacy": "X"}, {"privacy": ""}, {}):
        assert (await client(ada).put(path, bad)).error_id == "api.context.invalid_body_param.app_error"
    assert (await client(bob).put(path, {"privacy": "I"})).status == 403
    assert (await client(bob).post(f"/teams/{team.id}/regenerate_invite_id")).status == 403


async def test_an_invitation_shows_an_open_team_to_everyone(make: Make, client: Clients) -> None:
    team, closed = await make.team(description="Hello"), await make.team(type="I")

    shown = (await client().get(f"/teams/invite/{team.body['invite_id']}")).ok()
    refused = await client().get(f"/teams/invite/{closed.body['invite_id']}")
    missing = await client().get(f"/teams/invite/{new_id()}")

    assert shown == {
        "id": team.id,
        "name": team.name,
        "display_name": team.body["display_name"],
        "description": "Hello",
    }
    assert (refused.status, refused.error_id) == (403, "api.team.get_invite_info.not_open_team")
    assert (missing.status, missing.error_id) == (404, "app.team.get_by_invite_id.finding.app_error")


async def test_an_archived_team_comes_back(make: Make, client: Clients, socket: Sockets) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[bob], owner=ada)

    async with socket(bob, node=1) as events:
        assert (await client(ada).delete(f"/teams/{team.id}")).ok() == {"status": "OK"}
        deleted = await events.next("delete_team")
        assert (await client(bob).get("/users/me/teams")).ok() == []
        assert (await client(bob).get("/users/me/teams/members")).ok() == []
        assert (await client().get(f"/teams/invite/{team.body['invite_id']}")).status == 404
        back = (await client(ada).post(f"/teams/{team.id}/restore")).ok()
        restored = await events.next("restore_team")

    assert deleted.data["team"]["delete_at"] > 0
    assert deleted.data["team"]["invite_id"] == ""
    assert (back["delete_at"], restored.data["team"]["delete_at"]) == (0, 0)
    assert names((await client(bob).get("/users/me/teams")).ok()) == {team.name}
    assert (await client(bob).delete(f"/teams/{team.id}")).status == 403
    assert (await client(bob).post(f"/teams/{team.id}/restore")).status == 403


async def test_a_team_is_deleted_for_good_where_that_is_allowed(
    make: Make, client: Clients, admin: Person, settings: Settings, socket: Sockets, node: TestNode
) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[bob], owner=ada)
    channel = await make.channel(team, members=[bob])
    post = await make.post(bob, channel)

    off = await client(admin).delete(f"/teams/{team.id}?permanent=true")
    settings(ServiceSettings={"EnableAPITeamDeletion": True})
    refused = await client(ada).delete(f"/teams/{team.id}?permanent=true")
    async with socket(bob) as events:
        (await client(admin).delete(f"/teams/{team.id}?permanent=true")).ok()
        assert (await events.next("delete_team")).data["team"]["id"] == team.id

    assert (off.status, off.error_id) == (401, "api.user.delete_team.not_enabled.app_error")
    assert refused.status == 403
    assert (await client(admin).get(f"/teams/{team.id}")).status == 404
    for user in (admin, bob):
        assert (await client(user).get(f"/channels/{channel.id}")).status in (403, 404)
        assert (await client(user, node=1).get(f"/posts/{post['id']}")).status in (403, 404)
    assert (await client(bob).get("/users/me/teams")).ok() == []
    (await client(admin).post("/teams", {"name": team.name, "display_name": "Anew", "type": "O"})).ok(201)
    await until_gone(lambda: node.services.db.value(POSTS_LEFT, channel.id))


async def test_everyone_finds_open_teams_and_administrators_find_all(
    make: Make, client: Clients, admin: Person
) -> None:
    ada = await make.user()
    word = make.name("needle")
    public = await make.team(display_name=f"{word} open", allow_open_invite=True)
    closed = await make.team(display_name=f"{word} closed")
    attic = await make.team(display_name=f"{word} attic", allow_open_invite=True)
    (await client(admin).delete(f"/teams/{attic.id}")).ok()

    async def found(user: Person, **body: Any) -> Any:
        return (await client(user).post("/teams/search", {"term": word.upper(), **body})).ok()

    assert names(await found(ada)) == {public.name}
    assert [team["name"] for team in await found(admin)] == [attic.name, closed.name, public.name]
    assert names(await found(admin, allow_open_invite=False)) == {closed.name}
    paged = await found(admin, page=1, per_page="2")
    assert (paged["total_count"], names(paged["teams"])) == (3, {public.name})
    assert (await found(ada, page=0, per_page=2))["total_count"] == 1
    assert (await client(ada).post("/teams/search", {"term": "%"})).ok() == []
    for bad in ({"term": 1}, {"term": "x" * 300}, {"page": -1, "per_page": 1}, {"page": "a", "per_page": 1}):
        assert (await client(ada).post("/teams/search", bad)).status == 400

    async def listed(user: Person) -> set[str]:
        seen: set[str] = set()
        for page in range(100):
            teams = (await client(user).get(f"/teams?page={page}&per_page=50")).ok()
            seen |= names(teams)
            if len(teams) < 50:
                break
        return seen

    assert listed_here(await listed(ada), public, closed, attic) == {public.name}
    assert listed_here(await listed(admin), public, closed, attic) == {public.name, closed.name, attic.name}
    counted = (await client(ada).get("/teams?include_total_count=true&per_page=1")).ok()
    assert len(counted["teams"]) == 1
    assert counted["total_count"] == len(await listed(ada))
    assert {team["invite_id"] for team in counted["teams"]} == {""}
    assert (await client().get("/teams")).status == 401


def listed_here(seen: set[str], *teams: Any) -> set[str]:
    return seen & {team.name for team in teams}


async def test_the_teams_of_a_user_are_for_that_user_and_administrators(
    make: Make, client: Clients, admin: Person
) -> None:
    ada, bob = await make.users(2)
    second = await make.team(members=[ada], display_name="B")
    first = await make.team(members=[ada], display_name="A")

    mine = (await client(ada).get("/users/me/teams")).ok()

    assert [team["id"] for team in mine] == [first.id, second.id]
    assert {team["email"] for team in mine} == {""}
    assert names((await client(admin).get(f"/users/{ada.id}/teams")).ok()) == names(mine)
    assert (await client(bob).get(f"/users/{ada.id}/teams")).status == 403


async def test_stats_count_members_with_an_active_account_apart(make: Make, client: Clients, admin: Person) -> None:
    ada, bob, eve = await make.users(3)
    team = await make.team(members=[ada, bob])
    (await client(admin).delete(f"/users/{bob.id}")).ok()

    stats = (await client(ada).get(f"/teams/{team.id}/stats")).ok()

    assert stats == {"team_id": team.id, "total_member_count": 3, "active_member_count": 2}
    assert (await client(eve).get(f"/teams/{team.id}/stats")).status == 403


async def test_lists_of_teams_that_did_not_change_are_not_sent_again(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(owner=ada, allow_open_invite=True)

    for path in ("/users/me/teams", "/teams?include_total_count=true&per_page=200"):
        first = await client(ada).get(path)
        known = {"if-none-match": first.headers["etag"]}
        again = await client(ada).get(path, headers=known)
        (await client(ada).put(f"/teams/{team.id}/patch", {"description": f"told at {path}"})).ok()

        assert (again.status, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert (await client(ada).get(path, headers=known)).status == 200


async def test_openness_may_come_as_text(make: Make, client: Clients) -> None:
    ada = await make.user()
    team = await make.team(owner=ada)

    for said, openness in (("true", True), ("false", False), (True, True), (False, False)):
        body = {"id": team.id, "display_name": "Crew", "allow_open_invite": said}
        assert (await client(ada).put(f"/teams/{team.id}", body)).ok()["allow_open_invite"] is openness
    unclear = {"id": team.id, "display_name": "Crew", "allow_open_invite": "maybe"}
    assert (await client(ada).put(f"/teams/{team.id}", unclear)).status == 400
