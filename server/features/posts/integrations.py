"""The buttons and menus in attachments, and the addresses behind them, which clients never see.

Those of stored posts stay with the post. An ephemeral post is stored nowhere: each of its actions carries a cookie,
sealed with a secret of the installation, that its reader sends back.
"""

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct, field

from server.access.installation import LastingSecret, lasting_secret
from server.context import Context
from server.features.posts.metadata import invalid_props

RETAINED = (
    "from_webhook",
    "webhook_display_name",
    "override_username",
    "override_icon_url",
    "override_icon_emoji",
    "from_bot",
    "from_plugin",
    "from_oauth_app",
)
"""Props that say who wrote a post: whatever becomes of it, they stay as they are."""

MAX_SEALED = 200
"""Actions of an ephemeral post: each carries a cookie with all that is retained."""

RETAINED_MAX = 1024
"""Characters of a retained prop that is carried in each cookie."""

_NONCE = 12


class Integration(Struct, frozen=True):
    """What an action calls."""

    url: str = ""
    context: dict[str, Any] = {}


class ActionCookie(Struct, frozen=True, kw_only=True):
    """An action of an ephemeral post, for the user who was shown it."""

    user_id: str
    post_id: str
    action_id: str
    root_id: str
    """Of the thread, that of the post itself if it is in none."""
    channel_id: str
    author_id: str
    type: str = ""
    data_source: str = ""
    integration: Integration = field(default_factory=Integration)
    props: dict[str, Any] = {}
    """Those that are retained."""


def actions_in(props: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The buttons and menus in the attachments of checked props."""
    for attachment in props.get("attachments") or ():
        yield from attachment.get("actions") or ()


def retained(props: Mapping[str, Any]) -> dict[str, Any]:
    """The props that stay as they are."""
    return {name: props[name] for name in RETAINED if name in props}


def with_retained(props: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """New props that say the same of who wrote the post as the old ones."""
    return {name: value for name, value in props.items() if name not in RETAINED} | retained(old)


def with_integrations(props: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """New props in which actions that were there before call the same addresses: no client could send these back."""
    known = {action.get("id"): action["integration"] for action in actions_in(old) if action.get("integration")}
    if not known:
        return dict(props)

    def complete(action: dict[str, Any]) -> dict[str, Any]:
        if action.get("integration") or action.get("id") not in known:
            return action
        return {**action, "integration": known[action["id"]]}

    return _changed(props, complete)


def _changed(props: Mapping[str, Any], change: Any) -> dict[str, Any]:
    """Props with every action changed."""
    if not any(True for _ in actions_in(props)):
        return dict(props)
    return {
        **props,
        "attachments": [
            {**attachment, "actions": [change(action) for action in attachment["actions"]]}
            if attachment.get("actions")
            else attachment
            for attachment in props["attachments"]
        ],
    }


async def with_cookies(
    ctx: Context, props: Mapping[str, Any], *, user_id: str, post_id: str, root_id: str, channel_id: str, author_id: str
) -> dict[str, Any]:
    """Checked props of an ephemeral post for a user, with a cookie in each of its actions.

    Raises BadRequest when there are too many of them.
    """
    count = sum(1 for _ in actions_in(props))
    if not count:
        return dict(props)
    if count > MAX_SEALED:
        raise invalid_props()
    cipher = await _cipher(ctx)
    kept = {
        name: value
        for name, value in retained(props).items()
        if isinstance(value, (str, bool)) and len(str(value)) <= RETAINED_MAX
    }

    def seal(action: dict[str, Any]) -> dict[str, Any]:
        cookie = ActionCookie(
            user_id=user_id,
            post_id=post_id,
            action_id=action["id"],
            root_id=root_id or post_id,
            channel_id=channel_id,
            author_id=author_id,
            type=str(action.get("type") or ""),
            data_source=str(action.get("data_source") or ""),
            integration=integration_of(action) or Integration(),
            props=kept,
        )
        nonce = os.urandom(_NONCE)
        sealed = nonce + cipher.encrypt(nonce, msgspec.json.encode(cookie), None)
        return {**action, "cookie": base64.urlsafe_b64encode(sealed).decode()}

    return _changed(props, seal)


async def opened_cookie(ctx: Context, cookie: str) -> ActionCookie | None:
    """What was sealed in a cookie, or None when it was not sealed here."""
    try:
        sealed = base64.urlsafe_b64decode(cookie.encode("ascii"))
        plain = (await _cipher(ctx)).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
        return msgspec.json.decode(plain, type=ActionCookie)
    except (ValueError, InvalidTag, msgspec.MsgspecError):
        return None


async def _cipher(ctx: Context) -> AESGCM:
    return AESGCM(hashlib.sha256(await lasting_secret(ctx, LastingSecret.ACTION_COOKIES)).digest())


def integration_of(action: Mapping[str, Any]) -> Integration | None:
    """What an action calls; None when it says none, or none that makes sense."""
    try:
        found = msgspec.convert(action.get("integration"), Integration)
    except msgspec.ValidationError:
        return None
    return found if found.url else None
