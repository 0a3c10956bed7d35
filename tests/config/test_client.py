"""What clients are told of the settings."""

from server.config import Config
from server.config.client import Facts, client_config, client_license, version_id
from server.config.client_keys import BEFORE_SIGN_IN, FIXED, MIRRORED
from server.config.keys import KEYS, with_values

FACTS = Facts(diagnostic_id="d" * 26, installation_date=1_700_000_000_000, no_accounts=True)


def test_every_value_is_a_text() -> None:
    told = client_config(Config(), FACTS, signed_in=True)

    assert all(isinstance(value, str) for value in told.values())
    assert told["EnableOpenServer"] == "true"
    assert told["MaxFileSize"] == "104857600"
    assert told["Version"] == "11.9.0"
    assert told["InstallationDate"] == "1700000000000"
    assert told["NoAccounts"] == "true"


def test_settings_are_shown_as_they_are_now() -> None:
    config = with_values(
        Config(),
        {
            "TeamSettings.SiteName": "Attic",
            "ServiceSettings.SiteURL": "https://chat.example.com/",
            "PasswordSettings.Lowercase": True,
            "DisplaySettings.CustomURLSchemes": ("git", "ssh"),
            "LdapSettings.PictureAttribute": "jpegPhoto",
            "DataRetentionSettings.EnableMessageDeletion": True,
            "FeatureFlags.CallsEnabled": True,
        },
    )

    told = client_config(config, FACTS, signed_in=True)

    assert told["SiteName"] == "Attic"
    assert told["SiteURL"] == "https://chat.example.com"
    assert told["PasswordRequireLowercase"] == "true"
    assert told["CustomUrlSchemes"] == "git,ssh"
    assert told["LdapPictureAttributeSet"] == "true"
    assert told["DataRetentionMessageRetentionHours"] == "8760"
    assert told["DataRetentionFileRetentionHours"] == "0"
    assert told["FeatureFlagCallsEnabled"] == "true"


def test_strangers_get_only_what_signing_in_needs() -> None:
    told = client_config(Config(), FACTS, signed_in=False)

    assert "PasswordMinimumLength" in told
    assert "EnableSignUpWithEmail" in told
    assert "MaxPostSize" not in told
    assert "SiteURL" not in told
    assert set(told) < set(client_config(Config(), FACTS, signed_in=True))
    assert {key for key in told if not key.startswith("FeatureFlag")} == BEFORE_SIGN_IN


def test_sign_in_that_is_not_served_is_not_offered() -> None:
    config = with_values(Config(), {"LdapSettings.Enable": True, "GitLabSettings.Enable": True})

    told = client_config(config, FACTS, signed_in=False)

    assert told["EnableLdap"] == "false"
    assert told["EnableSignUpWithGitLab"] == "false"


def test_every_mirrored_setting_exists_and_no_secret_is_among_them() -> None:
    assert set(MIRRORED.values()) <= set(KEYS)
    assert not set(MIRRORED) & set(FIXED)
    assert not [key for key in MIRRORED.values() if "Secret" in key or key.startswith("SqlSettings.Data")]


def test_version_id_changes_with_what_clients_are_told_and_only_then() -> None:
    here = with_values(Config(), {"ServiceSettings.ListenAddress": ":1", "HubbubSettings.NodeId": "a"})
    renamed = with_values(here, {"TeamSettings.SiteName": "Attic"})

    assert version_id(here) == version_id(Config())
    assert version_id(renamed) != version_id(here)
    assert version_id(here).startswith("11.9.0.1.")
    assert version_id(here).endswith(".true")


def test_clients_are_told_of_what_they_take_for_licensed_features() -> None:
    told = client_license()

    assert told["IsLicensed"] == "true"
    assert set(told.values()) >= {"true", "false"}
    assert all(isinstance(value, str) for value in told.values())
    for absent in ("LDAP", "SAML", "Compliance", "DataRetention", "Elasticsearch", "SharedChannels", "Cloud"):
        assert told[absent] == "false"
    for there in ("GuestAccounts", "MFA", "CustomTermsOfService", "Cluster", "Metrics"):
        assert told[there] == "true"
