"""Pages of other origins: what a browser is told of what they may do, and what is told of an answer."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients_of import Client, Reply
from tests.make import Person

Clients = Callable[..., Client]
Settings = Callable[..., None]

PAGE = "https://page.example"
OTHER = "https://other.example https://page.example:8443"
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "PUT",
    "access-control-request-headers": "authorization,content-type,x-requested-with",
}


def told(reply: Reply) -> dict[str, str]:
    """What a browser is told of other origins, without the beginnings of the names."""
    beginning = "access-control-"
    return {name[len(beginning) :]: value for name, value in reply.headers.items() if name.startswith(beginning)}


def varies(reply: Reply) -> set[str]:
    """What the answer depends on."""
    return {name.strip() for name in reply.headers.get("vary", "").split(",")}


@pytest.mark.parametrize("path", ["/users/me/patch", "/users/login", "/nowhere", "/users/%ff"])
async def test_a_page_that_may_is_told_what_it_may_send(path: str, client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"AllowCorsFrom": f"{OTHER} {PAGE}"})

    reply = await client(node=1).request("OPTIONS", path, headers=PREFLIGHT)

    assert (reply.status, reply.content) == (204, b"")
    assert told(reply) == {
        "allow-origin": PAGE,
        "allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "allow-headers": "authorization,content-type,x-requested-with",
        "max-age": "86400",
    }
    assert varies(reply) > {"Origin", "Access-Control-Request-Headers"}


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("", {}),
        (OTHER, {}),
        (f"{PAGE}/", {}),
        (PAGE, {"origin": "https://page.example.evil.example"}),
        (PAGE, {"origin": "null"}),
        (PAGE, {"origin": ""}),
        (PAGE, {"origin": "http://page.example"}),
    ],
)
async def test_other_pages_are_told_nothing(
    allowed: str, asked: dict[str, str], client: Clients, admin: Person, settings: Settings
) -> None:
    settings(ServiceSettings={"AllowCorsFrom": allowed, "CorsAllowCredentials": True})

    preflight = await client().request("OPTIONS", "/users/me", headers={**PREFLIGHT, **asked})
    simple = await client(admin).get("/users/me", headers={"origin": PAGE, **asked})

    assert (preflight.status, preflight.error_id) == (405, "api.context.method_not_allowed.app_error")
    assert told(preflight) == told(simple) == {}
    assert simple.status == 200
    assert ("Origin" in varies(simple)) == bool(allowed)


async def test_options_that_is_no_question_of_a_browser_is_no_method(client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"AllowCorsFrom": PAGE})

    reply = await client().request("OPTIONS", "/system/ping", headers={"origin": PAGE})

    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/users/me", "/users/nobody", "/nowhere"])
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {}),
        ({"CorsAllowCredentials": True}, {"allow-credentials": "true"}),
        (
            {"CorsExposedHeaders": "X-One  X-Two"},
            {"expose-headers": "token, etag, x-request-id, x-version-id, X-One, X-Two"},
        ),
    ],
)
async def test_a_page_that_may_reads_answers_and_refusals(
    path: str, more: dict[str, Any], expected: dict[str, str], client: Clients, admin: Person, settings: Settings
) -> None:
    settings(ServiceSettings={"AllowCorsFrom": PAGE, **more})

    reply = await client(admin).get(path, headers={"origin": PAGE})

    exposed = "token, etag, x-request-id, x-version-id"
    assert told(reply) == {"allow-origin": PAGE, "expose-headers": exposed, **expected}
    assert "Origin" in varies(reply)


async def test_any_page_may_where_all_may_but_in_nobody_s_name(
    client: Clients, admin: Person, settings: Settings
) -> None:
    settings(ServiceSettings={"AllowCorsFrom": "*", "CorsAllowCredentials": True})

    simple = await client(admin).get("/users/me", headers={"origin": PAGE})
    preflight = await client().request("OPTIONS", "/users/me", headers=PREFLIGHT)

    assert [told(reply)["allow-origin"] for reply in (simple, preflight)] == ["*", "*"]
    assert "allow-credentials" not in {**told(simple), **told(preflight)}


@pytest.mark.parametrize("names", ["", "x-ä", "a:b", "x" * 20_000])
async def test_odd_questions_are_answered(names: str, client: Clients, settings: Settings) -> None:
    settings(ServiceSettings={"AllowCorsFrom": PAGE})

    headers = {**PREFLIGHT, "access-control-request-headers": names.encode()}
    reply = await client().request("OPTIONS", "/users/me", headers=headers)

    assert reply.status == 204
    assert told(reply).get("allow-headers", "") in ("", names)
