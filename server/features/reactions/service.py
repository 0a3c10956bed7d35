"""Putting emojis to posts and taking them back."""

from collections.abc import Sequence

from server.access.grants import channel_place, check_channel, may_read_channel, post_channel_id
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, Forbidden, invalid_url
from server.features.channels.rooms import room_of
from server.features.emoji.known import check_exists, may_be_name
from server.features.posts.access import no_such_post
from server.features.reactions import queries
from server.features.reactions.events import ReactionAdded, ReactionRemoved
from server.features.reactions.models import NewReaction, Reaction


async def add_reaction(ctx: Context, new: NewReaction) -> Reaction:
    """Put an emoji to a post as the caller; the same one again gives the reaction that is there."""
    if new.user_id != ctx.user_id:
        raise Forbidden("api.reaction.save_reaction.user_id.app_error", "Nobody reacts in another one's name.")
    if not may_be_name(new.emoji_name):
        raise BadRequest("model.reaction.is_valid.emoji_name.app_error", "This is no emoji's name.")
    channel_id = await _open_channel(ctx, new.post_id, Permission.ADD_REACTION)
    await check_exists(ctx, new.emoji_name)
    limit = ctx.config.ServiceSettings.UniqueEmojiReactionLimitPerPost
    found, reaction = await queries.add_reaction(ctx.db, ctx.user_id, new.post_id, new.emoji_name, ctx.now(), limit)
    if not found:
        raise no_such_post()
    if reaction is None:
        reaction = await queries.reaction_by(ctx.db, ctx.user_id, new.post_id, new.emoji_name)
        if reaction is None:
            raise BadRequest(
                "app.reaction.save.save.too_many_reactions", f"A post has at most {limit} different reactions."
            )
        return reaction
    room = await room_of(ctx, channel_id)
    await ctx.tell((), [ReactionAdded(room=room, connection_id=ctx.connection_id, reaction=reaction)])
    return reaction


async def remove_reaction(ctx: Context, user_id: str, post_id: str, emoji_name: str) -> None:
    """Take an emoji back, one's own or with the right to it another one's."""
    if not may_be_name(emoji_name):
        raise invalid_url("emoji_name")
    own = user_id == ctx.user_id
    channel_id = await _open_channel(ctx, post_id, Permission.REMOVE_REACTION)
    if not own:
        await check_channel(ctx, channel_id, Permission.REMOVE_OTHERS_REACTIONS)
    async with ctx.begin() as tx:
        if await queries.lock_post(tx, post_id) is None:
            raise no_such_post()
        reaction = await queries.remove_reaction(tx, user_id, post_id, emoji_name, ctx.now())
        if reaction is not None:
            room = await room_of(ctx, channel_id)
            tx.publish(ReactionRemoved(room=room, connection_id=ctx.connection_id, reaction=reaction))


async def _open_channel(ctx: Context, post_id: str, permission: Permission) -> str:
    """The channel of a post, if the caller has the permission there and it is not archived."""
    channel_id = await post_channel_id(ctx, post_id)
    if channel_id is None:
        raise no_such_post()
    await check_channel(ctx, channel_id, permission)
    place = await channel_place(ctx, channel_id)
    if place is not None and place.delete_at:
        raise Forbidden("api.reaction.save.archived_channel.app_error", "The channel is archived.")
    return channel_id


async def reactions_to(ctx: Context, post_ids: Sequence[str]) -> dict[str, list[Reaction]]:
    """The reactions to those of the posts that the caller may read; posts without any are left out."""
    found = await queries.reactions_to(ctx.db, list(dict.fromkeys(post_ids)))
    channels = {reactions[0].channel_id for reactions in found.values()}
    readable = {channel_id for channel_id in channels if await may_read_channel(ctx, channel_id)}
    return {post_id: reactions for post_id, reactions in found.items() if reactions[0].channel_id in readable}
