"""Settings from `MM_*` variables."""

import pytest

from server.config import Config, ConfigError, load_config, read_environment
from server.config.environment import variable_of
from server.config.keys import KEYS


def test_without_variables_everything_has_its_default() -> None:
    config = load_config({"PATH": "/bin", "MM_NO_SUCH_THING": "1"})

    assert config == Config()
    assert config.ServiceSettings.ListenAddress == ":8065"
    assert config.TeamSettings.EnableOpenServer is True


def test_variables_override_by_type() -> None:
    config = load_config(
        {
            "MM_SERVICESETTINGS_SITEURL": "https://chat.example.com/team",
            "MM_SERVICESETTINGS_SESSIONLENGTHWEBINHOURS": " 12 ",
            "MM_TEAMSETTINGS_ENABLEOPENSERVER": "False",
            "MM_SERVICESETTINGS_TRUSTEDPROXYIPHEADER": "X-Forwarded-For, X-Real-IP",
            "MM_DISPLAYSETTINGS_CUSTOMURLSCHEMES": '["git", "ssh"]',
            "MM_PLUGINSETTINGS_PLUGINS": '{"poll": {"max": 5}}',
            "MM_MESSAGEEXPORTSETTINGS_GLOBALRELAYSETTINGS_CUSTOMERTYPE": "A10",
            "MM_FEATUREFLAGS_APPSENABLED": "true",
            "MM_SQLSETTINGS_REPLICALAGSETTINGS": '[{"DataSource": "postgres://replica"}]',
        }
    )

    assert config.ServiceSettings.SiteURL == "https://chat.example.com/team"
    assert config.ServiceSettings.SessionLengthWebInHours == 12
    assert config.TeamSettings.EnableOpenServer is False
    assert config.ServiceSettings.TrustedProxyIPHeader == ("X-Forwarded-For", "X-Real-IP")
    assert config.DisplaySettings.CustomURLSchemes == ("git", "ssh")
    assert config.PluginSettings.Plugins == {"poll": {"max": 5}}
    assert config.MessageExportSettings.GlobalRelaySettings.CustomerType == "A10"
    assert config.FeatureFlags["AppsEnabled"] is True
    assert config.FeatureFlags["CallsEnabled"] is False
    assert config.SqlSettings.ReplicaLagSettings[0].DataSource == "postgres://replica"


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("MM_TEAMSETTINGS_MAXUSERSPERTEAM", "many", "must be a whole number, not 'many'"),
        ("MM_TEAMSETTINGS_MAXUSERSPERTEAM", "0", "must be at least 1"),
        ("MM_TEAMSETTINGS_MAXUSERSPERTEAM", "9" * 30, "must be a whole number"),
        ("MM_TEAMSETTINGS_MAXUSERSPERTEAM", "٣", "must be a whole number"),
        ("MM_TEAMSETTINGS_ENABLEOPENSERVER", "maybe", "must be true or false, not 'maybe'"),
        ("MM_SERVICESETTINGS_SITEURL", "chat.example.com", "must be empty or a URL"),
        ("MM_SERVICESETTINGS_LISTENADDRESS", "8065", "must be host:port"),
        ("MM_PLUGINSETTINGS_PLUGINS", "{", "must be JSON"),
        ("MM_PLUGINSETTINGS_PLUGINS", "[1]", "has the wrong type"),
        ("MM_PASSWORDSETTINGS_MINIMUMLENGTH", "4", "must be from 5 to 72"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(variable: str, value: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({variable: value})

    assert str(caught.value).startswith(f"{variable} {reason}")
    assert "\n" not in str(caught.value)


def test_a_bad_value_that_may_hold_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"MM_SQLSETTINGS_REPLICALAGSETTINGS": "postgres://u:topsecret@h/d"})

    assert "topsecret" not in str(caught.value)


def test_an_empty_variable_empties_a_text_and_leaves_all_else_alone() -> None:
    config = load_config({"MM_TEAMSETTINGS_SITENAME": "", "MM_TEAMSETTINGS_MAXUSERSPERTEAM": ""})

    assert config.TeamSettings.SiteName == ""
    assert config.TeamSettings.MaxUsersPerTeam == 50


def test_overridden_settings_are_shown_as_a_tree_and_locked() -> None:
    overrides = read_environment(
        {
            "MM_SERVICESETTINGS_SITEURL": "http://localhost",
            "MM_MESSAGEEXPORTSETTINGS_GLOBALRELAYSETTINGS_EMAILADDRESS": "a@b",
        }
    )

    assert overrides.as_tree() == {
        "ServiceSettings": {"SiteURL": True},
        "MessageExportSettings": {"GlobalRelaySettings": {"EmailAddress": True}},
    }
    assert "ServiceSettings.SiteURL" in overrides.locked


def test_every_setting_has_a_variable_of_its_own() -> None:
    assert len({variable_of(key) for key in KEYS}) == len(KEYS)
