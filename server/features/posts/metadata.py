"""Rows of posts turned into what clients are shown, with metadata that is made anew on each read."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from server.errors import BadRequest
from server.features.files.models import FileInfo
from server.features.posts.models import (
    MAX_MESSAGE,
    MAX_PROPS,
    PAGE_WIDTH,
    Embed,
    Metadata,
    Post,
    PostImage,
    Priority,
    StoredPost,
)
from server.ids import new_id

MAX_ATTACHMENTS = 100
WIDEST_NUMBER = 1e30

_EXPONENT = re.compile(rb"[0-9]e-?[0-9]{2}")

_POST_WIDTH = PAGE_WIDTH - 2
"""Columns of a page that are fields of a post; priority and preview come after them."""

BLOCK_ACTIONS = "mm_blocks_actions"
"""A prop that holds addresses for parts of messages that this server doesn't know: nothing that clients should see."""

NO_PREVIEW = "remove_link_preview"
"""The prop, "true", of posts whose author wants no preview of their links."""

_ATTACHMENTS = [Embed("message_attachment")]
_TEXTS = ("fallback", "color", "pretext", "author_name", "author_link", "author_icon", "title", "title_link", "text",
          "image_url", "thumb_url", "footer", "footer_icon")  # fmt: skip

_json = msgspec.json.Encoder().encode


def shown(row: StoredPost) -> Post:
    """A post as its readers see it."""
    post = Post(
        id=row.id,
        create_at=row.create_at,
        update_at=row.update_at,
        edit_at=row.edit_at,
        delete_at=row.delete_at,
        is_pinned=row.is_pinned,
        user_id=row.user_id,
        channel_id=row.channel_id,
        root_id=row.root_id,
        message=row.message,
        type=row.type,
        props=row.props,
        hashtags=row.hashtags,
        reply_count=row.reply_count,
        file_ids=row.file_ids or None,
        has_reactions=row.has_reactions,
        original_id=row.original_id,
    )
    _add_metadata(post, row.priority, row.reactions, row.files, row.preview)
    if row.acknowledgements:
        post.metadata = replace(post.metadata, acknowledgements=row.acknowledgements)
    return post


def _add_metadata(
    post: Post,
    priority: dict[str, Any] | None,
    reactions: list[Any] | None,
    files: list[Any] | None,
    preview: dict[str, Any] | None,
) -> None:
    attachments = post.props.get("attachments")
    if attachments or reactions or files or priority is not None or preview is not None:
        embeds, images = _previewed(post, preview) if preview is not None else (None, None)
        post.metadata = Metadata(
            embeds=_ATTACHMENTS if attachments else embeds,
            files=[FileInfo(**file) for file in files] if files else None,
            images=images,
            reactions=reactions,
            priority=Priority(**priority) if priority is not None else None,
        )
        if attachments:
            public = [_without_secrets(attachment) for attachment in attachments]
            post.props = {**post.props, "attachments": public}


def _previewed(post: Post, preview: dict[str, Any]) -> tuple[list[Embed] | None, dict[str, PostImage] | None]:
    embeds, images = preview.get("embeds"), preview.get("images")
    return (
        [Embed(**embed) for embed in embeds] if embeds and post.props.get(NO_PREVIEW) != "true" else None,
        {url: PostImage(**image) for url, image in images.items()} if images else None,
    )


def shown_in_page(row: Sequence[Any], large: Mapping[str, dict[str, Any]]) -> Post:
    """A post of a page, from `page_columns`; without reactions and files yet. Deleted ones have no content.

    `large`: the props, by post, that are too large to stand in the row.
    """
    post = Post(*row[:_POST_WIDTH])
    priority, preview = row[_POST_WIDTH], row[_POST_WIDTH + 1]
    props: Any = post.props
    if not props:
        post.props = large.get(post.id, {}) if large else {}
    if post.delete_at:
        _strip(post)
    elif post.props or priority is not None or preview is not None:
        _add_metadata(post, priority, None, None, preview)
    return post


def shown_deleted(row: StoredPost) -> Post:
    """A deleted post for those who held a copy: that it is gone, not what it said."""
    post = shown(row)
    _strip(post)
    return post


def _strip(post: Post) -> None:
    post.message = post.hashtags = ""
    post.props = {}
    post.file_ids = None
    post.has_reactions = False
    post.metadata = Metadata()


def _without_secrets(attachment: dict[str, Any]) -> dict[str, Any]:
    """An attachment without the addresses that its buttons call."""
    actions = attachment.get("actions")
    if not actions:
        return attachment
    public = [{key: value for key, value in action.items() if key != "integration"} for action in actions]
    return {**attachment, "actions": public}


def check_message(message: str) -> None:
    """Refuse a message that is too long."""
    if len(message) > MAX_MESSAGE:
        raise BadRequest(
            "model.post.is_valid.message_length.app_error", f"A message has at most {MAX_MESSAGE} characters."
        )


def check_props(props: dict[str, Any]) -> bytes:
    """Props as JSON, with ids given to the actions in them; raises BadRequest for what clients could not show."""
    props.pop(BLOCK_ACTIONS, None)
    if not props:
        return b"{}"
    attachments = props.get("attachments")
    if attachments is not None:
        props["attachments"] = _checked_attachments(attachments)
    encoded = _json(props)
    if len(encoded) > MAX_PROPS or has_wide_numbers(props, encoded):
        raise invalid_props()
    return encoded


def has_wide_numbers(value: object, encoded: bytes) -> bool:
    """Whether there are numbers that the database writes out in far more digits than they came in: 1e300, 1e-300."""
    return _EXPONENT.search(encoded) is not None and _is_wide(value)


def _is_wide(value: object) -> bool:
    if isinstance(value, float):
        return value != 0 and not WIDEST_NUMBER > abs(value) > 1 / WIDEST_NUMBER
    if isinstance(value, dict):
        return any(_is_wide(item) for item in value.values())
    return isinstance(value, list) and any(_is_wide(item) for item in value)


def _checked_attachments(attachments: object) -> list[dict[str, Any]]:
    checked = _objects(attachments)
    if len(checked) > MAX_ATTACHMENTS:
        raise invalid_props()
    for attachment in checked:
        if any(not isinstance(attachment.get(key) or "", str) for key in _TEXTS):
            raise invalid_props()
        if attachment.get("fields") is not None:
            _objects(attachment["fields"])
        if attachment.get("actions") is not None:
            for action in _objects(attachment["actions"]):
                if not isinstance(action.get("integration") or {}, dict):
                    raise invalid_props()
                if not (isinstance(action.get("id"), str) and action["id"]):
                    action["id"] = new_id()
    return checked


def _objects(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid_props()
    return value


def invalid_props() -> BadRequest:
    """400 for props that are too large or malformed."""
    return BadRequest("model.post.is_valid.props.app_error", "The props of the post are too large or malformed.")


def shown_to_readers(rows: Iterable[StoredPost]) -> list[Post]:
    """Posts as their readers see them, deleted ones without content."""
    return [shown_deleted(row) if row.delete_at else shown(row) for row in rows]
