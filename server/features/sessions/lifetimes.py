"""How long sessions last: by the settings and by what signed in, and when activity makes them last longer."""

from collections.abc import Mapping
from typing import Any

from server.config.service import ServiceSection

HOUR = 3600 * 1000
DAY = 24 * HOUR
EXTEND_AT_LEAST = 5 * 60 * 1000
EXTEND_AT_MOST = DAY
"""Bounds, in milliseconds, for how much of its length a session must have used before it is extended."""


def session_length(settings: ServiceSection, *, mobile: bool, sso: bool = False) -> int:
    """Milliseconds that a session of this kind lasts, 0 for ever."""
    if sso:
        hours = settings.SessionLengthSSOInHours
    elif mobile:
        hours = settings.SessionLengthMobileInHours
    else:
        hours = settings.SessionLengthWebInHours
    return max(hours, 0) * HOUR


def is_mobile(device_id: str, props: Mapping[str, Any]) -> bool:
    """Whether a session belongs to a phone."""
    return bool(device_id) or props.get("isMobile") == "true"


def length_of(settings: ServiceSection, device_id: str, props: Mapping[str, Any]) -> int:
    """Milliseconds that an existing session lasts from its last extension on, 0 for ever."""
    sso = props.get("isOAuthUser") == "true" or props.get("isSaml") == "true"
    return session_length(settings, mobile=is_mobile(device_id, props), sso=sso)


def extended_expiry(settings: ServiceSection, now: int, expires_at: int, length: int) -> int | None:
    """The new expiry of a session in use, or None when it need not move yet."""
    if not settings.ExtendSessionLengthWithActivity or expires_at == 0 or length == 0:
        return None
    used = length - (expires_at - now)
    threshold = min(max(length // 100, EXTEND_AT_LEAST), EXTEND_AT_MOST)
    return now + length if used >= threshold else None
