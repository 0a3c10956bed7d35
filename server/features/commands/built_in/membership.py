"""Commands about who is in a channel: joining, leaving, inviting, removing."""

from collections.abc import Sequence

from server.access.grants import member_roles
from server.access.permissions import Permission
from server.context import Context
from server.errors import ApiError
from server.features.channels.member_models import NewMembers
from server.features.channels.member_queries import members_by_ids
from server.features.channels.member_service import add_members, remove_member
from server.features.channels.models import OPEN, Channel
from server.features.channels.service import get_channel
from server.features.commands.built_in.naming import (
    NO_CHANNEL,
    NO_TEAM,
    channel_named,
    channels_offered,
    path_home,
    path_to,
    user_named,
)
from server.features.commands.models import CommandResponse
from server.features.commands.registry import DONE, Argument, Call, built_in, go, say, to_channel, to_team
from server.features.users.models import User

MAX_INVITED = 20
"""Names in one invitation."""

CHANNEL = Argument(hint="~[channel]", help="The name of a channel", fetch=channels_offered)
MANAGES = to_channel(Permission.MANAGE_PUBLIC_CHANNEL_MEMBERS, Permission.MANAGE_PRIVATE_CHANNEL_MEMBERS)


@built_in(
    "join", "Join a channel", hint="~[channel]", arguments=(CHANNEL,), offered=to_team(Permission.JOIN_PUBLIC_CHANNELS)
)
@built_in("open", "Open a channel, joining it if need be", hint="~[channel]", arguments=(CHANNEL,))
async def join(ctx: Context, call: Call) -> CommandResponse:
    """Become a member of a public channel, and the way to it."""
    name = call.text.strip()
    if not name.strip("~"):
        return say("Say which channel: `/join ~town-square`.")
    if not call.team_id:
        return say(NO_TEAM)
    channel = await channel_named(ctx, call.team_id, name)
    if channel is None:
        return say(NO_CHANNEL)
    if await member_roles(ctx, channel.id, ctx.user_id) is None:
        if channel.type != OPEN:
            return say(NO_CHANNEL)
        await add_members(ctx, channel.id, NewMembers(user_id=ctx.user_id))
    return go(await path_to(ctx, call, channel.name))


@built_in("leave", "Leave this channel")
async def leave(ctx: Context, call: Call) -> CommandResponse:
    """End one's membership, and the way to a channel where one still is."""
    await remove_member(ctx, call.channel.id, ctx.user_id)
    return go(await path_home(ctx, call))


@built_in("kick", "Remove someone from this channel", hint="@[username]", offered=MANAGES)
@built_in("remove", "Remove someone from this channel", hint="@[username]", offered=MANAGES)
async def kick(ctx: Context, call: Call) -> CommandResponse:
    """End someone's membership in the channel."""
    name = call.text.strip()
    if not name.strip("@"):
        return say(f"Say whom to remove: `/{call.trigger} @ada`.")
    user = await user_named(ctx, name)
    if user is None:
        return say("There is no user of that name.")
    await remove_member(ctx, call.channel.id, user.id)
    return DONE


@built_in(
    "invite", "Put people into channels, this one if you name none", hint="@[username] ~[channel]", offered=MANAGES
)
async def invite(ctx: Context, call: Call) -> CommandResponse:
    """Memberships for others; what was done elsewhere, and what was not done, is said."""
    words = call.text.replace(",", " ").split()
    if len(words) > MAX_INVITED:
        return say(f"Name at most {MAX_INVITED} people and channels at once.")
    names = dict.fromkeys(word for word in words if not word.startswith("~"))
    if not names:
        return say("Say whom to invite: `/invite @ada`, or `/invite @ada ~town-square` for another channel.")
    said: list[str] = []
    channels = await _channels(ctx, call, words, said)
    users: list[User] = []
    for name in names:
        user = await user_named(ctx, name)
        if user is None:
            said.append(f"There is no user {name}.")
        else:
            users.append(user)
    for channel in channels:
        said += await _put_in(ctx, call, channel, users)
    return say("\n".join(said))


async def _channels(ctx: Context, call: Call, words: Sequence[str], said: list[str]) -> list[Channel]:
    names = dict.fromkeys(word for word in words if word.startswith("~"))
    if not names:
        return [await get_channel(ctx, call.channel.id)]
    channels: list[Channel] = []
    for name in names:
        channel = await channel_named(ctx, call.team_id, name)
        if channel is None:
            said.append(f"There is no channel {name} that you can see.")
        else:
            channels.append(channel)
    return channels


async def _put_in(ctx: Context, call: Call, channel: Channel, users: Sequence[User]) -> list[str]:
    """What is to be said: nothing of those who came into the channel where this was asked, they are announced there."""
    here = channel.id == call.channel.id
    present = {member.user_id for member in await members_by_ids(ctx.db, channel.id, [user.id for user in users])}
    said: list[str] = []
    for user in users:
        if user.id in present:
            said.append(f"@{user.username} is in ~{channel.name} already." if not channel.is_personal else "")
            continue
        try:
            await add_members(ctx, channel.id, NewMembers(user_ids=[user.id]))
        except ApiError as error:
            said.append(f"@{user.username} could not be added: {error.message}")
        else:
            if not here:
                said.append(f"@{user.username} is in ~{channel.name} now.")
    return said
