"""Lists of posts: pages of channels, threads, pinned and flagged posts."""

from typing import Literal

from server.access.grants import check_system, may_read_channel
from server.access.guards import all_of, in_service, on_channel, reads_channel, self_or
from server.access.permissions import Permission
from server.config.client import VERSION
from server.context import Context
from server.errors import invalid_body
from server.features.posts import list_queries, listeners, lists
from server.features.posts.list_queries import MAX_THREAD_POSTS, ThreadPage
from server.features.posts.models import PostList
from server.features.posts.permalinks import changed_sources
from server.http.params import Page, PerPage
from server.http.reply import revalidate
from server.http.router import Router
from server.ids import Id

router = Router("posts")

MAX_AROUND = 200
"""Posts before or after the first unread one."""

listeners.listen()


@router.get("/channels/{channel_id}/posts", guard=reads_channel)
async def get_posts_for_channel(
    ctx: Context,
    channel_id: Id,
    page: Page = 0,
    per_page: PerPage = 60,
    since: int = 0,
    before: Id = "",
    after: Id = "",
    include_deleted: bool = False,
    skipFetchThreads: bool = False,  # noqa: N803
    collapsedThreads: bool = False,  # noqa: N803
    collapsedThreadsExtended: bool = False,  # noqa: N803
) -> PostList:
    """Posts of a channel, newest first: a page, those before or after a post, or what changed since a time."""
    if since < 0:
        raise invalid_body("since")
    if include_deleted:
        await check_system(ctx, Permission.MANAGE_SYSTEM)
    if since:
        return await lists.channel_since(
            ctx,
            channel_id,
            since,
            skip_threads=skipFetchThreads,
            collapsed=collapsedThreads,
            extended=collapsedThreadsExtended,
        )
    result = await lists.channel_page(
        ctx,
        channel_id,
        page=page,
        per_page=per_page,
        before=before,
        after=after,
        include_deleted=include_deleted,
        skip_threads=skipFetchThreads,
        collapsed=collapsedThreads,
        extended=collapsedThreadsExtended,
    )
    # What the caller follows is no change of a post, so a list that shows it can't be told by the posts' changes.
    if not collapsedThreads:
        revalidate(ctx, ctx.if_none_match, _etag(channel_id, result))
    return result


def _etag(channel_id: str, listed: PostList) -> str:
    """Other posts, or a newer change of one of them, make another ETag: within a channel no two changes have a time.

    What they show of posts elsewhere has changes of its own.
    """
    changed_at = max((post.update_at for post in listed.posts.values()), default=0)
    first, last = (listed.order[0], listed.order[-1]) if listed.order else ("", "")
    shown = changed_sources(listed.posts.values())
    return f"{VERSION}.{channel_id}.{changed_at}.{len(listed.posts)}.{first}.{last}.{shown}"


@router.get("/users/{user_id}/channels/{channel_id}/posts/unread", guard=all_of(self_or(), reads_channel))
async def get_posts_around_last_unread(
    ctx: Context,
    user_id: Id,
    channel_id: Id,
    limit_before: int = 60,
    limit_after: int = 60,
    skipFetchThreads: bool = False,  # noqa: N803
    collapsedThreads: bool = False,  # noqa: N803
    collapsedThreadsExtended: bool = False,  # noqa: N803
) -> PostList:
    """The posts around the first one of a channel that a user has not read; the newest ones when all are read."""
    if limit_before < 0:
        raise invalid_body("limit_before")
    if limit_after < 1:
        raise invalid_body("limit_after")
    return await lists.around_unread(
        ctx,
        user_id,
        channel_id,
        before=min(limit_before, MAX_AROUND),
        after=min(limit_after, MAX_AROUND),
        skip_threads=skipFetchThreads,
        collapsed=collapsedThreads,
        extended=collapsedThreadsExtended,
    )


@router.get("/posts/{post_id}/thread", guard=in_service("who may read the channel of the post"))
async def get_post_thread(
    ctx: Context,
    post_id: Id,
    perPage: int = 0,  # noqa: N803
    fromPost: Id = "",  # noqa: N803
    fromCreateAt: int = 0,  # noqa: N803
    fromUpdateAt: int = 0,  # noqa: N803
    direction: Literal["", "up", "down"] = "",
    updatesOnly: bool = False,  # noqa: N803
    skipFetchThreads: bool = False,  # noqa: N803
    collapsedThreads: bool = False,  # noqa: N803
    collapsedThreadsExtended: bool = False,  # noqa: N803
) -> PostList:
    """The thread of a post: all of it up to a thousand posts, or a page from a post on."""
    if not 0 <= perPage <= 200:
        raise invalid_body("perPage")
    from_time = fromUpdateAt if updatesOnly else fromCreateAt
    if from_time < 0 or (updatesOnly and (not from_time or direction == "up")):
        raise invalid_body("fromUpdateAt" if updatesOnly else "fromCreateAt")
    if fromPost and not from_time:
        raise invalid_body("fromCreateAt")
    page = ThreadPage(
        limit=perPage or MAX_THREAD_POSTS,
        up=direction == "up",
        from_post=fromPost,
        from_time=from_time,
        updates_only=updatesOnly,
    )
    return await lists.thread(
        ctx, post_id, page, alone=skipFetchThreads, collapsed=collapsedThreads, extended=collapsedThreadsExtended
    )


@router.get("/channels/{channel_id}/pinned", guard=on_channel(Permission.READ_CHANNEL_CONTENT))
async def get_pinned_posts(ctx: Context, channel_id: Id) -> PostList:
    """The pinned posts of a channel, newest first."""
    result = await lists.plain_list(ctx, await list_queries.pinned_in(ctx.db, channel_id))
    revalidate(ctx, ctx.if_none_match, _etag(channel_id, result))
    return result


@router.get("/users/{user_id}/posts/flagged", guard=self_or())
async def get_flagged_posts_for_user(
    ctx: Context, user_id: Id, team_id: Id = "", channel_id: Id = "", page: Page = 0, per_page: PerPage = 60
) -> PostList:
    """The posts that a user flagged and the caller may read, newest first."""
    rows = await list_queries.flagged_by(ctx.db, user_id, team_id, channel_id, per_page, page * per_page)
    readable = {each: await may_read_channel(ctx, each) for each in {row.channel_id for row in rows}}
    rows = [row for row in rows if readable[row.channel_id]]
    return await lists.plain_list(ctx, rows)
