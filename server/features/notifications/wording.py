"""The words about a post that mails and push notifications share: names, places, headlines."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from server.config import Config
from server.features.notifications.models import Candidate, PostNotice, Reason
from server.notify.mail import one_line

FULL_NAME, NICKNAME = "full_name", "nickname_full_name"

_HEADLINES: dict[Reason, str] = {
    "direct": "{sender} sent you a message",
    "group": "{sender} sent a message to your group",
    "mention": "{sender} mentioned you",
    "everyone": "{sender} notified everyone",
    "comment": "{sender} replied to your thread",
    "thread": "{sender} replied to a thread that you follow",
    "all": "{sender} posted a message",
}


def headline(reason: Reason, sender: str, channel: str = "") -> str:
    """What has happened, in a sentence without its full stop; with the channel if it is given."""
    told = _HEADLINES.get(reason, _HEADLINES["all"]).format(sender=sender)
    return f"{told} in {channel}" if channel and reason not in ("direct", "group") else told


def sender_name(config: Config, notice: PostNotice, name_format: str) -> str:
    """Who wrote a post, as its reader wants people to be called: "@ada" or "Ada Lovelace"."""
    if notice.props.get("from_webhook") == "true" and config.ServiceSettings.EnablePostUsernameOverride:
        alias = notice.props.get("override_username")
        if isinstance(alias, str) and (alias := one_line(alias)):
            return alias
    settings = config.TeamSettings
    wanted = settings.TeammateNameDisplay if settings.LockTeammateNameDisplay else name_format
    wanted = wanted or settings.TeammateNameDisplay
    name = ""
    if wanted == NICKNAME:
        name = notice.nickname
    if wanted in (NICKNAME, FULL_NAME) and not name and config.PrivacySettings.ShowFullName:
        name = f"{notice.first_name} {notice.last_name}"
    return one_line(name) or f"@{notice.username}"


def channel_title(notice: PostNotice, reader: str) -> str:
    """What the channel of a post is called for a reader (username): "" for a direct one."""
    if notice.channel_type == "D":
        return ""
    if notice.channel_type == "G":
        names = [name for name in notice.channel_display_name.split(", ") if name != reader]
        return ", ".join(names)
    return one_line(notice.channel_display_name) or notice.channel_name


def message_text(notice: PostNotice) -> str:
    """The message as it was written, then what attachments say instead, then the names of files."""
    parts = [notice.message.strip()] if notice.message.strip() else []
    attachments = notice.props.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else ():
        if isinstance(attachment, dict):
            said = next(
                (attachment[key] for key in ("fallback", "pretext", "text", "title") if attachment.get(key)), ""
            )
            if isinstance(said, str) and said.strip():
                parts.append(said.strip())
    if notice.file_names:
        names = ", ".join(one_line(name) for name in notice.file_names)
        parts.append(f"Attached: {names}")
    return "\n\n".join(parts)


def local_time(reader: Candidate, at: int) -> str:
    """A time (ms) where the reader lives: "21 Nov 2026, 16:05 (Europe/Berlin)"."""
    automatic = reader.timezone.get("useAutomaticTimezone", "true") == "true"
    name = reader.timezone.get("automaticTimezone" if automatic else "manualTimezone", "")
    moment = datetime.fromtimestamp(at / 1000, UTC)
    try:
        moment = moment.astimezone(ZoneInfo(name)) if name else moment
    except (ValueError, OSError, KeyError):
        name = ""
    return f"{moment.day} {moment:%b %Y, %H:%M} ({name or 'UTC'})"


def permalink(config: Config, notice: PostNotice) -> str:
    """The address of a post for browsers; "" where the server has no address of its own."""
    site = config.ServiceSettings.SiteURL.rstrip("/")
    return f"{site}/{notice.team_name or '_redirect'}/pl/{notice.id}" if site else ""
