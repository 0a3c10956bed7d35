"""What clients are told of the settings: `config/client`, `license/client` and the version in every reply."""

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from server.config.client_keys import ATTRIBUTES, BEFORE_SIGN_IN, FIXED, MIRRORED
from server.config.keys import value_of
from server.config.model import Config

VERSION = "11.9.0"
"""The level of API v4 that is spoken; clients decide by it what they may ask for."""

BUILD_NUMBER = "1"

MAX_POST_CHARACTERS = 16_383
"""Longest message of a post."""


class Facts(Struct, frozen=True, kw_only=True):
    """What clients are told that is no setting. `installation_date` is in milliseconds."""

    diagnostic_id: str = ""
    installation_date: int = 0
    schema_version: str = ""
    no_accounts: bool = False
    terms_of_service_id: str = ""
    signing_public_key: str = ""


def client_config(config: Config, facts: Facts, *, signed_in: bool) -> dict[str, str]:
    """The settings as a flat map of texts; without a session only what signing in needs."""
    told = dict(FIXED)
    for key, setting in MIRRORED.items():
        told[key] = _text(value_of(config, setting))
    for key, setting in ATTRIBUTES.items():
        told[key] = _text(value_of(config, setting) != "")
    for flag, value in config.FeatureFlags.items():
        told[f"FeatureFlag{flag}"] = _text(value)
    told |= _worked_out(config, facts)
    return {key: told[key] for key in sorted(told) if signed_in or _before_sign_in(key)}


def _worked_out(config: Config, facts: Facts) -> dict[str, str]:
    return {
        "Version": VERSION,
        "BuildNumber": BUILD_NUMBER,
        "MaxPostSize": _text(MAX_POST_CHARACTERS),
        "SiteURL": config.ServiceSettings.SiteURL.rstrip("/"),
        "DataRetentionMessageRetentionHours": _retention_hours(
            config.DataRetentionSettings.EnableMessageDeletion,
            config.DataRetentionSettings.MessageRetentionHours,
            config.DataRetentionSettings.MessageRetentionDays,
        ),
        "DataRetentionFileRetentionHours": _retention_hours(
            config.DataRetentionSettings.EnableFileDeletion,
            config.DataRetentionSettings.FileRetentionHours,
            config.DataRetentionSettings.FileRetentionDays,
        ),
        "DiagnosticId": facts.diagnostic_id,
        "TelemetryId": facts.diagnostic_id,
        "InstallationDate": _text(facts.installation_date),
        "SchemaVersion": facts.schema_version,
        "NoAccounts": _text(facts.no_accounts),
        "CustomTermsOfServiceId": facts.terms_of_service_id,
        "AsymmetricSigningPublicKey": facts.signing_public_key,
    }


def _retention_hours(enabled: bool, hours: int, days: int) -> str:
    return _text((hours or days * 24) if enabled else 0)


def _before_sign_in(key: str) -> bool:
    return key in BEFORE_SIGN_IN or key.startswith("FeatureFlag")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


_FEATURES = {
    "Announcement": True,
    "CustomTermsOfService": True,
    "EmailNotificationContents": True,
    "GuestAccounts": True,
    "GuestAccountsPermissions": True,
    "IDLoadedPushNotifications": True,
    "LockTeammateNameDisplay": True,
    "MFA": True,
    "Cluster": True,
    "Metrics": True,
    "AutoTranslation": False,
    "Cloud": False,
    "Compliance": False,
    "CustomPermissionsSchemes": False,
    "DataRetention": False,
    "Elasticsearch": False,
    "GoogleOAuth": False,
    "LDAP": False,
    "LDAPGroups": False,
    "MHPNS": False,
    "MessageExport": False,
    "Office365OAuth": False,
    "OpenId": False,
    "OutgoingOAuthConnections": False,
    "RemoteClusterService": False,
    "SAML": False,
    "SharedChannels": False,
}

_LICENSE = {
    "IsLicensed": "true",
    "IsTrial": "false",
    "IsGovSku": "false",
    "SkuName": "Hubbub",
    # The edition whose parts clients show; what of it is not there is said to be off.
    "SkuShortName": "professional",
    "Users": "0",
    "IssuedAt": "0",
    "StartsAt": "0",
    "ExpiresAt": "253402300799000",  # the last year that dates can name
    **{feature: "true" if there else "false" for feature, there in _FEATURES.items()},
}


def client_license() -> dict[str, str]:
    """The licence as clients want it. Nothing here needs one, but clients hide scheduled posts, guests and groups
    from who has none; so it tells which of such features the server has.
    """
    return _LICENSE


def version_id(config: Config) -> str:
    """The X-Version-Id header. It changes with whatever clients are told, and is the same on all nodes."""
    told = msgspec.json.encode(client_config(config, Facts(), signed_in=True), order="deterministic")
    digest = hashlib.blake2s(told, digest_size=16).hexdigest()
    return f"{VERSION}.{BUILD_NUMBER}.{digest}.{client_license()['IsLicensed']}"
