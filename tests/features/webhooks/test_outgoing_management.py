"""Making and managing outgoing webhooks, and who may."""

from collections.abc import Sequence
from typing import Any

import pytest

from server.features.webhooks import outgoing_queries
from server.ids import new_id
from tests.clients_of import Reply
from tests.features.webhooks.world import URL, Clients, Settings, World
from tests.make import Make, Person
from tests.waiting import next_moment

FORBIDDEN = "api.context.permissions.app_error"
MISSING = "app.webhooks.get_outgoing.app_error"
INVALID = "api.context.invalid_body_param.app_error"
CHECKED = "model.outgoing_hook.is_valid"


def outcomes(replies: Sequence[Reply]) -> set[tuple[int, str]]:
    return {(reply.status, reply.error_id) for reply in replies}


async def test_a_hook_belongs_to_its_maker_and_team(world: World, client: Clients) -> None:
    hook = await world.outgoing("ping", description="Answers pings.")

    assert list(hook) == [
        "id", "token", "create_at", "update_at", "delete_at", "creator_id", "channel_id", "team_id", "trigger_words",
        "trigger_when", "callback_urls", "display_name", "description", "content_type", "username", "icon_url",
    ]  # fmt: skip
    assert hook == {
        **hook,
        "update_at": hook["create_at"],
        "delete_at": 0,
        "creator_id": world.ada.id,
        "channel_id": "",
        "team_id": world.team.id,
        "trigger_words": ["ping"],
        "trigger_when": 0,
        "callback_urls": [URL],
        "display_name": "Robot",
        "description": "Answers pings.",
        "content_type": "application/x-www-form-urlencoded",
        "username": "",
        "icon_url": "",
    }
    assert len(hook["token"]) == 26
    assert hook["token"] != hook["id"]
    assert (await client(world.ada).get(f"/hooks/outgoing/{hook['id']}")).ok() == hook


async def test_lists_are_of_a_team_or_a_channel_in_pages(world: World, client: Clients, make: Make) -> None:
    hooks = []
    for number in range(3):
        hooks.append(await world.outgoing(f"word{number}"))
        await next_moment()
    in_town = await world.outgoing(channel_id=world.town.id)
    team = f"/hooks/outgoing?team_id={world.team.id}"

    pages = [(await client(world.ada).get(f"{team}&page={page}&per_page=2")).ok() for page in (0, 1, 2)]
    of_town = (await client(world.ada).get(f"/hooks/outgoing?channel_id={world.town.id}")).ok()
    everybodys = (await client(make.admin).get("/hooks/outgoing?per_page=200")).ok()

    assert [len(page) for page in pages] == [2, 2, 0]
    assert pages[0] + pages[1] == [*hooks, in_town]
    assert of_town == [in_town]
    assert {hook["id"] for hook in everybodys} >= {hook["id"] for hook in [*hooks, in_town]}


async def test_a_hook_is_changed_but_stays_in_its_team_and_its_creators(world: World, client: Clients) -> None:
    hook = await world.outgoing("ping")
    path = f"/hooks/outgoing/{hook['id']}"
    wanted = {
        **hook,
        "channel_id": world.town.id,
        "trigger_words": ["pong", "pong", "pang"],
        "trigger_when": 1,
        "callback_urls": [URL, f"{URL}/too"],
        "display_name": "New",
        "content_type": "application/json",
    }

    changed = (await client(world.ada).put(path, {**wanted, "creator_id": world.bob.id, "token": "x"})).ok()
    kept = (await client(world.ada).put(path, {name: changed[name] for name in ("id", "channel_id")})).ok()

    assert changed == {**wanted, "trigger_words": ["pong", "pang"], "update_at": changed["update_at"]}
    assert kept == {**changed, "display_name": "", "description": "", "update_at": kept["update_at"]}
    assert (await client(world.ada).get(path)).ok() == kept
    other_team = await client(world.ada).put(path, {**hook, "team_id": new_id()})
    other_id = await client(world.ada).put(path, {**hook, "id": new_id()})
    assert (other_team.status, other_team.error_id) == (400, "api.webhook.team_mismatch.app_error")
    assert (other_id.status, other_id.error_id) == (400, INVALID)


async def test_a_new_token_replaces_the_old_one(world: World, client: Clients) -> None:
    hook = await world.outgoing("ping")

    new = (await client(world.ada).post(f"/hooks/outgoing/{hook['id']}/regen_token")).ok()

    assert new == {**hook, "token": new["token"], "update_at": new["update_at"]}
    assert len(new["token"]) == 26
    assert new["token"] != hook["token"]
    assert (await client(world.ada).get(f"/hooks/outgoing/{hook['id']}")).ok() == new


async def test_a_deleted_hook_is_gone(world: World, client: Clients) -> None:
    hook = await world.outgoing("ping")
    path = f"/hooks/outgoing/{hook['id']}"

    assert (await client(world.ada).delete(path)).ok() == {"status": "OK"}

    gone = [
        await client(world.ada).get(path),
        await client(world.ada).delete(path),
        await client(world.ada).put(path, hook),
        await client(world.ada).post(f"{path}/regen_token"),
    ]
    assert outcomes(gone) == {(404, MISSING)}
    assert (await client(world.ada).get(f"/hooks/outgoing?team_id={world.team.id}")).ok() == []


async def test_members_of_a_team_have_no_hooks(world: World, client: Clients) -> None:
    hook = await world.outgoing("ping")
    path = f"/hooks/outgoing/{hook['id']}"

    refused = [
        await client(world.bob).post("/hooks/outgoing", {**hook, "trigger_words": ["other"]}),
        await client(world.bob).get(path),
        await client(world.bob).put(path, hook),
        await client(world.bob).delete(path),
        await client(world.bob).post(f"{path}/regen_token"),
        await client(world.bob).get("/hooks/outgoing"),
        await client(world.ada).get("/hooks/outgoing"),
        await client(world.bob).get(f"/hooks/outgoing?team_id={world.team.id}"),
        await client(world.bob).get(f"/hooks/outgoing?channel_id={world.town.id}"),
    ]

    assert outcomes(refused) == {(403, FORBIDDEN)}
    assert (await client().get(path)).status == 401


async def test_hooks_of_others_need_a_permission(world: World, client: Clients, admin: Person) -> None:
    role = (await client(admin).get("/roles/name/team_user")).ok()
    more = [*role["permissions"], "manage_own_outgoing_webhooks"]
    (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": more})).ok()
    try:
        hook = await world.outgoing("ping")
        own = await world.outgoing("pong", person=world.bob)
        path = f"/hooks/outgoing/{hook['id']}"
        refused = [
            await client(world.bob).get(path),
            await client(world.bob).put(path, hook),
            await client(world.bob).delete(path),
            await client(world.bob).post(f"{path}/regen_token"),
            await client(world.bob).post("/hooks/outgoing", {**hook, "creator_id": world.ada.id}),
        ]
        listed = (await client(world.bob).get(f"/hooks/outgoing?team_id={world.team.id}")).ok()
        changed = (await client(world.ada).put(f"/hooks/outgoing/{own['id']}", {**own, "display_name": "Ada's?"})).ok()
    finally:
        (await client(admin).put(f"/roles/{role['id']}/patch", {"permissions": role["permissions"]})).ok()

    assert outcomes(refused) == {(403, FORBIDDEN)}
    assert listed == [own]
    assert changed["creator_id"] == world.bob.id
    assert (await world.outgoing("pang", creator_id=world.bob.id))["creator_id"] == world.bob.id


async def test_two_hooks_never_send_the_same_word_from_one_place_to_one_address(world: World, client: Clients) -> None:
    first = await world.outgoing("ping", "pong")
    in_town = await world.outgoing("ping", channel_id=world.town.id)
    elsewhere = await world.outgoing("ping", url=f"{URL}/else")
    body = {"team_id": world.team.id, "trigger_words": ["pong"], "callback_urls": ["https://x.example.org", URL]}

    refused = await client(world.ada).post("/hooks/outgoing", body)
    moved = await client(world.ada).put(f"/hooks/outgoing/{elsewhere['id']}", {**elsewhere, "callback_urls": [URL]})
    itself = await client(world.ada).put(f"/hooks/outgoing/{first['id']}", first)

    assert in_town["id"] != first["id"]
    assert (refused.status, refused.error_id) == (400, "api.webhook.create_outgoing.intersect.app_error")
    assert (moved.status, moved.error_id) == (400, "api.webhook.update_outgoing.intersect.app_error")
    assert itself.status == 200


async def test_a_team_has_so_many_hooks(world: World, client: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing_queries, "MAX_HOOKS", 1)
    hook = await world.outgoing("ping")

    refused = await client(world.ada).post("/hooks/outgoing", {**hook, "trigger_words": ["pong"]})

    assert (refused.status, refused.error_id) == (400, "app.webhooks.limit.app_error")
    assert (await client(world.ada).put(f"/hooks/outgoing/{hook['id']}", hook)).status == 200


async def test_hooks_listen_in_public_channels_of_their_team_only(world: World, client: Clients, make: Make) -> None:
    secret = await make.channel(world.team, [world.ada], type="P")
    elsewhere = await make.channel(await make.team(owner=world.ada), owner=world.ada)
    direct = await make.direct(world.ada, world.bob)
    hook = await world.outgoing("ping")

    async def status_of(channel_id: str) -> set[tuple[int, str]]:
        body = {**hook, "trigger_words": ["other"], "channel_id": channel_id}
        return outcomes(
            [
                await client(world.ada).post("/hooks/outgoing", body),
                await client(world.ada).put(f"/hooks/outgoing/{hook['id']}", body),
            ]
        )

    assert await status_of(secret.id) == {(403, "api.webhook.create_outgoing.not_open.app_error")}
    assert await status_of(direct.id) == {(403, "api.webhook.create_outgoing.not_open.app_error")}
    assert await status_of(elsewhere.id) == {(403, "api.webhook.create_outgoing.permissions.app_error")}
    assert await status_of("b" * 26) == {(404, "app.channel.get.existing.app_error")}


@pytest.mark.parametrize(
    ("fields", "status", "error_id"),
    [
        ({"team_id": ""}, 400, INVALID),
        ({"team_id": None}, 400, INVALID),
        ({"team_id": "b" * 26}, 403, FORBIDDEN),
        ({"channel_id": "short"}, 400, INVALID),
        ({"creator_id": "b" * 26}, 400, INVALID),
        ({"trigger_words": []}, 400, "api.webhook.create_outgoing.triggers.app_error"),
        ({"trigger_words": ["ok", " "]}, 400, f"{CHECKED}.trigger_words.app_error"),
        ({"trigger_words": ["x" * 600, "y" * 600]}, 400, f"{CHECKED}.words.app_error"),
        ({"trigger_words": ["a\0b"]}, 400, INVALID),
        ({"trigger_words": [None]}, 400, INVALID),
        ({"trigger_words": "ping"}, 400, INVALID),
        ({"trigger_when": 2}, 400, INVALID),
        ({"callback_urls": []}, 400, f"{CHECKED}.callback.app_error"),
        ({"callback_urls": [f"https://x.example.org/{'x' * 600}", f"https://y.example.org/{'y' * 600}"]}, 400,
         f"{CHECKED}.callback.app_error"),
        ({"callback_urls": ["ftp://x.example.org"]}, 400, f"{CHECKED}.url.app_error"),
        ({"callback_urls": ["x.example.org"]}, 400, f"{CHECKED}.url.app_error"),
        ({"callback_urls": [""]}, 400, f"{CHECKED}.url.app_error"),
        ({"display_name": "x" * 65}, 400, f"{CHECKED}.display_name.app_error"),
        ({"description": "x" * 501}, 400, f"{CHECKED}.description.app_error"),
        ({"username": "x" * 65}, 400, f"{CHECKED}.username.app_error"),
        ({"icon_url": "x" * 1025}, 400, f"{CHECKED}.icon_url.app_error"),
        ({"content_type": "x" * 129}, 400, f"{CHECKED}.content_type.app_error"),
    ],
)  # fmt: skip
async def test_malformed_hooks_are_refused(
    same_world: World, client: Clients, fields: dict[str, Any], status: int, error_id: str
) -> None:
    body = {"team_id": same_world.team.id, "trigger_words": ["ping"], "callback_urls": [URL], **fields}

    refused = await client(same_world.ada).post("/hooks/outgoing", body)

    assert (refused.status, refused.error_id) == (status, error_id)


async def test_switched_off_there_are_no_hooks(world: World, client: Clients, settings: Settings) -> None:
    hook = await world.outgoing("ping")
    path = f"/hooks/outgoing/{hook['id']}"
    settings(ServiceSettings={"EnableOutgoingWebhooks": False})

    refused = [
        await client(world.ada).post("/hooks/outgoing", hook),
        await client(world.ada).get("/hooks/outgoing"),
        await client(world.ada).get(path),
        await client(world.ada).put(path, hook),
        await client(world.ada).delete(path),
        await client(world.ada).post(f"{path}/regen_token"),
    ]

    assert outcomes(refused) == {(501, "api.outgoing_webhook.disabled.app_error")}
