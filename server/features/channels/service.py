"""Public and private channels: making, changing, archiving, moving."""

from typing import Any

import msgspec

from server.access.grants import check_channel, check_team, member_roles
from server.access.permissions import Permission
from server.bus.signals import Joined, Left
from server.context import Change, Context
from server.errors import BadRequest, NotFound, forbidden, invalid_body
from server.features.channels import announcements, member_queries, queries, rules
from server.features.channels.events import (
    ChannelConverted,
    ChannelCreated,
    ChannelDeleted,
    ChannelRestored,
    ChannelUpdated,
    RemovedFromChannel,
    UserRemoved,
)
from server.features.channels.models import (
    DEFAULT_CHANNEL,
    GROUP,
    OPEN,
    PRIVATE,
    Channel,
    ChannelPatch,
    ChannelUpdate,
    GroupConversion,
    Move,
    NewChannel,
    blank_channel,
)
from server.features.channels.rooms import room_of_channel
from server.features.posts.models import CONVERT_CHANNEL
from server.features.users.lookup import get_user


def _plain(value: msgspec.Struct | None) -> dict[str, Any] | None:
    return msgspec.structs.asdict(value) if value is not None else None


async def create_channel(ctx: Context, new: NewChannel) -> Channel:
    """Make a public or private channel; the caller becomes its first member and administrator."""
    if new.type in ("D", "G"):
        raise BadRequest("api.channel.create_channel.direct_channel.app_error", "Direct channels have their own call.")
    rules.check_type(new.type)
    if not new.team_id:
        raise invalid_body("team_id")
    permission = Permission.CREATE_PUBLIC_CHANNEL if new.type == OPEN else Permission.CREATE_PRIVATE_CHANNEL
    await check_team(ctx, new.team_id, permission)
    rules.check_name(new.name)
    rules.check_display_name(new.display_name)
    rules.check_header(new.header)
    rules.check_purpose(new.purpose)
    now = ctx.now()
    wanted = blank_channel(new.type, new.team_id, new.name, new.display_name, ctx.user_id, now)
    wanted.header, wanted.purpose = new.header, new.purpose
    wanted.group_constrained = new.group_constrained
    wanted.banner_info = _plain(new.banner_info)
    rules.check_banner(wanted.type, wanted.banner_info)
    wanted.default_category_name = new.default_category_name
    async with ctx.begin() as tx:
        channel = await _insert(ctx, tx, wanted)
        await member_queries.insert_creator(tx, channel.id, ctx.user_id, now)
        tx.publish(
            Joined(user_id=ctx.user_id, rooms=(f"channel:{channel.id}",)),
            ChannelCreated(channel_id=channel.id, team_id=channel.team_id, creator_id=ctx.user_id),
        )
    user = await get_user(ctx, ctx.user_id)
    if user is not None:
        await announcements.joined(ctx, channel.id, user)
    return channel


async def create_default_channels(ctx: Context, tx: Change, team_id: str, creator_id: str) -> None:
    """Make the channels that a new team starts with; who joins the team is put into them by join_default_channels."""
    now = ctx.now()
    for name in rules.default_names(ctx.config.TeamSettings.ExperimentalDefaultChannels):
        shown = name.replace("-", " ").title()
        display_name = "Off-Topic" if name == "off-topic" else shown
        await queries.insert_channel(tx, blank_channel(OPEN, team_id, name, display_name, creator_id, now))


async def _insert(ctx: Context, tx: Change, wanted: Channel) -> Channel:
    if not await queries.lock_team(tx, wanted.team_id):
        raise NotFound("app.team.get.find.app_error", "There is no such team.")
    limit = ctx.config.TeamSettings.MaxChannelsPerTeam
    if await queries.live_count(tx, wanted.team_id) >= limit:
        raise BadRequest("store.sql_channel.save_channel.limit.app_error", f"A team has at most {limit} channels.")
    wanted.props = await _header_props(tx, wanted)
    channel = await queries.insert_channel(tx, wanted)
    if channel is None:
        raise _name_taken()
    return channel


def _name_taken() -> BadRequest:
    return BadRequest(
        "store.sql_channel.save_channel.exists.app_error", "The team has a channel of this name, maybe an archived one."
    )


async def _header_props(tx: Change, channel: Channel) -> dict[str, Any] | None:
    """The props of a channel with the public channels that its header mentions as ~name."""
    props = {key: value for key, value in (channel.props or {}).items() if key != "channel_mentions"}
    names = rules.channels_named_in(channel.header) if channel.team_id else []
    if names:
        found = await queries.public_names(tx, channel.team_id, names)
        if found:
            props["channel_mentions"] = {name: {"display_name": shown} for name, (shown, _) in found.items()}
    return props or None


async def get_channel(ctx: Context, channel_id: str) -> Channel:
    """A channel that must be there: NotFound otherwise. Who may see it is the guard's business."""
    channel = await queries.channel_by_id(ctx.db, channel_id)
    if channel is None:
        raise rules.no_such_channel()
    return channel


async def _lock(tx: Change, channel_id: str) -> Channel:
    channel = await queries.lock_channel(tx, channel_id)
    if channel is None:
        raise rules.no_such_channel()
    return channel


async def check_properties(ctx: Context, channel: Channel) -> None:
    """Refuse a caller who may not change names, header and purpose; in D and G channels every member may."""
    if channel.type == OPEN:
        await check_channel(ctx, channel.id, Permission.MANAGE_PUBLIC_CHANNEL_PROPERTIES)
    elif channel.type == PRIVATE:
        await check_channel(ctx, channel.id, Permission.MANAGE_PRIVATE_CHANNEL_PROPERTIES)
    elif await member_roles(ctx, channel.id, ctx.user_id) is None:
        raise forbidden()


async def update_channel(ctx: Context, channel_id: str, whole: ChannelUpdate) -> Channel:
    """Replace what people may change of a channel; empty names keep the old ones."""
    if whole.id != channel_id:
        raise invalid_body("channel_id")
    return await _change(
        ctx,
        channel_id,
        ChannelPatch(
            name=whole.name or msgspec.UNSET,
            display_name=whole.display_name or msgspec.UNSET,
            header=whole.header,
            purpose=whole.purpose,
            group_constrained=whole.group_constrained,
        ),
        type=whole.type,
    )


async def patch_channel(ctx: Context, channel_id: str, patch: ChannelPatch) -> Channel:
    """Change the parts of a channel that the patch names."""
    return await _change(ctx, channel_id, patch)


async def _change(ctx: Context, channel_id: str, patch: ChannelPatch, type: str = "") -> Channel:
    channel = await get_channel(ctx, channel_id)
    await check_properties(ctx, channel)
    if patch.banner_info is not msgspec.UNSET and not channel.is_personal:
        public = channel.type == OPEN
        await check_channel(
            ctx,
            channel_id,
            Permission.MANAGE_PUBLIC_CHANNEL_BANNER if public else Permission.MANAGE_PRIVATE_CHANNEL_BANNER,
        )
    async with ctx.begin() as tx:
        old = await _lock(tx, channel_id)
        if old.delete_at:
            raise BadRequest("api.channel.update_channel.deleted.app_error", "The channel is archived.")
        if type and type != old.type:
            raise BadRequest("api.channel.update_channel.typechange.app_error", "The type of a channel stays.")
        wanted = _patched(old, patch)
        _check_changes(old, wanted)
        if wanted.name != old.name:
            await queries.lock_team(tx, old.team_id)
            if await queries.name_taken(tx, old.team_id, wanted.name, old.id):
                raise _name_taken()
        if wanted.header != old.header:
            wanted.props = await _header_props(tx, wanted)
        channel = await queries.set_properties(tx, wanted, max(ctx.now(), old.update_at + 1)) or wanted
        tx.invalidate(f"channel:{channel_id}")
        tx.publish(ChannelUpdated(channel=channel, room=await room_of_channel(ctx, channel)))
    await announcements.changed(ctx, old, channel)
    return channel


def _patched(old: Channel, patch: ChannelPatch) -> Channel:
    changes: dict[str, Any] = {}
    for field in patch.__struct_fields__:
        value = getattr(patch, field)
        if value is not msgspec.UNSET:
            changes[field] = _plain(value) if isinstance(value, msgspec.Struct) else value
    return msgspec.structs.replace(old, **changes)


def _check_changes(old: Channel, new: Channel) -> None:
    if old.is_personal:
        if (new.name, new.display_name, new.purpose) != (old.name, old.display_name, old.purpose):
            raise BadRequest(
                "api.channel.update_channel.update_direct_or_group_messages_not_allowed.app_error",
                "Only the header of a direct or group channel can be changed.",
            )
    elif new.name != old.name:
        if old.name == DEFAULT_CHANNEL:
            raise BadRequest(
                "api.channel.update_channel.tried.app_error", f"The channel {DEFAULT_CHANNEL} can't be renamed."
            )
        rules.check_name(new.name)
    if new.display_name != old.display_name:
        rules.check_display_name(new.display_name)
    rules.check_header(new.header)
    rules.check_purpose(new.purpose)
    rules.check_banner(new.type, new.banner_info)


async def set_privacy(ctx: Context, channel_id: str, privacy: str) -> Channel:
    """Make a channel public ("O") or private ("P"); making it what it is changes nothing."""
    if privacy not in (OPEN, PRIVATE):
        raise invalid_body("privacy")
    channel = await get_channel(ctx, channel_id)
    if channel.type not in (OPEN, PRIVATE):
        raise invalid_body("privacy")
    to_private = privacy == PRIVATE
    await check_channel(
        ctx,
        channel_id,
        Permission.CONVERT_PUBLIC_CHANNEL_TO_PRIVATE if to_private else Permission.CONVERT_PRIVATE_CHANNEL_TO_PUBLIC,
    )
    if channel.name == DEFAULT_CHANNEL and to_private:
        raise BadRequest(
            "api.channel.update_channel_privacy.default_channel_error",
            f"The channel {DEFAULT_CHANNEL} can't be private.",
        )
    channel, changed = await _convert(ctx, channel_id, privacy)
    if changed:
        await announcements.privacy_changed(ctx, channel)
    return channel


async def convert_to_private(ctx: Context, channel_id: str) -> Channel:
    """Make a public channel private; the older way, which refuses what is private already."""
    channel = await get_channel(ctx, channel_id)
    await check_channel(ctx, channel_id, Permission.CONVERT_PUBLIC_CHANNEL_TO_PRIVATE)
    if channel.type != OPEN:
        raise BadRequest("api.channel.convert_channel_to_private.private_channel_error", "The channel is not public.")
    if channel.name == DEFAULT_CHANNEL:
        raise BadRequest(
            "api.channel.convert_channel_to_private.default_channel_error",
            f"The channel {DEFAULT_CHANNEL} can't be private.",
        )
    channel, _ = await _convert(ctx, channel_id, PRIVATE)
    await announcements.privacy_changed(ctx, channel, CONVERT_CHANNEL)
    return channel


async def _convert(ctx: Context, channel_id: str, type: str) -> tuple[Channel, bool]:
    async with ctx.begin() as tx:
        old = await _lock(tx, channel_id)
        if old.delete_at:
            raise BadRequest("api.channel.update_channel.deleted.app_error", "The channel is archived.")
        if old.type == type:
            return old, False
        channel = await queries.set_type(tx, channel_id, type, max(ctx.now(), old.update_at + 1)) or old
        tx.invalidate(f"channel:{channel_id}")
        tx.publish(
            ChannelConverted(channel_id=channel_id, team_id=channel.team_id),
            ChannelUpdated(channel=channel, room=await room_of_channel(ctx, channel)),
        )
    return channel, True


async def archive_channel(ctx: Context, channel_id: str) -> None:
    """Archive a channel: it stays readable for its members, and nobody posts in it."""
    channel = await get_channel(ctx, channel_id)
    if channel.is_personal:
        raise BadRequest("api.channel.delete_channel.type.invalid", "Direct and group channels can't be archived.")
    await check_channel(
        ctx,
        channel_id,
        Permission.DELETE_PUBLIC_CHANNEL if channel.type == OPEN else Permission.DELETE_PRIVATE_CHANNEL,
    )
    async with ctx.begin() as tx:
        channel = await _lock(tx, channel_id)
        if channel.delete_at:
            raise BadRequest("api.channel.delete_channel.deleted.app_error", "The channel is archived already.")
        if channel.name == DEFAULT_CHANNEL:
            raise BadRequest(
                "api.channel.delete_channel.cannot.app_error", f"The channel {DEFAULT_CHANNEL} can't be archived."
            )
        now = max(ctx.now(), channel.update_at + 1)
        await queries.set_delete_at(tx, channel_id, now, now)
        tx.invalidate(f"channel:{channel_id}")
        tx.publish(ChannelDeleted(channel_id=channel_id, delete_at=now, open_in=_open_in(channel)))
    await announcements.archived(ctx, channel)


def _open_in(channel: Channel) -> str:
    return channel.team_id if channel.type == OPEN else ""


async def restore_channel(ctx: Context, channel_id: str) -> Channel:
    """Bring an archived channel back."""
    channel = await get_channel(ctx, channel_id)
    if channel.is_personal:
        raise forbidden()
    await check_team(ctx, channel.team_id, Permission.MANAGE_TEAM)
    async with ctx.begin() as tx:
        channel = await _lock(tx, channel_id)
        if not channel.delete_at:
            raise BadRequest("api.channel.restore_channel.restored.app_error", "The channel is not archived.")
        now = max(ctx.now(), channel.update_at + 1)
        channel = await queries.set_delete_at(tx, channel_id, 0, now) or channel
        tx.invalidate(f"channel:{channel_id}")
        tx.publish(ChannelRestored(channel_id=channel_id, open_in=_open_in(channel)))
    await announcements.restored(ctx, channel)
    return channel


async def move_channel(ctx: Context, channel_id: str, move: Move) -> Channel:
    """Move a channel into another team; with `force` those who are not in that team leave the channel."""
    async with ctx.begin() as tx:
        old = await _lock(tx, channel_id)
        if old.is_personal or old.name == DEFAULT_CHANNEL:
            raise BadRequest("api.channel.move_channel.type.invalid", "This channel can't be moved.")
        if old.team_id == move.team_id:
            return old
        if not await queries.lock_team(tx, move.team_id):
            raise NotFound("app.team.get.find.app_error", "There is no such team.")
        if await queries.name_taken(tx, move.team_id, old.name, old.id):
            raise _name_taken()
        if not move.force and await member_queries.stranger_count(tx, channel_id, move.team_id):
            raise BadRequest(
                "app.channel.move_channel.members_do_not_match.error",
                "Some members of the channel are not in the team.",
            )
        gone = await member_queries.delete_strangers(tx, channel_id, move.team_id)
        now = max(ctx.now(), old.update_at + 1)
        channel = await queries.set_team(tx, channel_id, move.team_id, now) or old
        tx.invalidate(f"channel:{channel_id}", f"mentions:{channel_id}", f"hooks_of:{move.team_id}")
        for user_id in gone:
            tx.publish(
                Left(user_id=user_id, rooms=(f"channel:{channel_id}",)),
                RemovedFromChannel(channel_id=channel_id, remover_id=ctx.user_id, user_id=user_id),
                UserRemoved(user_id=user_id, remover_id=ctx.user_id, channel_id=channel_id),
            )
        tx.publish(ChannelUpdated(channel=channel, room=await room_of_channel(ctx, channel)))
    await announcements.moved(ctx, channel, await queries.team_display_name(ctx.db, old.team_id))
    return channel


async def convert_group(ctx: Context, channel_id: str, body: GroupConversion) -> Channel:
    """Turn a group channel into a private channel of a team that all its members are in."""
    group = await get_channel(ctx, channel_id)
    if await member_roles(ctx, channel_id, ctx.user_id) is None:
        raise forbidden()
    if body.channel_id and body.channel_id != channel_id:
        raise invalid_body("channel_id")
    await check_team(ctx, body.team_id, Permission.CREATE_PRIVATE_CHANNEL)
    name = body.name or f"group-{channel_id}"
    display_name = body.display_name or group.display_name
    rules.check_name(name)
    rules.check_display_name(display_name)
    async with ctx.begin() as tx:
        group = await _lock(tx, channel_id)
        if group.type != GROUP:
            raise BadRequest(
                "app.channel.group_message_conversion.original_channel_not_gm", "This is not a group channel."
            )
        if not await queries.lock_team(tx, body.team_id):
            raise NotFound("app.team.get.find.app_error", "There is no such team.")
        if await member_queries.stranger_count(tx, channel_id, body.team_id):
            raise BadRequest(
                "app.channel.group_message_conversion.incorrect_team", "Some members of the group are not in the team."
            )
        if await queries.name_taken(tx, body.team_id, name, channel_id):
            raise _name_taken()
        user_ids = await member_queries.member_ids(tx, channel_id)
        now = max(ctx.now(), group.update_at + 1)
        channel = await queries.group_to_private(tx, channel_id, body.team_id, name, display_name, now) or group
        await member_queries.set_admins(tx, channel_id, [ctx.user_id], now)
        tx.invalidate(f"channel:{channel_id}", f"room:{channel_id}", f"mentions:{channel_id}")
        tx.publish(*(Joined(user_id=user_id, rooms=(f"channel:{channel_id}",)) for user_id in user_ids))
        tx.publish(ChannelUpdated(channel=channel, room=await room_of_channel(ctx, channel)))
    await announcements.converted_group(ctx, channel, user_ids)
    return channel
