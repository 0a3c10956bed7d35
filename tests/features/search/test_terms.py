"""Terms and searches are made of any text, and whatever is written is found by what was written."""

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import BadRequest
from server.features.search.syntax import Search, parse, query_of
from server.features.search.terms import file_terms, sought, terms_of, tsquery

ANY = st.text(max_size=300)
_SIGNS = "from: in: - * # @ on: 2026-01-31 before: ext: a 日本 語 ' \\ : & | ! ( ) <-> é ไทย 🎉 word -in: , ~ % _"
PIECES = st.lists(st.sampled_from([*_SIGNS.split(), " ", '"', "\u200d", "\n"]), max_size=40).map("".join)
WORDS = st.lists(
    st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=12), min_size=1, max_size=6
)


@given(ANY | PIECES, st.integers(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_text_is_taken_apart(text: str, offset: int, extensions: bool) -> None:
    search = parse(text, offset=offset, extensions=extensions)

    for wish in search.wishes:
        assert wish.terms
        assert wish.query
    assert search.since >= 0
    assert search.until >= 0


@given(WORDS)
@settings(max_examples=200, deadline=None)
def test_words_that_are_no_flags_are_all_that_is_wanted(words: list[str]) -> None:
    search = parse(" ".join(words))

    assert search == Search(wishes=search.wishes)
    assert [wish.terms for wish in search.wishes] == [
        terms for word in words if (terms := parse(word).wishes and parse(word).wishes[0].terms)
    ]
    assert not any(wish.without for wish in search.wishes)


@given(st.sampled_from(["from", "In", "CHANNEL"]), st.from_regex(r"[a-z0-9][a-z0-9_\-]{0,20}[a-z0-9]", fullmatch=True))
def test_flags_give_their_values_back(flag: str, value: str) -> None:
    for text in (f"{flag}:{value}", f"{flag}: {value}", f"word {flag}:{value} word"):
        search = parse(text)
        assert (search.users if flag == "from" else search.channels).wanted == [value]
        assert parse(f"-{flag}:{value}").wishes == []
    excluded = parse(f"-{flag}:{value}")
    assert (excluded.users if flag == "from" else excluded.channels).unwanted == [value]


@given(st.dates(), st.integers(-12 * 3600, 14 * 3600))
def test_days_follow_each_other_without_a_gap(day: object, offset: int) -> None:
    on, before, after = (parse(f"{flag}:{day}", offset=offset) for flag in ("on", "before", "after"))

    assert on.until == max(1, after.since)
    assert max(1, on.since) == max(1, before.until)
    assert parse(f"-before:{day}", offset=offset).since == on.since
    assert parse(f"-after:{day}", offset=offset).until == on.until


def test_too_long_searches_are_refused() -> None:
    for text in ("a" * 5000, "a " * 201, " ".join(f"in:c{number}" for number in range(51)), "日" * 300):
        with pytest.raises(BadRequest):
            parse(text)


async def test_postgresql_takes_whatever_terms_there_are(database: str) -> None:
    connection = await asyncpg.connect(database)
    texts: list[str] = []

    @given(ANY | PIECES)
    @settings(max_examples=300, deadline=None)
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    texts += ["a " * 8000, "日本" * 8000, "x" * 16_000, " ".join(f"word{number}" for number in range(3000)), "'\\" * 99]
    try:
        for text in texts:
            found = await connection.fetchval(
                "SELECT ($1::text::tsvector @@ $2::text::tsquery) AND ($3::text::tsvector @@ $2::text::tsquery)",
                terms_of(text),
                tsquery(sought(text[:200])) or "nothing",
                file_terms("name", text),
            )
            assert found or not sought(text[:200]) or len(text) > 200, text
            search = parse(text[:150])
            for either in (False, True):
                for names in (False, True):
                    for vague in (False, True):
                        query = query_of(search, any_word=either, names=names, vague=vague)
                        await connection.fetchval("SELECT numnode($1::text::tsquery)", query)
    finally:
        await connection.close()


async def test_long_texts_stay_within_what_postgresql_takes(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        for text in (
            " ".join(f"w{number}é" for number in range(100_000)),
            " ".join(f"{number:064x}" for number in range(20_000)),
            "".join(chr(0x4E00 + number % 20_000) for number in range(400_000)),
        ):
            terms = await connection.fetchval("SELECT length($1::text::tsvector)", file_terms("name.txt", text))
            assert terms > 5000
    finally:
        await connection.close()
