"""The hashtags of a message, as they are kept with the post."""

import re

from server.features.posts.models import MAX_HASHTAGS

# A letter first, a letter or digit last.
_TAG = re.compile(r"#[^\W\d_](?:[\w.\-]*[^\W_])?")


def hashtags_in(message: str, shortest: int) -> str:
    """The tags of at least `shortest` characters, separated by spaces, in their order, up to MAX_HASHTAGS in all."""
    if "#" not in message:
        return ""
    tags: dict[str, None] = {}
    size = 0
    for word in message.split():
        if "#" not in word or len(word) > MAX_HASHTAGS:
            continue
        tag = _trimmed(word)
        if len(tag) > shortest and _TAG.fullmatch(tag) and tag not in tags:
            size += len(tag) + 1
            if size > MAX_HASHTAGS + 1:
                break
            tags[tag] = None
    return " ".join(tags)


def _trimmed(word: str) -> str:
    """A word without the marks around it: "(#one!" is "#one"."""
    start, end = 0, len(word)
    while start < end and word[start] != "#" and not word[start].isalnum():
        start += 1
    while end > start and not word[end - 1].isalnum():
        end -= 1
    return word[start:end]
