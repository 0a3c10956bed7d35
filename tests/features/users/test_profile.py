"""Profiles: reading and changing one's own, those of others, and who hears of it."""

from collections.abc import Callable
from typing import Any

import pytest

from server.context import request_context
from server.db import SQL
from server.ids import new_id
from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]
PRIVATE = {"notify_props", "email_verified", "last_password_update", "failed_attempts", "allow_marketing"}


async def test_one_sees_oneself_whole_and_others_by_the_privacy_settings(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada, bob = await make.user(first_name="Ada", last_name="King"), await make.user()

    own = (await client(ada).get("/users/me")).ok()
    seen = (await client(bob).get(f"/users/{ada.id}")).ok()
    assert own["notify_props"]["desktop"] == "mention"
    assert own["last_password_update"] > 0
    assert seen["email"] == ada.email
    assert seen["first_name"] == "Ada"
    assert seen["auth_data"] == ""
    assert not PRIVATE & set(seen)

    settings(PrivacySettings={"ShowEmailAddress": False, "ShowFullName": False})
    hidden = (await client(bob).get(f"/users/{ada.id}")).ok()
    known = (await client(admin).get(f"/users/{ada.id}")).ok()
    assert (hidden["email"], hidden["first_name"], hidden["last_name"]) == ("", "", "")
    assert hidden["username"] == ada.username
    assert (known["email"], known["first_name"], known["last_name"]) == (ada.email, "Ada", "King")
    assert (await client(ada).get(f"/users/{ada.id}")).ok()["email"] == ada.email


async def test_reading_oneself_costs_no_statement_once_it_is_known(make: Make, client: Clients, counted: Any) -> None:
    ada = await make.user()
    (await client(ada).get("/users/me")).ok()

    with counted(sql=0):
        (await client(ada).get("/users/me")).ok()


async def test_a_client_that_has_the_newest_profile_gets_304(make: Make, client: Clients) -> None:
    ada = await make.user()
    etag = (await client(ada).get("/users/me")).headers["etag"]

    fresh = await client(ada).get("/users/me", headers={"If-None-Match": etag})
    (await client(ada).put("/users/me/patch", {"nickname": "Countess"})).ok()
    changed = await client(ada).get("/users/me", headers={"If-None-Match": etag})

    assert (fresh.status, fresh.content, fresh.headers["etag"]) == (304, b"", etag)
    assert changed.ok()["nickname"] == "Countess"
    assert changed.headers["etag"] != etag


@pytest.mark.parametrize(
    ("path", "status", "error_id"),
    [
        ("/users/{missing}", 404, "app.user.missing_account.const"),
        ("/users/nobody", 400, "api.context.invalid_url_param.app_error"),
        ("/users/username/no-such-user", 404, "app.user.get_by_username.app_error"),
        ("/users/email/nobody@example.org", 404, "app.user.missing_account.const"),
        ("/users/email/nobody", 400, "model.user.is_valid.email.app_error"),
    ],
)
async def test_unknown_people_are_not_found(make: Make, client: Clients, path: str, status: int, error_id: str) -> None:
    reply = await client(await make.user()).get(path.replace("{missing}", "x" * 26))

    assert (reply.status, reply.error_id) == (status, error_id)


async def test_people_are_found_by_name_and_address(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada, bob = await make.users(2)

    assert (await client(bob).get(f"/users/username/{ada.username.upper()}")).ok()["id"] == ada.id
    assert (await client(bob).get(f"/users/email/{ada.email}")).ok()["id"] == ada.id

    settings(PrivacySettings={"ShowEmailAddress": False})
    refused = await client(bob).get(f"/users/email/{ada.email}")
    assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error")
    assert (await client(admin).get(f"/users/email/{ada.email}")).ok()["id"] == ada.id


async def test_without_a_session_nobody_sees_people(client: Clients, admin: Person) -> None:
    for path in ("/users/me", f"/users/{admin.id}", "/users", "/users/known", f"/users/username/{admin.username}"):
        reply = await client().get(path)
        assert (reply.status, reply.error_id) == (401, "api.context.session_expired.app_error")


async def test_a_patch_changes_only_what_it_names(make: Make, client: Clients) -> None:
    ada = await make.user(nickname="Countess", position="analyst")
    before = (await client(ada).get("/users/me")).ok()

    patched = (
        await client(ada).put(
            "/users/me/patch",
            {"position": "", "first_name": None, "props": {"a": "b"}, "notify_props": {"push": "all"}},
        )
    ).ok()

    assert (patched["nickname"], patched["position"], patched["props"]) == ("Countess", "", {"a": "b"})
    assert patched["notify_props"] == {**before["notify_props"], "push": "all"}
    assert patched["update_at"] > before["update_at"]
    assert (await client(ada, node=1).get("/users/me")).ok() == patched


async def test_a_put_replaces_the_profile(make: Make, client: Clients) -> None:
    ada = await make.user(nickname="Countess", first_name="Ada")
    body = {"id": ada.id, "username": ada.username, "email": ada.email, "last_name": "King"}

    replaced = (await client(ada).put(f"/users/{ada.id}", body)).ok()
    other_id = await client(ada).put(f"/users/{ada.id}", {**body, "id": "x" * 26})

    assert (replaced["nickname"], replaced["first_name"], replaced["last_name"]) == ("", "", "King")
    assert replaced["notify_props"]["desktop"] == "mention"
    assert (other_id.status, other_id.error_id) == (400, "api.context.invalid_body_param.app_error")


async def test_nobody_changes_others_but_managers_of_accounts(make: Make, client: Clients, admin: Person) -> None:
    ada, bob = await make.users(2)

    for method, path, body in (
        ("PUT", "/patch", {"nickname": "x"}),
        ("PUT", "", {"id": ada.id, "username": "x", "email": ada.email}),
        ("DELETE", "", None),
        ("PUT", "/roles", {"roles": "system_user"}),
        ("PUT", "/active", {"active": False}),
        ("PUT", "/password", {"new_password": "Sup3rsecret!!"}),
        ("DELETE", "/image", None),
        ("GET", "/sessions", None),
        ("POST", "/sessions/revoke/all", None),
        ("POST", "/typing", {"channel_id": "x" * 26}),
    ):
        reply = await client(bob).request(method, f"/users/{ada.id}{path}", body)
        assert reply.status == 403, (method, path, reply)
    assert (await client(admin).put(f"/users/{ada.id}/patch", {"nickname": "Countess"})).ok()["nickname"] == "Countess"


INSERT_MANAGER_ROLE = SQL("""
    INSERT INTO roles (id, name, create_at, update_at, permissions)
    VALUES ($1, 'account_manager', 1, 1, '{sysconsole_write_user_management_users,edit_other_users,manage_roles}')
""")


async def test_a_manager_of_accounts_does_not_change_or_make_administrators(
    make: Make, client: Clients, admin: Person, node: TestNode
) -> None:
    ada, eve = await make.users(2)
    await node.services.db.run(INSERT_MANAGER_ROLE, new_id())
    await request_context(node.services).tell(["roles"])
    (await client(admin).put(f"/users/{eve.id}/roles", {"roles": "system_user account_manager"})).ok()

    for method, path, body in (
        ("PUT", "/active", {"active": False}),
        ("PUT", "/password", {"new_password": "Sup3rsecret!!"}),
        ("PUT", "/patch", {"nickname": "x"}),
        ("PUT", "/roles", {"roles": "system_user"}),
    ):
        refused = await client(eve).request(method, f"/users/{admin.id}{path}", body)
        assert (refused.status, refused.error_id) == (403, "api.context.permissions.app_error"), path
        (await client(eve).request(method, f"/users/{ada.id}{path}", body)).ok()
    for person in (ada, eve):
        reply = await client(eve).put(f"/users/{person.id}/roles", {"roles": "system_user system_admin"})
        assert reply.status == 403


@pytest.mark.parametrize(
    ("patch", "error_id"),
    [
        ({"username": "a b"}, "model.user.is_valid.username.app_error"),
        ({"username": "all"}, "model.user.is_valid.username.app_error"),
        ({"nickname": "n" * 65}, "model.user.is_valid.nickname.app_error"),
        ({"locale": "??"}, "model.user.is_valid.locale.app_error"),
        ({"email": "new@example.org"}, "api.context.invalid_body_param.app_error"),
        ({"email": "new@example.org", "password": "wrong"}, "api.context.invalid_body_param.app_error"),
        ({"email": "nothing", "password": PASSWORD}, "model.user.is_valid.email.app_error"),
        ({"nickname": 7}, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_a_patch_that_breaks_a_rule_is_refused_and_changes_nothing(
    make: Make, client: Clients, patch: dict[str, Any], error_id: str
) -> None:
    ada = await make.user()
    before = (await client(ada).get("/users/me")).ok()

    reply = await client(ada).put("/users/me/patch", patch)

    assert (reply.status, reply.error_id) == (400, error_id)
    after = (await client(ada).get("/users/me")).ok()
    assert after == {**before, **{key: after[key] for key in ("failed_attempts",) if key in after}}


async def test_taken_names_and_addresses_are_refused(make: Make, client: Clients) -> None:
    ada, bob = await make.users(2)

    name = await client(ada).put("/users/me/patch", {"username": bob.username.upper()})
    email = await client(ada).put("/users/me/patch", {"email": bob.email, "password": PASSWORD})

    assert (name.status, name.error_id) == (400, "app.user.save.username_exists.app_error")
    assert (email.status, email.error_id) == (400, "app.user.save.email_exists.app_error")


async def test_a_new_address_must_be_of_an_accepted_domain(
    make: Make, client: Clients, settings: Callable[..., None]
) -> None:
    ada = await make.user()
    settings(TeamSettings={"RestrictCreationToDomains": "example.org"})

    new = {"email": f"{ada.username}@elsewhere.example", "password": ada.password}
    refused = await client(ada).put("/users/me/patch", new)
    allowed = await client(ada).put("/users/me/patch", {**new, "email": f"new-{ada.email}"})

    assert (refused.status, refused.error_id) == (400, "api.user.create_user.accepted_domain.app_error")
    assert allowed.ok()["email"] == f"new-{ada.email}"


async def test_a_new_address_needs_the_password_and_is_unproven(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    await node.services.db.run(SQL("UPDATE users SET email_verified = true WHERE id = $1"), ada.id)
    address = f"{make.name('new')}@example.org"

    changed = (await client(ada).put("/users/me/patch", {"email": address, "password": PASSWORD})).ok()

    assert changed["email"] == address
    assert "email_verified" not in changed


async def test_a_new_name_replaces_the_old_one_among_the_keywords(make: Make, client: Clients) -> None:
    ada = await make.user()
    keys = f"engine,{ada.username},@{ada.username}, Engine"
    (await client(ada).put("/users/me/patch", {"notify_props": {"mention_keys": keys}})).ok()
    name = make.name("renamed")

    renamed = (await client(ada).put("/users/me/patch", {"username": name})).ok()

    assert renamed["notify_props"]["mention_keys"] == f"engine,{name},@{name}"


async def test_each_hears_of_a_changed_profile_what_is_theirs_to_see(
    make: Make, client: Clients, admin: Person, socket: Any, settings: Settings
) -> None:
    ada, bob = await make.users(2)
    settings(PrivacySettings={"ShowEmailAddress": False})
    async with socket(ada) as own, socket(bob, node=1) as other, socket(admin) as manager:
        (await client(ada).put("/users/me/patch", {"nickname": "Countess"})).ok()
        views = {}
        for who, events in (("own", own), ("other", other), ("manager", manager)):
            told = [event for event in await events.until_now() if event.name == "user_updated"]
            assert len(told) == 1, (who, told)
            views[who] = told[0].raw["user"]

    assert {view["nickname"] for view in views.values()} == {"Countess"}
    assert views["own"]["notify_props"]["desktop"] == "mention"
    assert (views["own"]["email"], views["other"]["email"], views["manager"]["email"]) == (ada.email, "", ada.email)
    assert "notify_props" not in views["other"]


async def test_a_refused_change_is_told_to_nobody(make: Make, client: Clients, socket: Any) -> None:
    ada = await make.user()
    async with socket(ada) as events:
        assert (await client(ada).put("/users/me/patch", {"username": "all"})).status == 400
        (await client(ada).put("/users/me/patch", {"nickname": ""})).ok()

        assert "user_updated" not in await events.names()


async def test_roles_are_checked_and_hold_at_once_on_all_nodes(
    make: Make, client: Clients, admin: Person, socket: Any
) -> None:
    ada = await make.user()
    assert (await client(ada, node=1).get("/roles")).status == 403
    async with socket(ada, node=1) as events:
        (await client(admin).put(f"/users/{ada.id}/roles", {"roles": "system_user system_admin"})).ok()
        told = await events.next("user_role_updated")
        assert told.raw == {"user_id": ada.id, "roles": "system_user system_admin"}
    assert (await client(ada, node=1).get("/roles")).status == 200

    for roles in ("", "no_such_role", "system_user no_such_role", "system_admin", "x" * 300):
        reply = await client(admin).put(f"/users/{ada.id}/roles", {"roles": roles})
        assert reply.status == 400
    assert (await client(admin).put(f"/users/{'x' * 26}/roles", {"roles": "system_user"})).status == 404


async def test_a_deactivated_user_is_out_on_all_nodes_until_let_in_again(
    make: Make, client: Clients, admin: Person, socket: Any
) -> None:
    ada, bob = await make.users(2)
    (await client(ada, node=1).get("/users/me")).ok()
    async with socket(bob) as events:
        (await client(admin).put(f"/users/{ada.id}/active", {"active": False})).ok()
        (await client(admin).put(f"/users/{ada.id}/active", {"active": False})).ok()
        names = await events.names()

    assert names.count("user_activation_status_change") == 1
    assert names.count("user_updated") == 1
    for number in (0, 1):
        assert (await client(ada, node=number).get("/users/me")).error_id == "api.context.session_expired.app_error"
    login = {"login_id": ada.username, "password": PASSWORD}
    refused = await client().post("/users/login", login)
    assert (refused.status, refused.error_id) == (401, "api.user.login.inactive.app_error")
    assert (await client(bob).get(f"/users/{ada.id}")).ok()["delete_at"] > 0

    (await client(admin).put(f"/users/{ada.id}/active", {"active": True})).ok()
    assert (await client().post("/users/login", login)).ok()["delete_at"] == 0


async def test_owners_deactivate_their_accounts_only_where_it_is_allowed(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada, bob, eve = await make.users(3)
    for reply in (
        await client(ada).put("/users/me/active", {"active": False}),
        await client(ada).delete("/users/me"),
    ):
        assert (reply.status, reply.error_id) == (401, "api.user.update_active.not_enable.app_error")

    (await client(admin).put(f"/users/{eve.id}/roles", {"roles": "system_user system_admin"})).ok()
    (await client(eve).delete("/users/me")).ok()  # who manages accounts manages the own one, too
    assert (await client(eve).get("/users/me")).status == 401

    settings(TeamSettings={"EnableUserDeactivation": True})
    (await client(ada).put("/users/me/active", {"active": False})).ok()
    (await client(bob).delete("/users/me")).ok()
    assert (await client(ada).get("/users/me")).status == 401
    assert (await client(bob).get("/users/me")).status == 401


async def test_accounts_are_deleted_for_good_only_by_administrators_where_it_is_allowed(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada, bob = await make.users(2)
    team = await make.team(members=[ada, bob])
    refused = await client(admin).delete(f"/users/{ada.id}?permanent=true")
    assert (refused.status, refused.error_id) == (401, "api.user.delete_user.not_enabled.app_error")

    settings(ServiceSettings={"EnableAPIUserDeletion": True})
    assert (await client(bob).delete("/users/me?permanent=true")).status == 403
    (await client(admin).delete(f"/users/{ada.id}?permanent=true")).ok()

    assert (await client(admin).get(f"/users/{ada.id}")).status == 404
    assert (await client(admin).get(f"/teams/{team.id}/members/{ada.id}")).status == 404
