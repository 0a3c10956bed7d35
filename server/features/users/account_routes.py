"""What administrators do to accounts, over HTTP."""

from server.access.guards import on_system
from server.access.permissions import Permission
from server.context import Context
from server.errors import Forbidden
from server.features.users import account_service
from server.features.users.models import User, UserAuth, UsersStats
from server.features.users.visible import sanitized, sanitized_many
from server.http.params import Page, PerPage
from server.http.router import Router
from server.ids import Id

router = Router("users")

reads_users = on_system(Permission.SYSCONSOLE_READ_USER_MANAGEMENT_USERS)


@router.get("/users/invalid_emails", guard=reads_users)
async def get_users_with_invalid_emails(ctx: Context, page: Page = 0, per_page: PerPage = 60) -> list[User]:
    """Members whose address is of no domain that may sign up, on a server that is not open to everyone."""
    return await sanitized_many(ctx, await account_service.users_with_invalid_emails(ctx, page, per_page))


@router.get("/users/stats/filtered", guard=reads_users)
async def get_total_users_stats_filtered(
    ctx: Context,
    in_team: str = "",
    in_channel: str = "",
    include_deleted: bool = False,
    include_bots: bool = False,
    roles: str = "",
    channel_roles: str = "",
    team_roles: str = "",
) -> UsersStats:
    """How many accounts there are: of a team or channel, of some roles, with bots or deactivated ones."""
    count = await account_service.count_filtered(
        ctx,
        in_team=in_team,
        in_channel=in_channel,
        include_deleted=include_deleted,
        include_bots=include_bots,
        roles=roles,
        member_roles=channel_roles if in_channel else team_roles,
    )
    return UsersStats(count)


@router.post("/users/{user_id}/email/verify/member", guard=on_system(Permission.MANAGE_SYSTEM))
async def verify_user_email_without_token(ctx: Context, user_id: Id) -> User:
    """Take an administrator's word for the address of a user."""
    return await sanitized(ctx, await account_service.verify_member(ctx, user_id))


@router.post(
    "/users/{user_id}/reset_failed_attempts", guard=on_system(Permission.SYSCONSOLE_WRITE_USER_MANAGEMENT_USERS)
)
async def reset_password_failed_attempts(ctx: Context, user_id: Id) -> None:
    """Let an account in again that was locked by failed attempts."""
    await account_service.reset_failed_attempts(ctx, user_id)


@router.put("/users/{user_id}/auth", guard=on_system(Permission.EDIT_OTHER_USERS))
async def update_user_auth(ctx: Context, user_id: Id, body: UserAuth) -> UserAuth:
    """Say by which service a user signs in, "" for a password of this server; all sessions of the user end."""
    return await account_service.update_auth(ctx, user_id, body)


@router.delete("/users", guard=on_system(Permission.MANAGE_SYSTEM))
async def permanent_delete_all_users(ctx: Context) -> None:
    """Deleting everybody is refused over the network: an operator drops the database."""
    raise Forbidden("api.user.delete_all.local_only.app_error", "This is only for the operator of the machine.")
