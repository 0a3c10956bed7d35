"""Terms of service: putting a text in force, and what people answer."""

from collections.abc import Callable
from typing import Any

import pytest

from server.db import SQL
from server.features.terms import queries
from server.features.terms.models import TermsOfService
from server.ids import new_id
from tests.clients_of import Client, Reply
from tests.make import PASSWORD, Make, Person
from tests.nodes import TestNode
from tests.waiting import next_moment

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
FORBIDDEN = (403, "api.context.permissions.app_error")
NONE = (404, "app.terms_of_service.get.no_rows.app_error")
FORGET = SQL("DELETE FROM terms_of_service")


@pytest.fixture(autouse=True)
async def switched_on(settings: Settings, two_nodes: tuple[TestNode, TestNode]) -> None:
    settings(SupportSettings={"CustomTermsOfServiceEnabled": True})
    await two_nodes[0].services.db.run(FORGET)
    for node in two_nodes:
        node.services.cache.drop(["terms"])


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.error_id


async def shown_id(client: Client) -> str:
    found: str = (await client.get("/config/client?format=old")).ok()["CustomTermsOfServiceId"]
    return found


async def test_a_text_is_put_in_force_and_told(make: Make, client: Clients, admin: Person, socket: Sockets) -> None:
    ada = await make.user()
    assert refusal(await client(ada).get("/terms_of_service")) == NONE
    assert await shown_id(client(ada, node=1)) == ""

    async with socket(ada, node=1) as events:
        first = (await client(admin).post("/terms_of_service", {"text": "Be kind."})).ok()
        assert (await events.next("config_changed")).data["config"]["CustomTermsOfServiceId"] == first["id"]
    assert list(first) == ["id", "create_at", "user_id", "text"]
    assert (first["user_id"], first["text"]) == (admin.id, "Be kind.")
    assert (await client(admin).post("/terms_of_service", {"text": "Be kind."})).ok() == first
    await next_moment()
    second = (await client(admin).post("/terms_of_service", {"text": "Be very kind."})).ok()

    assert (await client(ada, node=1).get("/terms_of_service")).ok() == second
    assert await shown_id(client(ada, node=1)) == second["id"]
    assert refusal(await client(ada).post("/terms_of_service", {"text": "Mine."})) == FORBIDDEN
    assert (await client().get("/terms_of_service")).status == 401
    for text in ("", "  ", "x" * 16_384):
        assert (await client(admin).post("/terms_of_service", {"text": text})).status == 400


async def test_people_accept_and_refuse(make: Make, client: Clients, admin: Person) -> None:
    ada, bob = await make.users(2)
    terms = (await client(admin).post("/terms_of_service", {"text": "Be kind."})).ok()["id"]
    path = f"/users/{ada.id}/terms_of_service"
    nothing = (404, "app.user_terms_of_service.get_by_user.no_rows.app_error")
    assert refusal(await client(ada).get(path)) == nothing
    assert "terms_of_service_id" not in (await client(ada).get("/users/me")).ok()

    (await client(ada).post(path, {"termsOfServiceId": terms, "accepted": True})).ok()

    accepted = (await client(ada, node=1).get("/users/me/terms_of_service")).ok()
    assert (accepted["user_id"], accepted["terms_of_service_id"]) == (ada.id, terms)
    me = (await client(ada, node=1).get("/users/me")).ok()
    assert (me["terms_of_service_id"], me["terms_of_service_create_at"]) == (terms, accepted["create_at"])
    login = (await client().post("/users/login", {"login_id": ada.username, "password": PASSWORD})).ok()
    assert login["terms_of_service_id"] == terms
    assert "terms_of_service_id" not in (await client(bob).get(f"/users/{ada.id}")).ok()
    for person in (bob, admin):
        assert refusal(await client(person).get(path)) == FORBIDDEN
        answer = {"termsOfServiceId": terms, "accepted": False}
        assert refusal(await client(person).post(path, answer)) == FORBIDDEN

    (await client(ada).post(path, {"termsOfServiceId": terms, "accepted": False})).ok()
    assert refusal(await client(ada, node=1).get(path)) == nothing
    for accepted in (True, False):
        reply = await client(ada).post(path, {"termsOfServiceId": new_id(), "accepted": accepted})
        assert refusal(reply) == NONE
    assert (await client(ada).post(path, {"accepted": True})).status == 400


async def test_where_they_do_not_count_nothing_is_looked_up(
    make: Make, client: Clients, admin: Person, settings: Settings, counted: Any
) -> None:
    ada = await make.user()
    terms = (await client(admin).post("/terms_of_service", {"text": "Be kind."})).ok()["id"]
    (await client(ada).post("/users/me/terms_of_service", {"termsOfServiceId": terms, "accepted": True})).ok()
    settings(SupportSettings={"CustomTermsOfServiceEnabled": False})
    (await client(ada).get("/users/me")).ok()

    with counted(sql=0):
        assert "terms_of_service_id" not in (await client(ada).get("/users/me")).ok()
    assert await shown_id(client(ada)) == ""


async def test_old_texts_are_forgotten_with_the_answers_to_them(make: Make, client: Clients, node: TestNode) -> None:
    ada, db = await make.user(), node.services.db
    texts = [TermsOfService(new_id(), number, ada.id, str(number)) for number in range(queries.KEPT + 1)]
    await queries.insert(db, texts[0])
    assert await queries.accept(db, ada.id, texts[0].id, 1)
    for text in texts[1:]:
        await queries.insert(db, text)

    assert not await queries.is_text(db, texts[0].id)
    assert await queries.is_text(db, texts[1].id)
    assert await queries.newest(db) == texts[-1]
    assert await queries.answer_of(db, ada.id) is None
