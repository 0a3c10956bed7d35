"""Whatever people write: readers of texts take it, in a time that grows as the text does."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.config import Config
from server.errors import BadRequest
from server.features.channels.rules import channels_named_in
from server.features.posts.emojis import _names_in
from server.features.posts.hashtags import hashtags_in
from server.features.posts.links import links_in
from server.features.posts.markdown import prose, without_code
from server.features.posts.mentions import find_calls, keywords_of
from server.features.posts.permalinks import link_post
from server.features.previews.html import open_graph
from server.features.search.syntax import parse, query_of
from server.features.search.terms import file_terms, terms_of
from server.features.webhooks.slack import people_in, translator
from tests.clients_of import Client
from tests.make import Make
from tests.profiles import seconds, tries

KEYWORDS = keywords_of([("kumquat", "u1"), ("a.b", "u2"), ("字", "u3"), ("@x", "u4")], [("Ada", "u1")])
CONFIG = Config()


def _search(text: str) -> None:
    """Take a search apart, as far as searches go."""
    try:
        query_of(parse(text[:4096], extensions=True), any_word=True, names=True)
    except BadRequest:
        return


READERS: dict[str, Callable[[str], Any]] = {
    "mentions": lambda text: find_calls([text], KEYWORDS),
    "prose": prose,
    "code": without_code,
    "hashtags": lambda text: hashtags_in(text, 3),
    "links": links_in,
    "permalinks": lambda text: link_post(CONFIG, text, {}),
    "emojis": lambda text: _names_in(text, {"attachments": [{"text": text}]}),
    "channels": channels_named_in,
    "slack": lambda text: (translator({})(text), people_in([text])),
    "terms": terms_of,
    "terms of files": lambda text: file_terms(text[:200], text),
    "page": lambda text: open_graph(text, "https://example.org/", "https://example.org/"),
    "search": _search,
}

SIGNS = "@#~:;<>[](){}!`'\"\\/|*_-.,=&? \n\tahtps0字é\u0301\u200d🎉\u202e"
PIECES = st.lists(
    st.sampled_from(
        [*SIGNS, "http://", "https://", "www.", "```", "~~~", "](", "![", "<!channel", "<@", "<meta ", "<!--", "    "]
    ),
    min_size=1,
    max_size=6,
).map("".join)

SHORT, LONG = 6_000, 48_000
"""Characters; what takes the square of that takes 64 times as long for the second."""


@given(st.text(max_size=400) | PIECES.map(lambda piece: piece * 30))
@example("\ud800")  # half of a pair, as some JSON has it
@tries(150)
@pytest.mark.timeout(seconds(120))
def test_any_text_is_read(text: str) -> None:
    for read in READERS.values():
        read(text)


def cost(read: Callable[[str], Any], text: str) -> float:
    """Seconds of processor time, the best of two."""
    best = float("inf")
    for _ in range(2):
        started = time.thread_time()
        read(text)
        best = min(best, time.thread_time() - started)
    return best


@pytest.mark.parametrize("name", READERS)
@given(st.tuples(PIECES | st.just(""), PIECES, PIECES | st.just("")))
@tries(40)
@pytest.mark.timeout(seconds(120))
def test_no_text_takes_the_square_of_its_length(name: str, pieces: tuple[str, str, str]) -> None:
    begin, unit, end = pieces
    read = READERS[name]

    def text(size: int) -> str:
        return begin + unit * (size // len(unit)) + end

    long = cost(read, text(LONG))

    # Nothing that takes the square gets by in so short a time; measuring noise is no reason to fail.
    assert long < 0.05 or long < 24 * cost(read, text(SHORT)), (begin, unit, end, long)


@pytest.mark.timeout(seconds(120))
async def test_any_search_is_answered(make: Make, client: Callable[..., Client]) -> None:
    ada = await make.user()
    team = await make.team([ada])
    texts: list[str] = ["", "*", "-", '"', '"" ""', "from:", "in:@,", "on:0000-00-00 a", "before:9999-12-31", "\0"]

    @given(st.text(max_size=80) | PIECES.map(lambda piece: piece * 8) | st.from_regex(r"(\w*:?[-\"*@#]){1,20}"))
    @tries(40)
    def gather(text: str) -> None:
        texts.append(text)

    gather()
    for text in texts:
        text = text.encode("utf-8", "replace").decode()
        for path in (f"/teams/{team.id}/posts/search", f"/teams/{team.id}/files/search", "/posts/search"):
            body = {"terms": text, "is_or_search": len(text) % 2 == 0, "time_zone_offset": len(text) * 1000}
            reply = await client(ada).post(path, body)
            assert reply.status in (200, 400), (text, reply)
