"""Moving a thread to another channel: copies of its posts are written there, and the originals deleted.

Copies, because clients remember posts by their ids and channels by what was deleted there: so each client, also one
that was away, sees the thread leave one channel and appear in the other.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from server.access.grants import ChannelPlace, channel_place, check_channel, member_roles, team_roles_of
from server.access.permissions import Permission
from server.access.sessions import signed_in_session
from server.bus.event import Room
from server.context import Change, Context
from server.errors import BadRequest, Forbidden, NotAvailable, forbidden
from server.features.acknowledgements import queries as acknowledgement_queries
from server.features.channels.rooms import room_of
from server.features.files.queries import move_files
from server.features.persistent_notifications import queries as persistent_queries
from server.features.posts import delete_queries, move_queries, queries
from server.features.posts.access import no_such_post, readable_post
from server.features.posts.contents import contents_of
from server.features.posts.delete_service import deletion_news
from server.features.posts.events import turn_of
from server.features.posts.insert import Draft, statement_for, written_of
from server.features.posts.keywords import Mentioned, mentioned_by, mentioned_in_room
from server.features.posts.models import UNCOUNTED, WRANGLER, Priority, StoredPost
from server.features.posts.service import Place, may_post, news_of, post_system
from server.features.preferences.queries import rename_of_all
from server.features.preferences.service import FLAGGED_POST
from server.features.reactions.queries import copy_reactions
from server.features.reminders import queries as reminder_queries
from server.features.users.lookup import get_user
from server.ids import id_at

MOST = 1000
"""Posts of a thread that is moved, where the settings say no number."""

_PERSONAL = ("D", "G")

_json = msgspec.json.Encoder().encode


class Move(Struct):
    """From where to where."""

    source: ChannelPlace
    target: ChannelPlace
    room: Room
    """Of the target."""


async def move_thread(ctx: Context, post_id: str, channel_id: str) -> None:
    """Move the thread of a post that the caller may delete into a channel where the caller may write.

    Raises Forbidden without the rights, BadRequest for what the settings don't let go.
    """
    if not ctx.config.FeatureFlags.get("MoveThreadsEnabled"):
        raise NotAvailable("api.post.move_thread.disabled.app_error", "Moving threads is switched off.")
    post = await readable_post(ctx, post_id)
    root = await readable_post(ctx, post.root_id) if post.root_id else post
    await _check_mover(ctx, root)
    move = await _checked_move(ctx, root.channel_id, channel_id)
    async with ctx.begin() as tx:
        for each in sorted((move.source.id, move.target.id)):
            await queries.lock_channel(tx, each)
        rows = await _movable(ctx, tx, root.id)
        root_id = await _rewrite(ctx, tx, move, rows)
    await _tell(ctx, move, rows, root_id)


async def _check_mover(ctx: Context, root: StoredPost) -> None:
    """Only members of the channel who may delete the thread, with a role and an address that the settings name."""
    session = signed_in_session(ctx)
    channel_id = root.channel_id
    own_roles = await member_roles(ctx, channel_id, ctx.user_id)
    if own_roles is None:
        raise forbidden()
    own = root.user_id == ctx.user_id
    await check_channel(ctx, channel_id, Permission.DELETE_POST if own else Permission.DELETE_OTHERS_POSTS)
    settings = ctx.config.WranglerSettings
    if "system_admin" in session.roles.split():
        return
    place = await channel_place(ctx, channel_id)
    team_roles = (await team_roles_of(ctx, ctx.user_id)).get(place.team_id, []) if place is not None else []
    roles = {*session.roles.split(), *own_roles, *team_roles}
    user = await get_user(ctx, ctx.user_id)
    email = user.email.lower() if user is not None else ""
    domains = settings.AllowedEmailDomain
    if (settings.PermittedWranglerRoles and roles.isdisjoint(settings.PermittedWranglerRoles)) or (
        domains and not any(email.endswith(f"@{domain.lower().lstrip('@')}") for domain in domains)
    ):
        raise Forbidden("api.post.move_thread.no_permission", "You may not move threads.")


async def _checked_move(ctx: Context, source_id: str, target_id: str) -> Move:
    source, target = await channel_place(ctx, source_id), await channel_place(ctx, target_id)
    if source is None or target is None or await member_roles(ctx, target_id, ctx.user_id) is None:
        raise forbidden()
    if not await may_post(ctx, target):
        raise forbidden()
    settings = ctx.config.WranglerSettings
    allowed = {
        "P": settings.MoveThreadFromPrivateChannelEnable,
        "D": settings.MoveThreadFromDirectMessageChannelEnable,
        "G": settings.MoveThreadFromGroupMessageChannelEnable,
    }
    if not allowed.get(source.type, True):
        raise _refusal("Threads of this kind of channel can't be moved.")
    if source.delete_at or target.delete_at:
        raise _refusal("The channel is archived.")
    if source.id == target.id:
        raise _refusal("The thread is in that channel.")
    if source.type in _PERSONAL and target.type in _PERSONAL:
        raise _refusal("A thread can't be moved between direct channels.")
    if (
        not settings.MoveThreadToAnotherTeamEnable
        and source.team_id != target.team_id
        and source.team_id
        and target.team_id
    ):
        raise _refusal("Threads stay in their team.")
    return Move(source, target, await room_of(ctx, target.id))


def _refusal(message: str) -> BadRequest:
    return BadRequest("app.post.move_thread_command.error", message)


async def _movable(ctx: Context, tx: Change, root_id: str) -> list[StoredPost]:
    """The posts of the thread, the root first."""
    most = ctx.config.WranglerSettings.MoveThreadMaxCount
    most = min(most, MOST) if most > 0 else MOST
    rows = await move_queries.thread_of(tx, root_id, most + 1)
    if not rows or rows[0].id != root_id:
        raise no_such_post()
    if len(rows) > most:
        raise _refusal(f"Only threads of up to {most} posts can be moved.")
    if rows[0].type.startswith("system_"):
        raise _refusal("The server's own posts can't be moved.")
    return rows


async def _rewrite(ctx: Context, tx: Change, move: Move, rows: Sequence[StoredPost]) -> str:
    """Write the copies, hand on what belongs to the posts, delete the originals; the id of the new root."""
    now = ctx.now()
    old_ids = [row.id for row in rows]
    new_ids = [id_at(now + turn) for turn in range(len(rows))]
    drafts: list[Draft] = []
    mentions: dict[str, Sequence[str]] = {}
    for row, new_id in zip(rows, new_ids, strict=True):
        mentioned = await _mentioned(ctx, move, row)
        mentions[new_id] = mentioned.users
        drafts.append(_draft(ctx, move, row, new_id, new_ids[0], mentioned, now))
    # Replies need their root to be there.
    before: list[int] = []
    for group in (drafts[:1], drafts[1:]):
        if group:
            sql, arguments = statement_for(group)
            written = written_of(group, await tx.rows(sql, *arguments))
            if len(written) != len(group):
                raise _refusal("The channel is archived.")
            before += [each.before for each in written.values()]
    await move_queries.complete_copies(tx, old_ids, new_ids)
    await move_queries.copy_followers(tx, old_ids[0], new_ids[0], move.target.id)
    await copy_reactions(tx, old_ids, new_ids, move.target.id)
    await move_files(tx, old_ids, new_ids, move.target.id, now)
    await acknowledgement_queries.copy_to(tx, old_ids, new_ids)
    await persistent_queries.repoint(tx, old_ids, new_ids)
    await reminder_queries.repoint(tx, old_ids, new_ids)
    for user_id in set(await rename_of_all(tx, FLAGGED_POST, old_ids, new_ids)):
        tx.invalidate(f"preferences:{user_id}")
    changed_at = await queries.next_change(tx, move.source.id, now)
    gone = await delete_queries.delete_post(tx, old_ids[0], ctx.user_id, changed_at)
    tx.publish(*deletion_news(await room_of(ctx, move.source.id), gone[0], ctx.user_id))
    copies = await move_queries.written_posts(tx, new_ids)
    tx.invalidate(*contents_of([*gone, *copies]))
    for row, newest in zip(copies, before, strict=True):
        place = Place(move.target, move.room)
        tx.publish(await news_of(ctx, place, row, mentions[row.id], turn_of(row, newest)))
    return new_ids[0]


async def _mentioned(ctx: Context, move: Move, row: StoredPost) -> Mentioned:
    """Whom a copy calls: the members of the channel that it goes to, as a new post would."""
    if move.target.type in _PERSONAL:
        return await mentioned_in_room(move.room, row.user_id)
    return await mentioned_by(
        ctx, move.target, row.user_id, row.message, row.props, type=row.type, is_reply=bool(row.root_id)
    )


def _draft(
    ctx: Context, move: Move, row: StoredPost, new_id: str, root_id: str, mentioned: Mentioned, now: int
) -> Draft:
    return Draft(
        id=new_id,
        user_id=row.user_id,
        channel_id=move.target.id,
        root_id=root_id if row.root_id else "",
        message=row.message,
        type=row.type,
        props_json=_json(row.props).decode(),
        hashtags=row.hashtags,
        is_pinned=row.is_pinned,
        priority=Priority(**row.priority) if row.priority is not None else None,
        now=now,
        counts=row.type not in UNCOUNTED,
        views=False,
        mentions=mentioned.kept,
        notified=mentioned.users,
        also_follow=mentioned.also_follow,
        auto_follow=ctx.config.ServiceSettings.ThreadAutoFollow,
    )


async def _tell(ctx: Context, move: Move, rows: Sequence[StoredPost], root_id: str) -> None:
    """Say in both channels what has happened."""
    await post_system(
        ctx,
        channel_id=move.target.id,
        user_id=ctx.user_id,
        type=WRANGLER,
        root_id=root_id,
        message="This thread was moved here from another channel.",
        props={"TranslationID": "app.post.move_thread.from_another_channel"},
    )
    count = len(rows)
    many = "one_message" if count == 1 else "multiple_messages"
    moved = "A message was moved" if count == 1 else f"A thread of {count} messages was moved"
    if move.target.type in _PERSONAL:
        message = f"{moved} to a direct or group channel."
        props: dict[str, object] = {"TranslationID": f"app.post.move_thread_command.direct_or_group.{many}"}
    else:
        link = f"{ctx.config.ServiceSettings.SiteURL.rstrip('/')}/_redirect/pl/{root_id}"
        message = f"{moved}: {link}"
        props = {"TranslationID": f"app.post.move_thread_command.channel.{many}", "MovedThreadPermalink": link}
    await post_system(
        ctx,
        channel_id=move.source.id,
        user_id=ctx.user_id,
        type=WRANGLER,
        message=message,
        props={**props, "NumMessages": count},
    )
