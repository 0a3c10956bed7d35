"""JSON bodies decoded by type: unknown fields are ignored, null means absent, a wrong type is a 400 that names it."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect as shapes

from server.errors import BadRequest, invalid_body
from server.http.params import parse_query

_PATH = re.compile(r" - at `(?:key in )?`?\$([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]+)`")
_any = msgspec.json.Decoder().decode

MAX_DEPTH = 100
"""Lists and objects within each other. Free-form values are encoded again wherever they are shown, with less stack."""


class BodyDecoder:
    """Decodes one type. The fast way is msgspec's; nulls and faults are looked at only when that refuses."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
        self._shape = shapes.type_info(kind)

    def __call__(self, raw: bytes) -> Any:
        """The body as the type; raises BadRequest."""
        if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
            _refuse_deep(_parsed(raw))
        if b"\\u0000" in raw or b"\0" in raw:
            _refuse_nul(_parsed(raw), "body")
        try:
            return self._decode(raw)
        except msgspec.ValidationError:
            pass
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise invalid_body("body") from None
        try:
            return msgspec.convert(_without_nulls(_parsed(raw), self._shape), self._kind)
        except msgspec.ValidationError as error:
            raise invalid_body(field_of(error)) from None

    def form(self, raw: bytes) -> Any:
        """The fields of a form as the type, numbers and booleans as text; raises BadRequest."""
        fields = parse_query(raw)
        try:
            return msgspec.convert(fields, self._kind, strict=False)
        except msgspec.ValidationError as error:
            raise invalid_body(field_of(error)) from None


def _parsed(raw: bytes) -> Any:
    try:
        return _any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid_body("body") from None


def field_of(error: msgspec.ValidationError) -> str:
    """The name of the field that a validation error speaks of, like `metadata.priority`; "body" for the whole."""
    text = str(error)
    at = _PATH.search(text)
    path = at[1].lstrip(".") if at else ""
    missing = _MISSING.search(text)
    if missing:
        path = f"{path}.{missing[1]}" if path else missing[1]
    return path or "body"


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise invalid_body("body")


def _refuse_nul(value: Any, name: str) -> None:
    """PostgreSQL's text can't hold U+0000, and no client has a use for it."""
    if isinstance(value, str):
        if "\0" in value:
            raise BadRequest("api.context.invalid_body_param.app_error", name=name)
    elif isinstance(value, list):
        for item in value:
            _refuse_nul(item, name)
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key, name)
            _refuse_nul(item, str(key).replace("\0", ""))


def _without_nulls(value: Any, shape: shapes.Type) -> Any:
    """Drop null fields wherever the type is a Struct; free-form maps keep theirs."""
    if isinstance(shape, shapes.Metadata):
        return _without_nulls(value, shape.type)
    if isinstance(shape, shapes.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in shape.fields}
        return {
            key: _without_nulls(item, fields[key]) if key in fields else item
            for key, item in value.items()
            if item is not None
        }
    if isinstance(shape, shapes.UnionType):
        for option in shape.types:
            if isinstance(option, (shapes.StructType, shapes.ListType)):
                return _without_nulls(value, option)
        return value
    if isinstance(shape, shapes.ListType) and isinstance(value, list):
        return [_without_nulls(item, shape.item_type) for item in value]
    return value
