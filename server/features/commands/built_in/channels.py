"""Commands about a channel itself: its name, header and purpose, and whether one wants to hear of it."""

from server.access.permissions import Permission
from server.context import Context
from server.features.channels.member_queries import member
from server.features.channels.models import ChannelPatch
from server.features.channels.role_service import set_muted
from server.features.channels.service import patch_channel
from server.features.commands.built_in.membership import CHANNEL
from server.features.commands.built_in.naming import NO_CHANNEL, channel_named
from server.features.commands.models import CommandResponse
from server.features.commands.registry import DONE, Call, built_in, say, to_channel

PROPERTIES = (Permission.MANAGE_PUBLIC_CHANNEL_PROPERTIES, Permission.MANAGE_PRIVATE_CHANNEL_PROPERTIES)


@built_in("header", "Change the header of this channel", hint="[text]", offered=to_channel(*PROPERTIES, personal=True))
async def header(ctx: Context, call: Call) -> CommandResponse:
    """A new header."""
    text = call.text.strip()
    if not text:
        return say("Give a text after `/header`.")
    await patch_channel(ctx, call.channel.id, ChannelPatch(header=text))
    return DONE


@built_in("purpose", "Change the purpose of this channel", hint="[text]", offered=to_channel(*PROPERTIES))
async def purpose(ctx: Context, call: Call) -> CommandResponse:
    """A new purpose."""
    text = call.text.strip()
    if not text:
        return say("Give a text after `/purpose`.")
    await patch_channel(ctx, call.channel.id, ChannelPatch(purpose=text))
    return DONE


@built_in("rename", "Rename this channel", hint="[text]", offered=to_channel(*PROPERTIES))
async def rename(ctx: Context, call: Call) -> CommandResponse:
    """A new name to be shown; the one in addresses stays."""
    text = call.text.strip()
    if not text:
        return say("Give a name after `/rename`.")
    await patch_channel(ctx, call.channel.id, ChannelPatch(display_name=text))
    return DONE


@built_in("mute", "Mute a channel, or hear it again", hint="~[channel]", arguments=(CHANNEL,))
async def mute(ctx: Context, call: Call) -> CommandResponse:
    """The other way than before: muted or not."""
    name = call.text.strip()
    channel = await channel_named(ctx, call.team_id, name) if name else call.channel
    membership = await member(ctx.db, channel.id, ctx.user_id) if channel is not None else None
    if channel is None or membership is None:
        return say(NO_CHANNEL if channel is None else "You are not in that channel.")
    muted = membership.notify_props.get("mark_unread") == "mention"
    async with ctx.begin() as tx:
        await set_muted(ctx, tx, ctx.user_id, [channel.id], not muted)
    shown = channel.display_name if channel.team_id else "This channel"
    if muted:
        return say(f"{shown} is not muted any more.")
    return say(f"{shown} is muted: nothing but mentions is shown to you. `/mute` lets you hear it again.")
