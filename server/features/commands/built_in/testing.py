"""Filling a test system with people, channels and posts; only where the settings say that it is one."""

import random

from server.access.grants import check_system
from server.access.permissions import Permission
from server.config import Config
from server.context import Context
from server.features.channels.models import OPEN, NewChannel
from server.features.channels.service import create_channel
from server.features.commands.built_in.naming import NO_TEAM
from server.features.commands.models import CommandResponse
from server.features.commands.registry import Argument, Call, Node, built_in, say, to_system
from server.features.posts.models import MAX_MESSAGE, NewPost
from server.features.posts.service import create_post
from server.features.teams.service import get_team, join_team
from server.features.users.models import NewUser
from server.features.users.sign_up import make_account
from server.ids import new_token
from server.notify.outbound import Outbound, OutboundError

MOST = {"posts": 100, "channels": 20, "users": 10}
"""How many of each are made at once at most."""

MAX_TEXT = 100_000
"""Bytes that are taken from an address."""

_WORDS = ("apple", "bridge", "cloud", "drum", "echo", "forest", "garden", "harbour", "island", "jacket", "kettle")


def _is_test_system(config: Config) -> bool:
    return config.ServiceSettings.EnableTesting


@built_in(
    "test",
    "Fill a test system",
    hint="[posts|channels|users|url]",
    words=(
        Node(word="posts", help="Write posts", arguments=(Argument(hint="[count]"),)),
        Node(word="channels", help="Make channels", arguments=(Argument(hint="[count]"),)),
        Node(word="users", help="Make members of the team", arguments=(Argument(hint="[count]"),)),
        Node(word="url", help="Post the text of a page", arguments=(Argument(hint="[address]"),)),
    ),
    exists=_is_test_system,
    offered=to_system(Permission.MANAGE_SYSTEM),
)
async def test(ctx: Context, call: Call) -> CommandResponse:
    """Posts, channels or users with random names; administrators may."""
    await check_system(ctx, Permission.MANAGE_SYSTEM)
    what, _, rest = call.text.strip().partition(" ")
    if what == "url":
        return await _page(ctx, call, rest.strip())
    most = MOST.get(what, 0)
    count = int(rest) if rest.isascii() and rest.isdecimal() and len(rest) < 5 else 1 if not rest else 0
    if not 1 <= count <= most:
        known = ", ".join(f"`/test {name} 1` to `{limit}`" for name, limit in MOST.items())
        return say(f"What can be made: {known}; and `/test url [address]`.")
    if what != "posts" and not call.team_id:
        return say(NO_TEAM)
    for _ in range(count):
        await _make(ctx, call, what)
    return say(f"Made: {count} {what}.")


async def _make(ctx: Context, call: Call, what: str) -> None:
    word = random.choice(_WORDS)  # noqa: S311 - nothing secret
    if what == "posts":
        text = " ".join(random.choices(_WORDS, k=random.randint(3, 30)))  # noqa: S311
        await create_post(ctx, NewPost(channel_id=call.channel.id, root_id=call.root_id, message=text))
        return
    name = f"{word}-{new_token()[:8]}"
    if what == "channels":
        await create_channel(ctx, NewChannel(team_id=call.team_id, name=name, display_name=word.title(), type=OPEN))
        return
    user = await make_account(
        ctx,
        NewUser(
            username=name,
            email=f"{name}@example.invalid",
            password=f"Aa1!{new_token()}",
            email_verified=True,
            disable_welcome_email=True,
        ),
    )
    await join_team(ctx, await get_team(ctx, call.team_id), user, ctx.user_id)


async def _page(ctx: Context, call: Call, url: str) -> CommandResponse:
    outbound: Outbound = ctx.part(Outbound)
    try:
        answer = await outbound.send("GET", url, timeout=10.0, max_bytes=MAX_TEXT, cut=True, redirects=3)
    except OutboundError as error:
        return say(error.reason)
    text = answer.body.decode("utf-8", "replace").replace("\0", "").strip()
    if not text:
        return say("There is no text at that address.")
    for start in range(0, len(text), MAX_MESSAGE):
        message = text[start : start + MAX_MESSAGE]
        await create_post(ctx, NewPost(channel_id=call.channel.id, root_id=call.root_id, message=message))
    return say(f"Posted what is at {url}.")
