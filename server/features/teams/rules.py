"""What a team may be called and hold, and whose address lets them in."""

import re
from collections.abc import Sequence

from server.config import Config
from server.errors import BadRequest
from server.features.teams.models import INVITE, OPEN, Team
from server.features.users.models import User

# First parts of paths that clients and the server use themselves.
RESERVED = (
    "admin",
    "api",
    "boards",
    "channel",
    "claim",
    "error",
    "files",
    "help",
    "landing",
    "login",
    "mfa",
    "oauth",
    "playbooks",
    "plug",
    "plugins",
    "post",
    "signup",
)

_NAME = re.compile(r"[a-z0-9]+([a-z0-9-]+|(__)?)[a-z0-9]+")
_SEPARATORS = re.compile(r"[\s,@]+")


def _refusal(part: str, message: str) -> BadRequest:
    return BadRequest(f"model.team.is_valid.{part}.app_error", message)


def check_team(team: Team) -> None:
    """Refuse a team that breaks a rule; raises BadRequest."""
    if not len(team.display_name.strip()) >= 1 or len(team.display_name) > 64:
        raise _refusal("name", "The name must have 1 to 64 characters.")
    if len(team.name) > 64:
        raise _refusal("url", "The URL name must have 2 to 64 characters.")
    if len(team.description) > 255:
        raise _refusal("description", "The description must have at most 255 characters.")
    if team.name.startswith(RESERVED):
        raise _refusal("reserved", "The URL name starts with a reserved word.")
    if len(team.name) < 2 or not _NAME.fullmatch(team.name):
        raise _refusal("characters", "The URL name must be of lower-case letters, digits and hyphens.")
    if team.type not in (OPEN, INVITE):
        raise _refusal("type", "The type must be O or I.")
    if len(team.company_name) > 64:
        raise _refusal("company", "The company name must have at most 64 characters.")
    if len(team.allowed_domains) > 500:
        raise _refusal("domains", "The allowed domains must have at most 500 characters.")


def domains_of(text: str) -> list[str]:
    """The domains in a list separated by commas, blanks or @."""
    return [domain for domain in _SEPARATORS.split(text.lower()) if domain]


def allows_email(email: str, *lists: str) -> bool:
    """Whether an address is of one of the domains of every list that has any."""
    domain = email.rpartition("@")[2].lower()
    return all(domain in domains for domains in map(domains_of, lists) if domains)


def allows_user(user: User, team: Team, config: Config) -> bool:
    """Whether the address of a user fits the domains of the team and of the server, or those of guests.

    Bots have no address.
    """
    if user.is_bot:
        return True
    if user.is_guest:
        return allows_email(user.email, config.GuestAccountsSettings.RestrictCreationToDomains)
    return allows_email(user.email, team.allowed_domains, config.TeamSettings.RestrictCreationToDomains)


def check_domains(allowed: str, restricted: str) -> None:
    """Refuse domains for a team that the server would not let in."""
    known: Sequence[str] = domains_of(restricted)
    for domain in domains_of(allowed):
        if known and domain not in known:
            raise BadRequest(
                "api.team.update_restricted_domains.mismatch.app_error", f"The server does not let {domain} in."
            )
