"""What travels about second factors."""

from msgspec import Struct


class MfaSecret(Struct, frozen=True):
    """A newly generated secret, as text and as a picture (base64 of a PNG) for an authenticator app to scan."""

    secret: str
    qr_code: str


class MfaUpdate(Struct):
    """Body of PUT /users/{user_id}/mfa."""

    activate: bool
    code: str = ""


class MfaQuestion(Struct):
    """Body of POST /users/mfa."""

    login_id: str


class MfaAnswer(Struct, frozen=True):
    """Whether a sign-in needs a code."""

    mfa_required: bool


class Factor(Struct, frozen=True):
    """The secrets of an account; never sent."""

    secret: str
    """"" while there is none in use."""
    pending: str
    """Generated but not proven yet, "" for none."""
    stored_secret: str
    stored_pending: str
    """Both as they stand in the database, which tells whether they are still the same."""
