"""Push notifications through a push proxy, which alone speaks with the makers of phones (Mattermost's protocol, v2)."""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from server.config.people import EmailSection
from server.notify.outbound import Outbound, OutboundError

OK, FAIL, REMOVE = "OK", "FAIL", "REMOVE"

MESSAGE: Final = "message"
CLEAR: Final = "clear"
UPDATE_BADGE: Final = "update_badge"
SESSION: Final = "session"
TEST: Final = "test"

Kind = Literal["message", "clear", "update_badge", "session", "test"]

VERSION = "v2"
CAN_REPLY = "CAN_REPLY"
TIMEOUT = 10.0

_encode = msgspec.json.Encoder().encode


class PushFailed(Exception):
    """The push proxy could not be reached, or did not take a notification; it may later."""


class PushNotification(Struct, kw_only=True, omit_defaults=True):
    """What the proxy passes on to one phone; parts without content are left out."""

    ack_id: str
    platform: str
    server_id: str
    device_id: str
    post_id: str
    category: str = ""
    sound: str = ""
    message: str = ""
    badge: int = 0
    cont_ava: int = 0
    team_id: str = ""
    channel_id: str = ""
    root_id: str = ""
    channel_name: str = ""
    type: Kind | Literal[""] = ""
    sender_id: str = ""
    sender_name: str = ""
    override_username: str = ""
    override_icon_url: str = ""
    from_webhook: str = ""
    version: str = ""
    is_crt_enabled: bool = msgspec.field(default_factory=bool)  # a factory: always sent
    is_id_loaded: bool = msgspec.field(default_factory=bool)


class PushAck(Struct, kw_only=True, omit_defaults=True):
    """A phone says that it got a notification."""

    id: str
    received_at: int
    platform: str
    type: str
    post_id: str = ""
    is_id_loaded: bool = msgspec.field(default_factory=bool)


class _Answered(Struct):
    status: str = ""


def is_configured(settings: EmailSection) -> bool:
    """Whether push notifications are wanted and there is a proxy for them."""
    return settings.SendPushNotifications and bool(settings.PushNotificationServer)


def device_of(device_id: str) -> tuple[str, str]:
    """Platform and token of a device id as apps give it: "apple_rn-v2:abc" is ("apple_rn-v2", "abc")."""
    platform, colon, token = device_id.partition(":")
    return (platform, token) if colon else ("", device_id)


async def send_push(outbound: Outbound, settings: EmailSection, notification: PushNotification) -> str:
    """Hand a notification to the proxy: OK, or REMOVE for a device that does not exist any more.

    Raises PushFailed when the proxy is away or refuses; its reason never repeats a token.
    """
    answer = await _post(outbound, settings, "send_push", notification)
    try:
        status = msgspec.json.decode(answer, type=_Answered).status
    except msgspec.MsgspecError:
        raise PushFailed("the push proxy gave no proper answer") from None
    if status not in (OK, REMOVE):
        raise PushFailed("the push proxy refused the notification")
    return status


async def send_ack(outbound: Outbound, settings: EmailSection, ack: PushAck) -> None:
    """Pass on that a phone got a notification; raises PushFailed."""
    await _post(outbound, settings, "ack", ack)


async def _post(outbound: Outbound, settings: EmailSection, name: str, body: Any) -> bytes:
    url = f"{settings.PushNotificationServer.rstrip('/')}/api/v1/{name}"
    headers = {"content-type": "application/json"}
    try:
        answer = await outbound.send(
            "POST", url, headers=headers, content=_encode(body), timeout=TIMEOUT, max_bytes=10_000, trusted=True
        )
    except OutboundError as error:
        raise PushFailed(str(error)) from None
    if answer.status != 200:
        raise PushFailed(f"the push proxy answered {answer.status}")
    return answer.body
