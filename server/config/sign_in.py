"""Signing in through somebody else: OAuth, OpenID, LDAP and SAML."""

from msgspec import Struct


class SSOSection(Struct, frozen=True, kw_only=True):
    """One OAuth or OpenID provider."""

    Enable: bool = False
    Secret: str = ""
    Id: str = ""
    Scope: str = ""
    AuthEndpoint: str = ""
    TokenEndpoint: str = ""
    UserAPIEndpoint: str = ""
    DiscoveryEndpoint: str = ""
    ButtonText: str = ""
    ButtonColor: str = ""
    UsePreferredUsername: bool = False


class Office365Section(Struct, frozen=True, kw_only=True):
    """The OAuth provider with a directory of its own."""

    Enable: bool = False
    Secret: str = ""
    Id: str = ""
    Scope: str = "User.Read"
    AuthEndpoint: str = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
    TokenEndpoint: str = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    UserAPIEndpoint: str = "https://graph.microsoft.com/v1.0/me"
    DiscoveryEndpoint: str = ""
    DirectoryId: str = ""
    UsePreferredUsername: bool = False


class LdapSection(Struct, frozen=True, kw_only=True):
    """Accounts and groups from an LDAP directory."""

    Enable: bool = False
    EnableSync: bool = False
    LdapServer: str = ""
    LdapPort: int = 389
    ConnectionSecurity: str = ""
    BaseDN: str = ""
    BindUsername: str = ""
    BindPassword: str = ""
    UserFilter: str = ""
    GroupFilter: str = ""
    GuestFilter: str = ""
    EnableAdminFilter: bool = False
    AdminFilter: str = ""
    GroupDisplayNameAttribute: str = ""
    GroupIdAttribute: str = ""
    FirstNameAttribute: str = ""
    LastNameAttribute: str = ""
    EmailAttribute: str = ""
    UsernameAttribute: str = ""
    NicknameAttribute: str = ""
    IdAttribute: str = ""
    PositionAttribute: str = ""
    LoginIdAttribute: str = ""
    PictureAttribute: str = ""
    SyncIntervalMinutes: int = 60
    ReAddRemovedMembers: bool = False
    SkipCertificateVerification: bool = False
    PublicCertificateFile: str = ""
    PrivateKeyFile: str = ""
    QueryTimeout: int = 60
    MaxPageSize: int = 0
    LoginFieldName: str = ""
    LoginButtonColor: str = ""
    LoginButtonBorderColor: str = ""
    LoginButtonTextColor: str = ""
    MaximumLoginAttempts: int = 10


class SamlSection(Struct, frozen=True, kw_only=True):
    """Sign-in by a SAML identity provider."""

    Enable: bool = False
    EnableSyncWithLdap: bool = False
    EnableSyncWithLdapIncludeAuth: bool = False
    IgnoreGuestsLdapSync: bool = False
    Verify: bool = True
    Encrypt: bool = True
    SignRequest: bool = False
    IdpURL: str = ""
    IdpDescriptorURL: str = ""
    IdpMetadataURL: str = ""
    ServiceProviderIdentifier: str = ""
    AssertionConsumerServiceURL: str = ""
    SignatureAlgorithm: str = "RSAwithSHA256"
    CanonicalAlgorithm: str = "Canonical1.0"
    ScopingIDPProviderId: str = ""
    ScopingIDPName: str = ""
    IdpCertificateFile: str = ""
    PublicCertificateFile: str = ""
    PrivateKeyFile: str = ""
    IdAttribute: str = ""
    GuestAttribute: str = ""
    EnableAdminAttribute: bool = False
    AdminAttribute: str = ""
    FirstNameAttribute: str = ""
    LastNameAttribute: str = ""
    EmailAttribute: str = ""
    UsernameAttribute: str = ""
    NicknameAttribute: str = ""
    LocaleAttribute: str = ""
    PositionAttribute: str = ""
    LoginButtonText: str = "SAML"
    LoginButtonColor: str = ""
    LoginButtonBorderColor: str = ""
    LoginButtonTextColor: str = ""
