"""The threads that users follow."""

from server.access.guards import all_of, on_team, self_or
from server.access.permissions import Permission
from server.context import Context
from server.errors import invalid_url
from server.features.threads import queries, service
from server.features.threads.models import Filter, ThreadResponse, UserThreads
from server.http.params import PerPage
from server.http.router import Router
from server.ids import Id

router = Router("threads")

THREADS = "/users/{user_id}/teams/{team_id}/threads"
IN_TEAM = all_of(self_or(), on_team(Permission.VIEW_TEAM))


@router.get(THREADS, guard=IN_TEAM)
async def get_user_threads(
    ctx: Context,
    user_id: Id,
    team_id: Id,
    since: int = 0,
    before: Id = "",
    after: Id = "",
    deleted: bool = False,
    extended: bool = False,
    unread: bool = False,
    per_page: PerPage = 0,
    pageSize: PerPage = 30,  # noqa: N803
    totalsOnly: bool = False,  # noqa: N803
    threadsOnly: bool = False,  # noqa: N803
    excludeDirect: bool = False,  # noqa: N803
) -> UserThreads:
    """The threads that a user follows in a team and in direct and group channels, newest reply first, with totals."""
    which = Filter(
        since=max(0, since),
        before=before,
        after=after,
        deleted=deleted,
        unread=unread,
        exclude_direct=excludeDirect,
        limit=per_page or pageSize,
    )
    return await service.get_threads(
        ctx, user_id, team_id, which, extended=extended, threads=not totalsOnly, totals=not threadsOnly
    )


@router.get(THREADS + "/mention_counts", guard=IN_TEAM)
async def get_thread_mention_counts(ctx: Context, user_id: Id, team_id: Id) -> dict[str, int]:
    """Unread mentions in the threads that a user follows, by channel."""
    return await queries.mention_counts_of(ctx.db, user_id, team_id)


@router.put(THREADS + "/read", guard=IN_TEAM)
async def update_threads_read_for_user(ctx: Context, user_id: Id, team_id: Id) -> None:
    """Mark all threads of a user in a team as read."""
    await service.read_team(ctx, user_id, team_id)


@router.get(THREADS + "/{thread_id}", guard=IN_TEAM)
async def get_user_thread(
    ctx: Context, user_id: Id, team_id: Id, thread_id: Id, extended: bool = False
) -> ThreadResponse:
    """A thread that a user follows."""
    return await service.get_thread(ctx, user_id, thread_id, extended=extended)


@router.put(THREADS + "/{thread_id}/following", guard=IN_TEAM)
async def start_following_thread(ctx: Context, user_id: Id, team_id: Id, thread_id: Id) -> None:
    """Follow a thread."""
    await service.follow(ctx, user_id, thread_id, True, team_id)


@router.delete(THREADS + "/{thread_id}/following", guard=IN_TEAM)
async def stop_following_thread(ctx: Context, user_id: Id, team_id: Id, thread_id: Id) -> None:
    """Stop following a thread, until the user replies or is mentioned there."""
    await service.follow(ctx, user_id, thread_id, False, team_id)


@router.put(THREADS + "/{thread_id}/read/{timestamp}", guard=IN_TEAM)
async def update_thread_read_for_user(
    ctx: Context, user_id: Id, team_id: Id, thread_id: Id, timestamp: int
) -> ThreadResponse:
    """Set the time up to which a user has read a thread."""
    if timestamp < 0:
        raise invalid_url("timestamp")
    return await service.read_thread(ctx, user_id, thread_id, timestamp, team_id)


@router.post(THREADS + "/{thread_id}/set_unread/{post_id}", guard=IN_TEAM)
async def set_thread_unread_by_post_id(
    ctx: Context, user_id: Id, team_id: Id, thread_id: Id, post_id: Id
) -> ThreadResponse:
    """Make a thread unread from one of its posts on."""
    return await service.set_thread_unread(ctx, user_id, thread_id, post_id, team_id)
