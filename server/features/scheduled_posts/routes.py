"""Scheduled posts over HTTP."""

from server.access.guards import in_service, on_team
from server.access.permissions import Permission
from server.context import Context
from server.features.scheduled_posts import service
from server.features.scheduled_posts.models import NewScheduledPost, ScheduledPost, ScheduledPostUpdate
from server.http.router import LARGE_BODY, Router
from server.ids import Id

router = Router("scheduled_posts")

OWN = in_service("the author")


@router.post(
    "/posts/schedule",
    guard=in_service("create_post in the channel, create_post_public in public ones; with files upload_file"),
    status=201,
    body_limit=LARGE_BODY,
)
async def create_scheduled_post(ctx: Context, body: NewScheduledPost) -> ScheduledPost:
    """Write a post that is sent at a time to come."""
    return await service.create(ctx, body)


@router.put("/posts/schedule/{scheduled_post_id}", guard=OWN, status=201, body_limit=LARGE_BODY)
async def update_scheduled_post(ctx: Context, scheduled_post_id: Id, body: ScheduledPostUpdate) -> ScheduledPost:
    """Change what a scheduled post says or when it is sent."""
    return await service.update(ctx, scheduled_post_id, body)


@router.delete("/posts/schedule/{scheduled_post_id}", guard=OWN, status=201)
async def delete_scheduled_post(ctx: Context, scheduled_post_id: Id) -> ScheduledPost:
    """Forget a scheduled post."""
    return await service.delete(ctx, scheduled_post_id)


@router.get("/posts/scheduled/team/{team_id}", guard=on_team(Permission.VIEW_TEAM))
async def get_user_scheduled_posts(
    ctx: Context,
    team_id: Id,
    includeDirectChannels: bool = False,  # noqa: N803
) -> dict[str, list[ScheduledPost]]:
    """The caller's scheduled posts of a team, and on request those of direct channels."""
    return await service.of_team(ctx, team_id, direct=includeDirectChannels)
