"""Keeping OAuth apps."""

from collections.abc import Callable
from typing import Any

import pytest

from server.db import SQL
from server.ids import new_id
from tests.features.oauth.world import CALLBACK, App, Clients, fetch, register, tokens
from tests.make import Person
from tests.nodes import TestNode

Settings = Callable[..., None]


async def test_an_app_is_made_listed_and_read_without_its_secret(client: Clients, admin: Person, app: App) -> None:
    assert len(app.secret) == 26
    assert app.body["creator_id"] == admin.id
    assert app.body["callback_urls"] == [CALLBACK]
    assert (app.body["is_trusted"], app.body["is_public"]) == (False, False)

    read = (await client(admin, node=1).get(f"/oauth/apps/{app.id}")).ok()
    assert read == {**app.body, "client_secret": ""}
    listed = (await client(admin).get("/oauth/apps?per_page=200")).ok()
    assert read in listed


async def test_the_secret_is_not_in_the_database(node: TestNode, app: App) -> None:
    row = await node.services.db.value(SQL("SELECT oauth_apps::text FROM oauth_apps WHERE id = $1"), app.id)

    assert app.secret not in row


async def test_others_see_only_what_everybody_may_know(client: Clients, ada: Person, app: App) -> None:
    info = (await client(ada).get(f"/oauth/apps/{app.id}/info")).ok()

    assert (info["name"], info["client_secret"], info["callback_urls"]) == ("Planner", "", [])
    for reply in (
        await client(ada).get("/oauth/apps"),
        await client(ada).post("/oauth/apps", {"name": "x", "callback_urls": [CALLBACK], "homepage": "https://e.org"}),
        await client(ada).get(f"/oauth/apps/{app.id}"),
        await client(ada).put(f"/oauth/apps/{app.id}", {**app.body, "name": "Mine"}),
        await client(ada).delete(f"/oauth/apps/{app.id}"),
        await client(ada).post(f"/oauth/apps/{app.id}/regen_secret"),
    ):
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    assert (await client().get(f"/oauth/apps/{app.id}/info")).status == 401
    assert (await client(ada).get(f"/oauth/apps/{new_id()}/info")).status == 404


async def test_an_app_is_changed_as_a_whole(client: Clients, admin: Person, app: App) -> None:
    changed = {**app.body, "name": "Other", "icon_url": "https://example.org/i.png", "is_trusted": True}
    updated = (await client(admin).put(f"/oauth/apps/{app.id}", changed)).ok()

    assert (updated["name"], updated["icon_url"], updated["is_trusted"]) == ("Other", "https://example.org/i.png", True)
    assert updated["update_at"] >= app.body["update_at"]
    assert updated["client_secret"] == ""
    wrong = await client(admin).put(f"/oauth/apps/{app.id}", {**changed, "id": new_id()})
    assert (wrong.status, wrong.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_a_new_secret_takes_the_place_of_the_old_one(
    client: Clients, admin: Person, ada: Person, app: App
) -> None:
    granted = await tokens(client(), client(ada), app)
    renewed = (await client(admin).post(f"/oauth/apps/{app.id}/regen_secret")).ok()

    old = await fetch(client(), app, grant_type="refresh_token", refresh_token=granted["refresh_token"])
    assert (old.status, old.json["error"]) == (401, "invalid_client")
    new = await fetch(client(), App(renewed), grant_type="refresh_token", refresh_token=granted["refresh_token"])
    assert new.status == 200


async def test_a_public_client_has_no_secret(client: Clients, admin: Person, public_app: App) -> None:
    assert public_app.secret == ""
    reply = await client(admin).post(f"/oauth/apps/{public_app.id}/regen_secret")
    assert (reply.status, reply.error_id) == (400, "api.oauth.regenerate_secret.public_client.app_error")


async def test_a_deleted_app_takes_its_tokens_along(client: Clients, admin: Person, ada: Person, app: App) -> None:
    granted = await tokens(client(), client(ada), app)
    as_app = {"headers": {"authorization": f"Bearer {granted['access_token']}"}}
    assert (await client(node=1).get("/users/me", **as_app)).ok()["id"] == ada.id

    (await client(admin).delete(f"/oauth/apps/{app.id}")).ok()

    assert (await client().get("/users/me", **as_app)).status == 401
    assert (await client(node=1).get("/users/me", **as_app)).status == 401
    assert (await client(admin).get(f"/oauth/apps/{app.id}")).status == 404
    assert (await client(ada).get("/users/me/oauth/apps/authorized")).ok() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "n" * 65),
        ("name", "two\nlines"),
        ("description", "d" * 513),
        ("homepage", "javascript:alert(1)"),
        ("homepage", ""),
        ("homepage", "https://" + "h" * 300),
        ("icon_url", "data:image/png;base64,x"),
        ("callback_urls", []),
        ("callback_urls", ["javascript:alert(1)"]),
        ("callback_urls", ["data:text/html,x"]),
        ("callback_urls", ["/relative"]),
        ("callback_urls", ["https://example.org/#part"]),
        ("callback_urls", ["https://user@example.org/"]),
        ("callback_urls", ["https://example.org/\r\nX: y"]),
        ("callback_urls", ["https://example.org/" + "p" * 1024]),
        ("callback_urls", ["https://[bad/"]),
        ("callback_urls", "https://example.org"),
        ("callback_urls", [None]),
    ],
)
async def test_what_an_app_says_of_itself_is_checked(client: Clients, admin: Person, field: str, value: Any) -> None:
    body = {"name": "App", "callback_urls": [CALLBACK], "homepage": "https://example.org", field: value}
    reply = await client(admin).post("/oauth/apps", body)

    assert (reply.status, reply.error_id) == (400, "api.context.invalid_body_param.app_error")
    assert field in reply.json["message"]


async def test_apps_on_phones_have_schemes_of_their_own(client: Clients, admin: Person) -> None:
    app = await register(client(admin), callback_urls=["org.example.app:/back", "myapp://done"], is_public=True)

    assert app.body["callback_urls"] == ["org.example.app:/back", "myapp://done"]


async def test_programs_register_themselves_only_where_that_is_wanted(client: Clients, settings: Settings) -> None:
    body = {"redirect_uris": ["https://tool.example/cb"], "client_name": "Tool"}
    assert (await client().post("/oauth/apps/register", body)).status == 501

    settings(ServiceSettings={"EnableDynamicClientRegistration": True, "DCRRedirectURIAllowlist": ["https://*.ex/cb"]})
    assert (await client().post("/oauth/apps/register", body)).status == 403

    settings(ServiceSettings={"DCRRedirectURIAllowlist": ["https://tool.example/*"]})
    registered = (await client().post("/oauth/apps/register", body)).ok(201)
    assert len(registered["client_secret"]) == 26
    assert registered["redirect_uris"] == ["https://tool.example/cb"]
    assert registered["client_secret_expires_at"] == 0
    public = (await client().post("/oauth/apps/register", {**body, "token_endpoint_auth_method": "none"})).ok(201)
    assert "client_secret" not in public


async def test_everything_is_off_when_it_is_switched_off(client: Clients, admin: Person, settings: Settings) -> None:
    settings(ServiceSettings={"EnableOAuthServiceProvider": False})

    for reply in (
        await client(admin).get("/oauth/apps"),
        await client(admin).post("//oauth/authorize", {"client_id": new_id(), "response_type": "code"}),
        await client().post("//oauth/access_token"),
        await client().get("//oauth/authorize"),
        await client().get("//.well-known/oauth-authorization-server"),
    ):
        assert (reply.status, reply.error_id) == (501, "api.oauth.allow_oauth.turn_off.app_error")
