"""Lists of posts as API v4 gives them: pages of channels with the threads that belong to them, and threads."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from server.access.grants import may_read_channel
from server.context import Context
from server.errors import NotFound, forbidden
from server.features.posts import list_queries, queries
from server.features.posts.access import readable_post
from server.features.posts.emojis import add_emojis
from server.features.posts.list_queries import Page, ThreadPage
from server.features.posts.metadata import shown, shown_to_readers
from server.features.posts.models import Post, PostList, StoredPost
from server.features.posts.permalinks import add_permalinks
from server.features.threads.models import OnlyId
from server.features.threads.participants import participants_for


async def plain_list(ctx: Context, rows: Sequence[StoredPost]) -> PostList:
    """A list of just these posts, in their order."""
    posts = shown_to_readers(rows)
    await add_emojis(ctx, posts)
    await add_permalinks(ctx, posts)
    return PostList([post.id for post in posts], {post.id: post for post in posts}, "", "", 0)


async def _assembled(
    ctx: Context, listed: Sequence[Post], *, skip_threads: bool, collapsed: bool, extended: bool
) -> PostList:
    """A list with what belongs to it: with collapsed threads who takes part, else the threads of its replies."""
    posts = {post.id: post for post in listed}
    order = list(posts)
    if collapsed:
        began = [post for post in listed if post.participants]
        await add_participants(ctx, began, extended=extended)
    await add_details(ctx, posts, roots=not collapsed, whole=not (collapsed or skip_threads))
    return PostList(order, posts, "", "", 0)


async def add_participants(ctx: Context, posts: Sequence[Post], *, extended: bool) -> None:
    """Put people in the place of the ids of those who take part in threads."""
    if not extended:
        for post in posts:
            post.participants = [OnlyId(user_id) for user_id in post.participants or ()]
    elif posts:
        ids = (user_id for post in posts for user_id in post.participants or ())
        people = await participants_for(ctx, ids, extended=True)
        for post in posts:
            post.participants = [people[user_id] for user_id in post.participants or () if user_id in people]


async def add_details(ctx: Context, posts: dict[str, Post], *, roots: bool = False, whole: bool = False) -> None:
    """Add what pages leave out; the roots of listed replies, and if `whole` all of their threads.

    Most posts have no more than their text, which is seen at a glance.
    """
    rich = [post for post in posts.values() if post.has_reactions or post.file_ids or post.props or ":" in post.message]
    bare = [
        post
        for post in rich
        if (post.has_reactions and post.metadata.reactions is None) or (post.file_ids and post.metadata.files is None)
    ]
    acked = [
        post for post in posts.values() if (urgency := post.metadata.priority) is not None and urgency.requested_ack
    ]
    threads = list({post.root_id for post in posts.values() if post.root_id}) if roots else []
    if bare and not acked and not threads:
        await _add_extras(ctx, bare)
    elif bare or acked or threads:
        wanted = dict.fromkeys([*(post.id for post in bare), *(post.id for post in acked), *threads])
        for row in await list_queries.details_of(ctx.db, list(wanted), threads if whole else []):
            detailed = shown(row)
            known = posts.setdefault(row.id, detailed)
            known.metadata = detailed.metadata
    if threads:
        for post in posts.values():
            root = posts.get(post.root_id)
            if root is not None:
                post.reply_count = root.reply_count
        rich = list(posts.values())
    if rich:
        await add_emojis(ctx, rich)
        await add_permalinks(ctx, rich)


async def _add_extras(ctx: Context, posts: Sequence[Post]) -> None:
    """Add reactions and files to posts that have nothing else that pages leave out."""
    reacted = [post.id for post in posts if post.has_reactions]
    reactions, files = await list_queries.extras_of(
        ctx.db, reacted, [file_id for post in posts for file_id in post.file_ids or ()]
    )
    for post in posts:
        shown_files = [files[file_id] for file_id in post.file_ids or () if file_id in files]
        post.metadata = replace(post.metadata, reactions=reactions.get(post.id), files=shown_files or None)


async def channel_page(
    ctx: Context,
    channel_id: str,
    *,
    page: int = 0,
    per_page: int = 60,
    before: str = "",
    after: str = "",
    include_deleted: bool = False,
    skip_threads: bool = False,
    collapsed: bool = False,
    extended: bool = False,
) -> PostList:
    """A page of a channel, with the ids of its neighbours."""
    # One more at each side tells the neighbours.
    newer = 1 if page else 0
    wanted = Page(
        limit=per_page + newer + 1,
        offset=page * per_page - newer,
        before=before,
        after=after,
        collapsed=collapsed,
        deleted=include_deleted,
    )
    found = await list_queries.page_of(ctx.db, channel_id, ctx.user_id, wanted)
    near = found[0].id if newer and found else ""
    items = found[newer:]
    far = items[per_page].id if len(items) > per_page else ""
    items = items[:per_page]
    if after:
        items.reverse()
    result = await _assembled(ctx, items, skip_threads=skip_threads, collapsed=collapsed, extended=extended)
    if after:
        result.prev_post_id, result.next_post_id = near if page else after, far
    else:
        result.next_post_id, result.prev_post_id = near if page else before, far
    return result


async def channel_since(
    ctx: Context, channel_id: str, since: int, *, skip_threads: bool, collapsed: bool, extended: bool
) -> PostList:
    """What was written, changed or deleted in a channel after a time, a thousand posts at most."""
    listed = await list_queries.changed_since(ctx.db, channel_id, ctx.user_id, since, collapsed)
    return await _assembled(ctx, listed, skip_threads=skip_threads, collapsed=collapsed, extended=extended)


async def around_unread(
    ctx: Context,
    user_id: str,
    channel_id: str,
    *,
    before: int,
    after: int,
    skip_threads: bool,
    collapsed: bool,
    extended: bool,
) -> PostList:
    """The posts around the first one that a user has not read; the newest ones when all are read."""
    unread, read = await list_queries.around_unread(ctx.db, channel_id, user_id, before + 1, after + 1, collapsed)
    next_id = unread[0].id if len(unread) > after else ""
    prev_id = read[-1].id if len(read) > before else ""
    items = [*(unread[1:] if next_id else unread), *(read[:-1] if prev_id else read)]
    result = await _assembled(ctx, items, skip_threads=skip_threads, collapsed=collapsed, extended=extended)
    result.next_post_id, result.prev_post_id = next_id, prev_id
    return result


async def thread(
    ctx: Context, post_id: str, page: ThreadPage, *, alone: bool, collapsed: bool, extended: bool
) -> PostList:
    """The thread that a post belongs to; in the order that post stands first, and again in its place.

    `alone`: just the post. Raises NotFound when the post or the root is gone, Forbidden for who may not read it.
    """
    size = page.limit
    rows: list[StoredPost] = []
    place, full = None, False
    if not alone:
        page.limit = size + 1
        rows, place, full = await list_queries.thread_page(ctx.db, post_id, ctx.user_id, page, collapsed)
    has_next = full or len(rows) > size
    rows = rows[:size]
    post = next((row for row in rows if row.id == post_id and not row.delete_at), None)
    if post is None:
        post = await readable_post(ctx, post_id)
    elif not await may_read_channel(ctx, post.channel_id):
        raise forbidden()
    if alone:
        rows = [post]
    root_id = post.root_id or post.id
    posts = {each.id: each for each in shown_to_readers(rows)}
    if post.id not in posts:
        posts[post.id] = shown(post)
    root = posts.get(root_id) or await _root(ctx, root_id)
    for each in posts.values():
        each.reply_count = root.reply_count
    if collapsed and root_id in posts:
        place = place or await list_queries.place_in_thread(ctx.db, root_id, ctx.user_id)
        root.last_reply_at, root.is_following = place.last_reply_at, place.is_following
        if place.participants:
            root.participants = place.participants
            await add_participants(ctx, [root], extended=extended)
    await add_emojis(ctx, posts.values())
    await add_permalinks(ctx, posts.values())
    order = [post.id] if alone else [post.id, *(row.id for row in rows)]
    return PostList(order, posts, "", "", 0, has_next)


async def _root(ctx: Context, root_id: str) -> Post:
    row = await queries.post_by_id(ctx.db, root_id)
    if row is None:
        raise NotFound("app.post.get.app_error", "There is no such post.")
    return shown(row)


async def readable(ctx: Context, rows: Iterable[StoredPost]) -> list[Post]:
    """Those of the posts that the caller may read."""
    found = list(rows)
    channel_ids = {row.channel_id for row in found}
    allowed = {channel_id for channel_id in channel_ids if await may_read_channel(ctx, channel_id)}
    posts = [shown(row) for row in found if row.channel_id in allowed]
    await add_emojis(ctx, posts)
    await add_permalinks(ctx, posts)
    return posts
