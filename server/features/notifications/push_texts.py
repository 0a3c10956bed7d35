"""What phones show of a post: as much as PushNotificationContents says."""

from server.config import Config
from server.features.notifications.models import Candidate, PostNotice, Reason
from server.features.notifications.wording import channel_title, headline, message_text, sender_name
from server.notify.push import CAN_REPLY, MESSAGE, VERSION, Kind, PushNotification

GENERIC_NO_CHANNEL, GENERIC, FULL, ID_LOADED = "generic_no_channel", "generic", "full", "id_loaded"

MESSAGE_MAX = 1500
"""Characters; the makers of phones take about 4 KB in all."""


def blank(type: Kind) -> PushNotification:
    """A notification without contents; the phone and the id are set when it is sent."""
    return PushNotification(
        ack_id="",
        platform="",
        server_id="",
        device_id="",
        post_id="",
        type=type,
        version=VERSION,
    )


def post_push(
    config: Config, notice: PostNotice, reader: Candidate, reason: Reason, *, contents: str
) -> PushNotification:
    """The notification about a post."""
    sent = blank(MESSAGE)
    sent.post_id, sent.root_id = notice.id, notice.root_id
    sent.channel_id, sent.team_id = notice.channel_id, notice.team_id
    sent.category = CAN_REPLY
    sent.is_crt_enabled = reader.collapsed
    if contents == ID_LOADED:
        sent.is_id_loaded = True
        sent.message = "You have a new message."
        return sent
    sender = sender_name(config, notice, reader.name_format)
    sent.sender_id, sent.sender_name = notice.user_id, sender
    sent.channel_name = _title(notice, reader, sender, contents)
    sent.message = _message(notice, reason, sender, contents)
    _set_webhook(config, notice, sent)
    return sent


def _title(notice: PostNotice, reader: Candidate, sender: str, contents: str) -> str:
    is_thread = bool(notice.root_id) and reader.collapsed
    if notice.channel_type == "D":
        return f"Reply of {sender}" if is_thread else sender
    if contents == GENERIC_NO_CHANNEL:
        return ""
    channel = channel_title(notice, reader.username)
    return f"Reply in {channel}" if is_thread else channel


def _message(notice: PostNotice, reason: Reason, sender: str, contents: str) -> str:
    if contents != FULL:
        return f"{headline(reason, sender)}."
    text = message_text(notice)
    if not text:
        return f"{headline(reason, sender)}."
    text = text if notice.channel_type == "D" else f"{sender}: {text}"
    return text if len(text) <= MESSAGE_MAX else f"{text[: MESSAGE_MAX - 1]}…"


def _set_webhook(config: Config, notice: PostNotice, sent: PushNotification) -> None:
    """What phones show instead of the author of a message that an integration wrote."""
    props, settings = notice.props, config.ServiceSettings
    if props.get("from_webhook") != "true":
        return
    sent.from_webhook = "true"
    name, icon = props.get("override_username"), props.get("override_icon_url")
    if settings.EnablePostUsernameOverride and isinstance(name, str):
        sent.override_username = name
    if settings.EnablePostIconOverride and isinstance(icon, str):
        sent.override_icon_url = icon[:1024]
