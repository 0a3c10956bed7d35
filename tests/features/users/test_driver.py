"""Second factors, guests and audits through a published library, as administrators' programs use them."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import mattermostautodriver
import mattermostautodriver.exceptions
import pyotp
import pytest

from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode

Clients = Callable[..., Client]
Settings = Callable[..., None]


@contextlib.contextmanager
def driver_of(node: TestNode, **options: Any) -> Iterator[mattermostautodriver.TypedDriver]:
    """The library, signed in."""
    base = {"url": "127.0.0.1", "scheme": "http", "port": node.port}
    driver = mattermostautodriver.TypedDriver({**base, **options})
    try:
        driver.login()
        yield driver
    finally:
        driver.close()


async def test_the_library_signs_in_with_a_second_factor(
    make: Make, admin: Person, settings: Settings, node: TestNode
) -> None:
    settings(ServiceSettings={"EnableMultifactorAuthentication": True})
    ada = await make.user()

    def talk() -> dict[str, Any]:
        with driver_of(node, login_id=ada.username, password=PASSWORD) as own:
            secret = own.users.generate_mfa_secret(ada.id)["secret"]
            own.users.update_user_mfa(ada.id, activate=True, code=pyotp.TOTP(secret).now())
        with (
            pytest.raises(mattermostautodriver.exceptions.InvalidOrMissingParameters),
            driver_of(node, login_id=ada.username, password=PASSWORD),
        ):
            pass
        with driver_of(node, token=admin.token) as boss:
            assert boss.users.get_user(ada.id)["mfa_active"] is True
            boss.users.update_user_mfa(ada.id, activate=False)
        with driver_of(node, login_id=ada.username, password=PASSWORD) as again:
            me: dict[str, Any] = again.users.get_user("me")
        return me

    me = await asyncio.to_thread(talk)

    assert me["id"] == ada.id
    assert "mfa_active" not in me


async def test_the_library_manages_guests_and_reads_audits(
    make: Make, client: Clients, admin: Person, settings: Settings, node: TestNode
) -> None:
    settings(GuestAccountsSettings={"Enable": True}, ServiceSettings={"EnableEmailInvitations": True})
    ada = await make.user()
    team = await make.team([ada])
    channel = await make.channel(team, [ada])

    def talk() -> None:
        with driver_of(node, token=admin.token) as boss:
            boss.users.demote_user_to_guest(ada.id)
            assert boss.users.get_user(ada.id)["roles"] == "system_guest"
            boss.users.promote_guest_to_user(ada.id)
            assert boss.users.get_user(ada.id)["roles"] == "system_user"
            audits = boss.users.get_user_audits(ada.id)
            assert {f"/api/v4/users/{ada.id}/{what}" for what in ("demote", "promote")} <= {
                audit["action"] for audit in audits
            }
            boss.teams.invite_guests_to_team(team.id, ["visitor@example.com"], [channel.id])
            lines = boss.teams.invite_guests_to_team(team.id, ["visitor2@example.com"], [channel.id], graceful=True)
            assert lines == [{"email": "visitor2@example.com", "error": None}]
            assert boss.users.get_total_users_stats_filtered(in_team=team.id)["total_users_count"] == 2
            assert boss.users.get_login_type(login_id=ada.username) == {"auth_service": ""}
            boss.users.verify_user_email_without_token(ada.id)
            assert boss.users.convert_user_to_bot(ada.id)["owner_id"] == admin.id

    await asyncio.to_thread(talk)
