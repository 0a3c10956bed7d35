"""The custom emojis that posts use, in their text and as reactions: readers are told of them with the post."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import structs

from server.context import Context
from server.features.emoji.known import usable
from server.features.emoji.models import Emoji
from server.features.posts.models import Post

# Two names may share a colon; so 12:30:party: uses the party all the same.
_USED = re.compile(r":(?=([a-zA-Z0-9_+-]{1,64}):)")


async def add_emojis(ctx: Context, posts: Iterable[Post]) -> None:
    """Put the custom emojis that these posts use into their metadata. No statement when they are at hand."""
    # Most posts use none, which is seen at a glance: pages have many of them.
    suspects = [post for post in posts if ":" in post.message or post.props or post.has_reactions]
    using = [(post, names) for post in suspects if (names := _names_of(post))]
    if using:
        known = await usable(ctx)
        for post, names in using:
            put_emojis(post, _used(names, known))


async def emojis_in(ctx: Context, message: str, props: Mapping[str, Any]) -> list[Emoji] | None:
    """The custom emojis that the text of a post uses, None for none."""
    names = _names_in(message, props)
    return _used(names, await usable(ctx)) if names else None


def put_emojis(post: Post, emojis: list[Emoji] | None) -> None:
    """Tell the readers of a post of the custom emojis that it uses."""
    if emojis:
        post.metadata = structs.replace(post.metadata, emojis=emojis)


def _used(names: set[str], known: Mapping[str, Emoji]) -> list[Emoji] | None:
    return [known[name] for name in sorted(names) if name in known] or None


def _names_of(post: Post) -> set[str]:
    names = _names_in(post.message, post.props)
    for reaction in post.metadata.reactions or ():
        names.add(reaction["emoji_name"])
    return names


def _names_in(message: str, props: Mapping[str, Any]) -> set[str]:
    names = set[str]()
    for text in _texts_in(message, props):
        if text.count(":") > 1:
            names.update(_USED.findall(text))
    return names


def _texts_in(message: str, props: Mapping[str, Any]) -> Iterator[str]:
    yield message
    for attachment in (props and props.get("attachments")) or ():
        for name in ("pretext", "title", "text"):
            yield attachment.get(name) or ""
        for field in attachment.get("fields") or ():
            value = field.get("value")
            if isinstance(value, str):
                yield value
