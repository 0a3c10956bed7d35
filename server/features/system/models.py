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


class Wellness(Struct, kw_only=True):
    """Reply of the health endpoints: "OK" or "UNHEALTHY" for each part."""

    status: str
    database: str | UnsetType = UNSET
    bus: str | UnsetType = UNSET
