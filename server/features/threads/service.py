"""Following and reading threads, and what followers hear of replies."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from server.access.grants import channel_place, may_read_channel, post_channel_id
from server.context import Context
from server.errors import NotFound, forbidden, invalid_url
from server.features.posts.emojis import add_emojis
from server.features.posts.lists import add_details
from server.features.posts.metadata import shown, shown_deleted
from server.features.posts.models import Post, StoredPost
from server.features.posts.permalinks import add_permalinks
from server.features.posts.queries import post_by_id
from server.features.threads import queries
from server.features.threads.events import ThreadFollowChanged, ThreadReadChanged, ThreadUpdated
from server.features.threads.models import (
    Filter,
    Follower,
    Participant,
    ThreadResponse,
    ThreadState,
    Totals,
    UserThreads,
)
from server.features.threads.participants import participants_for, participants_for_all

READ: list[Callable[[Context, str, str, str], Awaitable[None]]] = []
"""Called with the ids of a user, a channel and a thread of it that the user has read now."""


async def tell_followers(ctx: Context, root_id: str, mentioned: Collection[str], author_id: str) -> None:
    """Tell every follower of a thread that it got a reply by the author, which mentions some users."""
    await ctx.tell((), await followers_news(ctx, root_id, mentioned, author_id))


async def followers_news(
    ctx: Context, root_id: str, mentioned: Collection[str], author_id: str
) -> Sequence[ThreadUpdated]:
    """What each follower of a thread hears of a reply by the author, which mentions some users."""
    found = await queries.thread_with_followers(ctx.db, root_id)
    if found is None or not found[2]:
        return ()
    state, row, followers = found
    place = await channel_place(ctx, row.channel_id)
    post = _shown(row)
    await add_emojis(ctx, [post])
    thread = ThreadResponse(
        id=row.id,
        reply_count=state.reply_count,
        last_reply_at=state.last_reply_at,
        last_viewed_at=0,
        participants=await participants_for_all(ctx, state.participants),
        post=post,
        unread_replies=0,
        unread_mentions=0,
        is_urgent=queries.is_urgent(row.priority),
        delete_at=state.delete_at,
    )
    team_id = place.team_id if place is not None else ""
    return [_news(thread, follower, team_id, mentioned, author_id) for follower in followers]


def _news(
    thread: ThreadResponse, follower: Follower, team_id: str, mentioned: Collection[str], author_id: str
) -> ThreadUpdated:
    own = follower.user_id == author_id
    return ThreadUpdated(
        user_id=follower.user_id,
        team_id=team_id,
        thread=ThreadResponse(
            id=thread.id,
            reply_count=thread.reply_count,
            last_reply_at=thread.last_reply_at,
            last_viewed_at=follower.last_viewed_at,
            participants=thread.participants,
            post=thread.post,
            unread_replies=follower.unread_replies,
            unread_mentions=follower.unread_mentions,
            is_urgent=thread.is_urgent,
            delete_at=thread.delete_at,
        ),
        previous_unread_mentions=max(0, follower.unread_mentions - (follower.user_id in mentioned)),
        previous_unread_replies=follower.unread_replies if own else max(0, follower.unread_replies - 1),
    )


def _shown(row: StoredPost) -> Post:
    return shown_deleted(row) if row.delete_at else shown(row)


def _response(state: ThreadState, post: Post, row: StoredPost, people: Mapping[str, Participant]) -> ThreadResponse:
    post.reply_count = state.reply_count
    post.last_reply_at = state.last_reply_at
    post.is_following = state.following
    return ThreadResponse(
        id=row.id,
        reply_count=state.reply_count,
        last_reply_at=state.last_reply_at,
        last_viewed_at=state.last_viewed_at,
        participants=[people[user_id] for user_id in state.participants if user_id in people],
        post=post,
        unread_replies=state.unread_replies,
        unread_mentions=state.unread_mentions,
        is_urgent=queries.is_urgent(row.priority),
        delete_at=state.delete_at,
        is_following=state.following,
    )


async def get_threads(
    ctx: Context, user_id: str, team_id: str, which: Filter, *, extended: bool, threads: bool, totals: bool
) -> UserThreads:
    """A page of the threads that a user follows in a team, and in direct and group channels, and the totals."""
    sums = await queries.totals_of(ctx.db, user_id, team_id, which) if totals else Totals()
    found: list[ThreadResponse] | None = None
    if threads:
        found = await queries.threads_of(ctx.db, user_id, team_id, which)
        people = await participants_for(
            ctx, (each for thread in found for each in thread.participants), extended=extended
        )
        for thread in found:
            thread.participants = [people[each] for each in thread.participants if each in people]
        await add_details(ctx, {thread.id: thread.post for thread in found})
    return UserThreads(
        total=sums.total,
        total_unread_threads=sums.total_unread_threads,
        total_unread_mentions=sums.total_unread_mentions,
        total_unread_urgent_mentions=sums.total_unread_urgent_mentions,
        threads=found,
    )


async def get_thread(ctx: Context, user_id: str, thread_id: str, *, extended: bool = True) -> ThreadResponse:
    """A thread as one of its followers sees it; raises NotFound for others."""
    found = await _visible(ctx, user_id, thread_id)
    if not found[0].following:
        raise _not_followed()
    return await _one(ctx, *found, extended=extended)


async def _one(ctx: Context, state: ThreadState, row: StoredPost, *, extended: bool = True) -> ThreadResponse:
    people = await participants_for(ctx, state.participants, extended=extended)
    post = _shown(row)
    await add_emojis(ctx, [post])
    await add_permalinks(ctx, [post])
    return _response(state, post, row, people)


async def _visible(ctx: Context, user_id: str, thread_id: str) -> tuple[ThreadState, StoredPost]:
    found = await queries.thread_of(ctx.db, user_id, thread_id)
    if found is None:
        raise _not_followed()
    if not await may_read_channel(ctx, found[1].channel_id):
        raise forbidden()
    return found


def _not_followed() -> NotFound:
    return NotFound("app.user.get_thread_membership_for_user.not_found", "The user does not follow this thread.")


async def _root(ctx: Context, thread_id: str) -> StoredPost:
    """The root of a thread that the caller may read."""
    row = await post_by_id(ctx.db, thread_id)
    if row is None or row.root_id or row.delete_at:
        raise NotFound("app.post.get.app_error", "There is no such thread.")
    if not await may_read_channel(ctx, row.channel_id):
        raise forbidden()
    return row


async def _team_of(ctx: Context, row: StoredPost, team_id: str) -> str:
    """The team of a thread; those of direct and group channels are in that in which the user looks at them."""
    place = await channel_place(ctx, row.channel_id)
    return place.team_id or team_id if place is not None else ""


async def follow(ctx: Context, user_id: str, thread_id: str, following: bool, team_id: str = "") -> None:
    """Follow a thread, from now on as read, or stop it, which lasts until the user replies or is mentioned there.

    `team_id` is where the user looks at it.
    """
    row = await _root(ctx, thread_id)
    await queries.set_following(ctx.db, thread_id, user_id, following, ctx.now())
    await ctx.tell(
        (),
        [
            ThreadFollowChanged(
                user_id=user_id,
                team_id=await _team_of(ctx, row, team_id),
                thread_id=thread_id,
                state=following,
                reply_count=row.reply_count,
            )
        ],
    )


async def read_thread(ctx: Context, user_id: str, thread_id: str, timestamp: int, team_id: str = "") -> ThreadResponse:
    """Set the time up to which a user, who looks at it in `team_id`, has read a thread."""
    channel_id = await post_channel_id(ctx, thread_id)
    if channel_id is None or not await may_read_channel(ctx, channel_id):
        channel_id = (await _visible(ctx, user_id, thread_id))[1].channel_id  # or else it says what is the matter
    unread_before, response = await _set_viewed(ctx, user_id, thread_id, timestamp, team_id)
    if unread_before and not response.unread_replies:
        for listener in READ:
            await listener(ctx, user_id, channel_id, thread_id)
    return response


async def set_thread_unread(
    ctx: Context, user_id: str, thread_id: str, post_id: str, team_id: str = ""
) -> ThreadResponse:
    """Make a thread unread from one of its posts on; the user, who looks at it in `team_id`, follows it then."""
    await _root(ctx, thread_id)
    post = await post_by_id(ctx.db, post_id)
    if post is None or post.delete_at or thread_id not in (post.id, post.root_id):
        raise invalid_url("post_id")
    found = await queries.thread_of(ctx.db, user_id, thread_id)
    if found is None or not found[0].following:
        await follow(ctx, user_id, thread_id, True, team_id)
    return (await _set_viewed(ctx, user_id, thread_id, post.create_at - 1, team_id))[1]


async def _set_viewed(
    ctx: Context, user_id: str, thread_id: str, viewed_at: int, team_id: str
) -> tuple[int, ThreadResponse]:
    """How many replies were unread before, and the thread as it is now."""
    found = await queries.set_viewed(ctx.db, thread_id, user_id, viewed_at, ctx.now())
    if found is None:
        raise _not_followed()
    replies_before, mentions_before, state, row = found
    await ctx.tell(
        (),
        [
            ThreadReadChanged(
                user_id=user_id,
                team_id=await _team_of(ctx, row, team_id),
                timestamp=viewed_at,
                thread_id=thread_id,
                channel_id=row.channel_id,
                unread_mentions=state.unread_mentions,
                unread_replies=state.unread_replies,
                previous_unread_mentions=mentions_before,
                previous_unread_replies=replies_before,
            )
        ],
    )
    return replies_before, await _one(ctx, state, row)


async def read_team(ctx: Context, user_id: str, team_id: str) -> None:
    """Mark all threads that a user follows in a team, and in direct and group channels, as read."""
    now = ctx.now()
    await queries.read_in_team(ctx.db, user_id, team_id, now)
    await ctx.tell((), [ThreadReadChanged(user_id=user_id, team_id=team_id, timestamp=now)])
