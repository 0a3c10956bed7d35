"""OAuth apps over HTTP."""

from server.access.guards import anyone, in_service, on_system, self_or, signed_in
from server.access.limits import APP_REGISTRATIONS, limit_address
from server.access.permissions import Permission
from server.context import Context
from server.errors import NotAvailable
from server.features.oauth import queries, service
from server.features.oauth.models import ClientRegistration, NewApp, OAuthApp, RegisteredClient
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("oauth")

OAUTH: dict[str, str] = {
    "feature": "ServiceSettings.EnableOAuthServiceProvider",
    "disabled_id": "api.oauth.allow_oauth.turn_off.app_error",
}
MAKES = on_system(Permission.MANAGE_OAUTH)
MANAGES = in_service("the app's creator, or system: manage_system_wide_oauth")


@router.get("/oauth/apps", guard=MAKES, **OAUTH)
async def get_oauth_apps(ctx: Context, page: Page = 0, per_page: PerPage = 60) -> list[OAuthApp]:
    """A page of the caller's apps, or of all for who manages all."""
    return await service.list_apps(ctx, page, per_page)


@router.post("/oauth/apps", guard=MAKES, status=201, **OAUTH)
async def create_oauth_app(ctx: Context, body: NewApp) -> OAuthApp:
    """Register an app; its secret is told here and never again."""
    return await service.create_app(ctx, body)


@router.post("/oauth/apps/register", guard=anyone, status=201, **OAUTH)
async def register_oauth_client(ctx: Context, body: ClientRegistration) -> RegisteredClient:
    """Let a program register itself (RFC 7591), where that is switched on."""
    if not ctx.config.ServiceSettings.EnableDynamicClientRegistration:
        raise NotAvailable("api.oauth.register_oauth_app.turn_off.app_error", "Programs can't register themselves.")
    await limit_address(ctx, APP_REGISTRATIONS)
    return await service.register_client(ctx, body)


@router.get("/oauth/apps/{app_id}", guard=MANAGES, **OAUTH)
async def get_oauth_app(ctx: Context, app_id: Id) -> OAuthApp:
    """An app, without its secret."""
    return (await service.manageable_app(ctx, app_id)).shown()


@router.put("/oauth/apps/{app_id}", guard=MANAGES, **OAUTH)
async def update_oauth_app(ctx: Context, app_id: Id, body: NewApp) -> OAuthApp:
    """Replace what an app says of itself."""
    return await service.update_app(ctx, app_id, body)


@router.delete("/oauth/apps/{app_id}", guard=MANAGES, **OAUTH)
async def delete_oauth_app(ctx: Context, app_id: Id) -> None:
    """Forget an app; its tokens are dead at once."""
    await service.delete_app(ctx, app_id)


@router.get("/oauth/apps/{app_id}/info", guard=signed_in, **OAUTH)
async def get_oauth_app_info(ctx: Context, app_id: Id) -> OAuthApp:
    """What everybody may know of an app."""
    return (await service.known_app(ctx, app_id)).shown(callbacks=False)


@router.post("/oauth/apps/{app_id}/regen_secret", guard=MANAGES, **OAUTH)
async def regenerate_oauth_app_secret(ctx: Context, app_id: Id) -> OAuthApp:
    """Give an app a new secret, which is told here and never again."""
    return await service.regenerate_secret(ctx, app_id)


@router.get("/users/{user_id}/oauth/apps/authorized", guard=self_or(), **OAUTH)
async def get_authorized_oauth_apps_for_user(
    ctx: Context, user_id: Id, page: Page = 0, per_page: PerPage = 60
) -> list[OAuthApp]:
    """A page of the apps that a user let in."""
    rows = await queries.authorized_apps(ctx.db, user_id, page, per_page)
    return [row.shown(callbacks=False) for row in rows]
