"""Slack's way to write links, mentions and channels, turned into Markdown and names."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from server.ids import is_id

MAX_PEOPLE = 100
"""People that one message may name by their ids."""

_CALL = re.compile(r"<!(channel|here|everyone|all)(?:\|[^<>]*)?>")
_PERSON = re.compile(r"<@([A-Za-z0-9]{26})(?:\|[^<>]*)?>")
_CHANNEL = re.compile(r"<#[^<>|]*\|([^<>|]+)>")
_LINK = re.compile(r"<([^<>|\s][^<>|]*)\|([^<>]+)>")
_CALLS = {"everyone": "all"}

_TEXTS = ("fallback", "pretext", "title", "text", "footer")

Translate = Callable[[str], str]


def people_in(texts: Iterable[str]) -> list[str]:
    """The ids of the people whom the texts name by `<@id>`."""
    found: dict[str, None] = {}
    for text in texts:
        for match in _PERSON.finditer(text):
            if len(found) >= MAX_PEOPLE:
                return list(found)
            if is_id(match[1]):
                found[match[1]] = None
    return list(found)


def translator(usernames: Mapping[str, str]) -> Translate:
    """What turns a text into ours; `usernames` are those of the people it names, by id."""

    def person(match: re.Match[str]) -> str:
        name = usernames.get(match[1])
        return match[0] if name is None else f"@{name}"

    def translate(text: str) -> str:
        if "<" not in text:
            return text
        text = _CALL.sub(lambda match: "@" + _CALLS.get(match[1], match[1]), text)
        text = _PERSON.sub(person, text)
        text = _CHANNEL.sub(r"~\1", text)
        return _LINK.sub(r"[\2](\1)", text)

    return translate


def texts_of(attachments: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """All texts of attachments in which Slack's marks may stand."""
    for attachment in attachments:
        for name in _TEXTS:
            if isinstance(text := attachment.get(name), str):
                yield text
        for field in _fields(attachment):
            if isinstance(text := field.get("value"), str):
                yield text


def _fields(attachment: Mapping[str, Any]) -> list[dict[str, Any]]:
    fields = attachment.get("fields")
    return [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []


def translated(attachment: Mapping[str, Any], translate: Translate) -> dict[str, Any]:
    """An attachment in our words. The values of its fields become texts; what is malformed stays as it is."""
    changed = dict(attachment)
    for name in _TEXTS:
        if isinstance(text := changed.get(name), str):
            changed[name] = translate(text)
    fields = changed.get("fields")
    if isinstance(fields, list):
        changed["fields"] = [_field(field, translate) if isinstance(field, dict) else field for field in fields]
    return changed


def _field(field: dict[str, Any], translate: Translate) -> dict[str, Any]:
    value = field.get("value")
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, (int, float)):
        value = str(value)
    elif isinstance(value, str):
        value = translate(value)
    return {**field, "value": value}
