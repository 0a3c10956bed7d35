"""Settings by their dotted keys, as `TeamSettings.SiteName`: types, values, and copies with other values."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from server.config.model import Config

MAX_INT = 2**63 - 1
MAX_DEPTH = 16


class ConfigError(ValueError):
    """A setting can't have this value: `key` names it, `reason` completes "<key> …" to a sentence."""

    def __init__(self, key: str, reason: str, id: str = "") -> None:
        super().__init__(f"{key} {reason}")
        self.key = key
        self.reason = reason
        self.id = id


def is_section(kind: Any) -> bool:
    """Whether a field holds settings of its own rather than one value."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def _leaves(section: type[Struct], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(section):
        key = f"{prefix}{field.name}"
        if is_section(field.type):
            found |= _leaves(field.type, f"{key}.")
        else:
            found[key] = field.type
    return found


KEYS: Mapping[str, Any] = _leaves(Config, "")
"""The type of every setting by key, in the order they are shown."""


def value_of(config: Config, key: str) -> Any:
    """The value of a setting."""
    return attrgetter(key)(config)


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy in which the settings of `values`, which must have the right types, are set."""
    changed: Config = _with(config, {tuple(key.split(".")): value for key, value in values.items()})
    return changed


def _with(settings: Any, values: Mapping[tuple[str, ...], Any]) -> Any:
    changes = {path[0]: value for path, value in values.items() if len(path) == 1}
    below: dict[str, dict[tuple[str, ...], Any]] = {}
    for path, value in values.items():
        if len(path) > 1:
            below.setdefault(path[0], {})[path[1:]] = value
    if isinstance(settings, dict):
        return settings | changes
    changes |= {name: _with(getattr(settings, name), inner) for name, inner in below.items()}
    return msgspec.structs.replace(settings, **changes)


def typed(key: str, value: Any, kind: Any) -> Any:
    """`value` as the type of its setting; ConfigError when it has another, or holds what can't be stored."""
    try:
        converted = msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        expected = str(error).split(" - at ")[0]
        raise ConfigError(key, f"has the wrong type: {expected[0].lower()}{expected[1:]}") from None
    _check_storable(key, converted, 0)
    return converted


def _check_storable(key: str, value: Any, depth: int) -> None:
    """PostgreSQL's jsonb has no NUL and no lone surrogate, and endless nesting ends in a deep recursion."""
    if depth > MAX_DEPTH:
        raise ConfigError(key, "is nested too deeply")
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise ConfigError(key, "holds characters that are no text")
    elif isinstance(value, int):
        if abs(value) > MAX_INT:
            raise ConfigError(key, "is too large a number")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _check_storable(key, name, depth + 1)
            _check_storable(key, item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_storable(key, item, depth + 1)
    elif isinstance(value, Struct):
        _check_storable(key, msgspec.structs.asdict(value), depth + 1)
