"""What travels about terms of service."""

from typing import Annotated

from msgspec import Meta, Struct, field

from server.ids import Id


class TermsOfService(Struct, frozen=True):
    """A text that people accept; the newest is in force."""

    id: str
    create_at: int
    user_id: str
    text: str


class NewTerms(Struct):
    """Body of POST /terms_of_service."""

    text: Annotated[str, Meta(max_length=16383)]


class UserTermsOfService(Struct, frozen=True):
    """Which text a user has accepted, and when."""

    user_id: str
    terms_of_service_id: str
    create_at: int


class TermsAnswer(Struct):
    """Body of POST /users/{user_id}/terms_of_service."""

    accepted: bool
    terms_id: Id = field(name="termsOfServiceId")
