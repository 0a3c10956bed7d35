"""Writing posts: what may be written, whom it calls, and what everyone hears of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from server.access.grants import ChannelPlace, channel_place, has_channel, has_system
from server.access.permissions import Permission
from server.access.sessions import is_access_token
from server.bus.event import Event, Room, Turn
from server.bus.signals import Invalidate, Signal
from server.context import Context
from server.errors import BadRequest, Busy, Forbidden, NotFound, forbidden
from server.features.channels.counts import contents_tag
from server.features.channels.rooms import room_of
from server.features.posts import models as types
from server.features.posts import queries
from server.features.posts.channel_mentions import link_channels
from server.features.posts.emojis import add_emojis, emojis_in, put_emojis
from server.features.posts.ephemeral import tell_of_outsiders, tell_of_silence
from server.features.posts.events import Posted, turn_again, turn_of
from server.features.posts.followups import Upcoming, plan
from server.features.posts.hashtags import hashtags_in
from server.features.posts.insert import Draft, Written
from server.features.posts.keywords import Mentioned, may_learn_of_outsiders, mentioned_by, mentioned_in_room
from server.features.posts.metadata import check_message, check_props, shown
from server.features.posts.models import MAX_FILES, MAX_MESSAGE, MAX_PENDING_ID, NewPost, Post, Priority, StoredPost
from server.features.posts.permalinks import add_permalinks, link_post
from server.features.posts.persistence import note_persistent
from server.features.posts.writer import PostWriter
from server.features.status.service import set_online as note_online
from server.features.threads.collapsed import DISABLED, collapsed_for, mode_of
from server.features.threads.service import tell_followers
from server.features.users.lookup import get_user
from server.features.users.models import User
from server.ids import id_at, is_id
from server.jobs.job import Job

DIRECT, GROUP = "D", "G"

INTEGRATION_PROPS = (
    "from_webhook",
    "override_username",
    "override_icon_url",
    "override_icon_emoji",
    "from_plugin",
    "from_oauth_app",
)
"""Props that say that no person wrote a post: people who signed in can't set them."""


class Place(Struct):
    """Where a post goes, and how its author appears there."""

    channel: ChannelPlace
    room: Room
    alias: str = ""
    """The name that an integration shows instead of the author's, "" for none."""
    set_online: bool = False


async def create_post(
    ctx: Context,
    new: NewPost,
    *,
    set_online: bool = True,
    from_webhook: bool = False,
    user_id: str = "",
    id: str = "",
    type: str = "",
) -> Post:
    """Write a post of the caller, or of `user_id` whose name an integration lends (`from_webhook`).

    The caller's right to write into the channel is checked unless it is a webhook. Who may try the same post several
    times chooses its `id`, and looks first whether it is there. A `type` is one that clients can't give.
    """
    author_id = user_id or ctx.user_id
    place = await _place_for(ctx, new.channel_id, check=not from_webhook)
    _check_text(new)
    if not type:
        _check_type(new.type)
    is_bot = ctx.session is not None and ctx.session.is_bot
    props = given_props(ctx, new.props, from_webhook=from_webhook)
    await link_channels(ctx, ctx.db, place.channel, new.message, props)
    link_post(ctx.config, new.message, props)
    now = ctx.now()
    draft = Draft(
        id=id or id_at(now),
        user_id=author_id,
        channel_id=place.channel.id,
        root_id=_root_id(new.root_id),
        message=new.message,
        type=type or new.type,
        props_json=check_props(props).decode(),
        hashtags=hashtags_in(new.message, ctx.config.ServiceSettings.MinimumHashtagLength),
        file_ids=checked_file_ids(new),
        is_pinned=new.is_pinned,
        priority=checked_priority(ctx, new),
        pending_post_id=new.pending_post_id,
        now=now,
        dated=await _dated(ctx, new.create_at, now),
        views=not (from_webhook or is_bot) and not (new.root_id and await collapsed_for(ctx, author_id)),
        auto_follow=ctx.config.ServiceSettings.ThreadAutoFollow,
    )
    mentioned = await _mentioned(ctx, place, draft, props, self_too=from_webhook)
    if draft.priority is not None and draft.priority.persistent_notifications:
        await note_persistent(ctx, place.channel, place.room, draft, props)
    draft.jobs = await _followups(ctx, place, draft, props, is_bot=is_bot, from_webhook=from_webhook)
    place.set_online = set_online and not from_webhook
    if from_webhook:
        place.alias = alias_in(ctx, props)
    post = await _write(ctx, place, draft, props, mentioned)
    await add_permalinks(ctx, [post])
    if place.set_online:
        await note_online(ctx, author_id)
    if mentioned.outsiders and await may_learn_of_outsiders(ctx):
        await tell_of_outsiders(ctx, place.room, post, mentioned.outsiders)
    if mentioned.silenced:
        await tell_of_silence(ctx, post, mentioned.silenced)
    return post


async def tell_again(ctx: Context, row: StoredPost) -> None:
    """Publish a post of a chosen id that its writer may not have lived to publish. Raises Forbidden and BadRequest."""
    place = await _place_for(ctx, row.channel_id, check=False)
    mentioned = await mentioned_again(ctx, place, row)
    await ctx.tell((), [await news_of(ctx, place, row, mentioned.users, turn_again(row))])


async def mentioned_again(ctx: Context, place: Place, row: StoredPost) -> Mentioned:
    """Whom a stored post calls by its text."""
    draft = Draft(
        id=row.id,
        user_id=row.user_id,
        channel_id=row.channel_id,
        root_id=row.root_id,
        message=row.message,
        type=row.type,
        now=row.create_at,
    )
    return await _mentioned(ctx, place, draft, row.props, self_too=False)


async def news_of(
    ctx: Context,
    place: Place,
    row: StoredPost,
    mentioned: Sequence[str],
    turn: Turn | None,
    *,
    followers: Sequence[str] = (),
    pending_post_id: str = "",
) -> Posted:
    """What everyone hears of a post that is stored and calls these users."""
    post = shown(row)
    await add_emojis(ctx, [post])
    post.pending_post_id = pending_post_id
    return _posted(place, post, await get_user(ctx, row.user_id), mentioned, followers, turn)


async def post_system(
    ctx: Context,
    *,
    channel_id: str,
    user_id: str,
    type: str,
    message: str,
    props: Mapping[str, Any],
    root_id: str = "",
) -> Post:
    """Write what the server itself has to say, after the commit of what it tells; also into archived channels.

    `user_id` is who did it. A user that is added to the channel is called; the one who does it has read the post.
    """
    channel = await channel_place(ctx, channel_id)
    if channel is None:
        raise NotFound("app.channel.get.existing.app_error", "There is no such channel.")
    place = Place(channel, await room_of(ctx, channel_id))
    now = ctx.now()
    known = dict(props)
    await link_channels(ctx, ctx.db, channel, message, known)
    counts = type not in types.UNCOUNTED
    draft = Draft(
        id=id_at(now),
        user_id=user_id,
        channel_id=channel_id,
        root_id=root_id,
        message=message[:MAX_MESSAGE],
        type=type,
        props_json=check_props(known).decode(),
        now=now,
        counts=counts,
        views=counts and not root_id,
        anyway=True,
        auto_follow=False,
    )
    mentioned = Mentioned()
    if counts and channel.type not in (DIRECT, GROUP):
        mentioned = await mentioned_by(ctx, channel, user_id, message, known, type=type)
    elif type in (types.ADD_TO_CHANNEL, types.ADD_GUEST_TO_CHANNEL) and known.get("addedUserId"):
        # Counted already when the membership was made.
        draft.mentions = [known["addedUserId"]]
        draft.jobs = await _followups(ctx, place, draft, known, called=draft.mentions)
        return await _write(ctx, place, draft, known, mentioned, called=draft.mentions)
    draft.mentions, draft.notified = mentioned.kept, mentioned.users
    draft.jobs = await _followups(ctx, place, draft, known)
    return await _write(ctx, place, draft, known, mentioned)


async def _place_for(ctx: Context, channel_id: str, *, check: bool) -> Place:
    channel = await channel_place(ctx, channel_id) if is_id(channel_id) else None
    if channel is None:
        raise forbidden()
    if check and not await may_post(ctx, channel):
        raise forbidden()
    if channel.delete_at:
        raise _archived()
    room = await room_of(ctx, channel_id) if channel.type in (DIRECT, GROUP) else Room(channel_id)
    return Place(channel, room)


async def may_post(ctx: Context, channel: ChannelPlace) -> bool:
    """Whether the caller may write into a channel."""
    return await has_channel(ctx, channel.id, Permission.CREATE_POST) or (
        channel.type == "O" and await has_channel(ctx, channel.id, Permission.CREATE_POST_PUBLIC)
    )


def _archived() -> BadRequest:
    return BadRequest(
        "api.post.create_post.can_not_post_to_deleted.error", "Nothing can be posted to an archived channel."
    )


def _bad_root() -> BadRequest:
    return BadRequest("api.post.create_post.root_id.app_error", "root_id is not the first post of a thread.")


def _root_id(root_id: str) -> str:
    if root_id and not is_id(root_id):
        raise _bad_root()
    return root_id


def _check_text(new: NewPost) -> None:
    check_message(new.message)
    if len(new.pending_post_id) > MAX_PENDING_ID:
        raise BadRequest("api.context.invalid_body_param.app_error", name="pending_post_id")


def checked_file_ids(new: NewPost) -> list[str]:
    """The files that the author wants to attach; which of them may be is seen when the post is written."""
    ids = list(dict.fromkeys(filter(is_id, new.file_ids)))
    if len(ids) > MAX_FILES:
        raise BadRequest("model.post.is_valid.file_ids.app_error", f"A post has at most {MAX_FILES} files.")
    return ids


def _check_type(type: str) -> None:
    """Only the server writes system posts."""
    if type and type not in ("slack_attachment", "me") and not (type.startswith("custom_") and len(type) <= 64):
        raise BadRequest("model.post.is_valid.type.app_error", "Posts of this type can't be written by clients.")


def given_props(ctx: Context, given: Mapping[str, Any], *, from_webhook: bool = False) -> dict[str, Any]:
    """The props that the caller may give to a post: only bots are marked as such, people can't pose as integrations.

    Programs that use a person's access token, or were let in by OAuth, may choose a name, but not in hardened mode.
    """
    is_bot = ctx.session is not None and ctx.session.is_bot
    props = dict(given)
    if props and not from_webhook and not is_bot and not _is_program(ctx):
        for name in INTEGRATION_PROPS:
            props.pop(name, None)
    if props:
        props.pop("from_bot", None)
        props.pop("from_oauth_app", None)
    if is_bot:
        props["from_bot"] = "true"
    if ctx.session is not None and ctx.session.is_oauth:
        props["from_oauth_app"] = ctx.session.props.get("oauth_app_id", "")
    return props


def _is_program(ctx: Context) -> bool:
    hardened = ctx.config.ServiceSettings.ExperimentalEnableHardenedMode
    return ctx.session is not None and not hardened and (ctx.session.is_oauth or is_access_token(ctx.session))


def alias_in(ctx: Context, props: Mapping[str, Any]) -> str:
    """The name that the post of a webhook shows instead of its author's, "" for none."""
    return str(props.get("override_username", "")) if ctx.config.ServiceSettings.EnablePostUsernameOverride else ""


def checked_priority(ctx: Context, new: NewPost) -> Priority | None:
    """The priority of a root post; raises BadRequest for one of a reply, Forbidden when it is switched off."""
    priority = new.metadata.priority if new.metadata is not None else None
    if priority is None or priority == Priority():
        return None
    if new.root_id:
        raise BadRequest(
            "api.post.post_priority.priority_post_only_allowed_for_root_post.request_error",
            "Only the first post of a thread can have a priority.",
        )
    settings = ctx.config.ServiceSettings
    if not settings.PostPriority:
        raise Forbidden("api.post.post_priority.priority_post_not_allowed_for_user.request_error")
    if priority.persistent_notifications and not settings.AllowPersistentNotifications:
        raise Forbidden("api.post.post_priority.persistent_notification_validation_error.request_error")
    return priority


async def _dated(ctx: Context, create_at: int, now: int) -> int:
    """The time that an administrator gives to an imported post; 0 for everybody else's."""
    if 0 < create_at < now and await has_system(ctx, Permission.MANAGE_SYSTEM):
        return create_at
    return 0


async def _mentioned(ctx: Context, place: Place, draft: Draft, props: dict[str, Any], *, self_too: bool) -> Mentioned:
    if place.channel.type in (DIRECT, GROUP):
        mentioned = await mentioned_in_room(place.room, "" if self_too else draft.user_id)
    else:
        mentioned = await mentioned_by(
            ctx,
            place.channel,
            draft.user_id,
            draft.message,
            props,
            type=draft.type,
            is_reply=bool(draft.root_id),
            self_too=self_too,
        )
    if mentioned.groups_refused:
        props["disable_group_highlight"] = True
        draft.props_json = check_props(props).decode()
    draft.mentions, draft.notified = mentioned.kept, mentioned.users
    draft.comments_any, draft.comments_root = mentioned.comments_any, mentioned.comments_root
    draft.also_follow = mentioned.also_follow
    return mentioned


async def _followups(
    ctx: Context,
    place: Place,
    draft: Draft,
    props: dict[str, Any],
    *,
    called: Sequence[str] = (),
    is_bot: bool = False,
    from_webhook: bool = False,
) -> list[Job]:
    upcoming = Upcoming(
        id=draft.id,
        channel=place.channel,
        user_id=draft.user_id,
        root_id=draft.root_id,
        message=draft.message,
        type=draft.type,
        props=props,
        mentioned=called or draft.notified,
        is_bot=is_bot,
        from_webhook=from_webhook,
        priority=draft.priority,
    )
    return await plan(ctx, upcoming)


async def _write(
    ctx: Context,
    place: Place,
    draft: Draft,
    props: dict[str, Any],
    mentioned: Mentioned,
    *,
    called: Sequence[str] = (),
) -> Post:
    """Store a post and tell it; a pending_post_id that was used before gives the post that was stored then."""
    sender = await get_user(ctx, draft.user_id)
    emojis = await emojis_in(ctx, draft.message, props)
    posts: list[Post] = []

    def news(written: Written) -> Sequence[Event | Signal]:
        post = shown(_row(draft, props, written))
        put_emojis(post, emojis)
        posts.append(post)
        post.pending_post_id = draft.pending_post_id
        users = list(dict.fromkeys((*called, *mentioned.users, *written.commented)))
        followers = list(dict.fromkeys(written.followers))
        posted = _posted(place, post, sender, users, followers, turn_of(post, written.before))
        return [posted] if not (post.is_pinned or post.file_ids) else [_forget_contents(ctx, post), posted]

    writer: PostWriter = ctx.part(PostWriter)
    written = await writer.write(draft, news)
    if written is None:
        return await _repeat(ctx, place, draft, mentioned, sender)
    if draft.root_id and written.followers and mode_of(ctx) != DISABLED:
        await tell_followers(ctx, draft.root_id, {*mentioned.users, *written.commented}, draft.user_id)
    return posts[0]


def _forget_contents(ctx: Context, post: Post) -> Signal:
    """Forget how many pins and files the channel has; what makes the other nodes forget it, too."""
    tags = (contents_tag(post.channel_id),)
    ctx.cache.drop(tags)
    return Invalidate(tags=tags, sender=ctx.services.bus.node_id)


def _row(draft: Draft, props: dict[str, Any], written: Written) -> StoredPost:
    return StoredPost(
        id=draft.id,
        create_at=written.create_at,
        update_at=written.create_at,
        edit_at=0,
        delete_at=0,
        is_pinned=draft.is_pinned,
        user_id=draft.user_id,
        channel_id=draft.channel_id,
        root_id=draft.root_id,
        original_id="",
        message=draft.message,
        type=draft.type,
        props=props,
        hashtags=draft.hashtags,
        file_ids=[file["id"] for file in written.files or ()],
        has_reactions=False,
        priority=asdict(draft.priority) if draft.priority is not None else None,
        reply_count=written.reply_count,
        files=written.files,
    )


def _posted(
    place: Place,
    post: Post,
    sender: User | None,
    mentioned: Sequence[str],
    followers: Sequence[str],
    turn: Turn | None,
) -> Posted:
    name = f"@{sender.username}" if sender is not None else ""
    channel = place.channel
    files = post.metadata.files or ()
    return Posted(
        room=place.room,
        mentioned=mentioned,
        following=followers,
        place=turn,
        channel_type=channel.type,
        channel_display_name=name if channel.type == DIRECT else channel.display_name,
        channel_name=channel.name,
        sender_name=place.alias or name,
        team_id=channel.team_id,
        set_online=place.set_online,
        post=post,
        otherFile="true" if files else None,
        image="true" if any(file.is_image for file in files) else None,
    )


async def _repeat(ctx: Context, place: Place, draft: Draft, mentioned: Mentioned, sender: User | None) -> Post:
    """The post that was stored under the same pending_post_id, published once more; or why there is none."""
    row = None
    if draft.pending_post_id:
        row = await queries.repeated_post(ctx.db, draft.user_id, draft.pending_post_id)
    if row is None:
        raise await _refusal(ctx, draft)
    post = shown(row)
    await add_emojis(ctx, [post])
    post.pending_post_id = draft.pending_post_id
    if row.channel_id == draft.channel_id and row.message == draft.message and not row.delete_at:
        await ctx.tell((), [_posted(place, post, sender, mentioned.users, (), turn_again(post))])
    return post


async def _refusal(ctx: Context, draft: Draft) -> Exception:
    deleted_at = await queries.channel_deleted_at(ctx.db, draft.channel_id)
    if deleted_at is None:
        return forbidden()
    if deleted_at:
        return _archived()
    if not draft.root_id:
        return Busy("api.post.deduplicate_create_post.pending", "The same post was written and erased just now.")
    root = await queries.post_by_id(ctx.db, draft.root_id)
    if root is not None and root.channel_id != draft.channel_id:
        return BadRequest("api.post.create_post.channel_root_id.app_error", "The thread is in another channel.")
    return _bad_root()
