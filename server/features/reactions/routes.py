"""Reactions: emojis on posts."""

from server.access.grants import may_read_channel, post_channel_id
from server.access.guards import in_service
from server.context import Context
from server.errors import forbidden
from server.features.posts.access import no_such_post
from server.features.reactions import queries, service
from server.features.reactions.models import NewReaction, PostIds, Reaction
from server.http.router import Router
from server.ids import Id

router = Router("reactions")


@router.post("/reactions", guard=in_service("add_reaction in the channel of the post, in one's own name"))
async def save_reaction(ctx: Context, body: NewReaction) -> Reaction:
    """Put an emoji to a post."""
    return await service.add_reaction(ctx, body)


@router.get("/posts/{post_id}/reactions", guard=in_service("who may read the post"))
async def get_reactions(ctx: Context, post_id: Id) -> list[Reaction]:
    """The reactions to a post, oldest first."""
    channel_id = await post_channel_id(ctx, post_id)
    if channel_id is None:
        raise no_such_post()
    if not await may_read_channel(ctx, channel_id):
        raise forbidden()
    return (await queries.reactions_to(ctx.db, [post_id])).get(post_id, [])


@router.post("/posts/ids/reactions", guard=in_service("reactions to posts that the caller may not read are left out"))
async def get_bulk_reactions(ctx: Context, body: PostIds) -> dict[str, list[Reaction]]:
    """The reactions to several posts, by post."""
    found = await service.reactions_to(ctx, body)
    return {post_id: found.get(post_id, []) for post_id in body}


@router.delete(
    "/users/{user_id}/posts/{post_id}/reactions/{emoji_name}",
    guard=in_service("remove_reaction in the channel of the post, for others remove_others_reactions"),
)
async def delete_reaction(ctx: Context, user_id: Id, post_id: Id, emoji_name: str) -> None:
    """Take an emoji back from a post."""
    await service.remove_reaction(ctx, user_id, post_id, emoji_name)
