"""What administrators do to accounts of others, besides changing their profiles."""

import asyncpg

from server.access.sessions import PASSWORD_SERVICES
from server.config import Config
from server.context import Context
from server.errors import BadRequest, NotAvailable, forbidden, invalid_body
from server.features.audits.log import record
from server.features.sessions.service import revoke_all
from server.features.users import account_queries, list_queries, queries, rules
from server.features.users.list_queries import Filters
from server.features.users.list_service import names
from server.features.users.lookup import no_such_user
from server.features.users.models import User, UserAuth
from server.features.users.news import tell_updated
from server.features.users.service import editable_user
from server.ids import is_id


def sign_in_services(config: Config) -> dict[str, bool]:
    """The services that accounts can sign in by, and whether the settings have switched each on."""
    return {
        "gitlab": config.GitLabSettings.Enable,
        "google": config.GoogleSettings.Enable,
        "office365": config.Office365Settings.Enable,
        "openid": config.OpenIdSettings.Enable,
        "ldap": config.LdapSettings.Enable,
        "saml": config.SamlSettings.Enable,
    }


async def verify_member(ctx: Context, user_id: str) -> User:
    """Take an administrator's word for the address of a user."""
    async with ctx.begin() as tx:
        old = await editable_user(ctx, tx, user_id)
        user = await queries.set_email_verified(tx, user_id, old.email, ctx.now())
        if user is None:
            raise no_such_user()
        await record(ctx, tx, user_id, f"/users/{user_id}/email/verify/member")
        await tell_updated(ctx, tx, user)
    return user


async def reset_failed_attempts(ctx: Context, user_id: str) -> None:
    """Let a locked account try again."""
    async with ctx.begin() as tx:
        old = await editable_user(ctx, tx, user_id)
        if old.auth_service not in PASSWORD_SERVICES:
            raise BadRequest(
                "api.user.reset_password_failed_attempts.ldap_and_email_only.app_error",
                "Only accounts that sign in with a password here can be locked.",
            )
        if old.failed_attempts:
            user = await account_queries.unlock(tx, user_id, ctx.now())
            await record(ctx, tx, user_id, f"/users/{user_id}/reset_failed_attempts")
            await tell_updated(ctx, tx, user or old)


async def users_with_invalid_emails(ctx: Context, page: int, per_page: int) -> list[User]:
    """Members whose address could not be used for a new account, on a server that is not open to everyone."""
    if ctx.config.TeamSettings.EnableOpenServer:
        raise BadRequest(
            "api.users.invalid_emails.enable_open_server.app_error", "On an open server every address is welcome."
        )
    domains = rules.domains_of(ctx.config.TeamSettings.RestrictCreationToDomains)
    if not domains:
        return []
    return await account_queries.with_invalid_emails(ctx.db, domains, per_page, page * per_page)


async def count_filtered(
    ctx: Context,
    *,
    in_team: str,
    in_channel: str,
    include_deleted: bool,
    include_bots: bool,
    roles: str,
    member_roles: str,
) -> int:
    """How many accounts there are of a kind."""
    for name, value in (("in_team", in_team), ("in_channel", in_channel)):
        if value and not is_id(value):
            raise invalid_body(name)
    scope = "in_channel" if in_channel else "in_team" if in_team else "everyone"
    filters = Filters(
        team_id=in_team,
        channel_id=in_channel,
        active=None if include_deleted else True,
        roles=names(roles),
        member_roles=names(member_roles) if scope != "everyone" else None,
    )
    return await list_queries.count_filtered(ctx.db, scope, filters, bots=include_bots)


async def update_auth(ctx: Context, user_id: str, wanted: UserAuth) -> UserAuth:
    """Say where a user signs in: by a service that is switched on, or here again, by a password yet to be set."""
    service = wanted.auth_service.strip().lower()
    data = (wanted.auth_data or "").strip()
    if service == "email":
        service = ""
    if bool(service) != bool(data) or len(data) > rules.AUTH_DATA_MAX:
        raise invalid_body("auth_data")
    services = sign_in_services(ctx.config)
    if service and service not in services:
        raise invalid_body("auth_service")
    if service and not services[service]:
        raise NotAvailable("api.user.update_auth.not_available.app_error", f"Nobody signs in with {service} here.")
    async with ctx.begin() as tx:
        old = await editable_user(ctx, tx, user_id)
        if old.is_bot:
            raise forbidden()
        try:
            user = await account_queries.set_auth(tx, user_id, service, data or None, ctx.now())
        except asyncpg.UniqueViolationError as error:
            raise BadRequest("app.user.save.existing.app_error", "Another account signs in so.") from error
        if user is None:
            raise no_such_user()
        await revoke_all(ctx, tx, user_id)
        await record(ctx, tx, user_id, f"/users/{user_id}/auth", f"auth_service={service or 'email'}")
        await tell_updated(ctx, tx, user)
    return UserAuth(auth_service=service, auth_data=data)
