"""What travels about OAuth apps and the tokens they get."""

from typing import Annotated

from msgspec import Meta, Struct

from server.db import columns
from server.ids import Id

MAX_CALLBACKS = 100

Callbacks = Annotated[list[str], Meta(max_length=MAX_CALLBACKS)]


class OAuthApp(Struct, kw_only=True):
    """An app. The secret is told once, when it is made; callbacks only to who may manage it."""

    id: str
    creator_id: str
    create_at: int
    update_at: int
    client_secret: str = ""
    name: str
    description: str
    icon_url: str
    callback_urls: list[str]
    homepage: str
    is_trusted: bool
    is_dynamically_registered: bool
    is_public: bool


class AppRow(Struct, frozen=True):
    """An app as stored."""

    id: str
    creator_id: str
    create_at: int
    update_at: int
    secret_hash: bytes | None
    name: str
    description: str
    icon_url: str
    callback_urls: list[str]
    homepage: str
    is_trusted: bool
    is_dynamic: bool

    @property
    def is_public(self) -> bool:
        """Whether it can't keep a secret, like an app on a phone."""
        return self.secret_hash is None

    def shown(self, *, secret: str = "", callbacks: bool = True) -> OAuthApp:
        """The app as it travels."""
        return OAuthApp(
            id=self.id,
            creator_id=self.creator_id,
            create_at=self.create_at,
            update_at=self.update_at,
            client_secret=secret,
            name=self.name,
            description=self.description,
            icon_url=self.icon_url,
            callback_urls=self.callback_urls if callbacks else [],
            homepage=self.homepage,
            is_trusted=self.is_trusted,
            is_dynamically_registered=self.is_dynamic,
            is_public=self.is_public,
        )


APP_COLUMNS = columns(AppRow, "a")


class NewApp(Struct, kw_only=True):
    """Body of POST /oauth/apps, and of PUT /oauth/apps/{app_id}, which replaces all of it."""

    id: str = ""
    name: str
    description: str = ""
    icon_url: str = ""
    callback_urls: Callbacks
    homepage: str
    is_trusted: bool = False
    is_public: bool = False


class ClientRegistration(Struct, kw_only=True):
    """Body of POST /oauth/apps/register (RFC 7591)."""

    redirect_uris: Callbacks
    client_name: str = ""
    client_uri: str = ""
    token_endpoint_auth_method: str = "client_secret_post"  # noqa: S105 (the name of a method)
    grant_types: list[str] = []
    response_types: list[str] = []
    scope: str = ""


class RegisteredClient(Struct, kw_only=True, omit_defaults=True):
    """The answer to a registration."""

    client_id: str
    client_secret: str = ""
    redirect_uris: list[str]
    token_endpoint_auth_method: str
    grant_types: list[str]
    response_types: list[str]
    scope: str
    client_name: str = ""
    client_uri: str = ""
    client_id_issued_at: int
    client_secret_expires_at: int | None = None


class AuthorizeRequest(Struct, kw_only=True):
    """Body of POST /oauth/authorize, and the query of GET."""

    client_id: str
    response_type: str
    redirect_uri: str = ""
    scope: str = ""
    state: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    resource: str = ""


class Redirect(Struct):
    """Where the browser goes with the answer."""

    redirect: str


class Deauthorization(Struct):
    """Body of POST /oauth/deauthorize."""

    client_id: Id


class TokenRequest(Struct, kw_only=True):
    """The form of POST /oauth/access_token."""

    grant_type: str = ""
    client_id: str = ""
    client_secret: str = ""
    code: str = ""
    redirect_uri: str = ""
    refresh_token: str = ""
    code_verifier: str = ""
    resource: str = ""


class AccessToken(Struct, kw_only=True):
    """What an app gets."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 (the kind of a token)
    expires_in: int
    """Seconds."""
    scope: str
    refresh_token: str = ""


class Grant(Struct, frozen=True):
    """A grant as stored."""

    id: str
    app_id: str
    user_id: str
    create_at: int
    expires_at: int
    code_used: bool
    redirect_uri: str
    scope: str
    code_challenge: str
    resource: str
    session_id: str
    session_until: int
    alive: bool
    """Whether its session is there still."""


GRANT_COLUMNS = columns(Grant, "g", leave=("alive",)) + ", EXISTS (SELECT FROM sessions WHERE id = g.session_id)"


class NewGrant(Struct, kw_only=True):
    """What was agreed to, until the app fetches its tokens."""

    app_id: str
    user_id: str
    redirect_uri: str
    scope: str
    code_challenge: str = ""
    resource: str = ""
