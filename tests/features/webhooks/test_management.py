"""Making and managing incoming webhooks, and who may."""

from collections.abc import Sequence
from typing import Any

import pytest

from server.ids import new_id
from tests.clients_of import Reply
from tests.features.webhooks.world import Clients, Settings, World
from tests.make import Make, Person
from tests.waiting import next_moment

FORBIDDEN = "api.context.permissions.app_error"
MISSING = "app.webhooks.get_incoming.app_error"
INVALID = "api.context.invalid_body_param.app_error"


def outcomes(replies: Sequence[Reply]) -> set[tuple[int, str]]:
    return {(reply.status, reply.error_id) for reply in replies}


async def test_a_hook_belongs_to_its_maker_channel_and_team(world: World, client: Clients) -> None:
    hook = await world.hook(description="From the monitors.")

    assert hook == {
        "id": hook["id"],
        "create_at": hook["create_at"],
        "update_at": hook["create_at"],
        "delete_at": 0,
        "user_id": world.ada.id,
        "channel_id": world.town.id,
        "team_id": world.team.id,
        "display_name": "Alerts",
        "description": "From the monitors.",
        "username": "",
        "icon_url": "",
        "channel_locked": False,
        "last_used": 0,
    }
    assert (await client(world.ada).get(f"/hooks/incoming/{hook['id']}")).ok() == hook
    assert (await client(world.ada).get(f"/hooks/incoming?team_id={world.team.id}")).ok() == [hook]


async def test_lists_come_in_pages_with_a_count_on_request(world: World, client: Clients) -> None:
    hooks = []
    for number in range(3):
        await next_moment()
        hooks.append(await world.hook(display_name=f"h{number}"))
    path = f"/hooks/incoming?team_id={world.team.id}"

    pages = [(await client(world.ada).get(f"{path}&page={page}&per_page=2")).ok() for page in (0, 1)]
    counted = (await client(world.ada).get(f"{path}&per_page=1&include_total_count=true")).ok()

    assert pages[0] + pages[1] == hooks
    assert counted == {"incoming_webhooks": hooks[:1], "total_count": 3}


async def test_a_hook_is_changed_and_moved_within_its_team(world: World, client: Clients, make: Make) -> None:
    hook = await world.hook()
    attic = await make.channel(world.team, owner=world.ada)
    elsewhere = await make.channel(await make.team(owner=world.ada), owner=world.ada)
    path = f"/hooks/incoming/{hook['id']}"
    wanted = {**hook, "channel_id": attic.id, "display_name": "New", "channel_locked": True}

    changed = (await client(world.ada).put(path, wanted)).ok(201)
    sent = await world.send(hook, {"text": "over here"})
    other_team = await client(world.ada).put(path, {**hook, "channel_id": elsewhere.id})
    other_id = await client(world.ada).put(path, {**hook, "id": new_id()})

    assert changed == {**wanted, "update_at": changed["update_at"]}
    assert sent.status == 200
    assert [post["message"] for post in await world.posts(attic)] == ["over here"]
    assert (other_team.status, other_team.error_id) == (400, "api.webhook.team_mismatch.app_error")
    assert (other_id.status, other_id.error_id) == (400, INVALID)
    kept = {name: hook[name] for name in ("id", "channel_id", "display_name", "description")}
    assert (await client(world.ada).put(path, kept)).ok(201)["channel_locked"] is True


async def test_a_deleted_hook_leads_nowhere_on_any_node(world: World, client: Clients) -> None:
    hook = await world.hook()
    for node in (0, 1):
        assert (await client(node=node).post(f"//hooks/{hook['id']}", {"text": "hi"})).status == 200

    assert (await client(world.ada).delete(f"/hooks/incoming/{hook['id']}")).ok() == {"status": "OK"}

    for node in (0, 1):
        refused = await client(node=node).post(f"//hooks/{hook['id']}", {"text": "hi"})
        assert (refused.status, refused.error_id) == (400, "web.incoming_webhook.invalid.app_error")
    gone = [
        await client(world.ada).get(f"/hooks/incoming/{hook['id']}"),
        await client(world.ada).delete(f"/hooks/incoming/{hook['id']}"),
        await client(world.ada).put(f"/hooks/incoming/{hook['id']}", hook),
    ]
    assert outcomes(gone) == {(404, MISSING)}


async def test_members_of_a_team_have_no_hooks(world: World, client: Clients) -> None:
    hook = await world.hook()
    path = f"/hooks/incoming/{hook['id']}"

    for person in (world.bob, world.eve):
        refused = [
            await client(person).post("/hooks/incoming", {"channel_id": world.town.id}),
            await client(person).get(path),
            await client(person).put(path, hook),
            await client(person).delete(path),
            await client(person).get("/hooks/incoming"),
            await client(person).get(f"/hooks/incoming?team_id={world.team.id}"),
        ]
        assert outcomes(refused) == {(403, FORBIDDEN)}
    assert (await client().get(path)).status == 401


async def test_hooks_of_others_need_a_permission(world: World, client: Clients, make: Make, admin: Person) -> None:
    role = (await client(admin).get("/roles/name/team_user")).ok()
    (await client(admin).put(f"/roles/{role['id']}/patch",
                             {"permissions": [*role["permissions"], "manage_own_incoming_webhooks"]})).ok()  # fmt: skip
    try:
        hook = await world.hook()
        own = await world.hook(person=world.bob)
        path = f"/hooks/incoming/{hook['id']}"
        for_ada = {"channel_id": world.town.id, "user_id": world.ada.id}

        refused = [
            await client(world.bob).get(path),
            await client(world.bob).put(path, hook),
            await client(world.bob).delete(path),
            await client(world.bob).post("/hooks/incoming", for_ada),
        ]
        listed = (await client(world.bob).get(f"/hooks/incoming?team_id={world.team.id}")).ok()
        unlocked = (await client(world.bob).put(f"/hooks/incoming/{own['id']}", {**own, "channel_locked": False})).ok(
            201
        )
    finally:
        (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()

    assert outcomes(refused) == {(403, FORBIDDEN)}
    assert listed == [own]
    assert own["channel_locked"] is unlocked["channel_locked"] is True
    both = (await client(world.ada).get(f"/hooks/incoming?team_id={world.team.id}")).ok()
    assert {each["id"] for each in both} == {hook["id"], own["id"]}
    for_bob = await world.hook(user_id=world.bob.id)
    assert for_bob["user_id"] == world.bob.id
    everybodys = (await client(admin).get("/hooks/incoming?per_page=200&include_total_count=true")).ok()
    assert everybodys["total_count"] >= 3


async def test_private_channels_get_hooks_of_their_members_only(world: World, client: Clients, make: Make) -> None:
    secret = await make.channel(world.team, type="P")
    hook = (await client(make.admin).post("/hooks/incoming", {"channel_id": secret.id})).ok(201)

    refused = [
        await client(world.ada).post("/hooks/incoming", {"channel_id": secret.id}),
        await client(world.ada).get(f"/hooks/incoming/{hook['id']}"),
        await client(world.ada).delete(f"/hooks/incoming/{hook['id']}"),
    ]

    assert outcomes(refused) == {(403, FORBIDDEN)}
    await make.join_channel(secret, world.ada)
    assert (await client(world.ada).get(f"/hooks/incoming/{hook['id']}")).status == 200


async def test_names_and_pictures_are_kept_only_where_they_may_be_used(world: World, settings: Settings) -> None:
    looks: dict[str, Any] = {"username": "robot", "icon_url": "https://example.org/robot.png"}

    plain = await world.hook(**looks)
    settings(ServiceSettings={"EnablePostUsernameOverride": True, "EnablePostIconOverride": True})
    shown = await world.hook(**looks)

    assert (plain["username"], plain["icon_url"]) == ("", "")
    assert {name: shown[name] for name in looks} == looks


@pytest.mark.parametrize(
    ("fields", "status", "error_id"),
    [
        ({"channel_id": ""}, 400, INVALID),
        ({"channel_id": "short"}, 400, INVALID),
        ({"channel_id": None}, 400, INVALID),
        ({"channel_id": "b" * 26}, 404, "app.channel.get.existing.app_error"),
        ({"user_id": "short"}, 400, INVALID),
        ({"user_id": "b" * 26}, 400, INVALID),
        ({"display_name": "x" * 65}, 400, "model.incoming_hook.display_name.app_error"),
        ({"description": "x" * 501}, 400, "model.incoming_hook.description.app_error"),
        ({"username": "x" * 65}, 400, "model.incoming_hook.username.app_error"),
        ({"username": "no spaces"}, 400, "api.incoming_webhook.invalid_username.app_error"),
        ({"icon_url": "x" * 1025}, 400, "model.incoming_hook.icon_url.app_error"),
        ({"channel_locked": "yes"}, 400, INVALID),
        ({"display_name": "a\0b"}, 400, INVALID),
    ],
)
async def test_malformed_hooks_are_refused(
    same_world: World, client: Clients, fields: dict[str, Any], status: int, error_id: str
) -> None:
    refused = await client(same_world.ada).post("/hooks/incoming", {"channel_id": same_world.town.id, **fields})

    assert (refused.status, refused.error_id) == (status, error_id)


async def test_direct_channels_have_no_hooks(world: World, client: Clients, make: Make) -> None:
    direct = await make.direct(world.ada, world.bob)

    assert (await client(world.ada).post("/hooks/incoming", {"channel_id": direct.id})).error_id == INVALID


async def test_switched_off_there_are_no_hooks(world: World, client: Clients, settings: Settings) -> None:
    hook = await world.hook()
    settings(ServiceSettings={"EnableIncomingWebhooks": False})

    refused = [
        await client(world.ada).post("/hooks/incoming", {"channel_id": world.town.id}),
        await client(world.ada).get("/hooks/incoming"),
        await client(world.ada).get(f"/hooks/incoming/{hook['id']}"),
    ]
    sent = await world.send(hook, {"text": "hi"})

    assert outcomes(refused) == {(501, "api.incoming_webhook.disabled.app_error")}
    assert (sent.status, sent.error_id) == (501, "web.incoming_webhook.disabled.app_error")
