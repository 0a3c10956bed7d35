"""The system posts that tell the members of a channel what became of it. Clients word them anew from the props."""

import asyncio
from collections.abc import Sequence
from typing import Any

from server.context import Context
from server.features.channels.models import PRIVATE, Channel
from server.features.posts import models as types
from server.features.posts.service import post_system
from server.features.users.lookup import get_user
from server.features.users.models import User

AT_A_TIME = 32
"""Announcements of many members that are under way together."""


async def _actor(ctx: Context) -> tuple[str, str]:
    user = await get_user(ctx, ctx.user_id)
    return ctx.user_id, user.username if user else ""


async def _announce(ctx: Context, channel_id: str, type: str, message: str, **props: Any) -> None:
    """A post by the caller; `message` says what {username} did."""
    user_id, username = await _actor(ctx)
    await post_system(
        ctx,
        channel_id=channel_id,
        user_id=user_id,
        type=type,
        message=f"{username} {message}",
        props={"username": username, **props},
    )


async def joined(ctx: Context, channel_id: str, user: User) -> None:
    """Someone came by their own will."""
    await post_system(
        ctx,
        channel_id=channel_id,
        user_id=user.id,
        type=types.GUEST_JOIN_CHANNEL if user.is_guest else types.JOIN_CHANNEL,
        message=f"{user.username} joined the channel{' as a guest' if user.is_guest else ''}.",
        props={"username": user.username},
    )


async def added(ctx: Context, channel_id: str, users: Sequence[User], root_id: str = "") -> None:
    """The caller brought others in."""
    actor_id, actor = await _actor(ctx)

    async def announce(user: User) -> None:
        await post_system(
            ctx,
            channel_id=channel_id,
            user_id=actor_id,
            root_id=root_id,
            type=types.ADD_GUEST_TO_CHANNEL if user.is_guest else types.ADD_TO_CHANNEL,
            message=f"{user.username} was added to the channel{' as a guest' if user.is_guest else ''} by {actor}.",
            props={"userId": actor_id, "username": actor, "addedUserId": user.id, "addedUsername": user.username},
        )

    for start in range(0, len(users), AT_A_TIME):
        await asyncio.gather(*(announce(user) for user in users[start : start + AT_A_TIME]))


async def joined_team(
    ctx: Context, main_id: str, new: Sequence[tuple[str, str]], users: Sequence[User], requester_id: str
) -> None:
    """Users are new in a team: for each a post in its main channel, and in the other channels they came into.

    `new` are pairs of channel id and user id; `requester_id` brought them, "" for nobody.
    """
    requester = await get_user(ctx, requester_id) if requester_id else None

    came_into: dict[str, list[str]] = {}
    for channel_id, user_id in new:
        came_into.setdefault(user_id, []).append(channel_id)

    async def announce(user: User) -> None:
        for channel_id in came_into.get(user.id, ()):
            if channel_id != main_id:
                await joined(ctx, channel_id, user)
            elif requester is None or requester.id == user.id:
                await _joined_team(ctx, channel_id, user)
            else:
                await _added_to_team(ctx, channel_id, user, requester)

    for start in range(0, len(users), AT_A_TIME):
        await asyncio.gather(*(announce(user) for user in users[start : start + AT_A_TIME]))


async def _joined_team(ctx: Context, channel_id: str, user: User) -> None:
    await post_system(
        ctx,
        channel_id=channel_id,
        user_id=user.id,
        type=types.JOIN_TEAM,
        message=f"{user.username} joined the team.",
        props={"username": user.username},
    )


async def _added_to_team(ctx: Context, channel_id: str, user: User, requester: User) -> None:
    await post_system(
        ctx,
        channel_id=channel_id,
        user_id=requester.id,
        type=types.ADD_TO_TEAM,
        message=f"{user.username} was added to the team by {requester.username}.",
        props={
            "userId": requester.id,
            "username": requester.username,
            "addedUserId": user.id,
            "addedUsername": user.username,
        },
    )


async def left(ctx: Context, channel_id: str, user: User) -> None:
    """Someone left by their own will."""
    await post_system(
        ctx,
        channel_id=channel_id,
        user_id=user.id,
        type=types.LEAVE_CHANNEL,
        message=f"{user.username} left the channel.",
        props={"username": user.username},
    )


async def removed(ctx: Context, channel_id: str, user: User) -> None:
    """The caller put someone out."""
    user_id, _ = await _actor(ctx)
    await post_system(
        ctx,
        channel_id=channel_id,
        user_id=user_id,
        type=types.REMOVE_FROM_CHANNEL,
        message=f"{user.username} was removed from the channel.",
        props={"removedUserId": user.id, "removedUsername": user.username},
    )


async def changed(ctx: Context, old: Channel, new: Channel) -> None:
    """Display name, header or purpose are others; one post for each."""
    if new.display_name != old.display_name:
        await _announce(
            ctx,
            new.id,
            types.DISPLAY_NAME_CHANGE,
            f"renamed the channel from {old.display_name} to {new.display_name}.",
            old_displayname=old.display_name,
            new_displayname=new.display_name,
        )
    if new.header != old.header:
        await _announce(
            ctx,
            new.id,
            types.HEADER_CHANGE,
            _from_to("header", old.header, new.header),
            old_header=old.header,
            new_header=new.header,
        )
    if new.purpose != old.purpose:
        await _announce(
            ctx,
            new.id,
            types.PURPOSE_CHANGE,
            _from_to("purpose", old.purpose, new.purpose),
            old_purpose=old.purpose,
            new_purpose=new.purpose,
        )


def _from_to(what: str, old: str, new: str) -> str:
    if not new:
        return f"took away the channel {what} (it was: {old})."
    if not old:
        return f"set the channel {what}: {new}"
    return f"changed the channel {what} from: {old} to: {new}"


async def privacy_changed(ctx: Context, channel: Channel, type: str = types.CHANGE_PRIVACY) -> None:
    """The channel became private or public."""
    word = "private" if channel.type == PRIVATE else "public"
    await _announce(ctx, channel.id, type, f"made this channel {word}.")


async def archived(ctx: Context, channel: Channel) -> None:
    """The channel was archived."""
    await _announce(ctx, channel.id, types.CHANNEL_DELETED, "archived the channel.")


async def restored(ctx: Context, channel: Channel) -> None:
    """The channel is back."""
    await _announce(ctx, channel.id, types.CHANNEL_RESTORED, "brought the channel back from the archive.")


async def moved(ctx: Context, channel: Channel, from_team: str) -> None:
    """The channel came from another team."""
    await _announce(ctx, channel.id, types.MOVE_CHANNEL, f"moved the channel here from the team {from_team}.")


async def converted_group(ctx: Context, channel: Channel, user_ids: Sequence[str]) -> None:
    """A group channel became this private one."""
    await _announce(
        ctx,
        channel.id,
        "system_gm_to_channel",
        "made this channel out of a group message.",
        convertedByUserId=ctx.user_id,
        gmMembersDuringConversionIDs=list(user_ids),
    )
