"""What a dialog must have so that clients can show it, and what it should have."""

from typing import Any

import msgspec

from server.errors import BadRequest
from server.features.interactions.calls import may_be_called
from server.features.interactions.models import Dialog, Element

ELEMENTS_MAX = 100
NAME_MAX = 300

TYPES = frozenset(("text", "textarea", "select", "bool", "radio", "date", "datetime", "action_button"))
SUBTYPES = frozenset(("", "text", "email", "number", "tel", "url", "password"))
SOURCES = frozenset(("", "users", "channels", "dynamic"))

TITLE_MAX = 24
DISPLAY_NAME_MAX = 24
HELP_MAX = 150
VALUE_MAX = {"textarea": 3000, "select": 3000}
OTHER_VALUE_MAX = 150

_DEFAULTS = msgspec.to_builtins(Element())


def invalid_dialog(what: str) -> BadRequest:
    """400 for a dialog that no client could show."""
    return BadRequest("api.context.invalid_body_param.app_error", f"Invalid dialog: {what}.", name="dialog")


def checked(dialog: Dialog, size_max: int) -> Dialog:
    """A dialog with all fields of its elements there; raises BadRequest for one that no client could show."""
    if not dialog.title.strip():
        raise invalid_dialog("it has no title")
    if len(dialog.elements) > ELEMENTS_MAX:
        raise invalid_dialog(f"it has more than {ELEMENTS_MAX} elements")
    if len(msgspec.json.encode(dialog)) > size_max:
        raise invalid_dialog("it is too large")
    given = [{key: value for key, value in element.items() if value is not None} for element in dialog.elements]
    for element in given:
        _check(_typed(element))
    return msgspec.structs.replace(dialog, elements=[{**_DEFAULTS, **element} for element in given])


def _typed(element: dict[str, Any]) -> Element:
    try:
        return msgspec.convert(element, Element)
    except msgspec.ValidationError:
        raise invalid_dialog("a field of an element has the wrong type") from None


def _check(element: Element) -> None:
    if not element.name or len(element.name) > NAME_MAX:
        raise invalid_dialog(f"elements have names of at most {NAME_MAX} characters")
    if element.type not in TYPES:
        raise invalid_dialog("an element has an unknown type")
    if element.data_source not in SOURCES:
        raise invalid_dialog("an element has an unknown data source")
    if element.data_source == "dynamic" and not may_be_called(element.data_source_url):
        raise invalid_dialog("a dynamic element needs the address of its data source")


def oddities(dialog: Dialog) -> list[str]:
    """What is worth a warning: clients show it, but perhaps not well."""
    elements = [_typed(element) for element in dialog.elements]
    found = []
    if len(dialog.title) > TITLE_MAX:
        found.append("a long title")
    if len({element.name for element in elements}) < len(elements):
        found.append("elements of the same name")
    for element in elements:
        most = VALUE_MAX.get(element.type, OTHER_VALUE_MAX)
        if not 1 <= len(element.display_name) <= DISPLAY_NAME_MAX:
            found.append("no display name, or a long one")
        if len(element.help_text) > HELP_MAX or max(len(element.default), len(element.placeholder)) > most:
            found.append("long texts")
        if element.subtype not in SUBTYPES:
            found.append("an unknown subtype")
        if element.min_length < 0 or (element.max_length and element.min_length > element.max_length):
            found.append("impossible lengths")
        if _has_choices(element) and not _is_choice(element):
            found.append("a default that is no option")
    return list(dict.fromkeys(found))


def _has_choices(element: Element) -> bool:
    return element.type == "radio" or (element.type == "select" and not element.data_source)


def _is_choice(element: Element) -> bool:
    wanted = [part.strip() for part in element.default.split(",")] if element.multiselect else [element.default]
    return {part for part in wanted if part} <= {option.value for option in element.options}
