"""Personal access tokens over HTTP."""

from server.access.guards import Guard, all_of, in_service, on_system
from server.access.permissions import Permission
from server.context import Context
from server.features.tokens import queries, service
from server.features.tokens.models import NewToken, TokenId, TokenRotation, TokenSearch, UserAccessToken
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("tokens")

WHOSE = in_service("self, one's own bot, or system: edit_other_users")


def _guard(permission: Permission) -> Guard:
    return all_of(on_system(permission), WHOSE)


CREATES = _guard(Permission.CREATE_USER_ACCESS_TOKEN)
READS = _guard(Permission.READ_USER_ACCESS_TOKEN)
REVOKES = _guard(Permission.REVOKE_USER_ACCESS_TOKEN)


@router.post("/users/{user_id}/tokens", guard=CREATES)
async def create_user_access_token(ctx: Context, user_id: Id, body: NewToken) -> UserAccessToken:
    """Make a personal access token; its secret is told here and never again."""
    return await service.create_token(ctx, user_id, body)


@router.get("/users/{user_id}/tokens", guard=READS)
async def get_user_access_tokens_for_user(
    ctx: Context, user_id: Id, page: Page = 0, per_page: PerPage = 60
) -> list[UserAccessToken]:
    """A page of a user's personal access tokens, without their secrets."""
    await service.manageable_user(ctx, user_id)
    return await queries.tokens_of(ctx.db, user_id, page, per_page)


@router.get("/users/tokens", guard=on_system(Permission.MANAGE_SYSTEM))
async def get_user_access_tokens(ctx: Context, page: Page = 0, per_page: PerPage = 60) -> list[UserAccessToken]:
    """A page of everybody's personal access tokens, without their secrets."""
    return await queries.all_tokens(ctx.db, page, per_page)


@router.post("/users/tokens/search", guard=on_system(Permission.MANAGE_SYSTEM))
async def search_user_access_tokens(ctx: Context, body: TokenSearch) -> list[UserAccessToken]:
    """Personal access tokens by id, user id or the beginning of a username."""
    return await queries.search_tokens(ctx.db, body.term.strip())


@router.get("/users/tokens/{token_id}", guard=READS)
async def get_user_access_token(ctx: Context, token_id: Id) -> UserAccessToken:
    """A personal access token, without its secret."""
    token, _ = await service.manageable_token(ctx, token_id)
    return token


@router.post("/users/tokens/disable", guard=REVOKES)
async def disable_user_access_token(ctx: Context, body: TokenId) -> None:
    """Switch a personal access token off."""
    await service.enable_token(ctx, body.token_id, False)


@router.post("/users/tokens/enable", guard=CREATES)
async def enable_user_access_token(ctx: Context, body: TokenId) -> None:
    """Switch a personal access token on again."""
    await service.enable_token(ctx, body.token_id, True)


@router.post("/users/tokens/revoke", guard=REVOKES)
async def revoke_user_access_token(ctx: Context, body: TokenId) -> None:
    """End a personal access token for good."""
    await service.revoke_token(ctx, body.token_id)


@router.post("/users/tokens/rotate", guard=CREATES)
async def rotate_user_access_token(ctx: Context, body: TokenRotation) -> UserAccessToken:
    """Give a personal access token a new secret, which is told here and never again."""
    return await service.rotate_token(ctx, body.token_id, body.expires_at)
