"""What is limited always, on all nodes together, and how much of it is allowed.

The figures are generous: whole companies come from one address, and at nine o'clock all of them sign in. What counts
is therefore what went wrong, wherever that can be told. Requests from the machine of the node itself are not limited by
address: they are its operator's, or those of a proxy that TrustedProxyIPHeader does not name, whose clients can't be
told apart. Who is limited gets 429 with Retry-After and the X-RateLimit headers.

Besides these: wrong passwords and codes lock an account (ServiceSettings.MaximumLoginAttempts), mails of a kind to one
address or user have bounds where they are sent (features/users/jobs.py), and so do the invitations of a user
(features/users/token_queries.py).
"""

from server.access.addresses import counted_address, is_own_machine
from server.access.rates import Rate, Rates, exceeded
from server.context import Context

MINUTE = 60.0

LOGIN_FAILURES = Rate("login_failures", burst=100, seconds=MINUTE / 10)
"""Failed logins from an address, to whatever accounts: who tries one password on all of them locks none."""

SIGN_UPS = Rate("sign_ups", burst=200, seconds=MINUTE / 6)
"""Accounts made from an address by people who are not administrators."""

ACCOUNT_MAILS = Rate("account_mails", burst=50, seconds=MINUTE / 2)
"""Mails for forgotten passwords and unproven addresses, asked for from an address for whatever accounts."""

TOKEN_FAILURES = Rate("token_failures", burst=50, seconds=MINUTE / 10)
"""Refused exchanges of OAuth codes and refresh tokens from an address."""

APP_REGISTRATIONS = Rate("app_registrations", burst=20, seconds=MINUTE)
"""OAuth apps that register themselves from an address."""

HOOK_CALLS = Rate("hook_calls", burst=600, seconds=0.2)
"""Messages through one incoming webhook, whoever sends them: an address that leaked must not fill a channel."""


async def limit(ctx: Context, rate: Rate, key: str, times: int = 1) -> None:
    """Count something of `key`; raises TooManyRequests when it is too much."""
    rates: Rates = ctx.part(Rates)
    standing = await rates.take(rate, key, times)
    if not standing.allowed:
        raise exceeded(rate, standing)


async def limit_address(ctx: Context, rate: Rate) -> None:
    """Count something of the caller's address; raises TooManyRequests when it is too much."""
    if not is_own_machine(ctx.ip):
        await limit(ctx, rate, counted_address(ctx.ip))


async def check_failures(ctx: Context, rate: Rate) -> None:
    """Refuse an address from which too much has failed, before it tries again; raises TooManyRequests."""
    if is_own_machine(ctx.ip):
        return
    rates: Rates = ctx.part(Rates)
    standing = await rates.look(rate, counted_address(ctx.ip))
    if not standing.allowed:
        raise exceeded(rate, standing)


async def count_failure(ctx: Context, rate: Rate) -> None:
    """Count a failure of the caller's address. Also those beyond the limit count, for many may try at one time."""
    if not is_own_machine(ctx.ip):
        rates: Rates = ctx.part(Rates)
        await rates.add(rate, counted_address(ctx.ip))
