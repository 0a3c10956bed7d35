"""What is done about emojis that were deleted."""

from server.context import Context
from server.features.emoji.models import RemoveReactions
from server.features.reactions import queries as reactions
from server.jobs.handlers import Jobs

PIECE = 200
"""Posts in one statement."""

jobs = Jobs()


@jobs.on(RemoveReactions)
async def remove_reactions(ctx: Context, job: RemoveReactions) -> None:
    """Take a deleted emoji from the posts that it was put to."""
    posts = await reactions.posts_with(ctx.db, job.emoji_name, job.until)
    for start in range(0, len(posts), PIECE):
        piece = posts[start : start + PIECE]
        await reactions.remove_all(ctx.db, piece, job.emoji_name, job.until, ctx.now())
