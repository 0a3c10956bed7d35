"""The flow: consent, codes, tokens, renewal, and what nobody gets."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from server.db import SQL
from server.features.oauth import flow_service, queries
from server.ids import new_id
from tests.features.oauth.world import CALLBACK, App, Clients, answer_in, consent, fetch, pkce, register, tokens
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode
from tests.waiting import PATIENCE

Settings = Callable[..., None]
Sockets = Callable[..., Any]


def bearing(token: str) -> dict[str, Any]:
    return {"headers": {"authorization": f"Bearer {token}"}}


async def test_consent_becomes_a_code_and_a_code_becomes_tokens(
    client: Clients, make: Make, ada: Person, app: App
) -> None:
    answer = await consent(client(ada), app)
    assert set(answer) == {"from", "code", "state"}
    assert (answer["from"], answer["state"]) == ("hub", "s 1")

    reply = await fetch(client(node=1), app, grant_type="authorization_code", code=answer["code"])
    granted = reply.ok()
    assert set(granted) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (granted["token_type"], granted["expires_in"], granted["scope"]) == ("bearer", 720 * 3600, "user")
    assert reply.headers["cache-control"] == "no-store"

    assert (await client().get("/users/me", **bearing(granted["access_token"]))).ok()["id"] == ada.id
    assert (await client().get(f"/users/me?access_token={granted['access_token']}")).ok()["id"] == ada.id
    authorized = (await client(ada).get("/users/me/oauth/apps/authorized")).ok()
    assert [(each["id"], each["client_secret"]) for each in authorized] == [(app.id, "")]
    sessions = (await client(ada).get("/users/me/sessions")).ok()
    (session,) = [each for each in sessions if each["is_oauth"]]
    assert (session["props"]["oauth_app_id"], session["props"]["platform"]) == (app.id, "Planner")


async def test_posts_of_an_app_say_so(client: Clients, make: Make, ada: Person, app: App) -> None:
    team = await make.team([ada])
    town = await make.channel(team, [ada])
    granted = await tokens(client(), client(ada), app)
    body = {"channel_id": town.id, "message": "hi", "props": {"from_oauth_app": "forged"}}

    by_app = (await client().post("/posts", body, **bearing(granted["access_token"]))).ok(201)
    by_ada = (await client(ada).post("/posts", body)).ok(201)

    assert by_app["props"] == {"from_oauth_app": app.id}
    assert by_ada["props"] == {}


async def test_the_form_of_the_secret_may_be_http_basic(client: Clients, ada: Person, app: App) -> None:
    code = (await consent(client(ada), app))["code"]
    basic = b64encode(f"{app.id}:{app.secret}".encode()).decode()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    reply = await client().request(
        "POST", "//oauth/access_token", data=form, headers={"authorization": f"Basic {basic}"}
    )

    assert reply.ok()["token_type"] == "bearer"


async def test_a_code_is_good_once_and_takes_its_tokens_along(client: Clients, ada: Person, app: App) -> None:
    code = (await consent(client(ada), app))["code"]
    granted = (await fetch(client(), app, grant_type="authorization_code", code=code)).ok()

    again = await fetch(client(node=1), app, grant_type="authorization_code", code=code)

    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert again.error_id == "api.oauth.get_access_token.invalid_grant.app_error"
    assert (await client().get("/users/me", **bearing(granted["access_token"]))).status == 401
    refreshed = await fetch(client(), app, grant_type="refresh_token", refresh_token=granted["refresh_token"])
    assert refreshed.json["error"] == "invalid_grant"


async def test_of_many_who_bring_a_code_at_once_no_two_get_in(client: Clients, ada: Person, app: App) -> None:
    code = (await consent(client(ada), app))["code"]
    replies = await asyncio.gather(
        *(fetch(client(node=n % 2), app, grant_type="authorization_code", code=code) for n in range(6))
    )

    assert sum(reply.status == 200 for reply in replies) <= 1
    alive = [each for each in (await client(ada).get("/users/me/sessions")).ok() if each["is_oauth"]]
    assert len(alive) <= 1


async def test_a_code_is_for_the_app_and_the_address_it_was_made_for(
    client: Clients, admin: Person, ada: Person, app: App
) -> None:
    other = await register(client(admin), name="Other")
    code = (await consent(client(ada), app))["code"]
    stolen = await fetch(client(), other, grant_type="authorization_code", code=code)
    assert (stolen.status, stolen.json["error"]) == (400, "invalid_grant")
    assert (await fetch(client(), app, grant_type="authorization_code", code=code)).status == 200

    code = (await consent(client(ada), app))["code"]
    elsewhere = await fetch(
        client(), app, grant_type="authorization_code", code=code, redirect_uri="https://app.example.org/"
    )
    assert elsewhere.json["error"] == "invalid_grant"


async def test_a_code_gets_old(client: Clients, ada: Person, app: App, node: TestNode) -> None:
    code = (await consent(client(ada), app))["code"]
    age = SQL("UPDATE oauth_grants SET expires_at = expires_at - $2 WHERE app_id = $1")
    await node.services.db.run(age, app.id, flow_service.CODE_LIFE)

    assert (await fetch(client(), app, grant_type="authorization_code", code=code)).json["error"] == "invalid_grant"


async def test_a_public_client_proves_itself_by_its_verifier(client: Clients, ada: Person, public_app: App) -> None:
    without = await client(ada).post("//oauth/authorize", public_app.asking())
    assert (without.status, without.error_id) == (400, "api.oauth.allow_oauth.invalid_request.app_error")

    verifier, challenge = pkce()
    code = (await consent(client(ada), public_app, **challenge))["code"]
    granted = await fetch(client(), public_app, grant_type="authorization_code", code=code, code_verifier=verifier)
    assert granted.status == 200

    code = (await consent(client(ada), public_app, **challenge))["code"]
    for wrong in ("", "x" * 43, verifier + "x"):
        reply = await fetch(client(), public_app, grant_type="authorization_code", code=code, code_verifier=wrong)
        assert reply.json["error"] == "invalid_grant"
    late = await fetch(client(), public_app, grant_type="authorization_code", code=code, code_verifier=verifier)
    assert late.json["error"] == "invalid_grant", "a wrong verifier ends the code"


async def test_a_verifier_without_a_challenge_is_refused(client: Clients, ada: Person, app: App) -> None:
    code = (await consent(client(ada), app))["code"]
    reply = await fetch(client(), app, grant_type="authorization_code", code=code, code_verifier="v" * 43)

    assert reply.json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("method", "challenge"), [("plain", "x" * 43), ("", "x" * 43), ("S256", "short"), ("S256", "ä" * 43), ("S256", "")]
)
async def test_only_the_safe_challenge_is_taken(
    client: Clients, ada: Person, app: App, method: str, challenge: str
) -> None:
    asked = app.asking(code_challenge=challenge, code_challenge_method=method)

    assert (await client(ada).post("//oauth/authorize", asked)).status == 400


async def test_tokens_are_renewed_and_the_old_ones_end(client: Clients, ada: Person, app: App) -> None:
    first = await tokens(client(), client(ada), app)
    second = (await fetch(client(node=1), app, grant_type="refresh_token", refresh_token=first["refresh_token"])).ok()

    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (await client().get("/users/me", **bearing(first["access_token"]))).status == 401
    assert (await client().get("/users/me", **bearing(second["access_token"]))).status == 200


async def test_an_old_refresh_token_ends_everything(client: Clients, ada: Person, app: App) -> None:
    first = await tokens(client(), client(ada), app)
    renewing = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await fetch(client(), app, **renewing)).ok()

    assert (await fetch(client(), app, **renewing)).json["error"] == "invalid_grant"
    assert (await client().get("/users/me", **bearing(second["access_token"]))).status == 401
    last = await fetch(client(), app, grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert last.json["error"] == "invalid_grant"


async def test_what_is_taken_back_ends_at_once_on_all_nodes(
    client: Clients, ada: Person, app: App, socket: Sockets
) -> None:
    granted = await tokens(client(), client(ada), app)
    as_app = Person({"id": ada.id, "username": ada.username, "email": ada.email}, granted["access_token"])
    async with socket(as_app, node=1) as events:
        (await client(ada).post("//oauth/deauthorize", {"client_id": app.id})).ok()
        await asyncio.wait_for(events.connection.wait_closed(), PATIENCE)

    assert (await client(node=1).get("/users/me", **bearing(granted["access_token"]))).status == 401
    refreshed = await fetch(client(), app, grant_type="refresh_token", refresh_token=granted["refresh_token"])
    assert refreshed.json["error"] == "invalid_grant"
    assert (await client(ada).get("/users/me/oauth/apps/authorized")).ok() == []
    again = await client(ada).post("//oauth/deauthorize", {"client_id": app.id})
    assert (again.status, again.error_id) == (400, "api.oauth.deauthorize.not_authorized.app_error")


async def test_a_new_password_a_revoked_session_and_deactivation_end_renewal(
    client: Clients, admin: Person, make: Make, app: App
) -> None:
    async def granted_to(person: Person) -> dict[str, str]:
        return {
            "grant_type": "refresh_token",
            "refresh_token": (await tokens(client(), client(person), app))["refresh_token"],
        }

    changing, leaving, revoking = await make.users(3)
    renewals = [await granted_to(each) for each in (changing, leaving, revoking)]
    new = {"current_password": PASSWORD, "new_password": PASSWORD + "2"}
    (await client(changing).put(f"/users/{changing.id}/password", new)).ok()
    (await client(admin).delete(f"/users/{leaving.id}")).ok()
    (session,) = [each for each in (await client(revoking).get("/users/me/sessions")).ok() if each["is_oauth"]]
    (await client(revoking).post("/users/me/sessions/revoke", {"session_id": session["id"]})).ok()

    for renewal in renewals:
        assert (await fetch(client(), app, **renewal)).json["error"] == "invalid_grant"


async def test_an_app_can_let_no_app_in_and_change_none(client: Clients, admin: Person, app: App) -> None:
    granted = await tokens(client(), client(admin), app)
    as_app = bearing(granted["access_token"])

    for reply in (
        await client().post("//oauth/authorize", app.asking(), **as_app),
        await client().post("//oauth/deauthorize", {"client_id": app.id}, **as_app),
        await client().delete(f"/oauth/apps/{app.id}", **as_app),
        await client().post(f"/oauth/apps/{app.id}/regen_secret", **as_app),
        await client().post("/oauth/apps", app.body, **as_app),
        await client().post("/users/me/tokens", {"description": "lasting"}, **as_app),
        await client().put("/users/me/patch", {"email": "app@example.org"}, **as_app),
    ):
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")


async def test_renewal_does_not_unlock_an_account(client: Clients, make: Make, app: App, node: TestNode) -> None:
    locked = await make.user()
    granted = await tokens(client(), client(locked), app)
    await node.services.db.run(SQL("UPDATE users SET failed_attempts = 10 WHERE id = $1"), locked.id)

    assert (
        await fetch(client(), app, grant_type="refresh_token", refresh_token=granted["refresh_token"])
    ).status == 200
    login = {"login_id": locked.username, "password": PASSWORD}
    assert (await client().post("/users/login", login)).status == 401


async def test_the_implicit_way_gives_a_token_in_the_fragment(client: Clients, ada: Person, app: App) -> None:
    reply = await client(ada).post("//oauth/authorize", app.asking(response_type="token"))
    redirect = reply.ok()["redirect"]
    answer = answer_in(redirect)

    assert "#access_token=" in redirect
    assert (answer["token_type"], answer["expires_in"], answer["state"]) == ("bearer", str(720 * 3600), "s 1")
    assert (await client().get("/users/me", **bearing(answer["access_token"]))).ok()["id"] == ada.id


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example/back?from=hub",
        "https://app.example.org/back",
        "https://app.example.org/back?from=hub&more=1",
        "https://app.example.org/back?from=hub#x",
        "https://app.example.org.evil.example/back?from=hub",
        "javascript:alert(1)",
        "//evil.example",
    ],
)
async def test_the_answer_goes_nowhere_else(client: Clients, ada: Person, app: App, redirect_uri: str) -> None:
    asked = app.asking(redirect_uri=redirect_uri)
    page = await client(ada).get("//oauth/authorize", params=asked)
    posted = await client(ada).post("//oauth/authorize", asked)

    assert page.status == 400
    assert "location" not in page.headers
    assert (posted.status, posted.error_id) == (400, "api.oauth.allow_oauth.invalid_request.app_error")


async def test_an_app_on_the_own_machine_may_listen_on_any_port(client: Clients, admin: Person, ada: Person) -> None:
    app = await register(client(admin), callback_urls=["http://127.0.0.1/cb", "https://a.example/"], is_public=True)
    _, challenge = pkce()

    async def redirect(uri: str) -> int:
        asked = app.asking(redirect_uri=uri, **challenge)
        return (await client(ada).post("//oauth/authorize", asked)).status

    assert await redirect("http://127.0.0.1:51004/cb") == 200
    assert await redirect("http://127.0.0.1:51004/other") == 400
    assert await redirect("http://127.0.0.1:x/cb") == 400
    assert await redirect("http://127.0.0.1@evil.example/cb") == 400
    assert await redirect("https://a.example:8443/") == 400


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": ""}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x" * 26}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "ü"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 5000}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "a\0b"}, "invalid_request"),
        ({"grant_type": "authorization_code", "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "authorization_code", "client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "authorization_code", "client_id": "0" * 26}, "invalid_client"),
    ],
)
async def test_refusals_are_in_the_protocols_words(
    client: Clients, app: App, fields: dict[str, str], error: str
) -> None:
    reply = await fetch(client(), app, **fields)

    assert (reply.status, reply.json["error"]) == (401 if error == "invalid_client" else 400, error)
    assert reply.error_id.startswith("api.oauth.get_access_token.")
    assert app.secret not in reply.text


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a=1&a=2&client_id=x&client_id=y", b"{}", b"x" * 20_000, b"%00=1"])
async def test_forms_that_are_none(client: Clients, raw: bytes) -> None:
    reply = await client().request("POST", "//oauth/access_token", raw)

    assert reply.status in (400, 401, 413)


async def test_what_is_not_asked_rightly_goes_back_to_the_app(client: Clients, ada: Person, app: App) -> None:
    page = await client(ada).get("//oauth/authorize", params=app.asking(response_type="magic"))

    assert page.status == 302
    answer = answer_in(page.headers["location"])
    assert (answer["error"], answer["state"]) == ("unsupported_response_type", "s 1")


async def test_the_page_asks_who_you_are_then_what_you_allow(client: Clients, ada: Person, app: App) -> None:
    stranger = await client().get("//oauth/authorize", params=app.asking())
    known = await client(ada).get("//oauth/authorize", params=app.asking())

    assert (stranger.status, known.status) == (200, 200)
    assert 'data-step="login"' in stranger.text
    assert 'data-step="consent"' in known.text
    assert f"@{ada.username}" in known.text
    policy = known.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert known.headers["x-frame-options"] == "DENY"
    assert app.secret not in known.text


async def test_nothing_that_an_app_says_becomes_markup(client: Clients, admin: Person, ada: Person) -> None:
    app = await register(client(admin), name='"><script>x', description="<img src=x> {{nonce}} {{username}}")
    page = await client(ada).get("//oauth/authorize", params=app.asking(state='"><b>'))

    assert "<script>x" not in page.text
    assert "<img" not in page.text
    assert page.text.count("<script") == 1
    assert page.text.count(f"@{ada.username}") == 1


async def test_nothing_that_an_app_says_takes_another_part_of_the_page(
    client: Clients, admin: Person, ada: Person
) -> None:
    app = await register(client(admin), name="{{{description}}", description="said of itself {{{username}}")
    page = await client(ada).get("//oauth/authorize", params=app.asking())

    assert page.text.count("said of itself") == 1
    assert page.text.count(ada.username) == 1


async def test_who_lacks_the_second_factor_lets_no_app_in(
    client: Clients, admin: Person, ada: Person, settings: Settings
) -> None:
    trusted = await register(client(admin), is_trusted=True)
    settings(ServiceSettings={"EnableMultifactorAuthentication": True, "EnforceMultifactorAuthentication": True})
    page = await client(ada).get("//oauth/authorize", params=trusted.asking())

    assert (page.status, "location" in page.headers) == (400, False)
    assert "second factor" in page.text


async def test_trusted_apps_and_those_let_in_before_are_let_in_at_once(
    client: Clients, admin: Person, ada: Person, app: App, public_app: App
) -> None:
    trusted = await register(client(admin), is_trusted=True)
    at_once = await client(ada).get("//oauth/authorize", params=trusted.asking())
    assert "code" in answer_in(at_once.headers["location"])

    assert (await client(ada).get("//oauth/authorize", params=app.asking())).status == 200
    await consent(client(ada), app)
    again = await client(ada).get("//oauth/authorize", params=app.asking())
    assert (again.status, "code" in answer_in(again.headers["location"])) == (302, True)

    _, challenge = pkce()
    await consent(client(ada), public_app, **challenge)
    asked = await client(ada).get("//oauth/authorize", params=public_app.asking(**challenge))
    assert asked.status == 200, "anybody can say that they are a public client"


async def test_a_cookie_alone_lets_no_app_in(client: Clients, ada: Person, app: App) -> None:
    cookie = {"headers": {"cookie": f"MMAUTHTOKEN={ada.token}"}}

    assert (await client().post("//oauth/authorize", app.asking(), **cookie)).status == 401


async def test_programs_find_their_way(client: Clients, settings: Settings) -> None:
    assert (await client().get("//.well-known/oauth-authorization-server")).status == 400
    settings(ServiceSettings={"SiteURL": "https://hub.example/"})
    metadata = (await client().get("//.well-known/oauth-authorization-server")).ok()

    assert metadata["issuer"] == "https://hub.example"
    assert metadata["authorization_endpoint"] == "https://hub.example/oauth/authorize"
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert "registration_endpoint" not in metadata


async def test_grants_make_room_for_each_other_and_old_ones_are_swept(
    client: Clients, ada: Person, app: App, node: TestNode
) -> None:
    for _ in range(52):
        await consent(client(ada), app)
    count = SQL("SELECT count(*) FROM oauth_grants WHERE app_id = $1")
    assert await node.services.db.value(count, app.id) == 50

    now = (await node.services.db.value(SQL("SELECT max(expires_at) FROM oauth_grants WHERE app_id = $1"), app.id)) + 1
    await queries.sweep(node.services.db, now, 0)
    assert await node.services.db.value(count, app.id) == 0


async def test_what_is_not_there(client: Clients, ada: Person) -> None:
    asked = {"client_id": new_id(), "response_type": "code"}

    assert (await client(ada).post("//oauth/authorize", asked)).status == 400
    assert (await client(ada).get("//oauth/authorize", params=asked)).status == 400
    assert (await client(ada).get("//oauth/authorize")).status == 400
