"""Keeping, exporting, reviewing and guarding what was written."""

from typing import Any

from msgspec import Struct


class ComplianceSection(Struct, frozen=True, kw_only=True):
    """Daily compliance reports."""

    Enable: bool = False
    Directory: str = "./data/"
    EnableDaily: bool = False
    BatchSize: int = 30_000


class DataRetentionSection(Struct, frozen=True, kw_only=True):
    """When messages and files are deleted for good."""

    EnableMessageDeletion: bool = False
    EnableFileDeletion: bool = False
    MessageRetentionDays: int = 365
    MessageRetentionHours: int = 0
    FileRetentionDays: int = 365
    FileRetentionHours: int = 0
    DeletionJobStartTime: str = "02:00"
    BatchSize: int = 3000
    EnableBoardsDeletion: bool = False
    BoardsRetentionDays: int = 365
    TimeBetweenBatchesMilliseconds: int = 100
    RetentionIdsBatchSize: int = 100
    PreservePinnedPosts: bool = False


class GlobalRelaySection(Struct, frozen=True, kw_only=True):
    """Delivery of exports by mail."""

    CustomerType: str = "A9"
    SMTPUsername: str = ""
    SMTPPassword: str = ""
    EmailAddress: str = ""
    SMTPServerTimeout: int = 1800
    CustomSMTPServerName: str = ""
    CustomSMTPPort: str = "25"


class MessageExportSection(Struct, frozen=True, kw_only=True):
    """Regular exports of all messages."""

    EnableExport: bool = False
    DownloadExportResults: bool = False
    ExportFormat: str = "actiance"
    DailyRunTime: str = "01:00"
    ExportFromTimestamp: int = 0
    BatchSize: int = 10_000
    ChannelBatchSize: int = 100
    ChannelHistoryBatchSize: int = 10
    GlobalRelaySettings: GlobalRelaySection = GlobalRelaySection()


class ContentFlaggingNotificationSection(Struct, frozen=True, kw_only=True):
    """Who hears of each step of a review."""

    EventTargetMapping: dict[str, tuple[str, ...]] = {}


class ContentFlaggingReviewerSection(Struct, frozen=True, kw_only=True):
    """Who reviews reported messages."""

    CommonReviewers: bool = True
    CommonReviewerIds: tuple[str, ...] = ()
    TeamReviewersSetting: dict[str, Any] = {}
    SystemAdminsAsReviewers: bool = False
    TeamAdminsAsReviewers: bool = False


class ContentFlaggingAdditionalSection(Struct, frozen=True, kw_only=True):
    """How reports are made."""

    Reasons: tuple[str, ...] = ()
    ReporterCommentRequired: bool = False
    ReviewerCommentRequired: bool = False
    HideFlaggedContent: bool = True


class ContentFlaggingSection(Struct, frozen=True, kw_only=True):
    """Reporting messages to reviewers."""

    EnableContentFlagging: bool = False
    NotificationSettings: ContentFlaggingNotificationSection = ContentFlaggingNotificationSection()
    ReviewerSettings: ContentFlaggingReviewerSection = ContentFlaggingReviewerSection()
    AdditionalSettings: ContentFlaggingAdditionalSection = ContentFlaggingAdditionalSection()


class AccessControlSection(Struct, frozen=True, kw_only=True):
    """Access by attributes of people."""

    EnableAttributeBasedAccessControl: bool = False
    EnableUserManagedAttributes: bool = False
    TrustProxyDeviceIdentityHeader: bool = False
    EnforceDeviceIDConsistency: bool = False
