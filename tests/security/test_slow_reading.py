"""What strangers send is read in a time that its length explains, however it was made to be read slowly."""

import contextlib
import gc
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from server.errors import BadRequest
from server.features.channels.rules import channels_named_in
from server.features.posts.links import links_in
from server.features.posts.markdown import prose
from server.features.posts.mentions import find_calls, keywords_of
from server.features.previews.html import open_graph
from server.features.previews.pictures import picture_in
from server.features.search.syntax import MAX_LENGTH, parse, query_of
from server.features.search.terms import terms_of
from server.features.webhooks.outgoing import sorted_hooks
from server.features.webhooks.outgoing_models import PREFIX, OutgoingWebhook
from server.features.webhooks.slack import people_in, translator

LENGTH = 200_000
"""Characters; attachments of one post can have four times as many."""
SECONDS = 0.6
"""Far more than any of this takes, and far less than what grows with the square of the length."""

KEYWORDS = keywords_of([("deploy", "a"), ("on call", "b")], [("Ada", "a")])

READERS: dict[str, Callable[[str], object]] = {
    "links": links_in,
    "attachments": lambda text: links_in("", [{"text": text}]),
    "prose": prose,
    "mentions": lambda text: find_calls((text,), KEYWORDS),
    "channels": channels_named_in,
    "terms": terms_of,
    "people": lambda text: people_in((text,)),
    "slack": translator({}),
    "search": lambda text: query_of(parse(text[:MAX_LENGTH]), names=True),
    "page": lambda text: open_graph(text, "https://example.org/", "https://example.org/"),
}

BEGINNINGS = ("", "![a](http://", "<http://", "<meta content='", "@", '"')
REPEATED = (
    "-",
    "[",
    "](",
    "![a](http://",
    "(",
    "<",
    "<a ",
    "</",
    "<@",
    "@a.",
    "~a-",
    "#a-",
    "`",
    "\\`",
    " ",
    "\n",
    "ﷺ",
    "a b",
)


def _seconds(read: Callable[[], object]) -> float:
    """What it takes here, without what other threads do, and without looking through all that tests have left."""
    gc.disable()
    started = time.thread_time()
    with contextlib.suppress(BadRequest):  # too much is a good answer, too
        read()
    took = time.thread_time() - started
    gc.enable()
    return took


@pytest.mark.parametrize("name", READERS)
def test_no_text_takes_long(name: str) -> None:
    read = READERS[name]
    slow = {}
    for beginning in BEGINNINGS:
        for piece in REPEATED:
            length = LENGTH // 10 if piece == "ﷺ" else LENGTH  # one sign that becomes eighteen letters
            text = beginning + piece * (length // len(piece))
            took = _seconds(lambda text=text: read(text))  # type: ignore[misc]
            if took > SECONDS:
                slow[beginning, piece] = took

    assert slow == {}


GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00"
SIZE = b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00\xff\xda"
MEGABYTES = 5_000_000

PICTURES = {
    "extensions": (GIF, b"\x21\xf9\x00"),
    "short blocks": (GIF + b"\x21\xf9", b"\x01a"),
    "frames": (GIF, b"\x2c" + bytes(11)),
    "filling": (b"\xff\xd8", b"\xff"),
    "nothing": (b"\xff\xd8\xff\xe0\x00\x04aa", b"\x00"),
    "comments": (b"\xff\xd8", b"\xff\xfe\x00\x02"),
    "EXIF": (b"\xff\xd8", b"\xff\xe1\x00\x08Exif\x00\x00"),
    "tables": (b"\xff\xd8", b"\xff\xdb\x00\x43\x00" + b"\x01" * 64),
}


@pytest.mark.parametrize("name", PICTURES)
def test_no_picture_takes_long(name: str) -> None:
    beginning, piece = PICTURES[name]
    content = beginning + piece * (MEGABYTES // len(piece)) + SIZE

    assert _seconds(lambda: picture_in(content)) < 0.3


def test_a_word_is_looked_up_soon_among_all_the_words_of_a_team() -> None:
    hook = OutgoingWebhook("", "", 0, 0, 0, "ada", "", "team", [], PREFIX, ["https://x.org"], "", "", "", "", "")
    hooks = [replace(hook, id=f"{n}", trigger_words=[f"{n:03}{word:03}" for word in range(140)]) for n in range(1000)]
    hooks += [replace(hook, id="short", trigger_words=["012"]), replace(hook, id="whole", trigger_words=["012034"])]
    known = sorted_hooks(hooks, {"ada"})
    found = known.called("town", "0120345 more")

    assert {(each.id, word) for each, word in found} == {("12", "012034"), ("short", "012"), ("whole", "012034")}
    assert _seconds(lambda: [known.called("town", "hello") for _ in range(100)]) < 0.1
