"""The installation on the wire."""

from msgspec import UNSET, Struct, UnsetType


class Ping(Struct, kw_only=True):
    """Reply of GET /system/ping."""

    AndroidLatestVersion: str
    AndroidMinVersion: str
    IosLatestVersion: str
    IosMinVersion: str
    ActiveSearchBackend: str = "database"
    status: str = "OK"
    database_status: str | UnsetType = UNSET
    filestore_status: str | UnsetType = UNSET
    root_status: bool | UnsetType = UNSET
    CanReceiveNotifications: str | UnsetType = UNSET


class ServerLimits(Struct, kw_only=True, rename="camel"):
    """Reply of GET /limits/server; 0 stands for no limit, and in counts also for none of the caller's business."""

    active_user_count: int = 0
    max_users_limit: int = 0
    max_users_hard_limit: int = 0
    last_accessible_post_time: int = 0
    post_history_limit: int = 0
    single_channel_guest_count: int = 0
    single_channel_guest_limit: int = 0


class Wellness(Struct, kw_only=True):
    """Reply of the health endpoints: "OK" or "UNHEALTHY" for each part."""

    status: str
    database: str | UnsetType = UNSET
    bus: str | UnsetType = UNSET
