"""Making accounts: who may, what is stored, what is refused, who hears of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.features.users.models import SendTeamInvitation
from server.features.users.token_queries import TEAM_INVITATION, insert_mail_token
from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode, start_node

Clients = Callable[..., Client]
Settings = Callable[..., None]


def account(name: str, **fields: Any) -> dict[str, Any]:
    """A body of POST /users."""
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **fields}


async def test_a_new_account_has_the_defaults_and_ignores_what_the_server_decides(make: Make, client: Clients) -> None:
    name = make.name("Ada")
    body = account(
        name,
        email=f"{name}@Example.ORG",
        nickname="Countess",
        first_name="Ada",
        last_name="King",
        position="analyst",
        locale="fr",
        props={"fond_of": "engines"},
        notify_props={"desktop": "all"},
        roles="system_admin",
        create_at=1,
        delete_at=5,
        failed_attempts=3,
        auth_service="ldap",
        auth_data="ada",
        unknown_field=[1, 2],
        remote_id=None,
    )

    user = (await client().post("/users", body)).ok(201)

    assert user["username"] == name.lower()
    assert user["email"] == f"{name}@example.org".lower()
    assert user["roles"] == "system_user"
    assert user["delete_at"] == 0
    assert user["create_at"] == user["update_at"] > 1_600_000_000_000
    assert user["auth_service"] == ""
    assert user["locale"] == "fr"
    assert user["props"] == {"fond_of": "engines"}
    assert user["notify_props"]["desktop"] == "all"
    assert user["notify_props"]["email"] == "true"
    assert user["timezone"]["useAutomaticTimezone"] == "true"
    assert len(user["id"]) == 26
    assert "password" not in user
    ada = await make.login(user)
    steps = (await client(ada).get(f"/users/{ada.id}/preferences")).ok()
    assert {"user_id": ada.id, "category": "tutorial_step", "name": ada.id, "value": "0"} in steps


async def test_only_the_first_account_of_a_service_becomes_administrator(
    fresh_database: str, redis_server: Any, tmp_path: Path
) -> None:
    async with start_node(fresh_database, redis_server.url, tmp_path) as node:
        first, second = [(await node.client().post("/users", account(name))).ok(201) for name in ("eve", "adam")]

    assert first["roles"] == "system_admin system_user"
    assert second["roles"] == "system_user"


@pytest.mark.parametrize(
    ("fields", "error_id"),
    [
        ({"username": ""}, "model.user.is_valid.username.app_error"),
        ({"username": "a b"}, "model.user.is_valid.username.app_error"),
        ({"username": "ünï"}, "model.user.is_valid.username.app_error"),
        ({"username": "a" * 65}, "model.user.is_valid.username.app_error"),
        ({"username": "Channel"}, "model.user.is_valid.username.app_error"),
        ({"username": "all"}, "model.user.is_valid.username.app_error"),
        ({"email": ""}, "model.user.is_valid.email.app_error"),
        ({"email": "nobody"}, "model.user.is_valid.email.app_error"),
        ({"email": "a@b@example.org"}, "model.user.is_valid.email.app_error"),
        ({"email": "a\r\nBcc: b@example.org"}, "model.user.is_valid.email.app_error"),
        ({"email": "a" * 120 + "@example.org"}, "model.user.is_valid.email.app_error"),
        ({"password": ""}, "model.user.is_valid.pwd.app_error"),
        ({"password": "short"}, "model.user.is_valid.pwd.app_error"),
        ({"password": "x" * 73}, "model.user.is_valid.pwd.app_error"),
        ({"password": "ü" * 37}, "model.user.is_valid.pwd.app_error"),
        ({"nickname": "n" * 65}, "model.user.is_valid.nickname.app_error"),
        ({"first_name": "n" * 65}, "model.user.is_valid.first_name.app_error"),
        ({"last_name": "n" * 65}, "model.user.is_valid.last_name.app_error"),
        ({"position": "n" * 129}, "model.user.is_valid.position.app_error"),
        ({"locale": "klingon"}, "model.user.is_valid.locale.app_error"),
        ({"props": {"note": "x" * 8001}}, "model.user.is_valid.props.app_error"),
        ({"notify_props": {"mention_keys": "x" * 2001}}, "model.user.is_valid.notify_props.app_error"),
        ({"timezone": {"manualTimezone": "x" * 257}}, "model.user.is_valid.timezone_limit.app_error"),
        ({"id": "a" * 26}, "app.user.save.existing.app_error"),
        ({"email": 5}, "api.context.invalid_body_param.app_error"),
        ({"props": {"note": 1}}, "api.context.invalid_body_param.app_error"),
        ({"nickname": "nul\0"}, "api.context.invalid_body_param.app_error"),
    ],
)
async def test_a_profile_that_breaks_a_rule_is_refused(
    make: Make, client: Clients, fields: dict[str, Any], error_id: str
) -> None:
    reply = await client().post("/users", account(make.name("broken"), **fields))

    assert (reply.status, reply.error_id) == (400, error_id)


@pytest.mark.parametrize("fields", [{"nickname": "n" * 64}, {"email": "nobody{}@lab.local"}, {"username": "{}.-_"}])
async def test_a_profile_at_the_limits_is_accepted(make: Make, client: Clients, fields: dict[str, str]) -> None:
    name = make.name("limit")
    fields = {key: value.replace("{}", name) for key, value in fields.items()}

    (await client().post("/users", account(name, **fields))).ok(201)


async def test_names_and_addresses_are_unique_in_any_case(make: Make, client: Clients) -> None:
    ada = await make.user()

    same_name = await client().post("/users", account(ada.username.upper(), email="other@example.org"))
    same_email = await client().post("/users", account(make.name("other"), email=ada.email.upper()))

    assert (same_name.status, same_name.error_id) == (400, "app.user.save.username_exists.app_error")
    assert (same_email.status, same_email.error_id) == (400, "app.user.save.email_exists.app_error")


async def test_passwords_need_the_kinds_of_characters_that_the_settings_name(
    make: Make, client: Clients, settings: Settings
) -> None:
    settings(
        PasswordSettings={"MinimumLength": 10, "Lowercase": True, "Number": True, "Uppercase": True, "Symbol": True}
    )
    error_id = "model.user.is_valid.pwd_lowercase_uppercase_number_symbol.app_error"

    for password in ("Ab1!short", "ab1!longenough", "AB1!LONGENOUGH", "Abc!longenough", "Abc1longenough"):
        reply = await client().post("/users", account(make.name("weak"), password=password))
        assert (reply.status, reply.error_id) == (400, error_id)
    (await client().post("/users", account(make.name("strong"), password="Ab1!longenough"))).ok(201)


async def test_a_closed_server_lets_only_administrators_and_invited_ones_make_accounts(
    make: Make, client: Clients, admin: Person, settings: Settings
) -> None:
    ada, team = await make.user(), await make.team()
    settings(TeamSettings={"EnableOpenServer": False})

    for caller in (client(), client(ada)):
        reply = await caller.post("/users", account(make.name("stranger")))
        assert (reply.status, reply.error_id) == (403, "api.user.create_user.no_open_server")
    (await client(admin).post("/users", account(make.name("hired")))).ok(201)
    invited = account(make.name("invited"))
    (await client().post(f"/users?iid={team.body['invite_id']}", invited)).ok(201)


async def test_of_many_first_sign_ups_at_once_one_becomes_administrator_and_a_closed_server_takes_no_other(
    fresh_database: str, redis_server: Any, tmp_path: Path
) -> None:
    async with (
        start_node(fresh_database, redis_server.url, tmp_path) as one,
        start_node(fresh_database, redis_server.url, tmp_path) as two,
    ):
        for node in (one, two):
            node.change_settings({"TeamSettings": {"EnableOpenServer": False}})
        replies = await asyncio.gather(
            *((one, two)[number % 2].client().post("/users", account(f"early{number}")) for number in range(8))
        )

    assert [reply.json["roles"] for reply in replies if reply.status == 201] == ["system_admin system_user"]
    refused = {(reply.status, reply.error_id) for reply in replies if reply.status != 201}
    assert refused == {(403, "api.user.create_user.no_open_server")}


async def test_only_administrators_vouch_for_addresses_of_new_accounts(
    make: Make, client: Clients, admin: Person
) -> None:
    said = {"email_verified": True, "disable_welcome_email": True}

    by_admin = (await client(admin).post("/users", account(make.name("vouched"), **said))).ok(201)
    by_stranger = (await client().post("/users", account(make.name("stranger"), **said))).ok(201)

    assert by_admin["email_verified"] is True
    assert "email_verified" not in by_stranger


async def test_sign_up_can_be_switched_off(make: Make, client: Clients, admin: Person, settings: Settings) -> None:
    settings(EmailSettings={"EnableSignUpWithEmail": False})
    reply = await client().post("/users", account(make.name("late")))
    assert (reply.status, reply.error_id) == (501, "api.user.create_user.signup_email_disabled.app_error")

    settings(TeamSettings={"EnableUserCreation": False})
    reply = await client().post("/users", account(make.name("late")))
    assert (reply.status, reply.error_id) == (501, "api.user.create_user.disabled.app_error")

    (await client(admin).post("/users", account(make.name("hired")))).ok(201)


async def test_addresses_of_foreign_domains_are_refused(make: Make, client: Clients, settings: Settings) -> None:
    settings(TeamSettings={"RestrictCreationToDomains": "example.org, @example.com"})

    name = make.name("foreign")
    for domain in ("example.net", "sub.example.org", "notexample.org"):
        reply = await client().post("/users", account(name, email=f"{name}@{domain}"))
        assert (reply.status, reply.error_id) == (400, "api.user.create_user.accepted_domain.app_error")
    (await client().post("/users", account(name, email=f"{name}@Example.com"))).ok(201)


async def test_the_invite_id_of_a_team_leads_into_it(make: Make, client: Clients) -> None:
    team = await make.team(allowed_domains="example.org")
    path = f"/users?iid={team.body['invite_id']}"

    ada = await make.login((await client().post(path, account(make.name("invited")))).ok(201))

    assert [found["id"] for found in (await client(ada).get("/users/me/teams")).ok()] == [team.id]
    channels = (await client(ada).get(f"/users/me/teams/{team.id}/channels")).ok()
    assert "town-square" in [channel["name"] for channel in channels]

    reply = await client().post(f"/users?iid={'x' * 26}", account(make.name("lost")))
    assert (reply.status, reply.error_id) == (404, "app.team.get_by_invite_id.finding.app_error")
    reply = await client().post(path, account(make.name("foreign"), email="foreign@example.net"))
    assert (reply.status, reply.error_id) == (400, "api.user.create_user.accepted_domain.app_error")


async def test_the_link_of_a_mailed_invitation_works_once_and_for_its_address(
    make: Make, client: Clients, node: TestNode
) -> None:
    team = await make.team()
    address = f"{make.name('invitee')}@example.org"
    extra = {"team_id": team.id, "email": address}
    token = await insert_mail_token(node.services.db, TEAM_INVITATION, extra)
    body = account(make.name("invited"), email="another@example.org")

    refused = await client().post(f"/users?t={token}", {**body, "username": "a b"})
    user = (await client().post(f"/users?t={token}", body)).ok(201)
    again = await client().post(f"/users?t={token}", account(make.name("invited")))

    assert refused.status == 400
    assert user["email"] == address
    assert user["email_verified"] is True
    assert (again.status, again.error_id) == (400, "api.user.create_user.signup_link_invalid.app_error")
    ada = await make.login(user)
    assert [found["id"] for found in (await client(ada).get("/users/me/teams")).ok()] == [team.id]


async def test_an_old_invitation_has_expired(make: Make, client: Clients, node: TestNode, monkeypatch: Any) -> None:
    team = await make.team()
    extra = {"team_id": team.id, "email": "late@example.org"}
    monkeypatch.setattr("server.features.users.token_queries.now_ms", lambda: 1_700_000_000_000)
    token = await insert_mail_token(node.services.db, TEAM_INVITATION, extra)

    reply = await client().post(f"/users?t={token}", account(make.name("late")))

    assert (reply.status, reply.error_id) == (400, "api.user.create_user.signup_link_expired.app_error")


async def test_everyone_hears_of_a_new_account(make: Make, socket: Any) -> None:
    ada = await make.user()
    async with socket(ada, node=1) as events:
        bob = await make.user()

        assert (await events.next("new_user")).raw == {"user_id": bob.id}


def test_invitations_to_the_same_address_wait_once() -> None:
    one, two = [
        SendTeamInvitation(email="ada@example.org", team_id="t", team_display_name="Team", sender_name=sender)
        for sender in ("bob", "eve")
    ]

    assert one.key == two.key
