"""What names, headers and the like of a channel may be, and the names that direct and group channels have."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server.access.grants import channel_place
from server.access.guards import Guard
from server.context import Context
from server.errors import BadRequest, NotFound
from server.features.channels.models import DEFAULT_CHANNEL, OPEN, PRIVATE
from server.ids import is_id

MAX_NAME = 64
MAX_DISPLAY_NAME = 64
MAX_HEADER = 1024
MAX_PURPOSE = 250

MAX_MENTIONED = 50
"""Different ~names of one text that are looked up."""

_MENTIONED = re.compile(r"(?<![\w~])~([a-z0-9][a-z0-9_-]*)", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


def no_such_channel() -> NotFound:
    """404 for a channel that is not there."""
    return NotFound("app.channel.get.existing.app_error", "There is no such channel.")


def no_such_member() -> NotFound:
    """404 for a user who is not in the channel."""
    return NotFound("app.channel.get_member.missing.app_error", "This user is not in the channel.")


def existing(guard: Guard) -> Guard:
    """404 for a {channel_id} that nobody has, then the guard."""

    async def check(ctx: Context, path: Mapping[str, str]) -> None:
        if await channel_place(ctx, path["channel_id"]) is None:
            raise no_such_channel()
        await guard(ctx, path)

    return Guard(guard.text, check)


def _invalid(what: str, message: str) -> BadRequest:
    return BadRequest(f"model.channel.is_valid.{what}.app_error", message)


def check_type(type: str) -> None:
    """Refuse what is neither public nor private."""
    if type not in (OPEN, PRIVATE):
        raise _invalid("type", "A channel is public (O) or private (P).")


def check_name(name: str) -> None:
    """Refuse a name of a public or private channel that URLs can't hold, or that a direct channel could have."""
    if not _NAME.fullmatch(name):
        raise _invalid(
            "1_or_more", "A channel name has 1 to 64 of a-z, 0-9, - and _, with a letter or digit at both ends."
        )
    first, separator, second = name.partition("__")
    if separator and is_id(first) and is_id(second):
        raise _invalid("name", "This name looks like that of a direct channel.")


def check_display_name(display_name: str) -> None:
    """Refuse a display name that is blank or too long."""
    if not display_name.strip() or len(display_name) > MAX_DISPLAY_NAME:
        raise _invalid("display_name", f"A display name has 1 to {MAX_DISPLAY_NAME} characters.")


def check_header(header: str) -> None:
    """Refuse a header that is too long."""
    if len(header) > MAX_HEADER:
        raise _invalid("header", f"A header has at most {MAX_HEADER} characters.")


def check_purpose(purpose: str) -> None:
    """Refuse a purpose that is too long."""
    if len(purpose) > MAX_PURPOSE:
        raise _invalid("purpose", f"A purpose has at most {MAX_PURPOSE} characters.")


def check_banner(channel_type: str, banner: Mapping[str, Any] | None) -> None:
    """Refuse a banner that is shown without text or colour, or in a direct or group channel."""
    if not banner or not banner["enabled"]:
        return
    if channel_type not in (OPEN, PRIVATE):
        raise _invalid("banner_info.channel_type", "Direct and group channels have no banner.")
    if not banner["text"].strip():
        raise _invalid("banner_info.text.empty", "A banner needs a text.")
    if not banner["background_color"].strip():
        raise _invalid("banner_info.background_color.empty", "A banner needs a colour.")


def channels_named_in(text: str) -> list[str]:
    """The names that ~name in a text may mean, in lower case: marks at the end may belong to the name or not."""
    names: dict[str, None] = {}
    for found in _MENTIONED.findall(text) if "~" in text else ():
        names |= dict.fromkeys((found.lower(), found.lower().rstrip("_-")))
        if len(names) >= MAX_MENTIONED:
            break
    return [name for name in names if len(name) <= MAX_NAME]


def direct_name(one: str, other: str) -> str:
    """The name of the direct channel of two users: both ids in order."""
    return "__".join(sorted((one, other)))


def direct_users(name: str) -> tuple[str, ...]:
    """The users of a direct channel, each once, from its name."""
    return tuple(dict.fromkeys(name.split("__")))


def group_name(user_ids: Iterable[str]) -> str:
    """The name of the group channel of these users: the same for the same users."""
    return hashlib.sha1("".join(sorted(user_ids)).encode(), usedforsecurity=False).hexdigest()


def group_display_name(usernames: Iterable[str]) -> str:
    """The names of the users of a group channel, as many as fit."""
    shown = ""
    for username in sorted(usernames):
        longer = f"{shown}, {username}" if shown else username
        if len(longer) > MAX_DISPLAY_NAME:
            break
        shown = longer
    return shown


def default_names(configured: Sequence[str]) -> list[str]:
    """The channels that everyone in a team is put into: town-square and those of the settings, else off-topic."""
    names = [name for name in configured if _NAME.fullmatch(name)]
    return list(dict.fromkeys([DEFAULT_CHANNEL, *(names or ("off-topic",))]))
