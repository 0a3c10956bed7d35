"""`Config`: every setting of a server, in Mattermost's sections and under Mattermost's names."""

from msgspec import Struct, field

from server.config.governance import (
    AccessControlSection,
    ComplianceSection,
    ContentFlaggingSection,
    DataRetentionSection,
    MessageExportSection,
)
from server.config.integrations import (
    AutoTranslationSection,
    ConnectedWorkspacesSection,
    PluginSection,
    WranglerSection,
)
from server.config.operation import (
    AnalyticsSection,
    CacheSection,
    CloudSection,
    ClusterSection,
    ElasticsearchSection,
    ExperimentalAuditSection,
    ExperimentalSection,
    ExportSection,
    FileSection,
    ImageProxySection,
    ImportSection,
    JobSection,
    LogSection,
    MetricsSection,
    RateLimitSection,
    SqlSection,
)
from server.config.people import (
    AnnouncementSection,
    ClientRequirementsSection,
    DisplaySection,
    EmailSection,
    GuestAccountsSection,
    IntuneSection,
    LocalizationSection,
    MobileEphemeralModeSection,
    NativeAppSection,
    PasswordSection,
    PrivacySection,
    SupportSection,
    TeamSection,
    ThemeSection,
)
from server.config.service import ServiceSection
from server.config.sign_in import LdapSection, Office365Section, SamlSection, SSOSection

GOOGLE = SSOSection(
    Scope="profile email",
    AuthEndpoint="https://accounts.google.com/o/oauth2/v2/auth",
    TokenEndpoint="https://www.googleapis.com/oauth2/v4/token",
    UserAPIEndpoint="https://people.googleapis.com/v1/people/me?personFields=names,emailAddresses,nicknames,metadata",
)
OPENID = SSOSection(Scope="profile openid email", ButtonColor="#145DBF")

# Parts of clients that they show only when the flag is on: off for those that are not served.
FEATURE_FLAGS: dict[str, str | bool] = {
    "MoveThreadsEnabled": True,
    **dict.fromkeys(
        (
            "AppsEnabled",
            "AttributeBasedAccessControl",
            "CallsEnabled",
            "ChannelPermissionPolicies",
            "ClassificationMarkings",
            "ContentFlagging",
            "CustomProfileAttributes",
            "ManagedChannelCategories",
            "PermissionPolicies",
            "PolicySimulation",
            "PropertyFieldRank",
            "SessionAttributes",
            "TeamMembershipAccessControl",
            "WebSocketEventScope",
        ),
        False,
    ),
}


class HubbubSection(Struct, frozen=True, kw_only=True):
    """What has no counterpart in Mattermost's config. But for TrustedProxies it is read at start only."""

    # Name of this node in logs, metrics and locks; "" makes one up from the host name.
    NodeId: str = ""
    # How long a stopping node waits for requests under way and hands its connections over.
    DrainSeconds: int = 10
    # How many proxies of yours a request passes, each of which appends to a header of TrustedProxyIPHeader.
    TrustedProxies: int = 1


class Config(Struct, frozen=True, kw_only=True):
    """All settings; immutable, a change is a new Config. Read it at each use, never keep a value of it."""

    ServiceSettings: ServiceSection = ServiceSection()
    TeamSettings: TeamSection = TeamSection()
    ClientRequirements: ClientRequirementsSection = ClientRequirementsSection()
    SqlSettings: SqlSection = SqlSection()
    LogSettings: LogSection = LogSection()
    ExperimentalAuditSettings: ExperimentalAuditSection = ExperimentalAuditSection()
    PasswordSettings: PasswordSection = PasswordSection()
    FileSettings: FileSection = FileSection()
    EmailSettings: EmailSection = EmailSection()
    RateLimitSettings: RateLimitSection = RateLimitSection()
    PrivacySettings: PrivacySection = PrivacySection()
    SupportSettings: SupportSection = SupportSection()
    AnnouncementSettings: AnnouncementSection = AnnouncementSection()
    ThemeSettings: ThemeSection = ThemeSection()
    GitLabSettings: SSOSection = SSOSection()
    GoogleSettings: SSOSection = GOOGLE
    Office365Settings: Office365Section = Office365Section()
    OpenIdSettings: SSOSection = OPENID
    LdapSettings: LdapSection = LdapSection()
    ComplianceSettings: ComplianceSection = ComplianceSection()
    LocalizationSettings: LocalizationSection = LocalizationSection()
    SamlSettings: SamlSection = SamlSection()
    NativeAppSettings: NativeAppSection = NativeAppSection()
    IntuneSettings: IntuneSection = IntuneSection()
    CacheSettings: CacheSection = CacheSection()
    ClusterSettings: ClusterSection = ClusterSection()
    MetricsSettings: MetricsSection = MetricsSection()
    ExperimentalSettings: ExperimentalSection = ExperimentalSection()
    AnalyticsSettings: AnalyticsSection = AnalyticsSection()
    ElasticsearchSettings: ElasticsearchSection = ElasticsearchSection()
    DataRetentionSettings: DataRetentionSection = DataRetentionSection()
    MessageExportSettings: MessageExportSection = MessageExportSection()
    JobSettings: JobSection = JobSection()
    PluginSettings: PluginSection = PluginSection()
    DisplaySettings: DisplaySection = DisplaySection()
    GuestAccountsSettings: GuestAccountsSection = GuestAccountsSection()
    ImageProxySettings: ImageProxySection = ImageProxySection()
    CloudSettings: CloudSection = CloudSection()
    FeatureFlags: dict[str, str | bool] = field(default_factory=FEATURE_FLAGS.copy)
    ImportSettings: ImportSection = ImportSection()
    ExportSettings: ExportSection = ExportSection()
    WranglerSettings: WranglerSection = WranglerSection()
    ConnectedWorkspacesSettings: ConnectedWorkspacesSection = ConnectedWorkspacesSection()
    AccessControlSettings: AccessControlSection = AccessControlSection()
    ContentFlaggingSettings: ContentFlaggingSection = ContentFlaggingSection()
    AutoTranslationSettings: AutoTranslationSection = AutoTranslationSection()
    MobileEphemeralModeSettings: MobileEphemeralModeSection = MobileEphemeralModeSection()
    HubbubSettings: HubbubSection = HubbubSection()
