"""Commands that write to people directly: one, or a few."""

import re

from server.context import Context
from server.features.channels.direct import create_direct, create_group
from server.features.channels.models import GROUP_SIZES, Channel
from server.features.commands.built_in.naming import path_to, user_named
from server.features.commands.models import CommandResponse
from server.features.commands.registry import Call, built_in, go, say
from server.features.posts.models import NewPost
from server.features.posts.service import create_post
from server.features.users.models import User

_NAMES = re.compile(r"@?[\w.-]+(?:\s*,\s*@?[\w.-]+)*")


async def _write(ctx: Context, call: Call, channel: Channel, text: str) -> CommandResponse:
    if text:
        await create_post(ctx, NewPost(channel_id=channel.id, message=text))
    return go(await path_to(ctx, call, channel.name))


async def _to_one(ctx: Context, call: Call, user: User, text: str) -> CommandResponse:
    return await _write(ctx, call, await create_direct(ctx, [ctx.user_id, user.id]), text)


@built_in("msg", "Write to someone directly", hint="@[username] [message]")
async def msg(ctx: Context, call: Call) -> CommandResponse:
    """A direct message, and the way to its channel."""
    name, _, text = call.text.strip().partition(" ")
    if not name.strip("@"):
        return say("Say whom to write to: `/msg @ada hello`.")
    if "," in name:
        return await groupmsg(ctx, call)
    user = await user_named(ctx, name)
    if user is None:
        return say("There is no user of that name to write to.")
    return await _to_one(ctx, call, user, text.strip())


@built_in("groupmsg", "Write to a few people together", hint="@[username1],@[username2] [message]")
async def groupmsg(ctx: Context, call: Call) -> CommandResponse:
    """A message to a group, and the way to its channel; to a single one a direct message."""
    text = call.text.strip()
    match = _NAMES.match(text)
    if match is None:
        return say("Say whom to write to: `/groupmsg @ada,@bob hello`.")
    names = dict.fromkeys(name.strip().removeprefix("@").lower() for name in match[0].split(","))
    if len(names) > GROUP_SIZES.stop:
        return say(f"A group has at most {GROUP_SIZES.stop - 1} members.")
    found = {name: await user_named(ctx, name) for name in names}
    unknown = [f"@{name}" for name, user in found.items() if user is None]
    if unknown:
        return say(f"There is no user of the name {', '.join(unknown)} to write to.")
    users = {user.id: user for user in found.values() if user is not None and user.id != ctx.user_id}
    message = text[match.end() :].strip()
    if len(users) == 1:
        return await _to_one(ctx, call, next(iter(users.values())), message)
    if len(users) + 1 not in GROUP_SIZES:
        return say(f"A group has {GROUP_SIZES.start} to {GROUP_SIZES.stop - 1} members, you among them.")
    return await _write(ctx, call, await create_group(ctx, list(users)), message)
