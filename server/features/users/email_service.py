"""Proving that an address belongs to a user."""

from server.access.limits import ACCOUNT_MAILS, limit_address
from server.context import Context
from server.errors import BadRequest, invalid_body
from server.features.audits.log import record
from server.features.users import queries, rules, token_queries
from server.features.users.lookup import no_such_user
from server.features.users.models import SendAccountNews, SendEmailVerification
from server.features.users.news import tell_updated
from server.ids import new_id

VERIFY_LIFE = 24 * 3600 * 1000
"""Milliseconds for which the link of a verification mail holds."""


async def send_email_verification(ctx: Context, email: str) -> None:
    """Mail a link to the owner of an unproven address; the answer never tells whether there is one."""
    if not email:
        raise invalid_body("email")
    email = email.strip().lower()
    await limit_address(ctx, ACCOUNT_MAILS)
    if not rules.is_email(email):
        return
    user = await queries.user_by_email(ctx.db, email)
    eligible = user is not None and not user.delete_at and not user.email_verified and not user.is_bot
    async with ctx.begin() as tx:
        # For nobody, too: what takes longer for known addresses would tell which these are.
        tx.enqueue(SendEmailVerification(user_id=user.id if user is not None and eligible else new_id(), email=email))


async def verify_email(ctx: Context, token: str) -> None:
    """Take the token of a mail as proof of its address, which also becomes the user's when it is a new one."""
    link = await token_queries.mail_token(ctx.db, token_queries.VERIFY_EMAIL, token)
    if link is None:
        raise BadRequest("api.user.verify_email.bad_link.app_error", "This link is not valid.")
    if ctx.now() - link.create_at > VERIFY_LIFE:
        raise BadRequest("api.user.verify_email.link_expired.app_error", "This link is too old, ask for a new one.")
    user_id, email = str(link.extra.get("user_id", "")), str(link.extra.get("email", ""))
    async with ctx.begin() as tx:
        if not await token_queries.take_mail_token(tx, token_queries.VERIFY_EMAIL, token):
            raise BadRequest("api.user.verify_email.bad_link.app_error", "This link is not valid.")
        old = await queries.lock_user(tx, user_id)
        user = await queries.set_email_verified(tx, user_id, email, ctx.now())
        if user is None or old is None:
            raise no_such_user()
        if user.email != old.email:
            tx.enqueue(SendAccountNews(user_id=user_id, news="email", email=old.email))
        await record(ctx, tx, user_id, "/users/email/verify", "success")
        await tell_updated(ctx, tx, user)
