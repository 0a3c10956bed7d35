"""A server that lets apps in, an app, and the words of the flow."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from tests.clients_of import Client, Reply
from tests.make import Make, Person

Clients = Callable[..., Client]

CALLBACK = "https://app.example.org/back?from=hub"


@pytest.fixture(autouse=True)
def switched_on(settings: Callable[..., None]) -> None:
    """OAuth is switched on on both nodes."""
    settings(ServiceSettings={"EnableOAuthServiceProvider": True})


class App:
    """An app with its secret."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.id: str = body["id"]
        self.secret: str = body["client_secret"]
        self.body = body

    def asking(self, **fields: str) -> dict[str, str]:
        """What it asks for."""
        return {"client_id": self.id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s 1", **fields}


async def register(client: Client, **fields: Any) -> App:
    """Register an app."""
    body = {"name": "Planner", "description": "Plans", "callback_urls": [CALLBACK], "homepage": "https://example.org"}
    return App((await client.post("/oauth/apps", {**body, **fields})).ok(201))


@pytest_asyncio.fixture
async def app(client: Clients, admin: Person) -> App:
    """An app that can keep a secret."""
    return await register(client(admin))


@pytest_asyncio.fixture
async def public_app(client: Clients, admin: Person) -> App:
    """An app that can't."""
    return await register(client(admin), is_public=True)


@pytest_asyncio.fixture
async def ada(make: Make) -> Person:
    """Someone who lets apps in."""
    return await make.user("ada")


async def consent(client: Client, app: App, **fields: str) -> dict[str, str]:
    """Let an app in; what the browser takes back to it."""
    redirect = (await client.post("//oauth/authorize", app.asking(**fields))).ok()["redirect"]
    return answer_in(redirect)


def answer_in(redirect: str) -> dict[str, str]:
    """The values in an address that a browser was sent to."""
    parts = urlsplit(redirect)
    assert redirect.startswith("https://app.example.org/back?from=hub")
    values = parse_qs(parts.fragment or parts.query, keep_blank_values=True)
    return {name: value[0] for name, value in values.items()}


async def fetch(client: Client, app: App, **fields: str) -> Reply:
    """Ask for tokens as the app."""
    form = {"client_id": app.id, "client_secret": app.secret, "redirect_uri": CALLBACK, **fields}
    return await client.request("POST", "//oauth/access_token", data={k: v for k, v in form.items() if v})


async def tokens(stranger: Client, person: Client, app: App) -> dict[str, Any]:
    """Tokens of a whole flow."""
    code = (await consent(person, app))["code"]
    granted: dict[str, Any] = (await fetch(stranger, app, grant_type="authorization_code", code=code)).ok()
    return granted


def pkce() -> tuple[str, dict[str, str]]:
    """A verifier, and what is sent ahead of it."""
    verifier = secrets.token_urlsafe(48)
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return verifier, {"code_challenge": digest, "code_challenge_method": "S256"}
