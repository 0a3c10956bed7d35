"""Mails about accounts. Their secrets are made here, right before sending, so that no job holds one."""

import structlog

from server.context import Context
from server.features.users import mails, queries, token_queries
from server.features.users.models import SendAccountNews, SendEmailVerification, SendPasswordReset, SendTeamInvitation
from server.jobs.handlers import Jobs
from server.notify.mail import Mail, is_configured, send_mail

jobs = Jobs()
log = structlog.get_logger()

MAILS = "mails of accounts"
"""What these jobs wait for, together, so that nothing else has to wait for a slow mail server."""

HOUR = 3600_000
PAUSE = 60_000
"""Milliseconds between two mails of a kind to the same address, however often they are asked for."""
MOST_AN_HOUR = 6
"""Mails of a kind that a user, or an address, is sent in an hour."""

MOST_INVITATIONS = 5
"""To one address in an hour, by whatever teams: it belongs to somebody who may have asked for none."""


async def _send(ctx: Context, mail: Mail, type: str, token: str) -> None:
    try:
        await send_mail(ctx.config.EmailSettings, mail)
    except BaseException:
        # The next try makes a secret of its own.
        await token_queries.take_mail_token(ctx.db, type, token)
        raise


async def _held_back(ctx: Context, type: str, user_id: str, email: str) -> bool:
    """Whether a mail is not to be sent: there is no server for it, or too many went to the user or address."""
    if not is_configured(ctx.config.EmailSettings):
        log.info("mail is not configured, so this one is not sent", kind=type)
        return True
    now = ctx.now()
    hourly, lately = await token_queries.mailed_lately(
        ctx.db, type, user_id, email, since=now - HOUR, lately=now - PAUSE
    )
    return lately > 0 or hourly >= MOST_AN_HOUR


@jobs.on(SendEmailVerification, waits_for=MAILS)
async def send_email_verification(ctx: Context, job: SendEmailVerification) -> None:
    """Make a link that proves the address and mail it."""
    user = await queries.user_by_id(ctx.db, job.user_id)
    if user is None or user.delete_at or (user.email_verified and user.email == job.email):
        return
    if await _held_back(ctx, token_queries.VERIFY_EMAIL, job.user_id, job.email):
        return
    token = await token_queries.insert_mail_token(
        ctx.db, token_queries.VERIFY_EMAIL, {"user_id": job.user_id, "email": job.email}
    )
    mail = mails.verification_mail(ctx.config, job.email, token, redirect=job.redirect)
    await _send(ctx, mail, token_queries.VERIFY_EMAIL, token)


@jobs.on(SendPasswordReset, waits_for=MAILS)
async def send_password_reset(ctx: Context, job: SendPasswordReset) -> None:
    """Make a link for choosing a new password and mail it."""
    user = await queries.user_by_id(ctx.db, job.user_id)
    if user is None or user.delete_at or user.auth_service:
        return
    if await _held_back(ctx, token_queries.PASSWORD_RECOVERY, user.id, user.email):
        return
    token = await token_queries.insert_mail_token(
        ctx.db, token_queries.PASSWORD_RECOVERY, {"user_id": user.id, "email": user.email}
    )
    await _send(ctx, mails.password_reset_mail(ctx.config, user.email, token), token_queries.PASSWORD_RECOVERY, token)


@jobs.on(SendTeamInvitation, waits_for=MAILS)
async def send_team_invitation(ctx: Context, job: SendTeamInvitation) -> None:
    """Make a link that leads into the team and mail it, unless the address has been sent enough of them."""
    if not is_configured(ctx.config.EmailSettings):
        log.info("mail is not configured, so this one is not sent", kind=job.name)
        return
    now = ctx.now()
    invited, lately = await token_queries.invitations_to(
        ctx.db, job.email, job.team_id, since=now - HOUR, lately=now - PAUSE
    )
    if lately or invited >= MOST_INVITATIONS:
        return
    kind = token_queries.GUEST_INVITATION if job.guest else token_queries.TEAM_INVITATION
    token = await token_queries.insert_mail_token(
        ctx.db,
        kind,
        {"team_id": job.team_id, "email": job.email, "channel_ids": job.channel_ids},
    )
    mail = mails.team_invitation_mail(
        ctx.config,
        job.email,
        token,
        sender=job.sender_name,
        team=job.team_display_name,
        message=job.message,
        guest=job.guest,
    )
    await _send(ctx, mail, kind, token)


@jobs.on(SendAccountNews, waits_for=MAILS)
async def send_account_news(ctx: Context, job: SendAccountNews) -> None:
    """Mail what was done to an account."""
    user = await queries.user_by_id(ctx.db, job.user_id)
    if user is None or user.is_bot:
        return
    if is_configured(ctx.config.EmailSettings):
        await send_mail(ctx.config.EmailSettings, mails.account_mail(ctx.config, job.email or user.email, job.news))
    else:
        log.info("mail is not configured, so this one is not sent", kind=job.name)


@jobs.every(3600)
async def sweep_mail_tokens(ctx: Context) -> None:
    """Forget the links that don't hold any more."""
    await token_queries.sweep_mail_tokens(ctx.db)
    await token_queries.sweep_quotas(ctx.db)
