"""Making accounts: who may, with which roles, and into which team an invitation leads."""

from msgspec.structs import replace

from server.access.grants import has_system
from server.access.limits import SIGN_UPS, limit_address
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, Forbidden, NotAvailable, NotFound, invalid_body
from server.features.preferences.models import Preference
from server.features.preferences.queries import upsert_preferences
from server.features.teams import queries as team_queries
from server.features.teams.accepting import come_in, invitation_of, not_valid
from server.features.teams.service import join_team
from server.features.users import queries, rules, token_queries
from server.features.users.events import NewUserMade
from server.features.users.models import NewUser, SendEmailVerification, User
from server.features.users.passwords import hash_password
from server.ids import new_id

REDIRECT_MAX = 512


async def create_user(ctx: Context, new: NewUser, *, token: str = "", invite_id: str = "", redirect: str = "") -> User:
    """Make an account: by an invitation, on an open server by anyone, elsewhere by administrators or as the first user.

    `token` is that of a mailed invitation, `invite_id` that of a team; both lead into the team. `redirect` is where
    the link of the verification mail leads in the end.
    """
    if len(redirect) > REDIRECT_MAX:
        raise invalid_body("r")
    by_admin = await has_system(ctx, Permission.MANAGE_SYSTEM)
    if not by_admin:
        await limit_address(ctx, SIGN_UPS)
    if not redirect.startswith("/") or redirect[1:2] in ("/", "\\"):
        redirect = ""  # whoever signs an address up must not lead its owner to another site
    if token:
        return await _by_token(ctx, new, token)
    if invite_id:
        return await _by_invite_id(ctx, new, invite_id, redirect)
    closed = not by_admin and not ctx.config.TeamSettings.EnableOpenServer
    if not by_admin:
        _check_sign_up(ctx)
        if closed and await queries.any_user(ctx.db):
            raise _not_invited()
        rules.check_domain(new.email, ctx.config.TeamSettings.RestrictCreationToDomains)
    return await make_account(ctx, new, redirect=redirect, only_first=closed)


def _not_invited() -> Forbidden:
    return Forbidden("api.user.create_user.no_open_server", "New accounts need an invitation.")


async def _by_invite_id(ctx: Context, new: NewUser, invite_id: str, redirect: str) -> User:
    _check_sign_up(ctx)
    team = await team_queries.team_by_invite_id(ctx.db, invite_id)
    if team is None:
        raise NotFound("app.team.get_by_invite_id.finding.app_error", "No team has this invitation.")
    rules.check_domain(new.email, team.allowed_domains)
    rules.check_domain(new.email, ctx.config.TeamSettings.RestrictCreationToDomains)
    user = await make_account(ctx, new, redirect=redirect)
    await join_team(ctx, team, user)
    return user


async def _by_token(ctx: Context, new: NewUser, token: str) -> User:
    _check_sign_up(ctx)
    invitation = await invitation_of(ctx, token)
    team = await team_queries.team_by_id(ctx.db, str(invitation.extra.get("team_id", "")))
    if team is None or team.delete_at:
        raise NotFound("app.team.get.find.app_error", "There is no such team.")
    # Who has the link has the mail: its address is proven, and no other one may be used with it.
    new.email = str(invitation.extra.get("email", ""))
    if invitation.type == token_queries.GUEST_INVITATION:
        _check_guest(ctx, new.email)
    user = await make_account(ctx, new, link=token, link_type=invitation.type)
    await come_in(ctx, invitation, team, user)
    return user


def _check_guest(ctx: Context, email: str) -> None:
    settings = ctx.config.GuestAccountsSettings
    if not settings.Enable or not settings.AllowEmailAccounts:
        raise NotAvailable(
            "api.user.create_user.guest_accounts.disabled.app_error", "No guests' accounts can be made here."
        )
    rules.check_domain(email, settings.RestrictCreationToDomains)


def _check_sign_up(ctx: Context) -> None:
    if not ctx.config.TeamSettings.EnableUserCreation:
        raise NotAvailable("api.user.create_user.disabled.app_error", "No new accounts can be made here.")
    if not ctx.config.EmailSettings.EnableSignUpWithEmail:
        raise NotAvailable(
            "api.user.create_user.signup_email_disabled.app_error",
            "Accounts can't be made with an e-mail address here.",
        )


async def make_account(
    ctx: Context, new: NewUser, *, link: str = "", link_type: str = "", redirect: str = "", only_first: bool = False
) -> User:
    """Store a new account and tell of it; whether it may be made has been checked. Roles of the body are ignored.

    `link` is the token of a mailed invitation of `link_type`, which is used up by the same commit and proves the
    address; that of a guest makes a guest.
    `only_first` refuses all but the very first account, also of two that are made in the same moment.
    """
    if new.id:
        raise BadRequest("app.user.save.existing.app_error", "A new account brings no id.")
    by_admin = await has_system(ctx, Permission.MANAGE_SYSTEM)
    elsewhere = by_admin and bool(new.auth_service)
    draft = replace(_draft(ctx, new, elsewhere=elsewhere), email_verified=by_admin and new.email_verified)
    user = rules.tidy(draft, ctx.config.LocalizationSettings.DefaultClientLocale)
    rules.check_profile(user)
    hashed = ""
    if not elsewhere:
        rules.check_password(new.password, ctx.config.PasswordSettings)
        hashed = await hash_password(new.password)
    elif not new.auth_data:
        raise rules.invalid("auth_data")
    async with ctx.begin() as tx:
        if link:
            if not await token_queries.take_mail_token(tx, link_type, link):
                raise not_valid()
            guest = link_type == token_queries.GUEST_INVITATION
            user = replace(user, email_verified=True, roles="system_guest" if guest else user.roles)
        if await queries.is_first_user(tx):
            user = replace(user, roles="system_admin system_user")
        elif only_first:
            raise _not_invited()
        made = await queries.insert_user(tx, user, hashed)
        await upsert_preferences(tx, made.id, [Preference(made.id, "tutorial_step", made.id, "0")])
        if not made.email_verified and not (by_admin and new.disable_welcome_email):
            tx.enqueue(SendEmailVerification(user_id=made.id, email=made.email, redirect=redirect))
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
