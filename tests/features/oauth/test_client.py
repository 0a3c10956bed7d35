"""The flow as a published client library goes it: Authlib."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.integrations.requests_client import OAuth2Session

from tests.features.oauth.world import CALLBACK, App, Clients
from tests.make import Person
from tests.nodes import TestNode


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlib_gets_in_by_a_code_with_a_challenge_and_renews(
    client: Clients, ada: Person, app: App, node: TestNode, method: str
) -> None:
    base = f"http://127.0.0.1:{node.port}"
    endpoint = f"{base}/oauth/access_token"
    program = OAuth2Session(
        app.id, app.secret, redirect_uri=CALLBACK, code_challenge_method="S256", token_endpoint_auth_method=method
    )
    verifier = "v" * 64
    url, state = program.create_authorization_url(f"{base}/oauth/authorize", code_verifier=verifier)
    asked = dict(parse_qsl(urlsplit(url).query))
    redirect = (await client(ada).post("//oauth/authorize", asked)).ok()["redirect"]

    def fetch() -> tuple[str, str, str]:
        program.fetch_token(endpoint, authorization_response=redirect, state=state, code_verifier=verifier)
        first = program.get(f"{base}/api/v4/users/me").json()["id"]
        before = program.token["access_token"]
        program.refresh_token(endpoint)
        assert program.token["access_token"] != before
        return first, program.get(f"{base}/api/v4/users/me").json()["id"], state

    assert await asyncio.to_thread(fetch) == (ada.id, ada.id, state)
    program.close()
