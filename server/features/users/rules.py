"""What a profile and a password must be like: lengths, letters, reserved names."""

import re
from collections.abc import Mapping

import msgspec
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from msgspec.structs import replace

from server.config.people import PasswordSection
from server.errors import BadRequest
from server.features.users.models import User

NAME_MAX = 64
EMAIL_MAX = 128
POSITION_MAX = 128
AUTH_DATA_MAX = 128
TIMEZONE_MAX = 256
PROPS_MAX = 8000
NOTIFY_PROPS_MAX = 2000
PASSWORD_MIN = 5
PASSWORD_MAX = 72
"""In bytes: imported bcrypt hashes see no more."""

RESERVED_NAMES = frozenset({"all", "channel", "here", "matterbot", "system"})
_USERNAME = re.compile(r"[a-z0-9._-]{1,64}")
_LOCALE = re.compile(r"[a-zA-Z]{2}([-_][a-zA-Z]{2})?")

NOTIFY_DEFAULTS: Mapping[str, str] = {
    "email": "true",
    "push": "mention",
    "desktop": "mention",
    "desktop_sound": "true",
    "desktop_notification_sound": "Bing",
    "push_status": "online",
    "mention_keys": "",
    "highlight_keys": "",
    "channel": "true",
    "first_name": "false",
    "comments": "never",
    "desktop_threads": "all",
    "push_threads": "all",
    "email_threads": "all",
    "mark_unread": "all",
    "auto_responder_active": "false",
    "auto_responder_message": "",
}
TIMEZONE_DEFAULTS: Mapping[str, str] = {
    "useAutomaticTimezone": "true",
    "automaticTimezone": "",
    "manualTimezone": "",
}

# Companies have addresses in domains of their own, like `.local`, that the world can't reach.
SPECIAL_USE_DOMAIN_NAMES.clear()

_json = msgspec.json.Encoder().encode


def invalid(field: str, message: str = "") -> BadRequest:
    """400 for a field of a profile."""
    return BadRequest(
        f"model.user.is_valid.{field}.app_error", message or f"The {field.replace('_', ' ')} is not valid."
    )


def is_username(text: str) -> bool:
    """Whether a lower-case name may be one of a person or bot."""
    return _USERNAME.fullmatch(text) is not None and text not in RESERVED_NAMES


def is_email(text: str) -> bool:
    """Whether an address has a possible form; nobody is asked whether it exists."""
    if not 1 <= len(text) <= EMAIL_MAX:
        return False
    try:
        validate_email(text, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False)
    except EmailNotValidError:
        return False
    return True


def tidy(user: User, default_locale: str) -> User:
    """A profile as it is stored: name and address in lower case, defaults where nothing is said."""
    notify_props = {**NOTIFY_DEFAULTS, **user.notify_props}
    keys = [key.strip().lower() for key in notify_props["mention_keys"].split(",")]
    notify_props["mention_keys"] = ",".join(dict.fromkeys(key for key in keys if key))
    return replace(
        user,
        username=user.username.strip().lower(),
        email=user.email.strip().lower(),
        locale=user.locale or default_locale,
        timezone={**TIMEZONE_DEFAULTS, **user.timezone},
        notify_props=notify_props,
    )


def check_profile(user: User) -> None:
    """Refuse a profile that breaks a rule."""
    if not is_username(user.username):
        raise invalid("username", "A username has up to 64 letters, digits, '.', '-' and '_', and is no reserved word.")
    if not is_email(user.email):
        raise invalid("email", "A valid e-mail address of at most 128 characters is needed.")
    for field in ("nickname", "first_name", "last_name"):
        if len(getattr(user, field)) > NAME_MAX:
            raise invalid(field, f"A {field.replace('_', ' ')} has at most {NAME_MAX} characters.")
    if len(user.position) > POSITION_MAX:
        raise invalid("position", f"A position has at most {POSITION_MAX} characters.")
    if not _LOCALE.fullmatch(user.locale):
        raise invalid("locale", "A locale looks like 'en' or 'pt-BR'.")
    if len(_json(user.timezone)) > TIMEZONE_MAX:
        raise invalid("timezone_limit")
    if len(_json(user.props).decode()) > PROPS_MAX:
        raise invalid("props")
    if len(_json(user.notify_props).decode()) > NOTIFY_PROPS_MAX:
        raise invalid("notify_props")
    if user.auth_data and len(user.auth_data) > AUTH_DATA_MAX:
        raise invalid("auth_data")
    if user.remote_id and len(user.remote_id) > 26:
        raise invalid("remote_id")


def check_password(password: str, rules: PasswordSection) -> None:
    """Refuse a password that breaks a rule; the error id names the kinds of characters that are wanted."""
    wanted = {
        "lowercase": (rules.Lowercase, any(char.islower() for char in password)),
        "uppercase": (rules.Uppercase, any(char.isupper() for char in password)),
        "number": (rules.Number, any(char.isdigit() for char in password)),
        "symbol": (rules.Symbol, any(not char.isalnum() and not char.isspace() for char in password)),
    }
    least = max(PASSWORD_MIN, rules.MinimumLength)
    good = least <= len(password) and len(password.encode()) <= PASSWORD_MAX
    good = good and all(there for needed, there in wanted.values() if needed)
    if not good:
        kinds = [kind for kind, (needed, _) in wanted.items() if needed]
        extra = f" with {', '.join(kinds)}" if kinds else ""
        raise invalid(
            "_".join(["pwd", *kinds]), f"A password has at least {least} characters and at most 72 bytes{extra}."
        )


def domains_of(text: str) -> list[str]:
    """The domains of a setting: separated by commas or blanks, with or without @."""
    return [domain.strip().removeprefix("@") for domain in text.lower().replace(",", " ").split()]


def check_domain(email: str, domains: str) -> None:
    """Refuse an address outside of these domains ("example.org, example.com"; "" for no limit)."""
    allowed = domains_of(domains)
    if allowed and email.strip().lower().rpartition("@")[2] not in allowed:
        raise BadRequest(
            "api.user.create_user.accepted_domain.app_error", "Addresses of this domain are not accepted here."
        )
