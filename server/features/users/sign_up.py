"""Making accounts: who may, with which roles, and into which team an invitation leads."""

from msgspec.structs import replace

from server.access.grants import has_system
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, Forbidden, NotAvailable
from server.features.preferences.models import Preference
from server.features.preferences.queries import upsert_preferences
from server.features.users import queries, rules
from server.features.users.events import NewUserMade
from server.features.users.models import NewUser, SendEmailVerification, User
from server.features.users.passwords import hash_password
from server.ids import new_id


async def create_user(ctx: Context, new: NewUser) -> User:
    """Make an account: on an open server anyone may, elsewhere administrators and the very first user."""
    if not await has_system(ctx, Permission.MANAGE_SYSTEM):
        _check_sign_up(ctx)
        if not ctx.config.TeamSettings.EnableOpenServer and await queries.any_user(ctx.db):
            raise Forbidden("api.user.create_user.no_open_server", "New accounts need an invitation.")
        _check_domain(new.email, ctx.config.TeamSettings.RestrictCreationToDomains)
    return await make_account(ctx, new)


def _check_sign_up(ctx: Context) -> None:
    if not ctx.config.TeamSettings.EnableUserCreation:
        raise NotAvailable("api.user.create_user.disabled.app_error", "No new accounts can be made here.")
    if not ctx.config.EmailSettings.EnableSignUpWithEmail:
        raise NotAvailable(
            "api.user.create_user.signup_email_disabled.app_error",
            "Accounts can't be made with an e-mail address here.",
        )


def _check_domain(email: str, domains: str) -> None:
    """Refuse an address outside of these domains ("example.org, example.com"; "" for no limit)."""
    allowed = [domain.strip().removeprefix("@") for domain in domains.lower().replace(",", " ").split()]
    if allowed and email.strip().lower().rpartition("@")[2] not in allowed:
        raise BadRequest(
            "api.user.create_user.accepted_domain.app_error", "Addresses of this domain are not accepted here."
        )


async def make_account(ctx: Context, new: NewUser) -> User:
    """Store a new account and tell of it; whether it may be made has been checked. Roles of the body are ignored."""
    if new.id:
        raise BadRequest("app.user.save.existing.app_error", "A new account brings no id.")
    by_admin = await has_system(ctx, Permission.MANAGE_SYSTEM)
    elsewhere = by_admin and bool(new.auth_service)
    user = rules.tidy(_draft(ctx, new, elsewhere=elsewhere), ctx.config.LocalizationSettings.DefaultClientLocale)
    rules.check_profile(user)
    hashed = ""
    if not elsewhere:
        rules.check_password(new.password, ctx.config.PasswordSettings)
        hashed = await hash_password(new.password)
    elif not new.auth_data:
        raise rules.invalid("auth_data")
    async with ctx.begin() as tx:
        if await queries.is_first_user(tx):
            user = replace(user, roles="system_admin system_user")
        made = await queries.insert_user(tx, user, hashed)
        await upsert_preferences(tx, made.id, [Preference(made.id, "tutorial_step", made.id, "0")])
        tx.enqueue(SendEmailVerification(user_id=made.id, email=made.email))
        tx.publish(NewUserMade(user_id=made.id))
    return made


def _draft(ctx: Context, new: NewUser, *, elsewhere: bool) -> User:
    now = ctx.now()
    return User(
        id=new_id(),
        create_at=now,
        update_at=now,
        delete_at=0,
        username=new.username,
        auth_service=new.auth_service if elsewhere else "",
        email=new.email,
        nickname=new.nickname,
        first_name=new.first_name,
        last_name=new.last_name,
        position=new.position,
        roles="system_user",
        locale=new.locale,
        timezone=new.timezone,
        auth_data=new.auth_data if elsewhere else None,
        allow_marketing=new.allow_marketing,
        props=new.props,
        notify_props=new.notify_props,
        last_password_update=now,
        remote_id=new.remote_id,
    )
