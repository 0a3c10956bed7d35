"""Making and managing custom slash commands, and who may."""

from collections.abc import Sequence

import pytest

from server.ids import new_id
from tests.clients_of import Reply
from tests.features.commands.world import Clients, Settings, World
from tests.make import Make, Person

FORBIDDEN = "api.context.permissions.app_error"
MISSING = "store.sql_command.get.missing.app_error"
TAKEN = "api.command.duplicate_trigger.app_error"
INVALID = "api.context.invalid_body_param.app_error"


def outcomes(replies: Sequence[Reply]) -> set[tuple[int, str]]:
    return {(reply.status, reply.error_id) for reply in replies}


async def test_a_command_is_made_by_a_manager_and_seen_whole_by_it_alone(world: World, client: Clients) -> None:
    command = await world.command(
        trigger="DePloy",
        display_name="Deploy",
        description="Ships it",
        auto_complete=True,
        auto_complete_desc="Ship a branch",
        auto_complete_hint="[branch]",
        username="shipper",
        icon_url="http://example.org/i.png",
    )

    assert command == {
        "id": command["id"],
        "token": command["token"],
        "create_at": command["create_at"],
        "update_at": command["create_at"],
        "delete_at": 0,
        "creator_id": world.ada.id,
        "team_id": world.team.id,
        "trigger": "deploy",
        "method": "P",
        "username": "shipper",
        "icon_url": "http://example.org/i.png",
        "auto_complete": True,
        "auto_complete_desc": "Ship a branch",
        "auto_complete_hint": "[branch]",
        "display_name": "Deploy",
        "description": "Ships it",
        "url": "http://example.org/x",
    }
    assert len(command["token"]) == 26
    path = f"/commands?team_id={world.team.id}"
    assert (await client(world.ada).get(f"/commands/{command['id']}")).ok() == command
    assert (await client(world.ada, node=1).get(f"{path}&custom_only=true")).ok() == [command]
    listed = (await client(world.bob).get(path)).ok()
    hidden = {"token": "", "creator_id": "", "method": "", "url": "", "username": "", "icon_url": ""}
    assert [one for one in listed if one["id"]] == [{**command, **hidden}]
    assert {"away", "msg", "leave"} <= {one["trigger"] for one in listed if not one["id"]}
    assert command["token"] not in str(listed)


async def test_members_manage_no_commands_and_see_none_of_them(world: World, client: Clients) -> None:
    command = await world.command()
    path, bob = f"/commands/{command['id']}", client(world.bob)
    body = {"team_id": world.team.id, "trigger": "x", "method": "P", "url": "http://example.org"}

    made = await bob.post("/commands", body)
    listed = await bob.get(f"/commands?team_id={world.team.id}&custom_only=true")
    others = [
        await bob.get(path),
        await bob.put(path, command),
        await bob.put(f"{path}/move", {"team_id": world.team.id}),
        await bob.put(f"{path}/regen_token"),
        await bob.delete(path),
    ]

    assert outcomes([made, listed]) == {(403, FORBIDDEN)}
    assert outcomes(others) == {(404, MISSING)}
    assert (await client(world.ada).get(path)).ok() == command


async def test_strangers_to_the_team_learn_nothing(world: World, client: Clients, make: Make) -> None:
    command = await world.command()
    stranger = client(await make.user())

    lists = [
        await stranger.get(f"/commands?team_id={world.team.id}"),
        await stranger.get(f"/teams/{world.team.id}/commands/autocomplete"),
        await stranger.get(f"/teams/{world.team.id}/commands/autocomplete_suggestions?user_input=/d"),
    ]

    assert outcomes(lists) == {(403, FORBIDDEN)}
    assert outcomes([await stranger.get(f"/commands/{command['id']}")]) == {(404, MISSING)}
    assert (await client().get(f"/commands/{command['id']}")).status == 401


async def _own_manager(world: World, client: Clients, admin: Person, person: Person) -> None:
    """Give someone the right to manage commands of their own in the team."""
    roles = (await client(admin).get("/roles/name/team_admin")).ok()
    assert "manage_own_slash_commands" in roles["permissions"]
    path = f"/teams/{world.team.id}/members/{person.id}/schemeRoles"
    (await client(admin).put(path, {"scheme_user": True, "scheme_admin": True})).ok()


async def test_managers_without_the_right_to_others_commands_keep_to_their_own(
    world: World, client: Clients, admin: Person
) -> None:
    theirs = await world.command()
    await _own_manager(world, client, admin, world.bob)
    role = (await client(admin).get("/roles/name/team_admin")).ok()
    less = [one for one in role["permissions"] if one != "manage_others_slash_commands"]
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": less})).ok()
    try:
        own = await world.command(person=world.bob, trigger="mine")
        listed = (await client(world.bob).get(f"/commands?team_id={world.team.id}&custom_only=true")).ok()
        path = f"/commands/{theirs['id']}"
        refused = [
            await client(world.bob).get(path),
            await client(world.bob).put(path, theirs),
            await client(world.bob).put(f"{path}/regen_token"),
            await client(world.bob).delete(path),
            await client(world.bob).post("/commands", {**theirs, "trigger": "z", "creator_id": world.ada.id}),
        ]
    finally:
        (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()

    assert listed == [own]
    assert outcomes(refused) == {(403, FORBIDDEN)}


async def test_a_command_is_changed_whole_and_keeps_what_is_not_the_clients(world: World, client: Clients) -> None:
    command = await world.command(display_name="Old", auto_complete=True)
    path = f"/commands/{command['id']}"
    body = {
        "id": command["id"],
        "team_id": world.team.id,
        "trigger": "Ship",
        "method": "G",
        "url": "https://example.org/y",
        "token": "t" * 26,
        "creator_id": world.bob.id,
    }

    changed = (await client(world.ada).put(path, body)).ok()
    other_id = await client(world.ada).put(path, {**body, "id": new_id()})
    other_team = await client(world.ada).put(path, {**body, "team_id": new_id()})

    assert changed == {
        **command,
        "update_at": changed["update_at"],
        "trigger": "ship",
        "method": "G",
        "url": "https://example.org/y",
        "display_name": "",
        "auto_complete": False,
    }
    assert changed["update_at"] > command["update_at"]
    assert (other_id.status, other_id.error_id) == (400, INVALID)
    assert (other_team.status, other_team.error_id) == (400, "api.command.team_mismatch.app_error")


async def test_a_new_token_replaces_the_old_one_on_every_node(world: World, client: Clients) -> None:
    command = await world.command()
    await client(world.ada, node=1).get(f"/commands?team_id={world.team.id}&custom_only=true")

    token = (await client(world.ada).put(f"/commands/{command['id']}/regen_token")).ok()

    assert set(token) == {"token"}
    assert token["token"] != command["token"]
    for node in (0, 1):
        whole = (await client(world.ada, node=node).get(f"/commands/{command['id']}")).ok()
        assert whole["token"] == token["token"]


async def test_a_command_moves_to_a_team_that_its_manager_has(world: World, client: Clients, make: Make) -> None:
    command = await world.command()
    own, foreign = await make.team(owner=world.ada), await make.team()
    path = f"/commands/{command['id']}/move"

    refused = await client(world.ada).put(path, {"team_id": foreign.id})
    unknown = await client(make.admin).put(path, {"team_id": new_id()})
    (await client(world.ada).put(path, {"team_id": own.id})).ok()

    assert (refused.status, refused.error_id) == (403, FORBIDDEN)
    assert unknown.status == 404
    lists = [
        (await client(world.ada).get(f"/commands?team_id={team.id}&custom_only=true")).ok()
        for team in (world.team, own)
    ]
    assert [[one["id"] for one in each] for each in lists] == [[], [command["id"]]]


async def test_it_does_not_move_to_where_its_trigger_is_taken(world: World, client: Clients, make: Make) -> None:
    command, other = await world.command(), await make.team(owner=world.ada)
    await world.command(team_id=other.id)

    reply = await client(world.ada).put(f"/commands/{command['id']}/move", {"team_id": other.id})

    assert (reply.status, reply.error_id) == (400, TAKEN)


async def test_a_deleted_command_is_gone_on_every_node(world: World, client: Clients) -> None:
    command = await world.command()
    assert len((await client(world.ada, node=1).get(f"/commands?team_id={world.team.id}&custom_only=true")).ok()) == 1

    assert (await client(world.ada).delete(f"/commands/{command['id']}")).ok() == {"status": "OK"}

    assert (await client(world.ada).get(f"/commands/{command['id']}")).status == 404
    reply = await world.run(world.bob, "/deploy main", node=1)
    assert (reply.status, reply.error_id) == (404, "api.command.execute_command.not_found.app_error")


async def test_a_trigger_is_there_once_in_a_team(world: World, client: Clients, make: Make) -> None:
    command = await world.command()
    second = await world.command(trigger="other")
    body = {"team_id": world.team.id, "trigger": "DEPLOY", "method": "P", "url": "http://example.org"}

    made = await client(world.ada).post("/commands", body)
    renamed = await client(world.ada).put(f"/commands/{second['id']}", {**second, "trigger": "Deploy"})
    built_in = [
        await client(world.ada).post("/commands", {**body, "trigger": name}) for name in ("away", "Echo", "test")
    ]
    elsewhere = await client(world.ada).post("/commands", {**body, "team_id": (await make.team(owner=world.ada)).id})

    assert outcomes([made, renamed, *built_in]) == {(400, TAKEN)}
    assert elsewhere.ok(201)["trigger"] == command["trigger"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trigger", ""),
        ("trigger", "/x"),
        ("trigger", "two words"),
        ("trigger", "tab\tbed"),
        ("trigger", "x" * 129),
        ("url", ""),
        ("url", "ftp://example.org"),
        ("url", "example.org"),
        ("url", "http://"),
        ("url", "http://[x"),
        ("url", "http://example.org/" + "x" * 1010),
        ("method", ""),
        ("method", "PUT"),
        ("display_name", "x" * 65),
        ("description", "x" * 129),
        ("username", "x" * 65),
        ("icon_url", "x" * 1025),
        ("auto_complete_hint", "x" * 1025),
        ("auto_complete_desc", "x" * 1025),
        ("team_id", "x"),
        ("creator_id", "x"),
        ("trigger", 5),
    ],
)
async def test_what_no_command_can_be_is_refused(same_world: World, client: Clients, field: str, value: object) -> None:
    body = {"team_id": same_world.team.id, "trigger": "x", "method": "P", "url": "http://example.org", field: value}

    reply = await client(same_world.ada).post("/commands", body)

    assert reply.status == 400
    assert field in reply.error_id or field in reply.json["message"]


async def test_limits_are_what_still_fits(world: World) -> None:
    command = await world.command(
        url="https://example.org/" + "x" * 1004,
        trigger="x" * 128,
        display_name="x" * 64,
        description="x" * 128,
        username="x" * 64,
    )

    assert len(command["url"]) == 1024
    assert len(command["trigger"]) == 128


async def test_a_team_has_so_many_commands_at_most(
    world: World, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.command()
    monkeypatch.setattr("server.features.commands.queries.MAX_COMMANDS", 1)

    body = {"team_id": world.team.id, "trigger": "x", "method": "P", "url": "http://example.org"}
    reply = await client(world.ada).post("/commands", body)

    assert (reply.status, reply.error_id) == (400, "app.command.limit.app_error")


async def test_switched_off_everything_is_not_available(world: World, client: Clients, settings: Settings) -> None:
    command = await world.command()
    settings(ServiceSettings={"EnableCommands": False})
    path = f"/commands/{command['id']}"

    replies = [
        await client(world.ada).get(f"/commands?team_id={world.team.id}"),
        await client(world.ada).post("/commands", command),
        await client(world.ada).get(path),
        await client(world.ada).put(path, command),
        await client(world.ada).put(f"{path}/move", {"team_id": world.team.id}),
        await client(world.ada).put(f"{path}/regen_token"),
        await client(world.ada).delete(path),
        await world.run(world.ada, "/away"),
        await client(world.ada).get(f"/teams/{world.team.id}/commands/autocomplete"),
        await client().post(f"//hooks/commands/{new_id()}", {"text": "hi"}),
    ]

    assert outcomes(replies) == {(501, "api.command.disabled.app_error")}


@pytest.mark.parametrize("trigger", ["a\u202eb", "a\u200bb", "a\u0007", "a\u2028b"])
async def test_a_trigger_is_what_one_sees(world: World, client: Clients, trigger: str) -> None:
    body = {"team_id": world.team.id, "trigger": trigger, "method": "P", "url": "http://example.org/x"}

    assert (await client(world.ada).post("/commands", body)).error_id == "model.command.is_valid.trigger.app_error"
