"""Audits: what is noted of accounts, who may read it, and how much of it is kept."""

from collections.abc import Callable
from typing import Any

from server.context import request_context
from server.db import SQL
from server.features.audits import jobs, queries
from server.features.audits.log import AuditLog
from server.features.audits.models import Audit
from server.ids import new_id, now_ms
from tests.clients_of import Client
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode
from tests.waiting import next_moment

Clients = Callable[..., Client]
Settings = Callable[..., None]
Json = dict[str, Any]


def audit_log_of(node: TestNode) -> AuditLog:
    log = node.services.extras[AuditLog]
    assert isinstance(log, AuditLog)
    return log


async def audits_of(two_nodes: tuple[TestNode, TestNode], client: Client, user_id: str, query: str = "") -> list[Json]:
    for node in two_nodes:
        await audit_log_of(node).flush()
    audits: list[Json] = (await client.get(f"/users/{user_id}/audits{query}")).ok()
    return audits


def told(audits: list[Json]) -> list[tuple[str, str]]:
    return [(audit["action"].removeprefix("/api/v4"), audit["extra_info"]) for audit in audits]


async def test_sign_ins_and_failed_ones_are_noted_without_what_was_typed(
    make: Make, client: Clients, two_nodes: tuple[TestNode, TestNode]
) -> None:
    ada = await make.user()
    login = {"login_id": ada.username, "password": "battery-staple-secret"}
    await next_moment()
    await client(node=1).post("/users/login", login)
    await client().post("/users/login", {**login, "login_id": "nobody-of-this-name"})

    audits = await audits_of(two_nodes, client(ada), ada.id)

    assert told(audits) == [
        ("/users/login", "fail api.user.login.invalid_credentials_email_username"),
        ("/users/login", "success"),
    ]
    failed, success = audits
    sessions = (await client(ada).get("/users/me/sessions")).ok()
    assert (failed["session_id"], success["session_id"]) == ("", sessions[0]["id"])
    assert {audit["user_id"] for audit in audits} == {ada.id}
    assert {audit["ip_address"] for audit in audits} == {"127.0.0.1"}
    assert failed["create_at"] > success["create_at"] > now_ms() - 60_000
    assert list(success) == ["id", "create_at", "user_id", "action", "extra_info", "ip_address", "session_id"]
    assert "battery-staple" not in str(audits)
    assert ada.token not in str(audits)


async def test_guesses_at_a_locked_account_are_not_noted(
    make: Make, client: Clients, two_nodes: tuple[TestNode, TestNode], settings: Settings
) -> None:
    settings(ServiceSettings={"MaximumLoginAttempts": 2})
    ada = await make.user()
    for _ in range(5):
        await client().post("/users/login", {"login_id": ada.username, "password": "wrong password"})

    assert len(await audits_of(two_nodes, client(ada), ada.id)) == 3


async def test_changes_of_an_account_are_noted_with_who_made_them(
    make: Make, client: Clients, two_nodes: tuple[TestNode, TestNode], admin: Person
) -> None:
    ada = await make.user()
    new = "Another-password-9"
    changes: list[tuple[Person, str, str, Json | None]] = [
        (ada, "PUT", "password", {"current_password": PASSWORD, "new_password": new}),
        (admin, "PUT", "roles", {"roles": "system_user system_user_manager"}),
        (admin, "POST", "email/verify/member", None),
        (admin, "PUT", "active", {"active": False}),
        (admin, "PUT", "active", {"active": True}),
    ]
    for person, method, path, body in changes:
        await next_moment()
        (await client(person).request(method, f"/users/{ada.id}/{path}", body)).ok()

    audits = await audits_of(two_nodes, client(admin), ada.id)

    by = f"by user_id={admin.id}"
    assert told(audits) == [
        (f"/users/{ada.id}/active", f"active=true {by}"),
        (f"/users/{ada.id}/active", f"active=false {by}"),
        (f"/users/{ada.id}/email/verify/member", by),
        (f"/users/{ada.id}/roles", f"old_roles=system_user new_roles=system_user system_user_manager {by}"),
        (f"/users/{ada.id}/password", "changed"),
        ("/users/login", "success"),
    ]
    assert new not in str(audits)
    pages = [await audits_of(two_nodes, client(admin), ada.id, f"?page={page}&per_page=4") for page in range(3)]
    assert pages == [audits[:4], audits[4:], []]


async def test_a_change_that_fails_is_not_noted(
    make: Make, client: Clients, two_nodes: tuple[TestNode, TestNode], admin: Person
) -> None:
    ada = await make.user()
    assert (await client(admin).put(f"/users/{ada.id}/roles", {"roles": "no_such_role"})).status == 400

    assert told(await audits_of(two_nodes, client(ada), ada.id)) == [("/users/login", "success")]


async def test_who_may_read_audits(
    make: Make, client: Clients, two_nodes: tuple[TestNode, TestNode], admin: Person
) -> None:
    ada, bob = await make.users(2)
    await audits_of(two_nodes, client(ada), ada.id)

    everything = (await client(admin).get("/audits?per_page=200")).ok()
    assert {ada.id, bob.id} <= {audit["user_id"] for audit in everything}
    assert [audit["create_at"] for audit in everything] == sorted(
        (audit["create_at"] for audit in everything), reverse=True
    )
    assert len((await client(admin).get("/audits?per_page=1")).ok()) == 1
    for reply in (await client(bob).get(f"/users/{ada.id}/audits"), await client(bob).get("/audits")):
        assert (reply.status, reply.error_id) == (403, "api.context.permissions.app_error")
    assert (await client().get(f"/users/{ada.id}/audits")).status == 401


def audit(user_id: str, create_at: int) -> Audit:
    return Audit(new_id(), create_at, user_id, "/api/v4/x", "", "", "")


async def test_an_account_keeps_its_newest_rows_and_nobody_keeps_them_for_ever(make: Make, node: TestNode) -> None:
    ada, db = await make.user(), node.services.db
    await audit_log_of(node).flush()  # that she has signed in
    now = now_ms()
    old = audit(ada.id, now - jobs.KEPT_FOR - 1)
    await queries.insert_audits(db, [old, audit(ada.id, now - jobs.KEPT_FOR + 60_000)])
    await jobs.sweep_audits(request_context(node.services))
    assert old.id not in {each.id for each in await queries.audits_of(db, ada.id, 2000, 0)}

    await queries.insert_audits(db, [audit(ada.id, now + number) for number in range(queries.MOST_OF_A_USER)])
    last = audit(ada.id, now + 10_000)
    await queries.insert_audits(db, [last])

    kept = await queries.audits_of(db, ada.id, 2000, 0)
    assert len(kept) == queries.MOST_OF_A_USER
    assert kept[0] == last
    assert kept[-1].create_at == now + 1
    await db.run(SQL("DELETE FROM audits WHERE user_id = $1"), ada.id)


async def test_what_a_broken_database_holds_up_waits_within_bounds(make: Make, node: TestNode) -> None:
    ada = await make.user()
    await audit_log_of(node).flush()  # that she has signed in, which would push all but the newest out
    waiting = AuditLog(lambda: request_context(node.services))
    ctx = request_context(node.services)
    for _ in range(10_001):
        waiting.note(ctx, ada.id, "/x")
    await waiting.flush()

    count = SQL("SELECT count(*) FROM audits WHERE user_id = $1 AND action = '/api/v4/x'")
    assert await node.services.db.value(count, ada.id) == 10_000
    await node.services.db.run(SQL("DELETE FROM audits WHERE user_id = $1"), ada.id)
