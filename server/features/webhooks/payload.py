"""What is sent to a hook, as JSON, in a form's field `payload`, or in the fields of a multipart form."""

import json
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from server.errors import ApiError, BadRequest
from server.features.webhooks.models import WebhookPayload
from server.http.bodies import BodyDecoder

MAX_FIELDS = 100

_FORM = "application/x-www-form-urlencoded"
_FROM_JSON = ("attachments", "props", "priority")

_decode = BodyDecoder(WebhookPayload)


def unreadable(name: str = "payload") -> BadRequest:
    """400 for a payload that is no JSON or has a field of a wrong type."""
    return BadRequest("web.incoming_webhook.parse.app_error", f"The webhook's {name} can't be read.")


def read_payload(raw: bytes, content_type: str) -> WebhookPayload:
    """The payload of a body that is JSON or a form; raises BadRequest."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        return _decoded(raw)
    try:
        fields = dict(parse_qsl(raw.decode("ascii"), errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:
        raise unreadable() from None
    if "payload" not in fields:
        raise unreadable()
    return _decoded(fields["payload"].encode())


def read_fields(fields: dict[str, str]) -> WebhookPayload:
    """The payload of a multipart form: JSON in its field `payload`, or each part in a field of its name."""
    if "payload" in fields:
        return _decoded(fields["payload"].encode())
    parts: dict[str, Any] = dict(fields)
    for name in _FROM_JSON:
        if name in parts:
            try:
                parts[name] = msgspec.json.decode(parts[name])
            except (msgspec.DecodeError, RecursionError):
                raise unreadable(name) from None
    return _decoded(msgspec.json.encode(parts))


def _decoded(raw: bytes) -> WebhookPayload:
    try:
        payload: WebhookPayload = _decode(raw)
    except ApiError as error:
        name = str(error.params.get("name", "body"))
        if name != "body":
            raise unreadable(name) from None
        try:
            payload = _decode(_repaired(raw))
        except ApiError as again:
            raise unreadable(str(again.params.get("name", "payload"))) from None
    return payload


def _repaired(raw: bytes) -> bytes:
    """The same JSON with its raw line breaks and tabs escaped: shell scripts send such, and Slack takes it."""
    try:
        return msgspec.json.encode(json.loads(raw, strict=False))
    except (ValueError, RecursionError, OverflowError):
        raise unreadable() from None
