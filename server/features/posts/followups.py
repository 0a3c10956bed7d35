"""Jobs that a new post causes, stored by the very statement that stores the post.

A feature above posts appends its planner to `FOLLOWUPS`. Planners run before each post is written, on the hottest path
of the server: they decide by settings and cached rows, and give ids only, since the handler reads the post anew.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from server.access.grants import ChannelPlace
from server.context import Context
from server.features.posts.models import Priority
from server.ids import new_id
from server.jobs.job import Job


class Upcoming(Struct, kw_only=True):
    """A post that is about to be written, as planners see it; it may still turn out to be refused or repeated."""

    id: str
    channel: ChannelPlace
    user_id: str
    root_id: str
    message: str
    type: str
    props: Mapping[str, Any]
    mentioned: Sequence[str]
    """Users whose mention counts rise; those whom a reply calls by being one come on top."""
    is_bot: bool
    from_webhook: bool
    """Whether an integration writes it: a webhook, or the answer of a command."""
    priority: Priority | None


Planner = Callable[[Context, Upcoming], Awaitable[Sequence[Job]]]

FOLLOWUPS: list[Planner] = []


async def plan(ctx: Context, upcoming: Upcoming) -> list[Job]:
    """The jobs to be stored with a post."""
    jobs: list[Job] = []
    for planner in FOLLOWUPS:
        jobs += await planner(ctx, upcoming)
    return jobs


def encoded(post_id: str, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Jobs of a post as the statement that writes posts takes them."""
    return [
        {
            "post_id": post_id,
            "id": new_id(),
            "name": job.name,
            "payload": msgspec.to_builtins(job),
            "key": job.key,
            "delay": job.delay,
        }
        for job in jobs
    ]
