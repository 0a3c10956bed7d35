"""Changing settings: a patch, a whole new config, and what is different between two."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from server.config.keys import KEYS, ConfigError, is_section, typed, value_of, with_values
from server.config.masking import unmask
from server.config.model import Config

FIXED_BY_API = frozenset(
    {
        "FeatureFlags",
        "SqlSettings.AtRestEncryptKey",
        "PluginSettings.EnableUploads",
        "PluginSettings.SignaturePublicKeyFiles",
        "ImportSettings.Directory",
        "ExportSettings.Directory",
    }
)
"""Settings that no request may change: they decide over code and paths on the machine, or are not for the database."""


def merge(config: Config, patch: Mapping[str, Any]) -> Config:
    """`config` with the settings that `patch` (section → key → value) names.

    null means absent, unknown names are ignored, free maps are joined; ConfigError for a wrong type.
    """
    merged: Config = _merge(config, patch, "")
    return merged


def _merge(settings: Any, patch: Mapping[str, Any], prefix: str) -> Any:
    changes: dict[str, Any] = {}
    for field in msgspec.structs.fields(settings):
        value = patch.get(field.name)
        if value is None:
            continue
        key = prefix + field.name
        current = getattr(settings, field.name)
        if is_section(field.type):
            if not isinstance(value, Mapping):
                raise ConfigError(key, "has the wrong type: expected `object`")
            changes[field.name] = _merge(current, value, f"{key}.")
        else:
            new = typed(key, value, field.type)
            changes[field.name] = {**current, **new} if isinstance(new, dict) else new
    return msgspec.structs.replace(settings, **changes)


def patched(stored: Config, current: Config, patch: Mapping[str, Any], locked: Collection[str]) -> Config:
    """What to store after a patch, or ConfigError.

    `stored` is the config without overrides, `current` the one in force: masked values stand for its secrets.
    `locked` settings stay as they are.
    """
    return _kept(stored, unmask(merge(stored, patch), current), locked)


def replaced(stored: Config, current: Config, body: Mapping[str, Any], locked: Collection[str]) -> Config:
    """What to store after PUT, as `patched`, but what `body` leaves out falls back to its default."""
    # Clients that know API v4 only drop the section of our own: it is not theirs to reset.
    blank = Config(HubbubSettings=stored.HubbubSettings)
    return _kept(stored, unmask(merge(blank, body), current), locked)


def _kept(stored: Config, new: Config, locked: Collection[str]) -> Config:
    return with_values(new, {key: value_of(stored, key) for key in {*locked, *FIXED_BY_API} if key in KEYS})


def diff(old: Config, new: Config) -> list[str]:
    """The keys of the settings that differ."""
    return [key for key in KEYS if value_of(old, key) != value_of(new, key)]
