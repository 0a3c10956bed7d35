"""What the operator of a server sets: database, Redis, logs, metrics, files, jobs and limits."""

from typing import Any

from msgspec import Struct


class ReplicaLag(Struct, frozen=True, kw_only=True):
    """Queries that measure how far a replica lags behind."""

    DataSource: str = ""
    QueryAbsoluteLag: str = ""
    QueryTimeLag: str = ""


class SqlSection(Struct, frozen=True, kw_only=True):
    """PostgreSQL. Each node has a pool of its own; the database must take all of them together."""

    DriverName: str = "postgres"
    DataSource: str = ""
    DataSourceReplicas: tuple[str, ...] = ()
    DataSourceSearchReplicas: tuple[str, ...] = ()
    MaxIdleConns: int = 4
    ConnMaxLifetimeMilliseconds: int = 3_600_000
    ConnMaxIdleTimeMilliseconds: int = 300_000
    MaxOpenConns: int = 20
    Trace: bool = False
    # Seals what the database holds of secrets, so it is kept elsewhere. Of several the first one seals, all open.
    AtRestEncryptKey: str = ""
    QueryTimeout: int = 30
    AnalyticsQueryTimeout: int = 300
    DisableDatabaseSearch: bool = False
    MigrationsStatementTimeoutSeconds: int = 100_000
    ReplicaLagSettings: tuple[ReplicaLag, ...] = ()
    ReplicaMonitorIntervalSeconds: int = 5


class CacheSection(Struct, frozen=True, kw_only=True):
    """Redis, which carries the events between nodes."""

    CacheType: str = "redis"
    RedisAddress: str = ""
    RedisPassword: str = ""
    RedisDB: int = 0
    RedisCachePrefix: str = ""
    DisableClientCache: bool = False


class ClusterSection(Struct, frozen=True, kw_only=True):
    """Kept for tools that read it; nodes find each other through PostgreSQL and Redis."""

    Enable: bool = False
    ClusterName: str = ""
    OverrideHostname: str = ""
    NetworkInterface: str = ""
    BindAddress: str = ""
    AdvertiseAddress: str = ""
    UseIPAddress: bool = True
    EnableGossipCompression: bool = True
    EnableGossipEncryption: bool = True
    ReadOnlyConfig: bool = False
    GossipPort: int = 8074


class MetricsSection(Struct, frozen=True, kw_only=True):
    """Prometheus metrics on a port of their own."""

    Enable: bool = False
    BlockProfileRate: int = 0
    ListenAddress: str = ":8067"
    EnableClientMetrics: bool = False
    EnableNotificationMetrics: bool = True
    ClientSideUserIds: tuple[str, ...] = ()


class LogSection(Struct, frozen=True, kw_only=True):
    """What is logged, where, and from which level on."""

    EnableConsole: bool = True
    ConsoleLevel: str = "INFO"
    ConsoleJson: bool = True
    EnableColor: bool = False
    EnableFile: bool = False
    FileLevel: str = "INFO"
    FileJson: bool = True
    FileLocation: str = ""
    EnableWebhookDebugging: bool = False
    EnableDiagnostics: bool = False
    EnableSentry: bool = False
    AdvancedLoggingJSON: dict[str, Any] = {}
    MaxFieldSize: int = 2048


class ExperimentalAuditSection(Struct, frozen=True, kw_only=True):
    """The audit log."""

    FileEnabled: bool = False
    FileName: str = ""
    AdvancedLoggingJSON: dict[str, Any] = {}
    Certificate: str = ""
    FileMaxSizeMB: int = 100
    FileMaxAgeDays: int = 0
    FileMaxBackups: int = 0
    FileCompress: bool = False
    FileMaxQueueSize: int = 1000


class RateLimitSection(Struct, frozen=True, kw_only=True):
    """Requests a second that one caller may make, off by default."""

    Enable: bool = False
    PerSec: int = 10
    MaxBurst: int = 100
    MemoryStoreSize: int = 10_000
    VaryByRemoteAddr: bool = True
    VaryByUser: bool = False
    VaryByHeader: str = ""


class FileSection(Struct, frozen=True, kw_only=True):
    """Where uploads are kept and how large they may be. Sizes are bytes, resolutions pixels."""

    EnableFileAttachments: bool = True
    EnableMobileUpload: bool = True
    EnableMobileDownload: bool = True
    MaxFileSize: int = 104_857_600
    MaxImageResolution: int = 33_177_600
    MaxImageDecoderConcurrency: int = -1
    DriverName: str = "local"
    Directory: str = "./data/"
    EnablePublicLink: bool = False
    ExtractContent: bool = True
    ExtractContentTimeout: int = 60
    ArchiveRecursion: bool = False
    PublicLinkSalt: str = ""
    InitialFont: str = ""
    AmazonS3AccessKeyId: str = ""
    AmazonS3SecretAccessKey: str = ""
    AmazonS3Bucket: str = ""
    AmazonS3PathPrefix: str = ""
    AmazonS3Region: str = ""
    AmazonS3Endpoint: str = "s3.amazonaws.com"
    AmazonS3SSL: bool = True
    AmazonS3SignV2: bool = False
    AmazonS3SSE: bool = False
    AmazonS3Trace: bool = False
    AmazonS3RequestTimeoutMilliseconds: int = 30_000
    AmazonS3UploadPartSizeBytes: int = 5_242_880
    AmazonS3StorageClass: str = ""
    DedicatedExportStore: bool = False
    ExportDriverName: str = "local"
    ExportDirectory: str = "./data/"
    ExportAmazonS3AccessKeyId: str = ""
    ExportAmazonS3SecretAccessKey: str = ""
    ExportAmazonS3Bucket: str = ""
    ExportAmazonS3PathPrefix: str = ""
    ExportAmazonS3Region: str = ""
    ExportAmazonS3Endpoint: str = "s3.amazonaws.com"
    ExportAmazonS3SSL: bool = True
    ExportAmazonS3SignV2: bool = False
    ExportAmazonS3SSE: bool = False
    ExportAmazonS3Trace: bool = False
    ExportAmazonS3RequestTimeoutMilliseconds: int = 30_000
    ExportAmazonS3PresignExpiresSeconds: int = 21_600
    ExportAmazonS3UploadPartSizeBytes: int = 104_857_600
    ExportAmazonS3StorageClass: str = ""


class ImageProxySection(Struct, frozen=True, kw_only=True):
    """Loading linked images through the server."""

    Enable: bool = False
    ImageProxyType: str = "local"
    RemoteImageProxyURL: str = ""
    RemoteImageProxyOptions: str = ""


class ImportSection(Struct, frozen=True, kw_only=True):
    """Files to import from."""

    Directory: str = "./import"
    RetentionDays: int = 30


class ExportSection(Struct, frozen=True, kw_only=True):
    """Files exported to."""

    Directory: str = "./export"
    RetentionDays: int = 30


class JobSection(Struct, frozen=True, kw_only=True):
    """Background work."""

    RunJobs: bool = True
    RunScheduler: bool = True
    CleanupJobsThresholdDays: int = -1
    CleanupConfigThresholdDays: int = -1


class ElasticsearchSection(Struct, frozen=True, kw_only=True):
    """An outside search engine; without one PostgreSQL searches."""

    ConnectionURL: str = "http://localhost:9200"
    Backend: str = "elasticsearch"
    Username: str = ""
    Password: str = ""
    EnableIndexing: bool = False
    EnableSearching: bool = False
    EnableCJKAnalyzers: bool = False
    EnableAutocomplete: bool = False
    Sniff: bool = True
    PostIndexReplicas: int = 1
    PostIndexShards: int = 1
    ChannelIndexReplicas: int = 1
    ChannelIndexShards: int = 1
    UserIndexReplicas: int = 1
    UserIndexShards: int = 1
    AggregatePostsAfterDays: int = 365
    PostsAggregatorJobStartTime: str = "03:00"
    IndexPrefix: str = ""
    GlobalSearchPrefix: str = ""
    LiveIndexingBatchSize: int = 10
    BatchSize: int = 10_000
    RequestTimeoutSeconds: int = 30
    SkipTLSVerification: bool = False
    CA: str = ""
    ClientCert: str = ""
    ClientKey: str = ""
    Trace: str = ""
    IgnoredPurgeIndexes: str = ""
    EnableSearchPublicChannelsWithoutMembership: bool = False


class AnalyticsSection(Struct, frozen=True, kw_only=True):
    """Limits of statistics."""

    MaxUsersForStatistics: int = 2500


class ExperimentalSection(Struct, frozen=True, kw_only=True):
    """Switches for details of the clients."""

    ClientSideCertEnable: bool = False
    LinkMetadataTimeoutMilliseconds: int = 5000
    RestrictSystemAdmin: bool = False
    EnableSharedChannels: bool = False
    EnableRemoteClusterService: bool = False
    DisableAppBar: bool = False
    DisableRefetchingOnBrowserFocus: bool = False
    DelayChannelAutocomplete: bool = False
    DisableWakeUpReconnectHandler: bool = False
    UsersStatusAndProfileFetchingPollIntervalMilliseconds: int = 3000
    YoutubeReferrerPolicy: bool = False
    EnableWatermark: bool = False


class CloudSection(Struct, frozen=True, kw_only=True):
    """Kept for tools that read it; there is no vendor cloud."""

    CWSURL: str = ""
    CWSAPIURL: str = ""
    CWSMock: bool = False
    Disable: bool = True
    PreviewModalBucketURL: str = ""
