"""Direct and group channels: the same users always get the same channel."""

from collections.abc import Sequence

from server.access.grants import check_system, has_system
from server.access.permissions import Permission
from server.bus.event import Room
from server.context import Change, Context
from server.errors import BadRequest, Forbidden, forbidden, invalid_body
from server.features.channels import list_queries, member_queries, queries, rules
from server.features.channels.events import DirectAdded, GroupAdded
from server.features.channels.models import DIRECT, GROUP, GROUP_SIZES, Channel, blank_channel
from server.features.users.models import User
from server.features.users.queries import users_by_ids
from server.features.users.visible import restricted_ids


async def create_direct(ctx: Context, user_ids: Sequence[str]) -> Channel:
    """The direct channel of two users, made if they had none; twice one's own id gives the notes to oneself."""
    if len(user_ids) != 2:
        raise invalid_body("user_ids")
    await check_system(ctx, Permission.CREATE_DIRECT_CHANNEL)
    if ctx.user_id not in user_ids and not await has_system(ctx, Permission.MANAGE_SYSTEM):
        raise forbidden()
    await _check_seen(ctx, user_ids)
    name = rules.direct_name(*user_ids)
    found = await queries.channel_by_name(ctx.db, "", name, include_deleted=True)
    if found is not None:
        return found
    users = await _users(ctx, user_ids, "api.channel.create_direct_channel.invalid_user.app_error")
    await _check_common_team(ctx, users)
    async with ctx.begin() as tx:
        channel, is_new = await _insert(ctx, tx, DIRECT, name, "", user_ids)
        if is_new:
            creator = ctx.user_id if ctx.user_id in user_ids else user_ids[0]
            teammate = user_ids[1] if user_ids[0] == creator else user_ids[0]
            room = Room(channel.id, rules.direct_users(name))
            tx.publish(DirectAdded(creator_id=creator, teammate_id=teammate, room=room))
    return channel


async def create_group(ctx: Context, user_ids: Sequence[str]) -> Channel:
    """The group channel of the caller and others, made if they had none."""
    await check_system(ctx, Permission.CREATE_GROUP_CHANNEL)
    wanted = sorted({*user_ids, ctx.user_id})
    if len(wanted) not in GROUP_SIZES:
        raise BadRequest(
            "api.channel.create_group.bad_size.app_error",
            f"A group channel has {GROUP_SIZES.start} to {GROUP_SIZES.stop - 1} members.",
        )
    await _check_seen(ctx, wanted)
    name = rules.group_name(wanted)
    found = await queries.channel_by_name(ctx.db, "", name, include_deleted=True)
    if found is not None:
        return found
    users = await _users(ctx, wanted, "api.channel.create_group.bad_user.app_error")
    display_name = rules.group_display_name(user.username for user in users)
    async with ctx.begin() as tx:
        channel, is_new = await _insert(ctx, tx, GROUP, name, display_name, wanted)
        if is_new:
            tx.publish(GroupAdded(teammate_ids=wanted, room=Room(channel.id, tuple(wanted))))
    return channel


async def _check_seen(ctx: Context, user_ids: Sequence[str]) -> None:
    allowed = await restricted_ids(ctx)
    if allowed is not None and not set(user_ids) <= {*allowed, ctx.user_id}:
        raise forbidden()


async def _users(ctx: Context, user_ids: Sequence[str], refusal: str) -> list[User]:
    users = await users_by_ids(ctx.db, list(dict.fromkeys(user_ids)))
    if len(users) != len(set(user_ids)):
        raise BadRequest(refusal, "There is no such user.")
    return users


async def _check_common_team(ctx: Context, users: Sequence[User]) -> None:
    """Where people may only write to their team mates; bots may be written to by everyone."""
    if ctx.config.TeamSettings.RestrictDirectMessage != "team" or len(users) < 2:
        return
    if any(user.is_bot for user in users) or await list_queries.share_a_team(ctx.db, users[0].id, users[1].id):
        return
    raise Forbidden(
        "api.channel.create_channel.direct_channel.team_restricted_error",
        "Direct messages are for members of the same team.",
    )


async def _insert(
    ctx: Context, tx: Change, type: str, name: str, display_name: str, user_ids: Sequence[str]
) -> tuple[Channel, bool]:
    """The channel, and whether it is new: two who start at the same moment get the same one."""
    now = ctx.now()
    channel = await queries.insert_channel(tx, blank_channel(type, "", name, display_name, ctx.user_id, now))
    if channel is not None:
        await member_queries.insert_personal_members(tx, channel.id, user_ids, now)
        return channel, True
    found = await queries.channel_by_name(tx, "", name, include_deleted=True)
    if found is None:
        raise BadRequest("store.sql_channel.save_channel.exists.app_error", "The channel is just being made.")
    return found, False
