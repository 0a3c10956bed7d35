"""Keeping drafts and forgetting them."""

import msgspec
from msgspec.structs import asdict

from server.access.grants import channel_place, has_channel
from server.access.permissions import Permission
from server.context import Context
from server.errors import BadRequest, forbidden
from server.features.drafts import queries
from server.features.drafts.events import DraftCreated, DraftDeleted, DraftUpdated
from server.features.drafts.models import MAX_BYTES, MAX_DRAFTS, MAX_FILES, MAX_PROPS, Draft, NewDraft, StoredDraft
from server.features.posts.metadata import has_wide_numbers
from server.features.posts.models import MAX_MESSAGE
from server.ids import is_id

MAX_TYPE = 26

_encode = msgspec.json.Encoder().encode


def _invalid(what: str, message: str) -> BadRequest:
    return BadRequest(f"model.draft.is_valid.{what}.app_error", message)


async def upsert_draft(ctx: Context, new: NewDraft) -> Draft:
    """Keep what the caller has begun to write in a channel or thread; nothing written means that it is deleted.

    A deleted one is given with its delete_at.
    """
    await _check_channel(ctx, new.channel_id)
    file_ids = _checked(new)
    if not new.message and not file_ids:
        return await _emptied(ctx, new)
    kept = await queries.upsert_draft(
        ctx.db,
        ctx.user_id,
        new.channel_id,
        new.root_id,
        ctx.now(),
        message=new.message,
        type=new.type,
        props=new.props,
        priority=asdict(new.priority) if new.priority is not None else None,
        file_ids=file_ids,
    )
    if kept is None:
        raise await _refusal(ctx, new)
    row, is_new = kept
    draft = row.shown()
    event = DraftCreated if is_new else DraftUpdated
    await ctx.tell((), [event(connection_id=ctx.connection_id, draft=draft)])
    return draft


async def _check_channel(ctx: Context, channel_id: str) -> None:
    place = await channel_place(ctx, channel_id)
    if place is None:
        raise forbidden()
    allowed = await has_channel(ctx, channel_id, Permission.CREATE_POST) or (
        place.type == "O" and await has_channel(ctx, channel_id, Permission.CREATE_POST_PUBLIC)
    )
    if not allowed:
        raise forbidden()
    if place.delete_at:
        raise BadRequest(
            "api.draft.create_draft.can_not_draft_to_deleted.error", "Nothing can be written in an archived channel."
        )


def _checked(new: NewDraft) -> list[str]:
    """The files of a draft; raises BadRequest for what is too long."""
    if len(new.message) > MAX_MESSAGE:
        raise _invalid("message_length", f"A message has at most {MAX_MESSAGE} characters.")
    if len(new.type) > MAX_TYPE:
        raise _invalid("type", "There is no such type of posts.")
    encoded = _encode(new.props)
    if len(encoded) > MAX_PROPS or has_wide_numbers(new.props, encoded):
        raise _invalid("props", "The props of the draft are too large.")
    file_ids = list(dict.fromkeys(filter(is_id, new.file_ids)))
    if len(file_ids) > MAX_FILES:
        raise _invalid("file_ids", f"A post has at most {MAX_FILES} files.")
    return file_ids


async def _emptied(ctx: Context, new: NewDraft) -> Draft:
    deleted = await delete_draft(ctx, new.channel_id, new.root_id)
    if deleted is not None:
        return deleted
    now = ctx.now()
    return StoredDraft(ctx.user_id, new.channel_id, new.root_id, now, now, "", "", {}, None, None).shown(now)


async def _refusal(ctx: Context, new: NewDraft) -> Exception:
    if new.root_id and not await queries.is_thread(ctx.db, new.root_id, new.channel_id):
        return _invalid("root_id", "root_id is not the first post of a thread of the channel.")
    return BadRequest(
        "app.draft.save.too_many.app_error", f"One can have {MAX_DRAFTS} drafts, and {MAX_BYTES} bytes in all of them."
    )


async def delete_draft(ctx: Context, channel_id: str, root_id: str) -> Draft | None:
    """Forget a draft of the caller's. That there is none, which is nearly always so, costs one statement."""
    row = await queries.delete_draft(ctx.db, ctx.user_id, channel_id, root_id)
    if row is None:
        return None
    draft = row.shown(ctx.now())
    await ctx.tell((), [DraftDeleted(connection_id=ctx.connection_id, draft=draft)])
    return draft
