"""What people meet: accounts, teams, mail, language, looks and the apps they use."""

from msgspec import Struct


class TeamSection(Struct, frozen=True, kw_only=True):
    """Sign-up, team and channel limits, and how people are shown. UserStatusAwayTimeout is in seconds."""

    SiteName: str = "Hubbub"
    MaxUsersPerTeam: int = 50
    EnableCustomUserStatuses: bool = True
    EnableUserCreation: bool = True
    EnableOpenServer: bool = True
    EnableUserDeactivation: bool = False
    RestrictCreationToDomains: str = ""
    EnableCustomBrand: bool = False
    CustomBrandText: str = ""
    CustomDescriptionText: str = ""
    RestrictDirectMessage: str = "any"
    UserStatusAwayTimeout: int = 300
    MaxChannelsPerTeam: int = 2000
    MaxNotificationsPerChannel: int = 1000
    EnableConfirmNotificationsToChannel: bool = True
    TeammateNameDisplay: str = "username"
    ExperimentalEnableAutomaticReplies: bool = False
    LockTeammateNameDisplay: bool = False
    ExperimentalPrimaryTeam: str = ""
    ExperimentalDefaultChannels: tuple[str, ...] = ()
    EnableLastActiveTime: bool = True
    EnableJoinLeaveMessageByDefault: bool = True
    EnableChannelCategorySorting: bool = True
    ExperimentalViewArchivedChannels: bool = True


class PasswordSection(Struct, frozen=True, kw_only=True):
    """What a password must hold."""

    MinimumLength: int = 8
    Lowercase: bool = False
    Number: bool = False
    Uppercase: bool = False
    Symbol: bool = False
    EnableForgotLink: bool = True


class PrivacySection(Struct, frozen=True, kw_only=True):
    """What people see of each other."""

    ShowEmailAddress: bool = True
    ShowFullName: bool = True
    UseAnonymousURLs: bool = False


class GuestAccountsSection(Struct, frozen=True, kw_only=True):
    """Accounts of people from outside, limited to single channels."""

    Enable: bool = False
    HideTags: bool = False
    AllowEmailAccounts: bool = True
    EnforceMultifactorAuthentication: bool = False
    RestrictCreationToDomains: str = ""
    EnableGuestMagicLink: bool = False


class EmailSection(Struct, frozen=True, kw_only=True):
    """Sign-in by e-mail, outgoing mail and push notifications. Timeouts and intervals are in seconds."""

    EnableSignUpWithEmail: bool = True
    EnableSignInWithEmail: bool = True
    EnableSignInWithUsername: bool = True
    SendEmailNotifications: bool = False
    UseChannelInEmailNotifications: bool = False
    RequireEmailVerification: bool = False
    FeedbackName: str = ""
    FeedbackEmail: str = ""
    ReplyToAddress: str = ""
    FeedbackOrganization: str = ""
    EnableSMTPAuth: bool = False
    SMTPUsername: str = ""
    SMTPPassword: str = ""
    SMTPServer: str = "localhost"
    SMTPPort: str = "10025"
    SMTPServerTimeout: int = 10
    ConnectionSecurity: str = ""
    SendPushNotifications: bool = False
    PushNotificationServer: str = ""
    PushNotificationServerType: str = "off"
    PushNotificationServerLocation: str = "global"
    PushNotificationContents: str = "full"
    PushNotificationBuffer: int = 1000
    EnableEmailBatching: bool = False
    EmailBatchingBufferSize: int = 256
    EmailBatchingInterval: int = 30
    EnablePreviewModeBanner: bool = False
    SkipServerCertificateVerification: bool = False
    EmailNotificationContentsType: str = "full"
    LoginButtonColor: str = ""
    LoginButtonBorderColor: str = ""
    LoginButtonTextColor: str = ""


class LocalizationSection(Struct, frozen=True, kw_only=True):
    """Languages of the server and its clients."""

    DefaultServerLocale: str = "en"
    DefaultClientLocale: str = "en"
    AvailableLocales: str = ""
    EnableExperimentalLocales: bool = False


class SupportSection(Struct, frozen=True, kw_only=True):
    """Links and addresses that clients show, and terms of service."""

    TermsOfServiceLink: str = ""
    PrivacyPolicyLink: str = ""
    AboutLink: str = ""
    HelpLink: str = ""
    ReportAProblemLink: str = ""
    ReportAProblemType: str = "default"
    ReportAProblemMail: str = ""
    AllowDownloadLogs: bool = False
    ForgotPasswordLink: str = ""
    SupportEmail: str = ""
    CustomTermsOfServiceEnabled: bool = False
    CustomTermsOfServiceReAcceptancePeriod: int = 365
    EnableAskCommunityLink: bool = False


class AnnouncementSection(Struct, frozen=True, kw_only=True):
    """The banner above the channels, and notices."""

    EnableBanner: bool = False
    BannerText: str = ""
    BannerColor: str = "#f2a93b"
    BannerTextColor: str = "#333333"
    AllowBannerDismissal: bool = True
    AdminNoticesEnabled: bool = False
    UserNoticesEnabled: bool = False
    NoticesURL: str = ""
    NoticesFetchFrequency: int = 3600
    NoticesSkipCache: bool = False


class ThemeSection(Struct, frozen=True, kw_only=True):
    """Colours people may choose from."""

    EnableThemeSelection: bool = True
    DefaultTheme: str = "default"
    AllowCustomThemes: bool = True
    AllowedThemes: tuple[str, ...] = ()


class DisplaySection(Struct, frozen=True, kw_only=True):
    """How clients render messages."""

    CustomURLSchemes: tuple[str, ...] = ()
    MaxMarkdownNodes: int = 0


class NativeAppSection(Struct, frozen=True, kw_only=True):
    """Desktop and mobile apps."""

    AppCustomURLSchemes: tuple[str, ...] = ("mmauth://", "mmauthbeta://")
    AppDownloadLink: str = ""
    AndroidAppDownloadLink: str = ""
    IosAppDownloadLink: str = ""
    MobileExternalBrowser: bool = False
    MobileEnableBiometrics: bool = False
    MobilePreventScreenCapture: bool = False
    MobileJailbreakProtection: bool = False
    MobileEnableSecureFilePreview: bool = False
    MobileAllowPdfLinkNavigation: bool = False
    EnableIntuneMAM: bool = False


class ClientRequirementsSection(Struct, frozen=True, kw_only=True):
    """Versions of the mobile apps that the server asks for."""

    AndroidLatestVersion: str = ""
    AndroidMinVersion: str = ""
    IosLatestVersion: str = ""
    IosMinVersion: str = ""


class IntuneSection(Struct, frozen=True, kw_only=True):
    """Mobile apps under device management."""

    Enable: bool = False
    TenantId: str = ""
    ClientId: str = ""
    AuthService: str = ""


class MobileEphemeralModeSection(Struct, frozen=True, kw_only=True):
    """How long mobile apps keep what they have loaded."""

    Enable: bool = False
    DisconnectionTimeoutSeconds: int = 300
    OfflinePersistenceTimerHours: int = 24
    AutoCacheCleanupDays: int = 7
