"""The few ways a request can fail, each with its status, in the error body that API v4 clients know."""

from collections.abc import Mapping
from typing import ClassVar


class ApiError(Exception):
    """A refusal: `id` is what clients know, `message` is for people; `params` fill the message's {names}."""

    status: ClassVar[int] = 500

    def __init__(self, id: str, message: str = "", **params: object) -> None:
        super().__init__(id)
        self.id = id
        self.params = params
        self.message = message or describe(id, self.status, params)
        self.headers: Mapping[str, str] = {}


class BadRequest(ApiError):
    """400: the request can't be understood or breaks a rule."""

    status = 400


class Unauthorized(ApiError):
    """401: no session, or not a valid one."""

    status = 401


class Forbidden(ApiError):
    """403: signed in, but without the right to do it."""

    status = 403


class NotFound(ApiError):
    """404: no such thing, or none that the caller may know of."""

    status = 404


class TooLarge(ApiError):
    """413: the body is over its limit."""

    status = 413


class UriTooLong(ApiError):
    """414: the URL is over its limit."""

    status = 414


class TooManyRequests(ApiError):
    """429: over the rate limit."""

    status = 429


class HeadersTooLarge(ApiError):
    """431: the headers are over their limit."""

    status = 431


class Internal(ApiError):
    """500: our own failure."""

    status = 500


class NotAvailable(ApiError):
    """501: the feature is switched off."""

    status = 501


class Busy(ApiError):
    """503: a part of the service is away; try again."""

    status = 503


_SENTENCES = {
    "api.context.404.app_error": "There is nothing at this address.",
    "api.context.session_expired.app_error": "The session is invalid or has expired, please log in again.",
    "api.context.mfa_required.app_error": "Please set up multi-factor authentication first.",
    "api.context.permissions.app_error": "You do not have the permission for this.",
    "api.context.invalid_body_param.app_error": "Invalid or missing {name} in the request body.",
    "api.context.invalid_url_param.app_error": "Invalid or missing {name} in the request URL.",
    "api.context.invalid_param.app_error": "Invalid {name}.",
    "api.context.server_busy.app_error": "The server is busy, please try again in a moment.",
    "api.context.internal.app_error": "The server failed to answer this request.",
}


def describe(id: str, status: int, params: Mapping[str, object]) -> str:
    """A sentence for an error id that has none of its own: the words of the id are good enough to read."""
    sentence = _SENTENCES.get(id)
    if sentence is not None:
        try:
            return sentence.format(**params)
        except KeyError:
            return sentence
    words = [
        part.replace("_", " ") for part in id.split(".") if part not in ("api", "app", "store", "model", "app_error")
    ]
    text = " ".join(words).strip() or f"error {status}"
    return f"{text[0].upper()}{text[1:]}."


def invalid_body(name: str) -> BadRequest:
    """400 for a field of the body, or of the query, that is missing or wrong."""
    return BadRequest("api.context.invalid_body_param.app_error", name=name)


def invalid_url(name: str) -> BadRequest:
    """400 for a part of the path that is malformed."""
    return BadRequest("api.context.invalid_url_param.app_error", name=name)


def forbidden() -> Forbidden:
    """403 for a permission that the caller lacks."""
    return Forbidden("api.context.permissions.app_error")


def factor_required() -> Forbidden:
    """403 for a user who has to set up a second factor first; clients then show how."""
    return Forbidden("api.context.mfa_required.app_error")


def session_expired() -> Unauthorized:
    """401 for a missing, expired or revoked session."""
    return Unauthorized("api.context.session_expired.app_error")
