"""Giving a channel exactly the members of a list, in batches."""

import asyncio
from collections.abc import Iterator, Sequence

from server.access.grants import check_channel
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, invalid_body
from server.features.channels import announcements, member_queries
from server.features.channels.events import ChannelMemberUpdated
from server.features.channels.member_models import MemberChanges, MemberError, MemberList
from server.features.channels.member_service import check_live, manage_members, put_in, take_out
from server.features.channels.models import DEFAULT_CHANNEL, Channel
from server.features.channels.service import get_channel
from server.features.users.queries import users_by_ids

MAX_BATCH = 1000
MAX_DELAY_MS = 1000


async def set_members(
    ctx: Context, channel_id: str, wanted: MemberList, batch_size: int, delay_ms: int
) -> list[MemberChanges]:
    """Add and remove members until the channel has those of the list; what each batch did.

    Channel administrators of the list are members too; without such a list administrators stay what they are.
    `delay_ms` is the pause between two batches.
    """
    if not 1 <= batch_size <= MAX_BATCH:
        raise invalid_body("batch_size")
    if not 0 <= delay_ms <= MAX_DELAY_MS:
        raise invalid_body("batch_delay_ms")
    channel = await get_channel(ctx, channel_id)
    if channel.is_personal:
        raise BadRequest(
            "api.channel.add_user_to_channel.type.app_error", "The members of a direct or group channel stay."
        )
    await check_channel(ctx, channel_id, manage_members(channel))
    if wanted.channel_admins is not None:
        await check_channel(ctx, channel_id, Permission.MANAGE_CHANNEL_ROLES)
    check_live(channel)
    desired = dict.fromkeys([*wanted.members, *(wanted.channel_admins or ())])
    present = set(await member_queries.member_ids(ctx.db, channel_id))
    adding = [user_id for user_id in desired if user_id not in present]
    removing = sorted(user_id for user_id in present if user_id not in desired)
    done: list[MemberChanges] = []
    for users, add in [(batch, True) for batch in _batches(adding, batch_size)] + [
        (batch, False) for batch in _batches(removing, batch_size)
    ]:
        if done and delay_ms:
            await asyncio.sleep(delay_ms / 1000)
        done.append(await (_add(ctx, channel, users) if add else _remove(ctx, channel, users)))
    if wanted.channel_admins is not None:
        await _set_admins(ctx, channel_id, wanted.channel_admins)
    return done or [MemberChanges([], [], [])]


def _batches(user_ids: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(user_ids), size):
        yield list(user_ids[start : start + size])


async def _add(ctx: Context, channel: Channel, user_ids: list[str]) -> MemberChanges:
    added = {member.user_id for member in await put_in(ctx, channel, user_ids)}
    users = await users_by_ids(ctx.db, sorted(added))
    await announcements.added(ctx, channel.id, [user for user in users if user.id != ctx.user_id])
    for user in users:
        if user.id == ctx.user_id:
            await announcements.joined(ctx, channel.id, user)
    missing = [user_id for user_id in user_ids if user_id not in added]
    reason = "app.team.get_member.missing.app_error"
    return MemberChanges(sorted(added), [], [MemberError(user_id, reason) for user_id in missing])


async def _remove(ctx: Context, channel: Channel, user_ids: list[str]) -> MemberChanges:
    if channel.name == DEFAULT_CHANNEL:
        reason = "api.channel.remove.default.app_error"
        return MemberChanges([], [], [MemberError(user_id, reason) for user_id in user_ids])
    removed = await take_out(ctx, channel.id, user_ids)
    for user in await users_by_ids(ctx.db, removed):
        await announcements.removed(ctx, channel.id, user)
    return MemberChanges([], sorted(removed), [])


async def _set_admins(ctx: Context, channel_id: str, user_ids: Sequence[str]) -> None:
    async with ctx.begin() as tx:
        changed = await member_queries.set_admins(tx, channel_id, user_ids, ctx.now())
        if changed:
            tx.invalidate(f"channel:{channel_id}")
        tx.publish(*(ChannelMemberUpdated(channel_member=member) for member in changed))
