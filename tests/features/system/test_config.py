"""Settings over HTTP, on two nodes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from server.config.masking import MASK
from server.features.system import queries
from server.features.system.store import ConfigStore
from tests.clients_of import Client
from tests.make import Make, Person
from tests.nodes import AT_REST_KEY, TestNode

Clients = Callable[..., Client]


@pytest_asyncio.fixture
async def config(admin: Person, client: Clients, two_nodes: tuple[TestNode, TestNode]) -> AsyncIterator[dict[str, Any]]:
    """All settings as they are shown; they are put back after the test."""
    before: dict[str, Any] = (await client(admin).get("/config")).ok()
    yield before
    (await client(admin).put("/config", before)).ok()
    for node in two_nodes:
        await node.has_read_settings()
    assert (await client(admin, node=1).get("/config")).ok() == before


async def test_settings_are_for_administrators(make: Make, client: Clients) -> None:
    ada = await make.user()

    for method, path, body in (
        ("GET", "/config", None),
        ("PUT", "/config", {}),
        ("PUT", "/config/patch", {}),
        ("GET", "/config/environment", None),
        ("POST", "/config/reload", None),
    ):
        assert (await client(ada).request(method, path, body)).status == 403
        assert (await client().request(method, path, body)).status == 401


async def test_secrets_are_masked_and_survive_being_sent_back(
    config: dict[str, Any], admin: Person, client: Clients, two_nodes: Any
) -> None:
    dsn = two_nodes[0].services.config.SqlSettings.DataSource
    assert config["SqlSettings"]["DataSource"] == MASK
    (await client(admin).put("/config/patch", {"EmailSettings": {"SMTPPassword": "mailsecret"}})).ok()

    shown = (await client(admin).get("/config")).ok()
    again = (await client(admin).put("/config", shown)).ok()

    assert shown["EmailSettings"]["SMTPPassword"] == MASK
    assert again == shown
    assert two_nodes[0].services.config.EmailSettings.SMTPPassword == "mailsecret"
    assert two_nodes[0].services.config.SqlSettings.DataSource == dsn


async def test_a_patch_acts_on_all_nodes_and_clients_hear_of_it(
    config: dict[str, Any], make: Make, admin: Person, client: Clients, socket: Any, two_nodes: Any
) -> None:
    ada = await make.user()
    version = (await client().get("/system/ping")).headers["x-version-id"]

    async with socket(ada, node=1) as events:
        after = (await client(admin).put("/config/patch", {"TeamSettings": {"SiteName": "Attic"}})).ok()
        event = await events.next("config_changed")
    await two_nodes[1].has_read_settings()

    assert (await client(admin, node=1).get("/config")).ok() == after
    assert event.data["config"]["SiteName"] == "Attic"
    assert (await client(node=1).get("/config/client")).ok()["SiteName"] == "Attic"
    assert (await client(node=1).get("/system/ping")).headers["x-version-id"] != version


async def test_a_patch_changes_what_it_names_and_nothing_else(
    config: dict[str, Any], admin: Person, client: Clients
) -> None:
    patch = {"TeamSettings": {"MaxUsersPerTeam": 3000, "SiteName": None, "NoSuchKey": 1}, "NoSuchSettings": {"a": 1}}

    after = (await client(admin).put("/config/patch", patch)).ok()

    assert after == config | {"TeamSettings": config["TeamSettings"] | {"MaxUsersPerTeam": 3000}}


async def test_a_whole_config_resets_what_it_leaves_out(config: dict[str, Any], admin: Person, client: Clients) -> None:
    (await client(admin).put("/config/patch", {"PasswordSettings": {"MinimumLength": 20}})).ok()

    after = (await client(admin).put("/config", {"TeamSettings": {"SiteName": "Attic"}})).ok()

    assert after["PasswordSettings"]["MinimumLength"] == 8
    assert after["TeamSettings"]["SiteName"] == "Attic"


async def test_what_the_environment_decides_is_told_and_stays(
    config: dict[str, Any], admin: Person, client: Clients, two_nodes: Any
) -> None:
    locked = (await client(admin).get("/config/environment")).ok()

    after = (await client(admin).put("/config/patch", {"HubbubSettings": {"DrainSeconds": 99}})).ok()
    (await client(admin).put("/config/patch", {"SqlSettings": {"AtRestEncryptKey": "x" * 40}})).ok()

    assert locked["SqlSettings"] == {"DataSource": True, "AtRestEncryptKey": True}
    assert locked["HubbubSettings"] == {"DrainSeconds": True}
    assert {node.services.config.SqlSettings.AtRestEncryptKey for node in two_nodes} == {AT_REST_KEY}
    assert after["HubbubSettings"]["DrainSeconds"] == config["HubbubSettings"]["DrainSeconds"] == 1


@pytest.mark.parametrize(
    ("body", "id", "name"),
    [
        (b"{", "api.context.invalid_body_param.app_error", "body"),
        (b"[]", "api.context.invalid_body_param.app_error", "body"),
        (b"null", "api.context.invalid_body_param.app_error", "body"),
        (b'{"TeamSettings": 1}', "api.context.invalid_body_param.app_error", "TeamSettings"),
        (
            b'{"TeamSettings": {"MaxUsersPerTeam": "7"}}',
            "api.context.invalid_body_param.app_error",
            "TeamSettings.MaxUsersPerTeam",
        ),
        (
            b'{"TeamSettings": {"MaxUsersPerTeam": 1e400}}',
            "api.context.invalid_body_param.app_error",
            "body",
        ),
        (
            b'{"TeamSettings": {"MaxUsersPerTeam": 0}}',
            "model.config.is_valid.max_users.app_error",
            "TeamSettings.MaxUsersPerTeam",
        ),
        (
            b'{"ServiceSettings": {"SiteURL": "javascript:alert(1)"}}',
            "model.config.is_valid.site_url.app_error",
            "ServiceSettings.SiteURL",
        ),
        (b'{"TeamSettings": {"SiteName": "a\\u0000"}}', "api.context.invalid_body_param.app_error", ""),
        (b'{"TeamSettings": {"SiteName": "\\ud800"}}', "api.context.invalid_body_param.app_error", ""),
        (
            b'{"PluginSettings": {"Plugins": ' + b'{"a":' * 90 + b"1" + b"}" * 90 + b"}}",
            "api.context.invalid_body_param.app_error",
            "PluginSettings.Plugins",
        ),
        (
            b'{"PluginSettings": {"Plugins": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}}",
            "api.context.invalid_body_param.app_error",
            "body",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/config", "/config/patch"])
async def test_a_bad_config_is_refused_by_name_and_changes_nothing(
    path: str, body: bytes, id: str, name: str, admin: Person, client: Clients
) -> None:
    before = (await client(admin).get("/config")).ok()

    reply = await client(admin).put(path, body)

    assert reply.status == 400
    assert reply.error_id == id
    assert name in reply.json["message"]
    assert (await client(admin).get("/config")).ok() == before


async def test_changes_at_the_same_time_are_all_kept(
    config: dict[str, Any], admin: Person, client: Clients, two_nodes: Any
) -> None:
    patches = [
        {"TeamSettings": {"MaxUsersPerTeam": 71}},
        {"TeamSettings": {"MaxChannelsPerTeam": 72}},
        {"PasswordSettings": {"Symbol": True}},
        {"SupportSettings": {"HelpLink": "https://example.org/help"}},
    ]

    await asyncio.gather(
        *(client(admin, node=number % 2).put("/config/patch", patch) for number, patch in enumerate(patches))
    )
    await asyncio.gather(*(client(admin, node=number).post("/config/reload") for number in (0, 1)))

    for each in two_nodes:
        await each.has_read_settings()
        assert each.services.config.TeamSettings.MaxUsersPerTeam == 71
        assert each.services.config.TeamSettings.MaxChannelsPerTeam == 72
        assert each.services.config.PasswordSettings.Symbol is True
        assert each.services.config.SupportSettings.HelpLink == "https://example.org/help"


async def test_what_was_read_before_a_change_does_not_come_into_force_after_it(
    config: dict[str, Any], admin: Person, client: Clients, node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = node.services.extras[ConfigStore]
    assert isinstance(store, ConfigStore)
    active_settings = queries.active_settings
    read, changed = asyncio.Event(), asyncio.Event()

    async def slow(db: Any) -> dict[str, Any]:
        found = await active_settings(db)
        if not read.is_set():
            read.set()
            await changed.wait()
        return found

    monkeypatch.setattr(queries, "active_settings", slow)
    early = asyncio.create_task(store.reload())
    await read.wait()
    (await client(admin, node=1).put("/config/patch", {"TeamSettings": {"SiteName": "Attic"}})).ok()
    late = asyncio.create_task(store.reload())
    await asyncio.wait([late], timeout=0.2)  # it may wait for the early one
    changed.set()
    await asyncio.gather(early, late)

    assert node.services.config.TeamSettings.SiteName == "Attic"


async def test_defaults_and_masks_can_be_left_out(config: dict[str, Any], admin: Person, client: Clients) -> None:
    (await client(admin).put("/config/patch", {"TeamSettings": {"SiteName": "Attic"}})).ok()

    shown = (await client(admin).get("/config?remove_defaults=true&remove_masked=true")).ok()

    assert shown["TeamSettings"] == {"SiteName": "Attic"}
    assert "PasswordSettings" not in shown
    assert "DataSource" not in shown.get("SqlSettings", {})


async def test_clients_get_their_settings_with_and_without_the_old_format(make: Make, client: Clients) -> None:
    ada = await make.user()

    told = (await client(ada).get("/config/client?format=old")).ok()
    stranger = (await client().get("/config/client")).ok()

    assert told["Version"] == "11.9.0"
    assert told["MaxPostSize"] == "16383"
    assert len(told["DiagnosticId"]) == 26
    assert told["NoAccounts"] == "false"
    assert int(told["InstallationDate"]) > 0
    assert int(told["SchemaVersion"]) > 0
    assert "MaxPostSize" not in stranger
    assert stranger["DiagnosticId"] == told["DiagnosticId"]
    assert (await client(ada, node=1).get("/config/client")).ok() == told
    assert (await client(ada).get("/config/client?format=new")).status == 400


async def test_clients_are_told_what_they_need_no_licence_for(client: Clients) -> None:
    reply = await client().get("/license/client?format=old")

    told = reply.ok()
    assert (told["IsLicensed"], told["SkuShortName"], told["GuestAccounts"]) == ("true", "professional", "true")
    assert (told["LDAP"], told["IsTrial"]) == ("false", "false")
    assert int(told["ExpiresAt"]) > 4_000_000_000_000
    assert reply.headers["x-version-id"].endswith(".true")
