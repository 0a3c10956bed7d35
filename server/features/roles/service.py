"""Changing roles, and writing the built-in ones at the first start."""

from server.access.grants import check_system
from server.access.permissions import ALL_PERMISSIONS, DEPRECATED_PERMISSIONS, Permission, Scope
from server.access.roles import DEFAULT_ROLES, SYSTEM_ADMIN, with_ancillary
from server.context import Context
from server.db import Db
from server.errors import BadRequest, NotAvailable, NotFound
from server.features.roles import queries
from server.features.roles.events import RoleUpdated
from server.features.roles.models import Role, RolePatch, Seed
from server.ids import new_id

# Who may change these could make himself anything: they are the administrator's own.
ADMIN_ROLES = frozenset(
    {
        SYSTEM_ADMIN,
        "system_manager",
        "system_user_manager",
        "system_read_only_admin",
        "system_custom_group_admin",
    }
)

# No request gives or takes these: that would make administrators, or leave a server without any.
UNTOUCHABLE = frozenset(
    {
        Permission.MANAGE_SYSTEM,
        Permission.MANAGE_ROLES,
        Permission.ASSIGN_SYSTEM_ADMIN_ROLE,
        Permission.SYSCONSOLE_READ_USER_MANAGEMENT_SYSTEM_ROLES,
        Permission.SYSCONSOLE_WRITE_USER_MANAGEMENT_SYSTEM_ROLES,
    }
)


def no_such_role(what: str) -> NotFound:
    """404 for a role that is not there."""
    return NotFound("app.role.get_by_name.app_error", f"There is no role {what}.")


async def patch_role(ctx: Context, role_id: str, patch: RolePatch) -> Role:
    """Give a role the permissions of the patch, and those that console permissions bring along."""
    async with ctx.begin() as tx:
        role = await queries.lock_role(tx, role_id)
        if role is None:
            raise no_such_role(role_id)
        await check_system(ctx, _needed_for(role))
        if not isinstance(patch.permissions, list):
            return role
        wanted = with_ancillary(patch.permissions)
        _check_permissions(role, wanted)
        await _check_own(ctx, set(wanted).difference(role.permissions))
        if wanted == role.permissions:
            return role
        changed = await queries.set_permissions(tx, role_id, wanted, ctx.now())
        if changed is None:
            raise no_such_role(role_id)
        tx.invalidate("roles")
        tx.publish(RoleUpdated(role=changed))
    return changed


def _needed_for(role: Role) -> Permission:
    if role.name in ADMIN_ROLES:
        return Permission.MANAGE_SYSTEM
    return Permission.SYSCONSOLE_WRITE_USER_MANAGEMENT_PERMISSIONS


def _check_permissions(role: Role, wanted: list[str]) -> None:
    held = set(role.permissions)
    for name in wanted:
        if name not in held and name not in ALL_PERMISSIONS and name not in DEPRECATED_PERMISSIONS:
            raise BadRequest("app.role.save.invalid_role.app_error", f"There is no permission {name}.")
    for name in sorted(held ^ set(wanted)):
        if name in UNTOUCHABLE:
            raise NotAvailable(
                "api.roles.patch_roles.not_allowed_permission.error", f"No role can be given or lose {name}."
            )


async def _check_own(ctx: Context, given: set[str]) -> None:
    """Who may edit roles without being administrator must not give the system's rights that are not theirs."""
    for name in given & ALL_PERMISSIONS:
        if Permission(name).scope is Scope.SYSTEM:
            await check_system(ctx, Permission(name))


async def seed_roles(db: Db, now: int) -> int:
    """Write the built-in roles that the database does not have yet; how many those were."""
    seeds = [
        Seed(
            id=new_id(),
            name=role.name,
            display_name=role.display_name,
            description=role.description,
            permissions=[str(permission) for permission in role.permissions],
            scheme_managed=role.scheme_managed,
            built_in=role.built_in,
        )
        for role in DEFAULT_ROLES.values()
    ]
    return await queries.insert_seeds(db, seeds, now)
