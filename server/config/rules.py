"""Which values of settings make sense. Settings that nothing reads yet may hold anything of their type."""

import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from server.config.keys import ConfigError, value_of
from server.config.model import Config

MIN_PASSWORD, MAX_PASSWORD = 5, 72
MAX_SITE_NAME = 30
MAX_EMOJIS_PER_POST = 500

# The longest time, in hours, that still fits a JavaScript date when it is added to one: 100 years.
CENTURY_HOURS = 876_000

_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9.+-]*\s*")


KEY_LENGTH_MIN = 32
"""Characters of a key for secrets at rest."""


def split_keys(keys: str) -> list[str]:
    """The keys of a setting that may hold several, by blanks or commas."""
    return keys.replace(",", " ").split()


class Rule(Struct, frozen=True):
    """One setting's rule: what holds of a good value, the words for a bad one, the error id."""

    key: str
    holds: Callable[[Any], bool]
    words: str
    id: str = ""


def _between(key: str, low: int, high: int, id: str = "") -> Rule:
    return Rule(key, lambda value: low <= value <= high, f"must be from {low} to {high}", id)


def _at_least(key: str, low: int, id: str = "") -> Rule:
    return Rule(key, lambda value: value >= low, f"must be at least {low}", id)


def _one_of(key: str, allowed: Collection[str], id: str = "") -> Rule:
    words = ", ".join(f'"{value}"' for value in allowed)
    return Rule(key, lambda value: value in allowed, f"must be one of {words}", id)


def _filled(key: str, id: str = "") -> Rule:
    return Rule(key, lambda value: value != "", "must not be empty", id)


def _time_of_day(key: str, id: str = "") -> Rule:
    return Rule(key, lambda value: _TIME_OF_DAY.fullmatch(value) is not None, 'must be a time such as "02:00"', id)


def is_url(text: str, schemes: Collection[str] = ("http", "https")) -> bool:
    """Whether `text` is an absolute URL with a host, in one of `schemes`."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _site(value: str) -> bool:
    return not value or (is_url(value) and not urlsplit(value).query and not urlsplit(value).fragment)


def listen_address(text: str) -> tuple[str, int]:
    """Host ("" for all) and port of ":8065", "10.0.0.1:8065" or "[::1]:8065". ValueError for other texts."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(text)
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], int(port)
    if ":" in host or any(char.isspace() or char in "/?#@" for char in host):
        raise ValueError(text)
    return host, int(port)


def _listens(value: str) -> bool:
    try:
        listen_address(value)
    except ValueError:
        return False
    return True


S = "ServiceSettings."
T = "TeamSettings."

RULES: tuple[Rule, ...] = (
    Rule(S + "SiteURL", _site, "must be empty or a URL that starts with http:// or https://", "site_url"),
    Rule(
        S + "WebsocketURL",
        lambda value: not value or is_url(value, ("ws", "wss", "http", "https")),
        "must be empty or a URL",
        "websocket_url",
    ),
    Rule(S + "ListenAddress", _listens, 'must be host:port or ":port"', "listen_address"),
    _at_least(S + "ReadTimeout", 1, "read_timeout"),
    _at_least(S + "WriteTimeout", 1, "write_timeout"),
    _at_least(S + "MaximumLoginAttempts", 1, "login_attempts"),
    # Smaller ones would refuse the very request that sets them right again.
    _at_least(S + "MaximumPayloadSizeBytes", 1024, "max_payload_size"),
    _at_least(S + "MaximumURLLength", 256, "max_url_length"),
    _at_least(S + "TimeBetweenUserTypingUpdatesMilliseconds", 1000, "time_between_user_typing"),
    _at_least(S + "OutgoingIntegrationRequestsTimeout", 1, "outgoing_integrations_request_timeout"),
    _between(S + "SessionLengthWebInHours", 1, CENTURY_HOURS, "session_length"),
    _between(S + "SessionLengthMobileInHours", 1, CENTURY_HOURS, "session_length"),
    _between(S + "SessionLengthSSOInHours", 1, CENTURY_HOURS, "session_length"),
    _between(S + "SessionIdleTimeoutInMinutes", 0, CENTURY_HOURS * 60, "session_idle_timeout"),
    _at_least(S + "PostEditTimeLimit", -1, "post_edit_time_limit"),
    _at_least(S + "MinimumHashtagLength", 2, "minimum_hashtag_length"),
    _between(S + "UniqueEmojiReactionLimitPerPost", 0, MAX_EMOJIS_PER_POST, "unique_emoji_reaction_limit"),
    _one_of(S + "CollapsedThreads", ("disabled", "default_off", "default_on", "always_on"), "collapsed_threads"),
    _one_of(
        S + "ExperimentalGroupUnreadChannels",
        ("disabled", "default_on", "default_off"),
        "group_unread_channels",
    ),
    _one_of(S + "ConnectionSecurity", ("", "TLS"), "webserver_security"),
    _at_least(S + "PersistentNotificationIntervalMinutes", 2, "persistent_notifications_interval"),
    _at_least(S + "PersistentNotificationMaxCount", 1, "persistent_notifications_count"),
    _at_least(S + "PersistentNotificationMaxRecipients", 1, "persistent_notifications_recipients"),
    Rule(
        T + "SiteName",
        lambda value: len(value) <= MAX_SITE_NAME,
        f"must not be longer than {MAX_SITE_NAME} characters",
        "sitename_length",
    ),
    _at_least(T + "MaxUsersPerTeam", 1, "max_users"),
    _at_least(T + "MaxChannelsPerTeam", 1, "max_channels"),
    _at_least(T + "MaxNotificationsPerChannel", 1, "max_notify_per_channel"),
    _between(T + "UserStatusAwayTimeout", 1, CENTURY_HOURS * 3600, "user_status_away_timeout"),
    _one_of(T + "RestrictDirectMessage", ("any", "team"), "restrict_direct_message"),
    _one_of(T + "TeammateNameDisplay", ("username", "nickname_full_name", "full_name"), "teammate_name_display"),
    _between("PasswordSettings.MinimumLength", MIN_PASSWORD, MAX_PASSWORD, "password_length"),
    _at_least("RateLimitSettings.PerSec", 1, "rate_sec"),
    _at_least("RateLimitSettings.MaxBurst", 1, "max_burst"),
    _at_least("RateLimitSettings.MemoryStoreSize", 1, "rate_mem"),
    _one_of("SqlSettings.DriverName", ("postgres",), "sql_driver"),
    _at_least("SqlSettings.MaxOpenConns", 1, "sql_max_conn"),
    _at_least("SqlSettings.MaxIdleConns", 1, "sql_idle"),
    _at_least("SqlSettings.ConnMaxLifetimeMilliseconds", 0, "sql_conn_max_lifetime_milliseconds"),
    _at_least("SqlSettings.ConnMaxIdleTimeMilliseconds", 0, "sql_conn_max_idle_time_milliseconds"),
    _at_least("SqlSettings.QueryTimeout", 1, "sql_query_timeout"),
    Rule(
        "SqlSettings.AtRestEncryptKey",
        lambda keys: all(len(key) >= KEY_LENGTH_MIN for key in split_keys(keys)),
        f"must be empty or keys of at least {KEY_LENGTH_MIN} characters, by blanks or commas",
        "encrypt_sql",
    ),
    _one_of("CacheSettings.CacheType", ("redis", "lru"), "cache_type"),
    _at_least("CacheSettings.RedisDB", 0, "invalid_redis_db"),
    Rule("MetricsSettings.ListenAddress", _listens, 'must be host:port or ":port"', "listen_address"),
    _at_least("FileSettings.MaxFileSize", 1, "max_file_size"),
    _at_least("FileSettings.MaxImageResolution", 1, "max_image_resolution"),
    _one_of("FileSettings.DriverName", ("local", "amazons3"), "file_driver"),
    _filled("FileSettings.Directory", "directory"),
    Rule(
        "FileSettings.PublicLinkSalt",
        lambda value: not value or len(value) >= 32,
        "must be empty or at least 32 characters long",
        "file_salt",
    ),
    Rule(
        "FileSettings.MaxImageDecoderConcurrency",
        lambda value: value == -1 or value > 0,
        "must be -1 or above 0",
        "image_decoder_concurrency",
    ),
    _one_of("EmailSettings.ConnectionSecurity", ("", "TLS", "STARTTLS", "PLAIN"), "email_security"),
    _at_least("EmailSettings.EmailBatchingBufferSize", 1, "email_batching_buffer_size"),
    _at_least("EmailSettings.EmailBatchingInterval", 30, "email_batching_interval"),
    _one_of("EmailSettings.EmailNotificationContentsType", ("full", "generic"), "email_notification_contents_type"),
    Rule(
        "DisplaySettings.CustomURLSchemes",
        lambda schemes: all(_SCHEME.fullmatch(scheme) for scheme in schemes),
        "must be names of URL schemes",
        "display.custom_url_schemes",
    ),
    _at_least("ExperimentalSettings.LinkMetadataTimeoutMilliseconds", 1, "link_metadata_timeout"),
    _at_least("DataRetentionSettings.MessageRetentionDays", 0, "data_retention.message_retention_days_too_low"),
    _at_least("DataRetentionSettings.MessageRetentionHours", 0, "data_retention.message_retention_hours_too_low"),
    _at_least("DataRetentionSettings.FileRetentionDays", 0, "data_retention.file_retention_days_too_low"),
    _at_least("DataRetentionSettings.FileRetentionHours", 0, "data_retention.file_retention_hours_too_low"),
    _time_of_day("DataRetentionSettings.DeletionJobStartTime", "data_retention.deletion_job_start_time"),
    _filled("ImportSettings.Directory", "import.directory"),
    _at_least("ImportSettings.RetentionDays", 1, "import.retention_days_too_low"),
    _filled("ExportSettings.Directory", "export.directory"),
    _at_least("ExportSettings.RetentionDays", 1, "export.retention_days_too_low"),
    _between("HubbubSettings.DrainSeconds", 0, 3600),
    _between("HubbubSettings.TrustedProxies", 1, 10),
)


def check(config: Config) -> Config:
    """The config itself when its values make sense; raises ConfigError for the first that does not."""
    for rule in RULES:
        if not rule.holds(value_of(config, rule.key)):
            raise ConfigError(rule.key, rule.words, _error_id(rule.id))
    _check_together(config)
    return config


def _check_together(config: Config) -> None:
    service = config.ServiceSettings
    if service.CollapsedThreads != "disabled" and not service.ThreadAutoFollow:
        raise ConfigError(
            "ServiceSettings.ThreadAutoFollow",
            "must be true while CollapsedThreads is not disabled",
            _error_id("collapsed_threads.autofollow"),
        )
    if not service.SiteURL and service.AllowCookiesForSubdomains:
        raise ConfigError(
            "ServiceSettings.AllowCookiesForSubdomains",
            "needs a SiteURL",
            _error_id("allow_cookies_for_subdomains"),
        )
    if not service.SiteURL and config.EmailSettings.EnableEmailBatching:
        raise ConfigError("EmailSettings.EnableEmailBatching", "needs a SiteURL", _error_id("site_url_email_batching"))
    locales = config.LocalizationSettings
    if locales.AvailableLocales and locales.DefaultClientLocale not in locales.AvailableLocales.split(","):
        raise ConfigError(
            "LocalizationSettings.AvailableLocales",
            "must contain DefaultClientLocale",
            _error_id("localization.available_locales"),
        )


def _error_id(name: str) -> str:
    return f"model.config.is_valid.{name}.app_error" if name else ""
