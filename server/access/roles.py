"""The roles every server is born with, and which permissions each of them brings.

They are written to the table `roles` once; from then on the table is what counts, since admins may change it.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from server.access.permissions import Permission, Scope

P = Permission

SYSTEM_ADMIN = "system_admin"
SYSTEM_USER = "system_user"
SYSTEM_GUEST = "system_guest"
TEAM_ADMIN = "team_admin"
TEAM_USER = "team_user"
TEAM_GUEST = "team_guest"
CHANNEL_ADMIN = "channel_admin"
CHANNEL_USER = "channel_user"
CHANNEL_GUEST = "channel_guest"

# The keys under which clients find the translated names of three roles differ from the roles' names.
TRANSLATION_NAMES = {SYSTEM_ADMIN: "global_admin", SYSTEM_USER: "global_user", SYSTEM_GUEST: "global_guest"}


class BuiltinRole(Struct, frozen=True, kw_only=True):
    """A role as a new server has it. Scheme-managed ones are given through a membership's scheme flags."""

    name: str
    scope: Scope
    permissions: tuple[Permission, ...]
    scheme_managed: bool = False
    built_in: bool = True

    @property
    def display_name(self) -> str:
        """The translation key of the role's name."""
        return f"authentication.roles.{TRANSLATION_NAMES.get(self.name, self.name)}.name"

    @property
    def description(self) -> str:
        """The translation key of the role's description."""
        return f"authentication.roles.{TRANSLATION_NAMES.get(self.name, self.name)}.description"


BOOKMARKS = (
    P.ADD_BOOKMARK_PUBLIC_CHANNEL,
    P.EDIT_BOOKMARK_PUBLIC_CHANNEL,
    P.DELETE_BOOKMARK_PUBLIC_CHANNEL,
    P.ORDER_BOOKMARK_PUBLIC_CHANNEL,
    P.ADD_BOOKMARK_PRIVATE_CHANNEL,
    P.EDIT_BOOKMARK_PRIVATE_CHANNEL,
    P.DELETE_BOOKMARK_PRIVATE_CHANNEL,
    P.ORDER_BOOKMARK_PRIVATE_CHANNEL,
)

CUSTOM_GROUPS = (
    P.CREATE_CUSTOM_GROUP,
    P.EDIT_CUSTOM_GROUP,
    P.DELETE_CUSTOM_GROUP,
    P.RESTORE_CUSTOM_GROUP,
    P.MANAGE_CUSTOM_GROUP_MEMBERS,
)

# Areas of the system console. A permission `sysconsole_<read|write>_<area>` exists for each.
MEMBERS_AREAS = ("user_management_groups", "user_management_teams", "user_management_channels")
AUTHENTICATION_AREAS = (
    "authentication_signup",
    "authentication_email",
    "authentication_password",
    "authentication_mfa",
    "authentication_ldap",
    "authentication_saml",
    "authentication_openid",
    "authentication_guest_access",
)
REPORTING_AREAS = (
    "about_edition_and_license",
    "reporting_site_statistics",
    "reporting_team_statistics",
    "reporting_server_logs",
)
OPERATED_AREAS = (
    *MEMBERS_AREAS,
    "user_management_permissions",
    "environment_web_server",
    "environment_database",
    "environment_elasticsearch",
    "environment_file_storage",
    "environment_image_proxy",
    "environment_smtp",
    "environment_push_notification_server",
    "environment_high_availability",
    "environment_rate_limiting",
    "environment_logging",
    "environment_session_lengths",
    "environment_performance_monitoring",
    "environment_developer",
    "site_customization",
    "site_localization",
    "site_users_and_teams",
    "site_notifications",
    "site_announcement_banner",
    "site_emoji",
    "site_posts",
    "site_file_sharing_and_downloads",
    "site_public_links",
    "site_notices",
    "integrations_integration_management",
    "integrations_bot_accounts",
    "integrations_gif",
    "integrations_cors",
)
GUARDED_AREAS = (
    "user_management_users",
    "compliance_data_retention_policy",
    "compliance_compliance_export",
    "compliance_compliance_monitoring",
    "compliance_custom_terms_of_service",
    "experimental_features",
    "experimental_feature_flags",
)

# What a console permission brings along, so that its page works: granting the key grants the values.
ANCILLARY: Mapping[Permission, tuple[Permission, ...]] = {
    P.SYSCONSOLE_READ_ABOUT_EDITION_AND_LICENSE: (P.READ_LICENSE_INFORMATION,),
    P.SYSCONSOLE_WRITE_ABOUT_EDITION_AND_LICENSE: (P.MANAGE_LICENSE_INFORMATION,),
    P.SYSCONSOLE_READ_USER_MANAGEMENT_CHANNELS: (
        P.READ_PUBLIC_CHANNEL,
        P.READ_CHANNEL,
        P.READ_PUBLIC_CHANNEL_GROUPS,
        P.READ_PRIVATE_CHANNEL_GROUPS,
    ),
    P.SYSCONSOLE_READ_USER_MANAGEMENT_USERS: (P.READ_OTHER_USERS_TEAMS, P.GET_ANALYTICS),
    P.SYSCONSOLE_READ_USER_MANAGEMENT_TEAMS: (P.LIST_PRIVATE_TEAMS, P.LIST_PUBLIC_TEAMS, P.VIEW_TEAM),
    P.SYSCONSOLE_READ_ENVIRONMENT_ELASTICSEARCH: (
        P.READ_ELASTICSEARCH_POST_INDEXING_JOB,
        P.READ_ELASTICSEARCH_POST_AGGREGATION_JOB,
    ),
    P.SYSCONSOLE_WRITE_ENVIRONMENT_WEB_SERVER: (P.TEST_SITE_URL, P.RELOAD_CONFIG, P.INVALIDATE_CACHES),
    P.SYSCONSOLE_WRITE_ENVIRONMENT_DATABASE: (P.RECYCLE_DATABASE_CONNECTIONS,),
    P.SYSCONSOLE_WRITE_ENVIRONMENT_ELASTICSEARCH: (
        P.TEST_ELASTICSEARCH,
        P.CREATE_ELASTICSEARCH_POST_INDEXING_JOB,
        P.CREATE_ELASTICSEARCH_POST_AGGREGATION_JOB,
        P.PURGE_ELASTICSEARCH_INDEXES,
    ),
    P.SYSCONSOLE_WRITE_ENVIRONMENT_FILE_STORAGE: (P.TEST_S3,),
    P.SYSCONSOLE_WRITE_ENVIRONMENT_SMTP: (P.TEST_EMAIL,),
    P.SYSCONSOLE_READ_REPORTING_SERVER_LOGS: (P.GET_LOGS,),
    P.SYSCONSOLE_READ_REPORTING_SITE_STATISTICS: (P.GET_ANALYTICS,),
    P.SYSCONSOLE_READ_REPORTING_TEAM_STATISTICS: (P.VIEW_TEAM,),
    P.SYSCONSOLE_WRITE_USER_MANAGEMENT_USERS: (P.EDIT_OTHER_USERS, P.DEMOTE_TO_GUEST, P.PROMOTE_GUEST),
    P.SYSCONSOLE_WRITE_USER_MANAGEMENT_CHANNELS: (
        P.MANAGE_TEAM,
        P.MANAGE_PUBLIC_CHANNEL_PROPERTIES,
        P.MANAGE_PRIVATE_CHANNEL_PROPERTIES,
        P.MANAGE_PRIVATE_CHANNEL_MEMBERS,
        P.MANAGE_PUBLIC_CHANNEL_MEMBERS,
        P.DELETE_PRIVATE_CHANNEL,
        P.DELETE_PUBLIC_CHANNEL,
        P.MANAGE_CHANNEL_ROLES,
        P.CONVERT_PUBLIC_CHANNEL_TO_PRIVATE,
        P.CONVERT_PRIVATE_CHANNEL_TO_PUBLIC,
    ),
    P.SYSCONSOLE_WRITE_USER_MANAGEMENT_TEAMS: (
        P.MANAGE_TEAM,
        P.MANAGE_TEAM_ROLES,
        P.REMOVE_USER_FROM_TEAM,
        P.JOIN_PRIVATE_TEAMS,
        P.JOIN_PUBLIC_TEAMS,
        P.ADD_USER_TO_TEAM,
    ),
    P.SYSCONSOLE_WRITE_USER_MANAGEMENT_GROUPS: (
        P.MANAGE_TEAM,
        P.MANAGE_PRIVATE_CHANNEL_MEMBERS,
        P.MANAGE_PUBLIC_CHANNEL_MEMBERS,
        P.CONVERT_PUBLIC_CHANNEL_TO_PRIVATE,
        P.CONVERT_PRIVATE_CHANNEL_TO_PUBLIC,
    ),
    P.SYSCONSOLE_WRITE_SITE_CUSTOMIZATION: (P.EDIT_BRAND,),
    P.SYSCONSOLE_WRITE_COMPLIANCE_DATA_RETENTION_POLICY: (P.CREATE_DATA_RETENTION_JOB,),
    P.SYSCONSOLE_READ_COMPLIANCE_DATA_RETENTION_POLICY: (P.READ_DATA_RETENTION_JOB,),
    P.SYSCONSOLE_WRITE_COMPLIANCE_COMPLIANCE_EXPORT: (
        P.CREATE_COMPLIANCE_EXPORT_JOB,
        P.DOWNLOAD_COMPLIANCE_EXPORT_RESULT,
    ),
    P.SYSCONSOLE_READ_COMPLIANCE_COMPLIANCE_EXPORT: (
        P.READ_COMPLIANCE_EXPORT_JOB,
        P.DOWNLOAD_COMPLIANCE_EXPORT_RESULT,
    ),
    P.SYSCONSOLE_READ_COMPLIANCE_CUSTOM_TERMS_OF_SERVICE: (P.READ_AUDITS,),
    P.SYSCONSOLE_WRITE_AUTHENTICATION_LDAP: (
        P.CREATE_LDAP_SYNC_JOB,
        P.ADD_LDAP_PUBLIC_CERT,
        P.REMOVE_LDAP_PUBLIC_CERT,
        P.ADD_LDAP_PRIVATE_CERT,
        P.REMOVE_LDAP_PRIVATE_CERT,
    ),
    P.SYSCONSOLE_READ_AUTHENTICATION_LDAP: (P.TEST_LDAP, P.READ_LDAP_SYNC_JOB),
    P.SYSCONSOLE_WRITE_AUTHENTICATION_EMAIL: (P.INVALIDATE_EMAIL_INVITE,),
    P.SYSCONSOLE_WRITE_AUTHENTICATION_SAML: (
        P.GET_SAML_METADATA_FROM_IDP,
        P.ADD_SAML_PUBLIC_CERT,
        P.ADD_SAML_PRIVATE_CERT,
        P.ADD_SAML_IDP_CERT,
        P.REMOVE_SAML_PUBLIC_CERT,
        P.REMOVE_SAML_PRIVATE_CERT,
        P.REMOVE_SAML_IDP_CERT,
        P.GET_SAML_CERT_STATUS,
    ),
}


def with_ancillary(permissions: Iterable[str]) -> list[str]:
    """The given permission ids, each once and in order, and behind them those that they bring along."""
    ids = dict.fromkeys(str(permission) for permission in permissions)
    brought = (str(extra) for name in ids if name in ANCILLARY for extra in ANCILLARY[P(name)])
    return list(dict.fromkeys([*ids, *brought]))


def _console(access: Literal["read", "write"], *areas: str) -> tuple[Permission, ...]:
    return tuple(P(f"sysconsole_{access}_{area}") for area in areas)


def _with_ancillary(*permissions: Permission) -> tuple[Permission, ...]:
    return tuple(P(name) for name in with_ancillary(permissions))


CHANNEL_ROLES = (
    BuiltinRole(
        name=CHANNEL_GUEST,
        scope=Scope.CHANNEL,
        scheme_managed=True,
        permissions=(
            P.READ_CHANNEL,
            P.READ_CHANNEL_CONTENT,
            P.ADD_REACTION,
            P.REMOVE_REACTION,
            P.UPLOAD_FILE,
            P.EDIT_POST,
            P.CREATE_POST,
            P.USE_CHANNEL_MENTIONS,
            P.EDIT_FILE_ATTACHMENT,
        ),
    ),
    BuiltinRole(
        name=CHANNEL_USER,
        scope=Scope.CHANNEL,
        scheme_managed=True,
        permissions=(
            P.READ_CHANNEL,
            P.READ_CHANNEL_CONTENT,
            P.ADD_REACTION,
            P.REMOVE_REACTION,
            P.MANAGE_PUBLIC_CHANNEL_MEMBERS,
            P.UPLOAD_FILE,
            P.GET_PUBLIC_LINK,
            P.CREATE_POST,
            P.USE_CHANNEL_MENTIONS,
            P.MANAGE_PUBLIC_CHANNEL_PROPERTIES,
            P.DELETE_PUBLIC_CHANNEL,
            P.MANAGE_PRIVATE_CHANNEL_PROPERTIES,
            P.DELETE_PRIVATE_CHANNEL,
            P.MANAGE_PRIVATE_CHANNEL_MEMBERS,
            P.DELETE_POST,
            P.EDIT_POST,
            P.EDIT_FILE_ATTACHMENT,
            *BOOKMARKS,
            P.USE_GROUP_MENTIONS,
        ),
    ),
    BuiltinRole(
        name=CHANNEL_ADMIN,
        scope=Scope.CHANNEL,
        scheme_managed=True,
        permissions=(
            P.MANAGE_CHANNEL_ROLES,
            P.USE_GROUP_MENTIONS,
            *BOOKMARKS,
            P.MANAGE_PUBLIC_CHANNEL_BANNER,
            P.MANAGE_PRIVATE_CHANNEL_BANNER,
            P.MANAGE_CHANNEL_ACCESS_RULES,
            P.MANAGE_PUBLIC_CHANNEL_AUTO_TRANSLATION,
            P.MANAGE_PRIVATE_CHANNEL_AUTO_TRANSLATION,
        ),
    ),
)

TEAM_ROLES = (
    BuiltinRole(name=TEAM_GUEST, scope=Scope.TEAM, scheme_managed=True, permissions=(P.VIEW_TEAM,)),
    BuiltinRole(
        name=TEAM_USER,
        scope=Scope.TEAM,
        scheme_managed=True,
        permissions=(
            P.LIST_TEAM_CHANNELS,
            P.JOIN_PUBLIC_CHANNELS,
            P.READ_PUBLIC_CHANNEL,
            P.VIEW_TEAM,
            P.CREATE_PUBLIC_CHANNEL,
            P.CREATE_PRIVATE_CHANNEL,
            P.INVITE_USER,
            P.ADD_USER_TO_TEAM,
        ),
    ),
    BuiltinRole(
        name=TEAM_ADMIN,
        scope=Scope.TEAM,
        scheme_managed=True,
        permissions=(
            P.REMOVE_USER_FROM_TEAM,
            P.MANAGE_TEAM,
            P.IMPORT_TEAM,
            P.MANAGE_TEAM_ROLES,
            P.MANAGE_TEAM_ACCESS_RULES,
            P.MANAGE_CHANNEL_ROLES,
            P.MANAGE_OWN_INCOMING_WEBHOOKS,
            P.MANAGE_OTHERS_INCOMING_WEBHOOKS,
            P.MANAGE_OWN_OUTGOING_WEBHOOKS,
            P.MANAGE_OTHERS_OUTGOING_WEBHOOKS,
            P.MANAGE_OWN_SLASH_COMMANDS,
            P.MANAGE_OTHERS_SLASH_COMMANDS,
            P.BYPASS_INCOMING_WEBHOOK_CHANNEL_LOCK,
            P.CONVERT_PUBLIC_CHANNEL_TO_PRIVATE,
            P.CONVERT_PRIVATE_CHANNEL_TO_PUBLIC,
            P.DELETE_POST,
            P.DELETE_OTHERS_POSTS,
            *BOOKMARKS,
            P.MANAGE_PUBLIC_CHANNEL_BANNER,
            P.MANAGE_PRIVATE_CHANNEL_BANNER,
            P.MANAGE_CHANNEL_ACCESS_RULES,
        ),
    ),
    BuiltinRole(name="team_post_all", scope=Scope.TEAM, permissions=(P.CREATE_POST, P.USE_CHANNEL_MENTIONS)),
    BuiltinRole(
        name="team_post_all_public",
        scope=Scope.TEAM,
        permissions=(P.CREATE_POST_PUBLIC, P.USE_CHANNEL_MENTIONS),
    ),
)

SYSTEM_ROLES = (
    BuiltinRole(
        name=SYSTEM_GUEST,
        scope=Scope.SYSTEM,
        scheme_managed=True,
        permissions=(P.CREATE_DIRECT_CHANNEL, P.CREATE_GROUP_CHANNEL),
    ),
    BuiltinRole(
        name=SYSTEM_USER,
        scope=Scope.SYSTEM,
        scheme_managed=True,
        permissions=(
            P.LIST_PUBLIC_TEAMS,
            P.JOIN_PUBLIC_TEAMS,
            P.CREATE_DIRECT_CHANNEL,
            P.CREATE_GROUP_CHANNEL,
            P.VIEW_MEMBERS,
            P.CREATE_TEAM,
            *CUSTOM_GROUPS,
            P.MANAGE_OWN_AGENT,
            P.CREATE_EMOJIS,
            P.DELETE_EMOJIS,
        ),
    ),
    BuiltinRole(name=SYSTEM_ADMIN, scope=Scope.SYSTEM, scheme_managed=True, permissions=tuple(Permission)),
    BuiltinRole(name="system_post_all", scope=Scope.SYSTEM, permissions=(P.CREATE_POST, P.USE_CHANNEL_MENTIONS)),
    BuiltinRole(
        name="system_post_all_public",
        scope=Scope.SYSTEM,
        permissions=(P.CREATE_POST_PUBLIC, P.USE_CHANNEL_MENTIONS),
    ),
    BuiltinRole(
        name="system_user_access_token",
        scope=Scope.SYSTEM,
        permissions=(P.CREATE_USER_ACCESS_TOKEN, P.READ_USER_ACCESS_TOKEN, P.REVOKE_USER_ACCESS_TOKEN),
    ),
    BuiltinRole(name="system_custom_group_admin", scope=Scope.SYSTEM, permissions=(*CUSTOM_GROUPS,)),
    BuiltinRole(name="system_shared_channel_manager", scope=Scope.SYSTEM, permissions=(P.MANAGE_SHARED_CHANNELS,)),
    BuiltinRole(
        name="system_user_manager",
        scope=Scope.SYSTEM,
        permissions=_with_ancillary(
            *_console("read", *MEMBERS_AREAS, "user_management_permissions", *AUTHENTICATION_AREAS),
            *_console("write", *MEMBERS_AREAS),
        ),
    ),
    BuiltinRole(
        name="system_read_only_admin",
        scope=Scope.SYSTEM,
        permissions=_with_ancillary(
            *_console("read", *REPORTING_AREAS, *OPERATED_AREAS, *AUTHENTICATION_AREAS, *GUARDED_AREAS, "plugins")
        ),
    ),
    BuiltinRole(
        name="system_manager",
        scope=Scope.SYSTEM,
        permissions=_with_ancillary(
            *_console("read", *REPORTING_AREAS, *OPERATED_AREAS, *AUTHENTICATION_AREAS, "plugins"),
            *_console("write", *OPERATED_AREAS),
        ),
    ),
)

GROUP_ROLES = (BuiltinRole(name="custom_group_user", scope=Scope.GROUP, built_in=False, permissions=()),)

DEFAULT_ROLES: Mapping[str, BuiltinRole] = {
    role.name: role for role in (*CHANNEL_ROLES, *TEAM_ROLES, *SYSTEM_ROLES, *GROUP_ROLES)
}
