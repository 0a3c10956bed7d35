"""What travels about guests."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from server.features.teams.models import MAX_INVITED, Emails
from server.ids import Id
from server.jobs.job import Job


class GuestInvitation(Struct, frozen=True, kw_only=True):
    """Body of POST /teams/{team_id}/invite-guests/email."""

    emails: Emails
    channels: Annotated[list[Id], Meta(max_length=MAX_INVITED)]
    message: Annotated[str, Meta(max_length=4000)] = ""


class DeactivateGuests(Job, frozen=True, kw_only=True):
    """Deactivate all guests, since the settings have switched them off."""

    name: ClassVar[str] = "deactivate_guests"

    @property
    def key(self) -> str:
        """Once is enough."""
        return self.name
