"""Settings as they leave the server: secrets are masked, and a mask that comes back stands for the secret."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from server.config.keys import value_of, with_values
from server.config.model import Config
from server.config.operation import ReplicaLag

MASK = "*" * 32

REDIS = "CacheSettings.RedisAddress"
"""A secret only when it is a URL with a password."""

SECRETS = (
    "ServiceSettings.SplitKey",
    "SqlSettings.DataSource",
    "SqlSettings.DataSourceReplicas",
    "SqlSettings.DataSourceSearchReplicas",
    "SqlSettings.AtRestEncryptKey",
    "SqlSettings.ReplicaLagSettings",
    "CacheSettings.RedisPassword",
    "FileSettings.PublicLinkSalt",
    "FileSettings.AmazonS3SecretAccessKey",
    "FileSettings.ExportAmazonS3SecretAccessKey",
    "EmailSettings.SMTPPassword",
    "GitLabSettings.Secret",
    "GoogleSettings.Secret",
    "Office365Settings.Secret",
    "OpenIdSettings.Secret",
    "LdapSettings.BindPassword",
    "ElasticsearchSettings.Password",
    "MessageExportSettings.GlobalRelaySettings.SMTPPassword",
    "AutoTranslationSettings.LibreTranslate.APIKey",
)
"""Settings never shown: texts, lists of texts, and data sources of replicas."""

_STORED_SECRETS = frozenset((*SECRETS, REDIS))


def secrets_of(config: Config) -> tuple[str, ...]:
    """The keys of what must not be shown of this config."""
    return (*SECRETS, REDIS) if "@" in config.CacheSettings.RedisAddress else SECRETS


def mask(config: Config) -> dict[str, Any]:
    """All settings as JSON's maps and lists, each secret that is set as 32 asterisks."""
    shown: dict[str, Any] = msgspec.to_builtins(
        with_values(config, {key: _masked(value_of(config, key)) for key in secrets_of(config)})
    )
    return shown


def with_secrets(tree: dict[str, Any], change: Callable[[str, str], str]) -> dict[str, Any]:
    """A copy of stored settings in which each text of a secret has become what `change` makes of it and its key."""

    def changed(value: Any, key: str) -> Any:
        if isinstance(value, str):
            return change(value, key)
        if isinstance(value, list | tuple):
            return [changed(item, key) for item in value]
        if isinstance(value, dict):
            return {name: changed(item, key) for name, item in value.items()}
        return value

    def walked(branch: dict[str, Any], prefix: str) -> dict[str, Any]:
        return {
            name: changed(value, prefix + name)
            if prefix + name in _STORED_SECRETS
            else walked(value, f"{prefix}{name}.")
            if isinstance(value, dict)
            else value
            for name, value in branch.items()
        }

    return walked(tree, "")


def _masked(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_masked(item) for item in value)
    if isinstance(value, ReplicaLag):
        return msgspec.structs.replace(value, DataSource=_masked(value.DataSource))
    return MASK if value else value


def unmask(config: Config, current: Config) -> Config:
    """`config` as a client sent it, in which a mask means the value that `current` holds there."""
    keys = (*SECRETS, REDIS)
    return with_values(config, {key: _unmasked(value_of(config, key), value_of(current, key)) for key in keys})


def _unmasked(value: Any, current: Any) -> Any:
    if isinstance(value, tuple):
        # A mask at a place where there was no secret stands for nothing.
        stored = [*current, *[None] * len(value)]
        return tuple(_unmasked(item, was) for item, was in zip(value, stored, strict=False))
    if isinstance(value, ReplicaLag):
        was = current.DataSource if isinstance(current, ReplicaLag) else ""
        return msgspec.structs.replace(value, DataSource=_unmasked(value.DataSource, was))
    return (current or "") if value == MASK else value


def without(shown: Mapping[str, Any], unwanted: Mapping[str, Any]) -> dict[str, Any]:
    """`shown` less every setting that has the very value it has in `unwanted`; sections left empty go too."""
    left: dict[str, Any] = {}
    for name, value in shown.items():
        other = unwanted.get(name)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            value = without(value, other)
            if not value:
                continue
        elif name in unwanted and value == other:
            continue
        left[name] = value
    return left


def without_masked(shown: Mapping[str, Any]) -> dict[str, Any]:
    """`shown` less every masked secret."""
    left: dict[str, Any] = {}
    for name, value in shown.items():
        if isinstance(value, Mapping):
            left[name] = without_masked(value)
        elif value != MASK and not (isinstance(value, list | tuple) and MASK in value):
            left[name] = value
    return left
