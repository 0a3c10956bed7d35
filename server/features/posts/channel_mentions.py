"""The public channels that a post speaks of as ~name: clients turn them into links by the prop channel_mentions."""

from typing import Any

from server.access.grants import ChannelPlace, has_team
from server.access.permissions import Permission
from server.context import Context
from server.db import Db
from server.features.channels.queries import public_names
from server.features.channels.rules import channels_named_in
from server.features.posts.mentions import attachment_texts

PROP = "channel_mentions"


async def link_channels(ctx: Context, db: Db, place: ChannelPlace, message: str, props: dict[str, Any]) -> None:
    """Set the prop to the channels of the team that message and attachments name; what a client gave is dropped."""
    props.pop(PROP, None)
    texts = (message, *attachment_texts(props.get("attachments"))) if place.team_id else ()
    names = channels_named_in("\n".join(texts))
    if not names or not await _sees_public(ctx, place.team_id):
        return
    found = await public_names(db, place.team_id, names)
    if found:
        props[PROP] = {name: {"display_name": shown, "team_name": team} for name, (shown, team) in found.items()}


async def _sees_public(ctx: Context, team_id: str) -> bool:
    """Whether the author may know the public channels of the team; guests may not, the server itself may."""
    return ctx.session is None or await has_team(ctx, team_id, Permission.READ_PUBLIC_CHANNEL)
