"""Plugins, other servers, moving threads and translation."""

from typing import Any

from msgspec import Struct


class PluginSection(Struct, frozen=True, kw_only=True):
    """Plugins. `Plugins` and `PluginStates` are free maps, kept as they come."""

    Enable: bool = False
    EnableUploads: bool = False
    AllowInsecureDownloadURL: bool = False
    EnableHealthCheck: bool = True
    Directory: str = "./plugins"
    ClientDirectory: str = "./client/plugins"
    Plugins: dict[str, Any] = {}
    PluginStates: dict[str, Any] = {}
    EnableMarketplace: bool = False
    EnableRemoteMarketplace: bool = False
    AutomaticPrepackagedPlugins: bool = False
    RequirePluginSignature: bool = False
    MarketplaceURL: str = ""
    SignaturePublicKeyFiles: tuple[str, ...] = ()
    ChimeraOAuthProxyURL: str = ""


class WranglerSection(Struct, frozen=True, kw_only=True):
    """Moving threads between channels."""

    PermittedWranglerRoles: tuple[str, ...] = ()
    AllowedEmailDomain: tuple[str, ...] = ()
    MoveThreadMaxCount: int = 100
    MoveThreadToAnotherTeamEnable: bool = False
    MoveThreadFromPrivateChannelEnable: bool = False
    MoveThreadFromDirectMessageChannelEnable: bool = False
    MoveThreadFromGroupMessageChannelEnable: bool = False


class ConnectedWorkspacesSection(Struct, frozen=True, kw_only=True):
    """Channels shared with other servers."""

    EnableSharedChannels: bool = False
    EnableRemoteClusterService: bool = False
    DisableSharedChannelsStatusSync: bool = False
    SyncUsersOnConnectionOpen: bool = False
    GlobalUserSyncBatchSize: int = 25
    MaxPostsPerSync: int = 50
    MemberSyncBatchSize: int = 20


class LibreTranslateSection(Struct, frozen=True, kw_only=True):
    """A LibreTranslate server."""

    URL: str = ""
    APIKey: str = ""


class AgentsSection(Struct, frozen=True, kw_only=True):
    """Translation by a language model."""

    LLMServiceID: str = ""


class AutoTranslationSection(Struct, frozen=True, kw_only=True):
    """Translating messages as they are shown."""

    Enable: bool = False
    TargetLanguages: tuple[str, ...] = ()
    Workers: int = 4
    Provider: str = ""
    LibreTranslate: LibreTranslateSection = LibreTranslateSection()
    Agents: AgentsSection = AgentsSection()
    TimeoutMs: int = 5000
    RestrictDMAndGM: bool = False
