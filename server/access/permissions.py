"""Every permission of API v4, and the scope it is granted in."""

from enum import StrEnum
from typing import Self


class Scope(StrEnum):
    """Where a permission is granted: in one channel, one team, one group, or everywhere."""

    SYSTEM = "system"
    TEAM = "team"
    CHANNEL = "channel"
    GROUP = "group"


class Permission(StrEnum):
    """A permission id as it stands in roles; `scope` says the narrowest place it can be granted in."""

    scope: Scope

    def __new__(cls, name: str, scope: Scope = Scope.SYSTEM) -> Self:
        """Make the member a plain string, so that ids read from the database compare and hash alike."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.scope = scope
        return member

    ADD_LDAP_PRIVATE_CERT = "add_ldap_private_cert"
    ADD_LDAP_PUBLIC_CERT = "add_ldap_public_cert"
    ADD_SAML_IDP_CERT = "add_saml_idp_cert"
    ADD_SAML_PRIVATE_CERT = "add_saml_private_cert"
    ADD_SAML_PUBLIC_CERT = "add_saml_public_cert"
    ASSIGN_BOT = "assign_bot"
    ASSIGN_SYSTEM_ADMIN_ROLE = "assign_system_admin_role"
    CREATE_BOT = "create_bot"
    CREATE_COMPLIANCE_EXPORT_JOB = "create_compliance_export_job"
    CREATE_CUSTOM_GROUP = "create_custom_group"
    CREATE_DATA_RETENTION_JOB = "create_data_retention_job"
    CREATE_DIRECT_CHANNEL = "create_direct_channel"
    CREATE_ELASTICSEARCH_POST_AGGREGATION_JOB = "create_elasticsearch_post_aggregation_job"
    CREATE_ELASTICSEARCH_POST_INDEXING_JOB = "create_elasticsearch_post_indexing_job"
    CREATE_GROUP_CHANNEL = "create_group_channel"
    CREATE_LDAP_SYNC_JOB = "create_ldap_sync_job"
    CREATE_TEAM = "create_team"
    CREATE_USER_ACCESS_TOKEN = "create_user_access_token"
    DEMOTE_TO_GUEST = "demote_to_guest"
    DOWNLOAD_COMPLIANCE_EXPORT_RESULT = "download_compliance_export_result"
    EDIT_BRAND = "edit_brand"
    EDIT_OTHER_USERS = "edit_other_users"
    GET_ANALYTICS = "get_analytics"
    GET_LOGS = "get_logs"
    GET_PUBLIC_LINK = "get_public_link"
    GET_SAML_CERT_STATUS = "get_saml_cert_status"
    GET_SAML_METADATA_FROM_IDP = "get_saml_metadata_from_idp"
    INVALIDATE_CACHES = "invalidate_caches"
    INVALIDATE_EMAIL_INVITE = "invalidate_email_invite"
    JOIN_PRIVATE_TEAMS = "join_private_teams"
    JOIN_PUBLIC_TEAMS = "join_public_teams"
    LIST_PRIVATE_TEAMS = "list_private_teams"
    LIST_PUBLIC_TEAMS = "list_public_teams"
    LIST_USERS_WITHOUT_TEAM = "list_users_without_team"
    MANAGE_BOTS = "manage_bots"
    MANAGE_COMPLIANCE_EXPORT_JOB = "manage_compliance_export_job"
    MANAGE_DATA_RETENTION_JOB = "manage_data_retention_job"
    MANAGE_ELASTICSEARCH_POST_AGGREGATION_JOB = "manage_elasticsearch_post_aggregation_job"
    MANAGE_ELASTICSEARCH_POST_INDEXING_JOB = "manage_elasticsearch_post_indexing_job"
    MANAGE_JOBS = "manage_jobs"
    MANAGE_LDAP_SYNC_JOB = "manage_ldap_sync_job"
    MANAGE_LICENSE_INFORMATION = "manage_license_information"
    MANAGE_OAUTH = "manage_oauth"
    MANAGE_OTHERS_AGENT = "manage_others_agent"
    MANAGE_OTHERS_BOTS = "manage_others_bots"
    MANAGE_OUTGOING_OAUTH_CONNECTIONS = "manage_outgoing_oauth_connections"
    MANAGE_OWN_AGENT = "manage_own_agent"
    MANAGE_ROLES = "manage_roles"
    MANAGE_SECURE_CONNECTIONS = "manage_secure_connections"
    MANAGE_SHARED_CHANNELS = "manage_shared_channels"
    MANAGE_SYSTEM = "manage_system"
    MANAGE_SYSTEM_WIDE_OAUTH = "manage_system_wide_oauth"
    PROMOTE_GUEST = "promote_guest"
    PURGE_ELASTICSEARCH_INDEXES = "purge_elasticsearch_indexes"
    READ_AUDITS = "read_audits"
    READ_BOTS = "read_bots"
    READ_COMPLIANCE_EXPORT_JOB = "read_compliance_export_job"
    READ_DATA_RETENTION_JOB = "read_data_retention_job"
    READ_ELASTICSEARCH_POST_AGGREGATION_JOB = "read_elasticsearch_post_aggregation_job"
    READ_ELASTICSEARCH_POST_INDEXING_JOB = "read_elasticsearch_post_indexing_job"
    READ_JOBS = "read_jobs"
    READ_LDAP_SYNC_JOB = "read_ldap_sync_job"
    READ_LICENSE_INFORMATION = "read_license_information"
    READ_OTHER_USERS_TEAMS = "read_other_users_teams"
    READ_OTHERS_BOTS = "read_others_bots"
    READ_USER_ACCESS_TOKEN = "read_user_access_token"
    RECYCLE_DATABASE_CONNECTIONS = "recycle_database_connections"
    RELOAD_CONFIG = "reload_config"
    REMOVE_LDAP_PRIVATE_CERT = "remove_ldap_private_cert"
    REMOVE_LDAP_PUBLIC_CERT = "remove_ldap_public_cert"
    REMOVE_SAML_IDP_CERT = "remove_saml_idp_cert"
    REMOVE_SAML_PRIVATE_CERT = "remove_saml_private_cert"
    REMOVE_SAML_PUBLIC_CERT = "remove_saml_public_cert"
    REVOKE_USER_ACCESS_TOKEN = "revoke_user_access_token"
    SYSCONSOLE_READ_ABOUT_EDITION_AND_LICENSE = "sysconsole_read_about_edition_and_license"
    SYSCONSOLE_READ_AUTHENTICATION_EMAIL = "sysconsole_read_authentication_email"
    SYSCONSOLE_READ_AUTHENTICATION_GUEST_ACCESS = "sysconsole_read_authentication_guest_access"
    SYSCONSOLE_READ_AUTHENTICATION_LDAP = "sysconsole_read_authentication_ldap"
    SYSCONSOLE_READ_AUTHENTICATION_MFA = "sysconsole_read_authentication_mfa"
    SYSCONSOLE_READ_AUTHENTICATION_OPENID = "sysconsole_read_authentication_openid"
    SYSCONSOLE_READ_AUTHENTICATION_PASSWORD = "sysconsole_read_authentication_password"
    SYSCONSOLE_READ_AUTHENTICATION_SAML = "sysconsole_read_authentication_saml"
    SYSCONSOLE_READ_AUTHENTICATION_SIGNUP = "sysconsole_read_authentication_signup"
    SYSCONSOLE_READ_BILLING = "sysconsole_read_billing"
    SYSCONSOLE_READ_COMPLIANCE_COMPLIANCE_EXPORT = "sysconsole_read_compliance_compliance_export"
    SYSCONSOLE_READ_COMPLIANCE_COMPLIANCE_MONITORING = "sysconsole_read_compliance_compliance_monitoring"
    SYSCONSOLE_READ_COMPLIANCE_CUSTOM_TERMS_OF_SERVICE = "sysconsole_read_compliance_custom_terms_of_service"
    SYSCONSOLE_READ_COMPLIANCE_DATA_RETENTION_POLICY = "sysconsole_read_compliance_data_retention_policy"
    SYSCONSOLE_READ_ENVIRONMENT_DATABASE = "sysconsole_read_environment_database"
    SYSCONSOLE_READ_ENVIRONMENT_DEVELOPER = "sysconsole_read_environment_developer"
    SYSCONSOLE_READ_ENVIRONMENT_ELASTICSEARCH = "sysconsole_read_environment_elasticsearch"
    SYSCONSOLE_READ_ENVIRONMENT_FILE_STORAGE = "sysconsole_read_environment_file_storage"
    SYSCONSOLE_READ_ENVIRONMENT_HIGH_AVAILABILITY = "sysconsole_read_environment_high_availability"
    SYSCONSOLE_READ_ENVIRONMENT_IMAGE_PROXY = "sysconsole_read_environment_image_proxy"
    SYSCONSOLE_READ_ENVIRONMENT_LOGGING = "sysconsole_read_environment_logging"
    SYSCONSOLE_READ_ENVIRONMENT_MOBILE_SECURITY = "sysconsole_read_environment_mobile_security"
    SYSCONSOLE_READ_ENVIRONMENT_PERFORMANCE_MONITORING = "sysconsole_read_environment_performance_monitoring"
    SYSCONSOLE_READ_ENVIRONMENT_PUSH_NOTIFICATION_SERVER = "sysconsole_read_environment_push_notification_server"
    SYSCONSOLE_READ_ENVIRONMENT_RATE_LIMITING = "sysconsole_read_environment_rate_limiting"
    SYSCONSOLE_READ_ENVIRONMENT_SESSION_LENGTHS = "sysconsole_read_environment_session_lengths"
    SYSCONSOLE_READ_ENVIRONMENT_SMTP = "sysconsole_read_environment_smtp"
    SYSCONSOLE_READ_ENVIRONMENT_WEB_SERVER = "sysconsole_read_environment_web_server"
    SYSCONSOLE_READ_EXPERIMENTAL_FEATURE_FLAGS = "sysconsole_read_experimental_feature_flags"
    SYSCONSOLE_READ_EXPERIMENTAL_FEATURES = "sysconsole_read_experimental_features"
    SYSCONSOLE_READ_INTEGRATIONS_BOT_ACCOUNTS = "sysconsole_read_integrations_bot_accounts"
    SYSCONSOLE_READ_INTEGRATIONS_CORS = "sysconsole_read_integrations_cors"
    SYSCONSOLE_READ_INTEGRATIONS_GIF = "sysconsole_read_integrations_gif"
    SYSCONSOLE_READ_INTEGRATIONS_INTEGRATION_MANAGEMENT = "sysconsole_read_integrations_integration_management"
    SYSCONSOLE_READ_PLUGINS = "sysconsole_read_plugins"
    SYSCONSOLE_READ_PRODUCTS_BOARDS = "sysconsole_read_products_boards"
    SYSCONSOLE_READ_REPORTING_SERVER_LOGS = "sysconsole_read_reporting_server_logs"
    SYSCONSOLE_READ_REPORTING_SITE_STATISTICS = "sysconsole_read_reporting_site_statistics"
    SYSCONSOLE_READ_REPORTING_TEAM_STATISTICS = "sysconsole_read_reporting_team_statistics"
    SYSCONSOLE_READ_SITE_ANNOUNCEMENT_BANNER = "sysconsole_read_site_announcement_banner"
    SYSCONSOLE_READ_SITE_CUSTOMIZATION = "sysconsole_read_site_customization"
    SYSCONSOLE_READ_SITE_EMOJI = "sysconsole_read_site_emoji"
    SYSCONSOLE_READ_SITE_FILE_SHARING_AND_DOWNLOADS = "sysconsole_read_site_file_sharing_and_downloads"
    SYSCONSOLE_READ_SITE_IP_FILTERS = "sysconsole_read_site_ip_filters"
    SYSCONSOLE_READ_SITE_LOCALIZATION = "sysconsole_read_site_localization"
    SYSCONSOLE_READ_SITE_NOTICES = "sysconsole_read_site_notices"
    SYSCONSOLE_READ_SITE_NOTIFICATIONS = "sysconsole_read_site_notifications"
    SYSCONSOLE_READ_SITE_POSTS = "sysconsole_read_site_posts"
    SYSCONSOLE_READ_SITE_PUBLIC_LINKS = "sysconsole_read_site_public_links"
    SYSCONSOLE_READ_SITE_USERS_AND_TEAMS = "sysconsole_read_site_users_and_teams"
    SYSCONSOLE_READ_USER_MANAGEMENT_CHANNELS = "sysconsole_read_user_management_channels"
    SYSCONSOLE_READ_USER_MANAGEMENT_GROUPS = "sysconsole_read_user_management_groups"
    SYSCONSOLE_READ_USER_MANAGEMENT_PERMISSIONS = "sysconsole_read_user_management_permissions"
    SYSCONSOLE_READ_USER_MANAGEMENT_SYSTEM_ROLES = "sysconsole_read_user_management_system_roles"
    SYSCONSOLE_READ_USER_MANAGEMENT_TEAMS = "sysconsole_read_user_management_teams"
    SYSCONSOLE_READ_USER_MANAGEMENT_USERS = "sysconsole_read_user_management_users"
    SYSCONSOLE_WRITE_ABOUT_EDITION_AND_LICENSE = "sysconsole_write_about_edition_and_license"
    SYSCONSOLE_WRITE_AUTHENTICATION_EMAIL = "sysconsole_write_authentication_email"
    SYSCONSOLE_WRITE_AUTHENTICATION_GUEST_ACCESS = "sysconsole_write_authentication_guest_access"
    SYSCONSOLE_WRITE_AUTHENTICATION_LDAP = "sysconsole_write_authentication_ldap"
    SYSCONSOLE_WRITE_AUTHENTICATION_MFA = "sysconsole_write_authentication_mfa"
    SYSCONSOLE_WRITE_AUTHENTICATION_OPENID = "sysconsole_write_authentication_openid"
    SYSCONSOLE_WRITE_AUTHENTICATION_PASSWORD = "sysconsole_write_authentication_password"
    SYSCONSOLE_WRITE_AUTHENTICATION_SAML = "sysconsole_write_authentication_saml"
    SYSCONSOLE_WRITE_AUTHENTICATION_SIGNUP = "sysconsole_write_authentication_signup"
    SYSCONSOLE_WRITE_BILLING = "sysconsole_write_billing"
    SYSCONSOLE_WRITE_COMPLIANCE_COMPLIANCE_EXPORT = "sysconsole_write_compliance_compliance_export"
    SYSCONSOLE_WRITE_COMPLIANCE_COMPLIANCE_MONITORING = "sysconsole_write_compliance_compliance_monitoring"
    SYSCONSOLE_WRITE_COMPLIANCE_CUSTOM_TERMS_OF_SERVICE = "sysconsole_write_compliance_custom_terms_of_service"
    SYSCONSOLE_WRITE_COMPLIANCE_DATA_RETENTION_POLICY = "sysconsole_write_compliance_data_retention_policy"
    SYSCONSOLE_WRITE_ENVIRONMENT_DATABASE = "sysconsole_write_environment_database"
    SYSCONSOLE_WRITE_ENVIRONMENT_DEVELOPER = "sysconsole_write_environment_developer"
    SYSCONSOLE_WRITE_ENVIRONMENT_ELASTICSEARCH = "sysconsole_write_environment_elasticsearch"
    SYSCONSOLE_WRITE_ENVIRONMENT_FILE_STORAGE = "sysconsole_write_environment_file_storage"
    SYSCONSOLE_WRITE_ENVIRONMENT_HIGH_AVAILABILITY = "sysconsole_write_environment_high_availability"
    SYSCONSOLE_WRITE_ENVIRONMENT_IMAGE_PROXY = "sysconsole_write_environment_image_proxy"
    SYSCONSOLE_WRITE_ENVIRONMENT_LOGGING = "sysconsole_write_environment_logging"
    SYSCONSOLE_WRITE_ENVIRONMENT_MOBILE_SECURITY = "sysconsole_write_environment_mobile_security"
    SYSCONSOLE_WRITE_ENVIRONMENT_PERFORMANCE_MONITORING = "sysconsole_write_environment_performance_monitoring"
    SYSCONSOLE_WRITE_ENVIRONMENT_PUSH_NOTIFICATION_SERVER = "sysconsole_write_environment_push_notification_server"
    SYSCONSOLE_WRITE_ENVIRONMENT_RATE_LIMITING = "sysconsole_write_environment_rate_limiting"
    SYSCONSOLE_WRITE_ENVIRONMENT_SESSION_LENGTHS = "sysconsole_write_environment_session_lengths"
    SYSCONSOLE_WRITE_ENVIRONMENT_SMTP = "sysconsole_write_environment_smtp"
    SYSCONSOLE_WRITE_ENVIRONMENT_WEB_SERVER = "sysconsole_write_environment_web_server"
    SYSCONSOLE_WRITE_EXPERIMENTAL_FEATURE_FLAGS = "sysconsole_write_experimental_feature_flags"
    SYSCONSOLE_WRITE_EXPERIMENTAL_FEATURES = "sysconsole_write_experimental_features"
    SYSCONSOLE_WRITE_INTEGRATIONS_BOT_ACCOUNTS = "sysconsole_write_integrations_bot_accounts"
    SYSCONSOLE_WRITE_INTEGRATIONS_CORS = "sysconsole_write_integrations_cors"
    SYSCONSOLE_WRITE_INTEGRATIONS_GIF = "sysconsole_write_integrations_gif"
    SYSCONSOLE_WRITE_INTEGRATIONS_INTEGRATION_MANAGEMENT = "sysconsole_write_integrations_integration_management"
    SYSCONSOLE_WRITE_PLUGINS = "sysconsole_write_plugins"
    SYSCONSOLE_WRITE_PRODUCTS_BOARDS = "sysconsole_write_products_boards"
    SYSCONSOLE_WRITE_REPORTING_SERVER_LOGS = "sysconsole_write_reporting_server_logs"
    SYSCONSOLE_WRITE_REPORTING_SITE_STATISTICS = "sysconsole_write_reporting_site_statistics"
    SYSCONSOLE_WRITE_REPORTING_TEAM_STATISTICS = "sysconsole_write_reporting_team_statistics"
    SYSCONSOLE_WRITE_SITE_ANNOUNCEMENT_BANNER = "sysconsole_write_site_announcement_banner"
    SYSCONSOLE_WRITE_SITE_CUSTOMIZATION = "sysconsole_write_site_customization"
    SYSCONSOLE_WRITE_SITE_EMOJI = "sysconsole_write_site_emoji"
    SYSCONSOLE_WRITE_SITE_FILE_SHARING_AND_DOWNLOADS = "sysconsole_write_site_file_sharing_and_downloads"
    SYSCONSOLE_WRITE_SITE_IP_FILTERS = "sysconsole_write_site_ip_filters"
    SYSCONSOLE_WRITE_SITE_LOCALIZATION = "sysconsole_write_site_localization"
    SYSCONSOLE_WRITE_SITE_NOTICES = "sysconsole_write_site_notices"
    SYSCONSOLE_WRITE_SITE_NOTIFICATIONS = "sysconsole_write_site_notifications"
    SYSCONSOLE_WRITE_SITE_POSTS = "sysconsole_write_site_posts"
    SYSCONSOLE_WRITE_SITE_PUBLIC_LINKS = "sysconsole_write_site_public_links"
    SYSCONSOLE_WRITE_SITE_USERS_AND_TEAMS = "sysconsole_write_site_users_and_teams"
    SYSCONSOLE_WRITE_USER_MANAGEMENT_CHANNELS = "sysconsole_write_user_management_channels"
    SYSCONSOLE_WRITE_USER_MANAGEMENT_GROUPS = "sysconsole_write_user_management_groups"
    SYSCONSOLE_WRITE_USER_MANAGEMENT_PERMISSIONS = "sysconsole_write_user_management_permissions"
    SYSCONSOLE_WRITE_USER_MANAGEMENT_SYSTEM_ROLES = "sysconsole_write_user_management_system_roles"
    SYSCONSOLE_WRITE_USER_MANAGEMENT_TEAMS = "sysconsole_write_user_management_teams"
    SYSCONSOLE_WRITE_USER_MANAGEMENT_USERS = "sysconsole_write_user_management_users"
    TEST_ELASTICSEARCH = "test_elasticsearch"
    TEST_EMAIL = "test_email"
    TEST_LDAP = "test_ldap"
    TEST_S3 = "test_s3"
    TEST_SITE_URL = "test_site_url"

    ADD_USER_TO_TEAM = "add_user_to_team", Scope.TEAM
    BYPASS_INCOMING_WEBHOOK_CHANNEL_LOCK = "bypass_incoming_webhook_channel_lock", Scope.TEAM
    CREATE_EMOJIS = "create_emojis", Scope.TEAM
    CREATE_PRIVATE_CHANNEL = "create_private_channel", Scope.TEAM
    CREATE_PUBLIC_CHANNEL = "create_public_channel", Scope.TEAM
    DELETE_EMOJIS = "delete_emojis", Scope.TEAM
    DELETE_OTHERS_EMOJIS = "delete_others_emojis", Scope.TEAM
    IMPORT_TEAM = "import_team", Scope.TEAM
    INVITE_GUEST = "invite_guest", Scope.TEAM
    INVITE_USER = "invite_user", Scope.TEAM
    JOIN_PUBLIC_CHANNELS = "join_public_channels", Scope.TEAM
    LIST_TEAM_CHANNELS = "list_team_channels", Scope.TEAM
    MANAGE_OTHERS_INCOMING_WEBHOOKS = "manage_others_incoming_webhooks", Scope.TEAM
    MANAGE_OTHERS_OUTGOING_WEBHOOKS = "manage_others_outgoing_webhooks", Scope.TEAM
    MANAGE_OTHERS_SLASH_COMMANDS = "manage_others_slash_commands", Scope.TEAM
    MANAGE_OWN_INCOMING_WEBHOOKS = "manage_own_incoming_webhooks", Scope.TEAM
    MANAGE_OWN_OUTGOING_WEBHOOKS = "manage_own_outgoing_webhooks", Scope.TEAM
    MANAGE_OWN_SLASH_COMMANDS = "manage_own_slash_commands", Scope.TEAM
    MANAGE_TEAM = "manage_team", Scope.TEAM
    MANAGE_TEAM_ACCESS_RULES = "manage_team_access_rules", Scope.TEAM
    MANAGE_TEAM_ROLES = "manage_team_roles", Scope.TEAM
    READ_PUBLIC_CHANNEL = "read_public_channel", Scope.TEAM
    REMOVE_USER_FROM_TEAM = "remove_user_from_team", Scope.TEAM
    VIEW_MEMBERS = "view_members", Scope.TEAM
    VIEW_TEAM = "view_team", Scope.TEAM

    ADD_BOOKMARK_PRIVATE_CHANNEL = "add_bookmark_private_channel", Scope.CHANNEL
    ADD_BOOKMARK_PUBLIC_CHANNEL = "add_bookmark_public_channel", Scope.CHANNEL
    ADD_REACTION = "add_reaction", Scope.CHANNEL
    CONVERT_PRIVATE_CHANNEL_TO_PUBLIC = "convert_private_channel_to_public", Scope.CHANNEL
    CONVERT_PUBLIC_CHANNEL_TO_PRIVATE = "convert_public_channel_to_private", Scope.CHANNEL
    CREATE_POST = "create_post", Scope.CHANNEL
    CREATE_POST_EPHEMERAL = "create_post_ephemeral", Scope.CHANNEL
    CREATE_POST_PUBLIC = "create_post_public", Scope.CHANNEL
    DELETE_BOOKMARK_PRIVATE_CHANNEL = "delete_bookmark_private_channel", Scope.CHANNEL
    DELETE_BOOKMARK_PUBLIC_CHANNEL = "delete_bookmark_public_channel", Scope.CHANNEL
    DELETE_OTHERS_POSTS = "delete_others_posts", Scope.CHANNEL
    DELETE_POST = "delete_post", Scope.CHANNEL
    DELETE_PRIVATE_CHANNEL = "delete_private_channel", Scope.CHANNEL
    DELETE_PUBLIC_CHANNEL = "delete_public_channel", Scope.CHANNEL
    EDIT_BOOKMARK_PRIVATE_CHANNEL = "edit_bookmark_private_channel", Scope.CHANNEL
    EDIT_BOOKMARK_PUBLIC_CHANNEL = "edit_bookmark_public_channel", Scope.CHANNEL
    EDIT_FILE_ATTACHMENT = "edit_file_attachment", Scope.CHANNEL
    EDIT_OTHERS_POSTS = "edit_others_posts", Scope.CHANNEL
    EDIT_POST = "edit_post", Scope.CHANNEL
    MANAGE_CHANNEL_ACCESS_RULES = "manage_channel_access_rules", Scope.CHANNEL
    MANAGE_CHANNEL_ROLES = "manage_channel_roles", Scope.CHANNEL
    MANAGE_PRIVATE_CHANNEL_AUTO_TRANSLATION = "manage_private_channel_auto_translation", Scope.CHANNEL
    MANAGE_PRIVATE_CHANNEL_BANNER = "manage_private_channel_banner", Scope.CHANNEL
    MANAGE_PRIVATE_CHANNEL_MEMBERS = "manage_private_channel_members", Scope.CHANNEL
    MANAGE_PRIVATE_CHANNEL_PROPERTIES = "manage_private_channel_properties", Scope.CHANNEL
    MANAGE_PUBLIC_CHANNEL_AUTO_TRANSLATION = "manage_public_channel_auto_translation", Scope.CHANNEL
    MANAGE_PUBLIC_CHANNEL_BANNER = "manage_public_channel_banner", Scope.CHANNEL
    MANAGE_PUBLIC_CHANNEL_MEMBERS = "manage_public_channel_members", Scope.CHANNEL
    MANAGE_PUBLIC_CHANNEL_PROPERTIES = "manage_public_channel_properties", Scope.CHANNEL
    ORDER_BOOKMARK_PRIVATE_CHANNEL = "order_bookmark_private_channel", Scope.CHANNEL
    ORDER_BOOKMARK_PUBLIC_CHANNEL = "order_bookmark_public_channel", Scope.CHANNEL
    READ_CHANNEL = "read_channel", Scope.CHANNEL
    READ_CHANNEL_CONTENT = "read_channel_content", Scope.CHANNEL
    READ_DELETED_POSTS = "read_deleted_posts", Scope.CHANNEL
    READ_PRIVATE_CHANNEL_GROUPS = "read_private_channel_groups", Scope.CHANNEL
    READ_PUBLIC_CHANNEL_GROUPS = "read_public_channel_groups", Scope.CHANNEL
    REMOVE_OTHERS_REACTIONS = "remove_others_reactions", Scope.CHANNEL
    REMOVE_REACTION = "remove_reaction", Scope.CHANNEL
    UPLOAD_FILE = "upload_file", Scope.CHANNEL
    USE_CHANNEL_MENTIONS = "use_channel_mentions", Scope.CHANNEL
    USE_GROUP_MENTIONS = "use_group_mentions", Scope.CHANNEL
    USE_SLASH_COMMANDS = "use_slash_commands", Scope.CHANNEL

    DELETE_CUSTOM_GROUP = "delete_custom_group", Scope.GROUP
    EDIT_CUSTOM_GROUP = "edit_custom_group", Scope.GROUP
    MANAGE_CUSTOM_GROUP_MEMBERS = "manage_custom_group_members", Scope.GROUP
    RESTORE_CUSTOM_GROUP = "restore_custom_group", Scope.GROUP


ALL_PERMISSIONS: frozenset[str] = frozenset(Permission)

# Ids that older servers granted. A role may still carry them, they open nothing.
DEPRECATED_PERMISSIONS: frozenset[str] = frozenset(
    [
        "create_post_bleve_indexes_job",
        "manage_emojis",
        "manage_incoming_webhooks",
        "manage_others_emojis",
        "manage_others_webhooks",
        "manage_outgoing_webhooks",
        "manage_post_bleve_indexes_job",
        "manage_slash_commands",
        "manage_webhooks",
        "permanent_delete_user",
        "purge_bleve_indexes",
        "sysconsole_read_about",
        "sysconsole_read_authentication",
        "sysconsole_read_compliance",
        "sysconsole_read_environment",
        "sysconsole_read_experimental",
        "sysconsole_read_experimental_bleve",
        "sysconsole_read_integrations",
        "sysconsole_read_reporting",
        "sysconsole_read_site",
        "sysconsole_write_about",
        "sysconsole_write_authentication",
        "sysconsole_write_compliance",
        "sysconsole_write_environment",
        "sysconsole_write_experimental",
        "sysconsole_write_experimental_bleve",
        "sysconsole_write_integrations",
        "sysconsole_write_reporting",
        "sysconsole_write_site",
    ]
)
