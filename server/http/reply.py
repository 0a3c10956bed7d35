"""Replies that are more than a JSON body: files, cookies, other headers; and ETags."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha1

import msgspec
from msgspec import Struct

from server.context import Context

_encode = msgspec.json.Encoder().encode


class Reply(Struct, kw_only=True):
    """A whole answer. `content` is sent as it is; `length` bytes that come as `chunks` are sent instead of it."""

    content: bytes = b""
    status: int = 200
    media_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()
    chunks: AsyncIterator[bytes] | None = None
    length: int | None = None


class NotModified(Exception):
    """The client's copy is the newest: 304."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


def tagged(ctx: Context, value: object) -> Reply:
    """A JSON reply whose ETag is made of its contents, so that it changes exactly when they do."""
    content = _encode(value)
    etag = f'"{sha1(content, usedforsecurity=False).hexdigest()}"'
    revalidate(ctx, ctx.if_none_match, etag)
    return Reply(content=content)


def revalidate(ctx: Context, if_none_match: str, etag: str) -> None:
    """Send `etag` with the reply, or end with 304 when the client already has it."""
    if if_none_match and etag in (tag.strip() for tag in if_none_match.split(",")):
        raise NotModified(etag)
    ctx.reply_headers.append(("ETag", etag))
