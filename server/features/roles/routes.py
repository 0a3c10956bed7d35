"""Routes of roles."""

import re
from typing import Annotated

from msgspec import Meta

from server.access.guards import in_service, on_system, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, invalid_body, invalid_url
from server.features.roles import queries, service
from server.features.roles.models import Role, RolePatch
from server.http.router import Router
from server.ids import Id

MAX_NAMES = 100

_NAME = re.compile(r"[a-z0-9_]{1,64}")

router = Router("roles")


@router.get("/roles", guard=on_system(Permission.MANAGE_SYSTEM))
async def get_all_roles(ctx: Context) -> list[Role]:
    """All roles, by name."""
    return await queries.all_roles(ctx.db)


@router.get("/roles/{role_id}", guard=signed_in)
async def get_role(ctx: Context, role_id: Id) -> Role:
    """A role with its permissions."""
    role = await queries.role_by_id(ctx.db, role_id)
    if role is None:
        raise service.no_such_role(role_id)
    return role


@router.get("/roles/name/{role_name}", guard=signed_in)
async def get_role_by_name(ctx: Context, role_name: str) -> Role:
    """A role with its permissions, by its name."""
    if not _NAME.fullmatch(role_name):
        raise invalid_url("role_name")
    role = await queries.role_by_name(ctx.db, role_name)
    if role is None:
        raise service.no_such_role(role_name)
    return role


@router.post("/roles/names", guard=signed_in)
async def get_roles_by_names(ctx: Context, body: Annotated[list[str], Meta(max_length=1000)]) -> list[Role]:
    """The roles of these names; names that nobody has are left out."""
    names = {name.strip() for name in body if name.strip()}
    if not names or not all(_NAME.fullmatch(name) for name in names):
        raise invalid_body("rolenames")
    if len(names) > MAX_NAMES:
        raise BadRequest("api.roles.get_multiple_by_name_too_many.request_error", f"Ask for {MAX_NAMES} roles at most.")
    return await queries.roles_by_names(ctx.db, sorted(names))


@router.put(
    "/roles/{role_id}/patch",
    guard=in_service("sysconsole_write_user_management_permissions, for roles of administrators manage_system"),
)
async def patch_role(ctx: Context, role_id: Id, body: RolePatch) -> Role:
    """Change the permissions of a role."""
    return await service.patch_role(ctx, role_id, body)
