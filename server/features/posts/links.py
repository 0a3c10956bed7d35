"""The links and pictures of a message, as clients show them: what is code has none."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from server.features.posts.markdown import without_code

MAX_URL = 2048
MAX_IMAGES = 10
"""Pictures of one post whose size is found out."""

# A picture or a link with a target, an address in angle brackets, or a bare one. Every part ends where the next may
# begin, and gives nothing of a target back ("+"), so that a text is read once.
_LINK = re.compile(
    r"(?P<mark>!?)\[[^\[\]\n]{0,1000}\]\(\s{0,4}<?"
    r"(?P<target>https?://[^\s<>()]*+(?:\([^\s<>()]*+\)[^\s<>()]*+)*+)[^()\n]{0,500}+\)"
    r"|<(?P<bracketed>https?://[^\s<>]+)>"
    r"|(?<![\w@.])(?P<bare>https?://[^\s<>]+|www\.[^\s<>]+)",
    re.IGNORECASE,
)
_TRAILING = "?!.,:;*_~'\"|]"


class Links(Struct, frozen=True):
    """What a post leads to."""

    first: str = ""
    """The first address in its message that is no picture, "" for none."""
    images: tuple[str, ...] = ()
    """The addresses of the pictures in message and attachments."""

    def __bool__(self) -> bool:
        return bool(self.first or self.images)


NOWHERE = Links()


def links_in(message: str, attachments: object = None) -> Links:
    """The links of a message and the pictures of it and of its attachments."""
    if not attachments and not _may_lead(message):
        return NOWHERE
    first, images = _found_in(message)
    for attachment in attachments if isinstance(attachments, list) else ():
        if isinstance(attachment, dict):
            images += _pictures_of(attachment)
    return Links(first, tuple(dict.fromkeys(images))[:MAX_IMAGES])


def links_of(message: str, props: Mapping[str, Any]) -> Links:
    """The links of a post."""
    return links_in(message, props.get("attachments"))


def _may_lead(text: str) -> bool:
    """Whether there can be a link, seen at a glance: every new post is asked."""
    return "://" in text or "www." in text or "WWW." in text


def _found_in(text: str) -> tuple[str, list[str]]:
    first, images = "", list[str]()
    if _may_lead(text):
        for match in _LINK.finditer(without_code(text)):
            if match["mark"]:
                images.append(match["target"])
            elif not first:
                first = match["target"] or match["bracketed"] or _trimmed(match["bare"])
    return _usable(first), [image for image in images if _usable(image)]


def _pictures_of(attachment: dict[str, Any]) -> list[str]:
    pictures = [_usable(value) for key in ("image_url", "thumb_url") if isinstance(value := attachment.get(key), str)]
    for key in ("pretext", "text"):
        if isinstance(text := attachment.get(key), str):
            pictures += _found_in(text)[1]
    return [picture for picture in pictures if picture]


def _usable(url: str) -> str:
    return url if len(url) <= MAX_URL and url.lower().startswith(("http://", "https://")) else ""


def _trimmed(url: str) -> str:
    """A bare address without the punctuation of the sentence around it."""
    if len(url) > MAX_URL:
        return ""
    if not url.lower().startswith("http"):
        url = f"http://{url}"
    while url and (url[-1] in _TRAILING or (url[-1] == ")" and url.count(")") > url.count("("))):
        url = url[:-1]
    return url
