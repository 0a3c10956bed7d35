"""Echoes, and forgetting the response_urls whose time is over."""

from server.access.grants import channel_place
from server.context import Context
from server.errors import ApiError
from server.features.commands.models import Echo
from server.features.commands.queries import sweep_responses
from server.features.posts.models import NewPost
from server.features.posts.service import create_post
from server.features.users.lookup import acting_as, get_user
from server.jobs.handlers import Jobs

jobs = Jobs()


@jobs.on(Echo, attempts=3)
async def echo(ctx: Context, job: Echo) -> None:
    """Post the text, unless its author may not do so any more."""
    user = await get_user(ctx, job.user_id)
    if user is None or user.delete_at or await channel_place(ctx, job.channel_id) is None:
        return
    new = NewPost(
        channel_id=job.channel_id,
        root_id=job.root_id,
        message=job.message,
        pending_post_id=f"{job.user_id}:{job.id}",
    )
    try:
        await create_post(acting_as(ctx, user), new, set_online=False)
    except ApiError as error:
        if error.status >= 500:
            raise


@jobs.every(60)
async def sweep_command_responses(ctx: Context) -> None:
    """Forget what can't be answered any more."""
    await sweep_responses(ctx.db, ctx.now())
