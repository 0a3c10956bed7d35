"""`hubbub admin user`: what an operator does to accounts when nobody can sign in to do it."""

import asyncio
from collections.abc import Awaitable, Callable

from server.cli.failure import DATABASE_ERRORS, CommandError, first_line
from server.cli.operator import operator_context
from server.context import Context
from server.errors import ApiError
from server.features.mfa.service import deactivate as deactivate_factor
from server.features.users import queries, service, sign_up
from server.features.users.models import NewUser, PasswordChange, User
from server.features.users.password_service import update_password


def create(username: str, email: str, password: str, *, admin: bool) -> str:
    """Make an account, an administrator's if wanted; the very first one always is."""

    async def make(ctx: Context) -> str:
        user = await sign_up.create_user(ctx, NewUser(username=username, email=email, password=password))
        if admin and not user.is_admin:
            await service.update_roles(ctx, user.id, "system_admin system_user")
            user = await _find(ctx, user.username)
        return f"made {user.username} ({user.id}), roles: {user.roles}"

    return _run(make)


def set_password(name: str, password: str) -> str:
    """Set a password; other sessions of the account end, and a lock is lifted."""

    async def change(ctx: Context, user: User) -> str:
        await update_password(ctx, user.id, PasswordChange(new_password=password))
        return f"{user.username} has a new password"

    return _change(name, change)


def set_roles(name: str, roles: list[str]) -> str:
    """Give an account these roles in the system, and no others."""

    async def change(ctx: Context, user: User) -> str:
        await service.update_roles(ctx, user.id, " ".join(roles))
        return f"{user.username} has the roles {' '.join(roles)}"

    return _change(name, change)


def set_active(name: str, active: bool) -> str:
    """Deactivate an account, which ends its sessions, or let it in again."""

    async def change(ctx: Context, user: User) -> str:
        await service.update_active(ctx, user.id, active)
        return f"{user.username} is {'active' if active else 'deactivated'}"

    return _change(name, change)


def reset_factor(name: str) -> str:
    """Forget the second factor of an account: the next sign-in needs the password only."""

    async def change(ctx: Context, user: User) -> str:
        await deactivate_factor(ctx, user.id)
        return f"{user.username} has no second factor"

    return _change(name, change)


def _change(name: str, change: Callable[[Context, User], Awaitable[str]]) -> str:
    async def find_and_change(ctx: Context) -> str:
        return await change(ctx, await _find(ctx, name))

    return _run(find_and_change)


async def _find(ctx: Context, name: str) -> User:
    name = name.strip().lower()
    user = await queries.user_by_username(ctx.db, name)
    user = user or await queries.user_by_email(ctx.db, name) or await queries.user_by_id(ctx.db, name)
    if user is None:
        raise CommandError(f"there is no account {name}: give a username, an e-mail address or an id")
    return user


def _run(work: Callable[[Context], Awaitable[str]]) -> str:
    async def run() -> str:
        async with operator_context() as ctx:
            return await work(ctx)

    try:
        return asyncio.run(run())
    except ApiError as error:
        raise CommandError(error.message) from error
    except DATABASE_ERRORS as error:
        raise CommandError(f"the database does not help: {first_line(error)}") from error
