"""Codes of authenticator apps (RFC 6238: six digits, a new one every 30 seconds), and the picture that they scan."""

import base64
import hmac
import io

import pyotp
import segno

from server.context import Context
from server.errors import BadRequest, Unauthorized
from server.features.mfa import queries
from server.features.mfa.models import MfaSecret
from server.features.users.models import User
from server.features.users.password_service import count_failure, too_many_attempts

STEP = 30
"""Seconds for which an app shows a code."""
DRIFT = 1
"""Steps that the clock of a phone may be wrong by, either way."""


def new_secret(issuer: str, account: str) -> MfaSecret:
    """A secret of 160 bits, to be typed or scanned."""
    secret = pyotp.random_base32()
    uri = pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer.replace(":", " "))
    picture = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(picture, kind="png", scale=4)
    return MfaSecret(secret, base64.b64encode(picture.getvalue()).decode())


def step_of(secret: str, code: str, now: int) -> int | None:
    """The step that a code is of, None for a wrong or old one; `now` in milliseconds."""
    totp = pyotp.TOTP(secret)
    current = now // 1000 // STEP
    # All are compared, so that the time it takes says nothing.
    matches = [
        step
        for step in range(current - DRIFT, current + DRIFT + 1)
        if hmac.compare_digest(totp.generate_otp(step), code)
    ]
    return matches[-1] if matches else None


def is_code(text: str) -> bool:
    """Whether a text has the form of a code."""
    return len(text) == 6 and text.isascii() and text.isdecimal()


async def check_code(ctx: Context, user: User, code: str) -> None:
    """Ask a user with a second factor for its code, which is used up; wrong ones count like wrong passwords.

    A missing or malformed one is refused by an id at which clients ask for the code.
    """
    if not user.mfa_active or not ctx.config.ServiceSettings.EnableMultifactorAuthentication:
        return
    code = code.replace(" ", "")
    if not is_code(code):
        raise BadRequest("mfa.validate_token.authenticate.app_error", "The code of the authenticator app is needed.")
    limit = ctx.config.ServiceSettings.MaximumLoginAttempts
    if limit > 0 and user.failed_attempts >= limit:
        raise too_many_attempts()
    factor = await queries.factor(ctx.db, user.id)
    step = step_of(factor.secret, code, ctx.now()) if factor.secret else None
    if step is None or not await queries.use_step(ctx.db, user.id, factor, step):
        await count_failure(ctx, user.id)
        raise Unauthorized("api.user.check_user_mfa.bad_code.app_error", "The code is wrong, or was used before.")
