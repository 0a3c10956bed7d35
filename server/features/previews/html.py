"""What the head of a page says of it: OpenGraph, failing that Twitter's words, failing that its title.

Pages are other people's: the text is read once from the left to the right, nothing in it is run or loaded, and what is
broken ends the reading.
"""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urljoin

from server.features.previews.models import OpenGraph, OpenGraphImage

MAX_TEXT = 300
"""Characters of a title or description."""
MAX_URL = 2048
MAX_IMAGES = 5
MAX_TAGS = 2000
"""Of a head, comments too."""
MAX_ATTRIBUTES = 100
"""Of a tag, those too that come twice."""

_CHARSET = re.compile(
    r"utf-?8|us-ascii|iso-8859-(?:[1-9]|1[0-6])|latin-?1|windows-125[0-8]|koi8-[ru]|gb2312|gbk|gb18030|big5|euc-(?:jp|kr)"
    r"|iso-2022-jp|shift[_-]jis|utf-16(?:le|be)?"
)
_IN_HEADER = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_-]{1,20})", re.IGNORECASE)
_IN_META = re.compile(rb"<meta[^<>]{0,200}?charset\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9_-]{1,20})", re.IGNORECASE)
_TAG = re.compile(r"<(?:!--|(/?[A-Za-z][A-Za-z0-9-]*))")
_ATTRIBUTE = re.compile(r"[\s/]*([^\s=>/\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_ENDS = re.compile(r"[\s/]*>")
_BLANKS = re.compile(r"\s+")
_RAW = ("script", "style", "noscript", "template", "textarea", "iframe", "svg")


def text_of(body: bytes, content_type: str) -> str:
    """A page as text, by the encoding that its header or its first kilobyte names, else UTF-8; never fails."""
    named = _IN_HEADER.search(content_type)
    name = named[1] if named else ""
    if not name:
        found = _IN_META.search(body[:1024])
        name = found[1].decode() if found else ""
    name = name.lower()
    if _CHARSET.fullmatch(name) is None:
        name = "utf-8"
    return body.decode(name, "replace").removeprefix("\ufeff")


def open_graph(text: str, base: str, url: str) -> OpenGraph | None:
    """What a page that came from `base` says of itself for a link to `url`; None when it says nothing."""
    facts: dict[str, str] = {}
    images: list[dict[str, str]] = []
    for name, value in _facts(text):
        if name in ("og:image", "og:image:url"):
            if name == "og:image:url" and images and not images[-1].get("url"):
                images[-1]["url"] = value
            else:
                images.append({"url": value})
        elif name.startswith("og:image:"):
            if not images:
                images.append({})
            images[-1].setdefault(name[9:], value)
        else:
            facts.setdefault(name, value)
    if not images and (picture := facts.get("twitter:image") or facts.get("twitter:image:src")):
        images.append({"url": picture})
    page = OpenGraph(
        type=_short(facts.get("og:type", "")),
        url=url,
        title=_short(facts.get("og:title") or facts.get("twitter:title") or facts.get("title", "")),
        description=_short(
            facts.get("og:description") or facts.get("twitter:description") or facts.get("description", "")
        ),
        site_name=_short(facts.get("og:site_name", "")),
        images=[image for each in images if (image := _image(each, base))][:MAX_IMAGES],
    )
    return page if page.title or page.type or page.images else None


def _image(image: dict[str, str], base: str) -> OpenGraphImage | None:
    found = OpenGraphImage(
        url=_absolute(image.get("url", ""), base),
        secure_url=_absolute(image.get("secure_url", ""), base),
        type=_short(image.get("type", ""))[:100],
        width=_number(image.get("width", "")),
        height=_number(image.get("height", "")),
    )
    return found if found.shown else None


def _absolute(url: str, base: str) -> str:
    if not url or len(url) > MAX_URL:
        return ""
    try:
        whole = urljoin(base, url)
    except ValueError:
        return ""
    good = whole.lower().startswith(("http://", "https://")) and whole.isprintable() and " " not in whole
    return whole if good and len(whole) <= MAX_URL else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0


def _short(text: str) -> str:
    text = _BLANKS.sub(" ", text.replace("\0", "")).strip()
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _facts(text: str) -> Iterator[tuple[str, str]]:
    """The named values of the head, and its title under "title"."""
    for tag, start, attributes in _tags(text):
        if tag == "title":
            end = text.find("<", start)
            yield "title", unescape(text[start : end if end >= 0 else start][:10_000])
        elif tag == "meta":
            name = (attributes.get("property") or attributes.get("name") or "").strip().lower()
            value = attributes.get("content", "").strip()
            if name and value:
                yield name, value


def _tags(text: str) -> Iterator[tuple[str, int, dict[str, str]]]:
    """The tags of the head, each with the place after it and its attributes. Every character is looked at once or
    twice: what is not closed ends the reading."""
    place = seen = 0
    while seen < MAX_TAGS and (begun := _TAG.search(text, place)) is not None:
        seen += 1
        if begun[1] is None:
            place = _after(text, "-->", begun.end())
            continue
        tag = begun[1].lower()
        if tag in ("/head", "body"):
            return
        attributes, place = _attributes(text, begun.end())
        yield tag, place, attributes
        if tag in _RAW:
            place = _after_raw(text, tag, place)


def _attributes(text: str, place: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    seen = 0
    while (ends := _ENDS.match(text, place)) is None:
        match = _ATTRIBUTE.match(text, place)
        seen += 1
        if match is None or seen > MAX_ATTRIBUTES or _unclosed(text, match):
            return found, len(text)
        value = match[2] or match[3] or match[4] or ""
        found.setdefault(match[1].lower(), unescape(value[:10_000]))
        place = match.end()
    return found, ends.end()


def _unclosed(text: str, match: re.Match[str]) -> bool:
    """Whether a quote follows that has no end: the expression then took the name alone."""
    if match[2] is not None or match[3] is not None or match[4] is not None:
        return False
    rest = text[match.end() : match.end() + 20].lstrip()
    return rest.startswith("=") and rest[1:].lstrip()[:1] in ('"', "'")


def _after(text: str, word: str, place: int) -> int:
    found = text.find(word, place)
    return found + len(word) if found >= 0 else len(text)


def _after_raw(text: str, tag: str, place: int) -> int:
    """The place of the end of what is no markup, like a script."""
    end = re.compile(f"</{tag}", re.IGNORECASE).search(text, place)
    return end.start() if end is not None else len(text)
