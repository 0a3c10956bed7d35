"""The built-in roles: what each kind of member may do from the first day."""

import pytest

from server.access.permissions import ALL_PERMISSIONS, DEPRECATED_PERMISSIONS, Permission, Scope
from server.access.roles import ANCILLARY, DEFAULT_ROLES, with_ancillary


def test_a_permission_is_its_id_and_knows_its_scope() -> None:
    assert Permission("create_post") is Permission.CREATE_POST
    assert {"create_post"} == {Permission.CREATE_POST}
    assert f"{Permission.CREATE_POST}" == "create_post"
    assert Permission.CREATE_POST.scope is Scope.CHANNEL
    assert Permission.INVITE_USER.scope is Scope.TEAM
    assert Permission.EDIT_CUSTOM_GROUP.scope is Scope.GROUP
    assert Permission.MANAGE_SYSTEM.scope is Scope.SYSTEM


def test_every_permission_is_named_after_its_id() -> None:
    assert [p.name for p in Permission] == [p.upper() for p in Permission]
    assert not ALL_PERMISSIONS & DEPRECATED_PERMISSIONS


def test_system_admin_may_do_everything_and_guests_next_to_nothing() -> None:
    assert set(DEFAULT_ROLES["system_admin"].permissions) == ALL_PERMISSIONS
    assert DEFAULT_ROLES["system_guest"].permissions == ("create_direct_channel", "create_group_channel")
    assert DEFAULT_ROLES["team_guest"].permissions == ("view_team",)


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("channel_user", Permission.USE_GROUP_MENTIONS),
        ("system_user", Permission.CREATE_EMOJIS),
        ("system_user", Permission.DELETE_EMOJIS),
        ("channel_guest", Permission.CREATE_POST),
        ("team_admin", Permission.DELETE_OTHERS_POSTS),
        ("system_manager", Permission.RELOAD_CONFIG),
        ("system_read_only_admin", Permission.READ_AUDITS),
        ("system_user_manager", Permission.JOIN_PRIVATE_TEAMS),
    ],
)
def test_role_brings_permission(role: str, permission: Permission) -> None:
    assert permission in DEFAULT_ROLES[role].permissions


def test_console_readers_cannot_write() -> None:
    readable = DEFAULT_ROLES["system_read_only_admin"].permissions

    assert not [p for p in readable if p.startswith("sysconsole_write_")]
    assert Permission.MANAGE_SYSTEM not in DEFAULT_ROLES["system_manager"].permissions


def test_no_role_names_a_permission_twice() -> None:
    for role in DEFAULT_ROLES.values():
        assert len(set(role.permissions)) == len(role.permissions), role.name


def test_scheme_managed_roles_are_one_for_each_kind_of_member() -> None:
    managed = {role.name for role in DEFAULT_ROLES.values() if role.scheme_managed}

    assert managed == {
        f"{scope}_{kind}" for scope in ("system", "team", "channel") for kind in ("guest", "user", "admin")
    }


def test_ancillary_permissions_come_once_and_after_the_asked_ones() -> None:
    asked = [
        "sysconsole_write_environment_smtp",
        "test_email",
        "sysconsole_read_authentication_ldap",
        "made_up",
    ]

    assert with_ancillary(asked) == [*asked, "test_ldap", "read_ldap_sync_job"]
    assert all(key.startswith("sysconsole_") for key in ANCILLARY)


def test_role_names_are_shown_by_translation_keys() -> None:
    assert DEFAULT_ROLES["system_admin"].display_name == "authentication.roles.global_admin.name"
    assert DEFAULT_ROLES["team_user"].description == "authentication.roles.team_user.description"
