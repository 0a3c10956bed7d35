"""Who is in a public or private channel: joining, adding, leaving, removing, and the default channels of a team."""

from collections.abc import Iterable, Sequence

from server.access.grants import check_channel, check_team, post_channel_id
from server.access.permissions import Permission
from server.bus.event import Event
from server.bus.signals import Joined, Left, Signal
from server.context import Change, Context
from server.errors import BadRequest, Forbidden, NotFound, invalid_body
from server.features.channels import announcements, member_queries, queries, rules
from server.features.channels.events import RemovedFromChannel, UserAdded, UserRemoved
from server.features.channels.member_models import HIDDEN, ChannelMember, NewMembers
from server.features.channels.models import DEFAULT_CHANNEL, OPEN, Channel
from server.features.channels.service import get_channel
from server.features.users.lookup import no_such_user
from server.features.users.models import User
from server.features.users.queries import users_by_ids


def hide_from(viewer_id: str, members: Iterable[ChannelMember]) -> list[ChannelMember]:
    """Members as another user may see them: when they looked into the channel is their own business."""
    shown = list(members)
    for member in shown:
        if member.user_id != viewer_id:
            member.last_viewed_at = member.last_update_at = HIDDEN
    return shown


async def get_member(ctx: Context, channel_id: str, user_id: str) -> ChannelMember:
    """A membership as the caller may see it; raises NotFound."""
    found = await member_queries.member(ctx.db, channel_id, user_id)
    if found is None:
        raise rules.no_such_member()
    return hide_from(ctx.user_id, [found])[0]


def manage_members(channel: Channel) -> Permission:
    """The permission for adding and removing others."""
    return (
        Permission.MANAGE_PUBLIC_CHANNEL_MEMBERS if channel.type == OPEN else Permission.MANAGE_PRIVATE_CHANNEL_MEMBERS
    )


async def add_members(ctx: Context, channel_id: str, new: NewMembers) -> list[ChannelMember]:
    """Put users into a channel; the caller joins a public one by own will. Those who are in it stay as they are."""
    user_ids = list(dict.fromkeys(new.user_ids or ([new.user_id] if new.user_id else [])))
    if not user_ids:
        raise invalid_body("user_id or user_ids")
    channel = await get_channel(ctx, channel_id)
    if channel.is_personal:
        raise BadRequest(
            "api.channel.add_user_to_channel.type.app_error", "Nobody can be added to a direct or group channel."
        )
    if user_ids == [ctx.user_id] and channel.type == OPEN:
        await check_team(ctx, channel.team_id, Permission.JOIN_PUBLIC_CHANNELS)
    else:
        await check_channel(ctx, channel_id, manage_members(channel))
    check_live(channel)
    if new.post_root_id:
        await _check_root(ctx, channel_id, new.post_root_id)
    users = {user.id: user for user in await users_by_ids(ctx.db, user_ids)}
    _check_users(users, user_ids)
    added = await put_in(ctx, channel, user_ids)
    members = {member.user_id: member for member in added}
    missing = [user_id for user_id in user_ids if user_id not in members]
    if missing:
        members |= {
            member.user_id: member for member in await member_queries.members_by_ids(ctx.db, channel_id, missing)
        }
        if len(members) < len(user_ids):
            raise NotFound("app.team.get_member.missing.app_error", "Only members of the team can be in its channels.")
    await _announce(ctx, channel_id, [users[member.user_id] for member in added], new.post_root_id)
    return hide_from(ctx.user_id, [members[user_id] for user_id in user_ids])


def check_live(channel: Channel) -> None:
    """Refuse an archived channel."""
    if channel.delete_at:
        raise BadRequest("api.channel.add_user.to.channel.failed.deleted.app_error", "The channel is archived.")


async def _check_root(ctx: Context, channel_id: str, post_id: str) -> None:
    if await post_channel_id(ctx, post_id) != channel_id:
        raise invalid_body("post_root_id")


def _check_users(users: dict[str, User], user_ids: Sequence[str]) -> None:
    for user_id in user_ids:
        user = users.get(user_id)
        if user is None:
            raise no_such_user()
        if user.delete_at:
            raise Forbidden("app.channel.add_member.deleted_user.app_error", "The account is deactivated.")


async def put_in(ctx: Context, channel: Channel, user_ids: Sequence[str]) -> list[ChannelMember]:
    """Make members of the team members of the channel, and tell it; the new ones. Being added by another mentions."""
    by_other = [user_id for user_id in user_ids if user_id != ctx.user_id]
    added: list[ChannelMember] = []
    for batch, mentions in (([user_id for user_id in user_ids if user_id == ctx.user_id], 0), (by_other, 1)):
        if batch:
            with ctx.owing(_concerned([channel.id], batch)):
                new = await member_queries.add_members(ctx.db, channel.id, channel.team_id, batch, mentions, ctx.now())
                await ctx.tell(*_arrivals(channel.team_id, [(channel.id, member.user_id) for member in new]))
            added += new
    return added


def _concerned(channel_ids: Iterable[str], user_ids: Iterable[str]) -> list[str]:
    """The topics that hear of new members."""
    return [*(f"channel:{channel_id}" for channel_id in channel_ids), *(f"user:{user_id}" for user_id in user_ids)]


def _arrivals(team_id: str, new: Iterable[tuple[str, str]]) -> tuple[list[str], list[Event | Signal]]:
    """What to forget and to tell when users are new in channels of a team: pairs of channel id and user id."""
    rooms: dict[str, list[str]] = {}
    for channel_id, user_id in new:
        rooms.setdefault(user_id, []).append(channel_id)
    tags = [f"member:{channel_id}:{user_id}" for user_id, ids in rooms.items() for channel_id in ids]
    tags += {f"mentions:{channel_id}" for ids in rooms.values() for channel_id in ids}
    news: list[Event | Signal] = [
        Joined(user_id=user_id, rooms=tuple(f"channel:{channel_id}" for channel_id in ids))
        for user_id, ids in rooms.items()
    ]
    news += [
        UserAdded(user_id=user_id, team_id=team_id, channel_id=channel_id)
        for user_id, ids in rooms.items()
        for channel_id in ids
    ]
    return tags, news


async def _announce(ctx: Context, channel_id: str, users: Sequence[User], root_id: str) -> None:
    for user in users:
        if user.id == ctx.user_id:
            await announcements.joined(ctx, channel_id, user)
    others = [user for user in users if user.id != ctx.user_id]
    if others:
        await announcements.added(ctx, channel_id, others, root_id)


async def remove_member(ctx: Context, channel_id: str, user_id: str) -> None:
    """Leave a channel, or put someone out of it."""
    channel = await get_channel(ctx, channel_id)
    if channel.is_personal:
        raise BadRequest(
            "api.channel.remove_channel_member.type.app_error", "Nobody can leave a direct or group channel."
        )
    if user_id != ctx.user_id:
        await check_channel(ctx, channel_id, manage_members(channel))
    if channel.delete_at:
        raise BadRequest("api.channel.remove_user_from_channel.deleted.app_error", "The channel is archived.")
    member = await member_queries.member(ctx.db, channel_id, user_id)
    if member is None:
        raise rules.no_such_member()
    if channel.name == DEFAULT_CHANNEL and not member.scheme_guest:
        raise BadRequest("api.channel.remove.default.app_error", f"Nobody can leave the channel {DEFAULT_CHANNEL}.")
    if not await take_out(ctx, channel_id, [user_id]):
        raise rules.no_such_member()
    users = await users_by_ids(ctx.db, [user_id])
    for user in users:
        if user_id == ctx.user_id:
            await announcements.left(ctx, channel_id, user)
        else:
            await announcements.removed(ctx, channel_id, user)


async def take_out(ctx: Context, channel_id: str, user_ids: Sequence[str]) -> list[str]:
    """End memberships in a channel, and tell it; those that there were."""
    async with ctx.begin() as tx:
        gone = await member_queries.delete_members(tx, channel_id, user_ids)
        if gone:
            tx.invalidate(f"mentions:{channel_id}", *(f"member:{channel_id}:{user_id}" for user_id in gone))
        for user_id in gone:
            tx.publish(
                Left(user_id=user_id, rooms=(f"channel:{channel_id}",)),
                RemovedFromChannel(channel_id=channel_id, remover_id=ctx.user_id, user_id=user_id),
                UserRemoved(user_id=user_id, remover_id=ctx.user_id, channel_id=channel_id),
            )
    return gone


async def leave_team_channels(ctx: Context, tx: Change, team_id: str, user_id: str) -> None:
    """Take someone who leaves a team out of all its channels, without a word to these: the team hears of it."""
    channel_ids = await member_queries.leave_team(tx, team_id, user_id)
    if channel_ids:
        tx.invalidate(f"member_of:{user_id}", *(f"mentions:{channel_id}" for channel_id in channel_ids))
        tx.publish(Left(user_id=user_id, rooms=tuple(f"channel:{channel_id}" for channel_id in channel_ids)))


async def join_default_channels(ctx: Context, team_id: str, user: User, requester_id: str = "") -> None:
    """Put a new member of a team into its default channels; `requester_id` is who brought the user, "" for none."""
    await join_all_default_channels(ctx, team_id, [user], requester_id)


async def join_all_default_channels(ctx: Context, team_id: str, users: Sequence[User], requester_id: str = "") -> None:
    """The same for many users at once, in one statement. Guests are in none of these channels."""
    names = rules.default_names(ctx.config.TeamSettings.ExperimentalDefaultChannels)
    channels = await queries.public_ids(ctx.db, team_id, names)
    user_ids = [user.id for user in users]
    with ctx.owing(_concerned(channels.values(), user_ids)):
        new = await member_queries.join_channels(ctx.db, team_id, list(channels.values()), user_ids, ctx.now())
        await ctx.tell(*_arrivals(team_id, new))
    if ctx.config.ServiceSettings.ExperimentalEnableDefaultChannelLeaveJoinMessages:
        await announcements.joined_team(ctx, channels.get(DEFAULT_CHANNEL, ""), new, users, requester_id)


async def join_channels(ctx: Context, team_id: str, channel_ids: Sequence[str], user: User) -> None:
    """Put a member of a team into channels of it, as by own will. Guests are in none of these channels."""
    if channel_ids:
        with ctx.owing(_concerned(channel_ids, [user.id])):
            new = await member_queries.join_channels(ctx.db, team_id, channel_ids, [user.id], ctx.now())
            await ctx.tell(*_arrivals(team_id, new))
        for channel_id, _ in new:
            await announcements.joined(ctx, channel_id, user)


async def join_as_guest(ctx: Context, team_id: str, channel_ids: Sequence[str], user: User) -> None:
    """Put a guest of a team into those of these channels of it that are not archived."""
    for channel_id in channel_ids:
        channel = await queries.channel_by_id(ctx.db, channel_id)
        if channel is None or channel.delete_at or channel.team_id != team_id:
            continue
        with ctx.owing(_concerned([channel_id], [user.id])):
            added = await member_queries.add_members(ctx.db, channel_id, team_id, [user.id], 0, ctx.now())
            await ctx.tell(*_arrivals(team_id, [(channel_id, user.id)] if added else ()))
        if added:
            await announcements.joined(ctx, channel_id, user)
