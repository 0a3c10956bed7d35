"""What administrators do to accounts of others: proofs of addresses, locks, counts, and where people sign in."""

from collections.abc import Callable
from typing import Any

from server.db import SQL
from tests.clients_of import Client, Reply
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
FORBIDDEN = (403, "api.context.permissions.app_error")


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.error_id


async def log_in(client: Client, person: Person, password: str = PASSWORD) -> int:
    return (await client.post("/users/login", {"login_id": person.username, "password": password})).status


async def test_an_administrator_vouches_for_an_address(
    make: Make, client: Clients, admin: Person, settings: Settings, socket: Sockets
) -> None:
    ada, bob = await make.users(2)
    settings(EmailSettings={"RequireEmailVerification": True})
    assert await log_in(client(), ada) == 401

    assert refusal(await client(bob).post(f"/users/{ada.id}/email/verify/member")) == FORBIDDEN
    async with socket(ada, node=1) as events:
        user = (await client(admin).post(f"/users/{ada.id}/email/verify/member")).ok()
        assert (await events.next("user_updated")).data["user"]["email_verified"] is True

    assert (user["id"], user["email_verified"]) == (ada.id, True)
    assert await log_in(client(node=1), ada) == 200
    assert (await client(admin).post(f"/users/{'x' * 26}/email/verify/member")).status == 404


async def test_a_locked_account_is_unlocked(make: Make, client: Clients, admin: Person, settings: Settings) -> None:
    settings(ServiceSettings={"MaximumLoginAttempts": 2})
    ada, bob = await make.users(2)
    for _ in range(2):
        assert await log_in(client(), ada, "wrong password") == 401
    assert await log_in(client(), ada) == 401

    assert refusal(await client(bob).post(f"/users/{ada.id}/reset_failed_attempts")) == FORBIDDEN
    assert refusal(await client(ada).post(f"/users/{ada.id}/reset_failed_attempts")) == FORBIDDEN
    (await client(admin).post(f"/users/{ada.id}/reset_failed_attempts")).ok()

    assert await log_in(client(node=1), ada) == 200
    assert (await client(admin).post(f"/users/{'x' * 26}/reset_failed_attempts")).status == 404


async def test_addresses_that_could_not_sign_up_are_found(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    word = make.name("dom")
    good = await make.user(email=f"{word}@{word}.example")
    bad = await make.user(email=f"{word}@sub.{word}.example")
    guest = await make.user(email=f"{word}g@other.example")
    (await client(admin).put(f"/users/{guest.id}/roles", {"roles": "system_guest"})).ok()

    path = "/users/invalid_emails?per_page=200"
    opened = (400, "api.users.invalid_emails.enable_open_server.app_error")
    assert refusal(await client(admin).get(path)) == opened
    settings(TeamSettings={"EnableOpenServer": False})
    assert (await client(admin).get(path)).ok() == []
    settings(TeamSettings={"RestrictCreationToDomains": f"{word}.example, example.org"})
    found = (await client(admin).get(path)).ok()

    ids = {user["id"] for user in found}
    assert bad.id in ids
    assert not ids & {good.id, guest.id, admin.id}
    assert [user["username"] for user in found] == sorted(user["username"] for user in found)
    assert len((await client(admin).get("/users/invalid_emails?per_page=1")).ok()) == 1
    assert refusal(await client(good).get(path)) == FORBIDDEN


async def test_accounts_are_counted_by_kind(make: Make, client: Clients, admin: Person, settings: Settings) -> None:
    settings(ServiceSettings={"EnableBotAccountCreation": True}, GuestAccountsSettings={"Enable": True})
    ada, bob, guest, gone = await make.users(4)
    (await client(admin).post(f"/users/{guest.id}/demote")).ok()
    bot = (await client(admin).post("/bots", {"username": make.name("bot")})).ok(201)["user_id"]
    team = await make.team([ada, bob, guest, gone])
    (await client(admin).post(f"/teams/{team.id}/members", {"team_id": team.id, "user_id": bot})).ok(201)
    channel = await make.channel(team, [ada, guest])
    (await client(admin).put(f"/users/{gone.id}/active", {"active": False})).ok()
    (await client(admin).put(f"/teams/{team.id}/members/{bob.id}/roles", {"roles": "team_user team_admin"})).ok()

    async def count(query: str) -> int:
        found: int = (await client(admin).get(f"/users/stats/filtered?{query}")).ok()["total_users_count"]
        return found

    in_team = f"in_team={team.id}"
    assert await count(in_team) == 4  # the administrator made it
    assert await count(f"{in_team}&include_bots=true") == 5
    assert await count(f"{in_team}&include_deleted=true") == 5
    assert await count(f"{in_team}&roles=system_guest") == 1
    assert await count(f"{in_team}&team_roles=team_admin") == 2
    assert await count(f"{in_team}&team_roles=team_admin,team_guest") == 3
    assert await count(f"in_channel={channel.id}") == 3
    assert await count(f"in_channel={channel.id}&channel_roles=channel_guest") == 1
    everyone = await count("")
    assert await count("include_deleted=true") > everyone >= 4
    assert everyone == (await client(admin).get("/users/stats")).ok()["total_users_count"]
    assert (await client(admin).get("/users/stats/filtered?in_team=short")).status == 400
    assert refusal(await client(ada).get(f"/users/stats/filtered?{in_team}")) == FORBIDDEN


async def test_an_account_is_moved_to_a_service_that_is_on_and_back(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada, bob = await make.users(2)
    moved = {"auth_service": "gitlab", "auth_data": f"lab-{ada.id}"}
    path = f"/users/{ada.id}/auth"

    assert refusal(await client(admin).put(path, moved)) == (501, "api.user.update_auth.not_available.app_error")
    settings(GitLabSettings={"Enable": True})
    assert refusal(await client(ada).put(path, moved)) == FORBIDDEN
    for wrong in ({"auth_service": "gitlab"}, {"auth_data": "x"}, {"auth_service": "pigeon", "auth_data": "x"}):
        assert (await client(admin).put(path, wrong)).status == 400
    assert (await client(admin).put(path, {**moved, "password": "never shown"})).ok() == moved

    assert (await client(ada, node=1).get("/users/me")).status == 401
    elsewhere = await client().post("/users/login", {"login_id": ada.username, "password": PASSWORD})
    assert refusal(elsewhere) == (400, "api.user.login.use_auth_service.app_error")
    asked = await client().post("/users/login/type", {"login_id": ada.username})
    assert asked.ok() == {"auth_service": "gitlab"}
    taken = await client(admin).put(f"/users/{bob.id}/auth", moved)
    assert refusal(taken) == (400, "app.user.save.existing.app_error")

    assert (await client(admin).put(path, {"auth_service": "email"})).ok() == {"auth_data": "", "auth_service": ""}
    assert await log_in(client(), ada) == 401  # the password of before is forgotten
    (await client(admin).put(f"/users/{ada.id}/password", {"new_password": "Another-password-9"})).ok()
    assert await log_in(client(), ada, "Another-password-9") == 200


async def test_nobody_deletes_everybody(client: Clients, make: Make, admin: Person) -> None:
    ada = await make.user()

    assert refusal(await client(admin).delete("/users")) == (403, "api.user.delete_all.local_only.app_error")
    assert refusal(await client(ada).delete("/users")) == FORBIDDEN
    assert (await client(ada).get("/users/me")).ok()["id"] == ada.id


async def test_a_locked_out_owner_is_not_told_apart_from_nobody(make: Make, client: Clients, node: TestNode) -> None:
    ada = await make.user()
    unknown = await client().post("/users/login/type", {"login_id": "nobody-at-all"})
    known = await client().post("/users/login/type", {"login_id": ada.email.upper(), "device_id": "x"})
    by_id = await client().post("/users/login/type", {"id": ada.id})
    await node.services.db.run(SQL("UPDATE users SET delete_at = 1 WHERE id = $1"), ada.id)
    gone = await client().post("/users/login/type", {"login_id": ada.username})

    assert {reply.text for reply in (unknown, known, by_id, gone)} == {'{"auth_service":""}'}
    assert (await client().post("/users/login/type", {})).status == 400


async def test_accounts_can_not_be_switched_to_services_that_are_not_there(
    make: Make, client: Clients, settings: Settings
) -> None:
    ada = await make.user()

    async def switched(current: str, new: str) -> tuple[int, str]:
        body = {"current_service": current, "new_service": new, "email": ada.email, "password": PASSWORD}
        return refusal(await client().post("/users/login/switch", body))

    assert await switched("email", "gitlab") == (501, "api.user.email_to_oauth.not_available.app_error")
    assert await switched("email", "ldap") == (501, "api.user.email_to_ldap.not_available.app_error")
    assert await switched("ldap", "email") == (501, "api.user.ldap_to_email.not_available.app_error")
    assert await switched("saml", "email") == (501, "api.user.oauth_to_email.not_available.app_error")
    for pair in (("email", "email"), ("email", "pigeon"), ("pigeon", "email")):
        assert (await switched(*pair))[0] == 400
    settings(ServiceSettings={"ExperimentalEnableAuthenticationTransfer": False})
    assert (await switched("email", "gitlab"))[0] == 403
    assert await log_in(client(), ada) == 200
