"""What the first administrator has seen of the service, noted so that it is shown once."""

from msgspec import Struct

from server.access.guards import on_system
from server.access.permissions import Permission
from server.context import Context
from server.features.system import queries
from server.features.system.events import MarketplaceVisited
from server.http.router import Router

COMPLETE = "FirstAdminSetupComplete"
ORGANIZATION = "OrganizationName"
VISITED = "FirstAdminVisitMarketplace"
MAX_ORGANIZATION = 200

router = Router("system")


class SystemValue(Struct, frozen=True):
    """Something that was noted once for the installation."""

    name: str
    value: str


class Onboarding(Struct, kw_only=True):
    """Body of POST /system/onboarding/complete. Plugins are not installed: there are none to be had."""

    organization: str = ""
    install_plugins: list[str] = []


@router.get("/system/onboarding/complete", guard=on_system(Permission.MANAGE_SYSTEM))
async def get_onboarding_complete(ctx: Context) -> SystemValue:
    """Whether an administrator has gone through the first steps."""
    return SystemValue(COMPLETE, (await queries.systems(ctx.db)).get(COMPLETE, "false"))


@router.post("/system/onboarding/complete", guard=on_system(Permission.MANAGE_SYSTEM))
async def complete_onboarding(ctx: Context, body: Onboarding | None = None) -> None:
    """Note that the first steps are done, and the name of the organization."""
    values = {COMPLETE: "true"}
    organization = body.organization.strip()[:MAX_ORGANIZATION] if body is not None else ""
    if organization:
        values[ORGANIZATION] = organization
    await queries.insert_systems(ctx.db, values)


@router.get("/plugins/marketplace/first_admin_visit", guard=on_system(Permission.MANAGE_SYSTEM))
async def get_marketplace_visited_by_admin(ctx: Context) -> SystemValue:
    """Whether an administrator has seen where plugins would be had."""
    return SystemValue(VISITED, (await queries.systems(ctx.db)).get(VISITED, "false"))


@router.post("/plugins/marketplace/first_admin_visit", guard=on_system(Permission.MANAGE_SYSTEM))
async def update_marketplace_visited_by_admin(ctx: Context) -> None:
    """Note that an administrator has seen that."""
    await queries.insert_systems(ctx.db, {VISITED: "true"})
    await ctx.tell(messages=[MarketplaceVisited()])
