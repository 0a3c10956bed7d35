"""Every event of every test is held against its class: what nodes of the test process publish, and what clients hear.

A test fails whose events have a field too many, too few or of another type, also inside of the JSON that travels in
strings.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_type_hints

import msgspec
from msgspec import UNSET, Struct

from server.bus.event import CATALOGUE, Event


class Field(Struct, frozen=True):
    """A field of `data` as the class declares it."""

    hint: Any
    as_json: bool
    optional: bool


@cache
def declared(kind: type[Event]) -> dict[str, Field]:
    """The fields of an event by their names on the wire, those among them that only the users named get."""
    hints = get_type_hints(kind, include_extras=True)
    as_json = kind.json_fields()
    names = {described.partition(" ")[0].rstrip("?") for described in kind.described_fields()}
    fields = {
        field.encode_name: Field(
            hint=hints[field.name], as_json=field.encode_name in as_json, optional=field.default in (None, UNSET)
        )
        for field in msgspec.structs.fields(kind)
        if field.encode_name in names
    }
    personal = {name: Field(hint=list[str], as_json=True, optional=True) for name in kind.personal_fields}
    asking = {"should_ack": Field(hint=bool, as_json=False, optional=True)} if personal else {}
    return {**fields, **personal, **asking}


def misfits(kind: type[Event], data: Mapping[str, Any]) -> list[str]:
    """What is wrong with the `data` of an event of this class."""
    fields = declared(kind)
    faults = [f"{name} is not a field" for name in data if name not in fields]
    for name, field in fields.items():
        if name not in data:
            if not field.optional:
                faults.append(f"{name} is missing")
        elif field.as_json and not isinstance(data[name], str):
            faults.append(f"{name} is no string")
        else:
            faults += [f"{name}: {fault}" for fault in _unlike(data[name], field)]
    return faults


def _unlike(value: Any, field: Field) -> list[str]:
    """Whether a value is not what its type would send: a type that leaves fields out, or adds some, is another one."""
    text = value if field.as_json else json.dumps(value)
    try:
        sent = msgspec.json.encode(msgspec.json.decode(text, type=field.hint))
    except msgspec.MsgspecError as error:
        return [str(error)]
    given, meant = json.loads(text), json.loads(sent)
    return [] if given == meant else list(_differences(given, meant, ""))


def _differences(one: Any, other: Any, where: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            if name not in other:
                yield f"{where}.{name} is not declared"
            elif name not in one:
                yield f"{where}.{name} is missing"
            else:
                yield from _differences(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(*pair, f"{where}[{number}]")
    elif one != other:
        yield f"{where} is {one!r} instead of {other!r}"


def event_faults(event: Event) -> list[str]:
    """What is wrong with an event that is about to be published."""
    kind = type(event)
    found = misfits(kind, json.loads(event.data()))
    if kind not in CATALOGUE.get(event.name, []):
        found.append("it is not in the catalogue")
    found += [f"{name} is not declared as personal" for name in event.personal() if name not in kind.personal_fields]
    return [f"{kind.__name__} ({event.name}): {fault}" for fault in found]


def check_frame(frame: Mapping[str, Any]) -> None:
    """Fail unless the event that a client got is one of the catalogue's."""
    kinds = CATALOGUE.get(frame["event"], [])
    faults = {kind.__name__: misfits(kind, frame["data"]) for kind in kinds}
    assert any(not found for found in faults.values()), f"no event should be like this: {faults} {frame}"
