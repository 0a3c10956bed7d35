"""What travels about personal access tokens."""

from msgspec import Struct

from server.db import columns
from server.ids import Id


class UserAccessToken(Struct, frozen=True, omit_defaults=True):
    """A personal access token. The secret is told once, when it is made."""

    id: str
    user_id: str
    description: str
    is_active: bool
    expires_at: int = 0
    """Milliseconds since the epoch, 0 for never."""
    token: str = ""


TOKEN_COLUMNS = columns(UserAccessToken, "t", leave=("token",))


class NewToken(Struct, kw_only=True):
    """Body of POST /users/{user_id}/tokens."""

    description: str
    expires_at: int = 0


class TokenId(Struct):
    """A body that names a personal access token."""

    token_id: Id


class TokenRotation(Struct, kw_only=True):
    """Body of POST /users/tokens/rotate; without expires_at the token expires when it would have."""

    token_id: Id
    expires_at: int | None = None


class TokenSearch(Struct):
    """Body of POST /users/tokens/search."""

    term: str
