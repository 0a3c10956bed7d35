"""Patches and whole configs that clients send."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config import Config, ConfigError, diff, merge, read_environment
from server.config.change import patched, replaced
from server.config.keys import KEYS, value_of, with_values
from server.config.masking import MASK, SECRETS, mask, without, without_masked
from server.config.operation import ReplicaLag
from server.config.rules import check, listen_address

SECRET_DSN = "postgres://u:topsecret@db/chat"
CONFIG = with_values(
    Config(),
    {
        "SqlSettings.DataSource": SECRET_DSN,
        "SqlSettings.DataSourceReplicas": ("postgres://one", "postgres://two"),
        "EmailSettings.SMTPPassword": "mailsecret",
        "MessageExportSettings.GlobalRelaySettings.SMTPPassword": "relaysecret",
        "TeamSettings.SiteName": "Attic",
    },
)
NOTHING_LOCKED: frozenset[str] = frozenset()


def test_a_patch_changes_what_it_names_and_nothing_else() -> None:
    patch = {
        "TeamSettings": {"MaxUsersPerTeam": 7, "SiteName": None, "NoSuchKey": 1},
        "NoSuchSettings": {"a": 1},
    }

    new = merge(CONFIG, patch)

    assert diff(CONFIG, new) == ["TeamSettings.MaxUsersPerTeam"]
    assert new.TeamSettings.MaxUsersPerTeam == 7
    assert new.TeamSettings.SiteName == "Attic"


def test_the_key_of_secrets_at_rest_is_not_for_the_database() -> None:
    patch = {"SqlSettings": {"AtRestEncryptKey": "x" * 40, "MaxOpenConns": 7}}

    for change in (patched, replaced):
        assert change(CONFIG, CONFIG, patch, NOTHING_LOCKED).SqlSettings.AtRestEncryptKey == ""
        assert change(CONFIG, CONFIG, patch, NOTHING_LOCKED).SqlSettings.MaxOpenConns == 7


def test_a_patch_joins_free_maps_and_replaces_lists() -> None:
    before = merge(Config(), {"PluginSettings": {"Plugins": {"a": {"x": None}, "b": 1}}})

    after = merge(before, {"PluginSettings": {"Plugins": {"b": 2}, "SignaturePublicKeyFiles": ["k"]}})

    assert after.PluginSettings.Plugins == {"a": {"x": None}, "b": 2}
    assert after.PluginSettings.SignaturePublicKeyFiles == ("k",)


@pytest.mark.parametrize(
    ("patch", "key"),
    [
        ({"TeamSettings": 3}, "TeamSettings"),
        ({"TeamSettings": []}, "TeamSettings"),
        ({"TeamSettings": {"MaxUsersPerTeam": "7"}}, "TeamSettings.MaxUsersPerTeam"),
        ({"TeamSettings": {"MaxUsersPerTeam": True}}, "TeamSettings.MaxUsersPerTeam"),
        ({"TeamSettings": {"MaxUsersPerTeam": 2**63}}, "TeamSettings.MaxUsersPerTeam"),
        ({"TeamSettings": {"EnableOpenServer": 1}}, "TeamSettings.EnableOpenServer"),
        ({"TeamSettings": {"SiteName": "a\0b"}}, "TeamSettings.SiteName"),
        ({"TeamSettings": {"SiteName": "\ud800"}}, "TeamSettings.SiteName"),
        (
            {"TeamSettings": {"ExperimentalDefaultChannels": ["a", None]}},
            "TeamSettings.ExperimentalDefaultChannels",
        ),
        ({"PluginSettings": {"Plugins": {"a\0": 1}}}, "PluginSettings.Plugins"),
        ({"PluginSettings": {"Plugins": {"a": 2**70}}}, "PluginSettings.Plugins"),
        (
            {"MessageExportSettings": {"GlobalRelaySettings": {"SMTPPassword": 1}}},
            "MessageExportSettings.GlobalRelaySettings.SMTPPassword",
        ),
    ],
)
def test_a_wrong_type_is_refused_by_name(patch: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        merge(Config(), patch)

    assert caught.value.key == key


def test_endless_nesting_is_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(200):
        nested = {"a": nested}

    with pytest.raises(ConfigError, match="nested too deeply"):
        merge(Config(), {"PluginSettings": {"Plugins": nested}})


def test_a_whole_config_resets_what_it_leaves_out_except_our_own_section() -> None:
    stored = with_values(CONFIG, {"HubbubSettings.DrainSeconds": 3})

    new = replaced(stored, stored, {"TeamSettings": {"MaxUsersPerTeam": 7}}, NOTHING_LOCKED)

    assert new.TeamSettings.SiteName == "Hubbub"
    assert new.TeamSettings.MaxUsersPerTeam == 7
    assert new.HubbubSettings.DrainSeconds == 3


def test_locked_settings_and_those_over_code_and_paths_stay() -> None:
    overrides = read_environment({"MM_TEAMSETTINGS_SITENAME": "From outside"})
    body = {
        "TeamSettings": {"SiteName": "New", "MaxUsersPerTeam": 7},
        "PluginSettings": {"EnableUploads": True},
        "ImportSettings": {"Directory": "/etc"},
        "FeatureFlags": {"AppsEnabled": True},
    }

    for change in (patched, replaced):
        new = change(CONFIG, overrides.apply(CONFIG), body, overrides.locked)

        assert new.TeamSettings.SiteName == "Attic"
        assert new.TeamSettings.MaxUsersPerTeam == 7
        assert new.PluginSettings.EnableUploads is False
        assert new.ImportSettings.Directory == "./import"
        assert new.FeatureFlags["AppsEnabled"] is False
        assert overrides.apply(new).TeamSettings.SiteName == "From outside"


def test_secrets_are_masked_wherever_they_are_set() -> None:
    texts = [key for key in SECRETS if isinstance(value_of(Config(), key), str)]
    config = with_values(
        Config(),
        dict.fromkeys(texts, "secret")
        | {
            "SqlSettings.DataSourceReplicas": ("secret",),
            "SqlSettings.ReplicaLagSettings": (ReplicaLag(DataSource="secret", QueryTimeLag="shown"),),
        },
    )

    shown = mask(config)

    assert b"secret" not in msgspec.json.encode(shown)
    assert b"shown" in msgspec.json.encode(shown)
    assert shown["SqlSettings"]["DataSource"] == MASK
    assert shown["EmailSettings"]["SMTPPassword"] == MASK
    assert mask(Config())["EmailSettings"]["SMTPPassword"] == ""


def test_the_address_of_redis_is_hidden_only_when_it_holds_a_password() -> None:
    plain = with_values(Config(), {"CacheSettings.RedisAddress": "redis:6379"})
    secret = with_values(Config(), {"CacheSettings.RedisAddress": "rediss://:topsecret@redis:6379/0"})

    assert mask(plain)["CacheSettings"]["RedisAddress"] == "redis:6379"
    assert mask(secret)["CacheSettings"]["RedisAddress"] == MASK
    assert patched(secret, secret, mask(secret), NOTHING_LOCKED) == secret


def test_what_was_shown_can_be_sent_back_unchanged() -> None:
    shown = msgspec.json.decode(msgspec.json.encode(mask(CONFIG)))

    assert replaced(CONFIG, CONFIG, shown, NOTHING_LOCKED) == CONFIG
    assert patched(CONFIG, CONFIG, shown, NOTHING_LOCKED) == CONFIG


def test_a_new_secret_replaces_the_old_one_and_a_mask_for_nothing_is_nothing() -> None:
    body = {
        "EmailSettings": {"SMTPPassword": "new"},
        "LdapSettings": {"BindPassword": MASK},
        "SqlSettings": {"DataSourceReplicas": [MASK, "postgres://three", MASK]},
    }

    new = patched(CONFIG, CONFIG, body, NOTHING_LOCKED)

    assert new.EmailSettings.SMTPPassword == "new"
    assert new.LdapSettings.BindPassword == ""
    assert new.SqlSettings.DataSourceReplicas == ("postgres://one", "postgres://three", "")


def test_masked_and_default_settings_can_be_left_out() -> None:
    shown = mask(CONFIG)

    assert "SMTPPassword" not in without_masked(shown)["EmailSettings"]
    assert "DataSourceReplicas" not in without_masked(shown)["SqlSettings"]
    assert without(without_masked(shown), mask(Config())) == {"TeamSettings": {"SiteName": "Attic"}}


@pytest.mark.parametrize(
    ("key", "value", "id"),
    [
        ("ServiceSettings.SiteURL", "ftp://example.com", "site_url"),
        ("ServiceSettings.SiteURL", "http://", "site_url"),
        ("ServiceSettings.SiteURL", "https://example.com/?a=b", "site_url"),
        ("ServiceSettings.SiteURL", "https://[::1", "site_url"),
        ("ServiceSettings.SessionLengthWebInHours", 0, "session_length"),
        ("ServiceSettings.SessionLengthMobileInHours", 2**62, "session_length"),
        ("ServiceSettings.MaximumLoginAttempts", 0, "login_attempts"),
        ("ServiceSettings.MaximumPayloadSizeBytes", 10, "max_payload_size"),
        ("ServiceSettings.CollapsedThreads", "sometimes", "collapsed_threads"),
        ("ServiceSettings.ThreadAutoFollow", False, "collapsed_threads.autofollow"),
        ("ServiceSettings.AllowCookiesForSubdomains", True, "allow_cookies_for_subdomains"),
        ("ServiceSettings.ListenAddress", "localhost", "listen_address"),
        ("ServiceSettings.ListenAddress", ":65536", "listen_address"),
        ("TeamSettings.MaxUsersPerTeam", 0, "max_users"),
        ("TeamSettings.SiteName", "x" * 31, "sitename_length"),
        ("TeamSettings.RestrictDirectMessage", "all", "restrict_direct_message"),
        ("PasswordSettings.MinimumLength", 73, "password_length"),
        ("RateLimitSettings.PerSec", 0, "rate_sec"),
        ("LocalizationSettings.AvailableLocales", "de,fr", "localization.available_locales"),
        ("DataRetentionSettings.DeletionJobStartTime", "25:00", "data_retention.deletion_job_start_time"),
    ],
)
def test_senseless_values_are_refused(key: str, value: object, id: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(with_values(Config(), {key: value}))

    assert caught.value.id == f"model.config.is_valid.{id}.app_error"


def test_the_defaults_make_sense_and_are_unlike_each_other() -> None:
    assert check(Config()) == Config()
    assert diff(Config(), Config()) == []


def test_listen_addresses() -> None:
    assert listen_address(":8065") == ("", 8065)
    assert listen_address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert listen_address("[::1]:80") == ("::1", 80)
    assert listen_address("localhost:0") == ("localhost", 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(KEYS)), value=JSON)
def test_any_value_for_any_setting_is_taken_or_refused_by_name(key: str, value: object) -> None:
    patch = value
    for name in reversed(key.split(".")):
        patch = {name: patch}
    assert isinstance(patch, dict)

    refused = None
    new = CONFIG
    try:
        new = check(patched(CONFIG, CONFIG, patch, NOTHING_LOCKED))
    except ConfigError as error:
        refused = error.key

    assert refused is None or refused.split(".")[0] == key.split(".", maxsplit=1)[0]
    assert set(diff(CONFIG, new)) <= {key}
    assert SECRET_DSN.encode() not in msgspec.json.encode(mask(new))
