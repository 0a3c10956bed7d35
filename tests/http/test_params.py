"""Parameters of paths and queries: odd paging is forgiven, everything else that is wrong is refused by name."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import BadRequest
from server.http.params import MAX_PAGE, Page, PerPage, parse_query, path_parser, query_parser
from server.ids import Id, new_id

OTHER_DIGITS = "\u0663\u0664"


@pytest.mark.parametrize("text", ["-1", "", "x", "1.5", "9" * 40, OTHER_DIGITS])
def test_an_odd_page_is_the_default(text: str) -> None:
    assert query_parser(Page)("page", text) is None


def test_pages_and_sizes_have_an_end() -> None:
    assert query_parser(Page)("page", "9" * 18) == MAX_PAGE
    assert query_parser(PerPage)("per_page", "100000") == 200
    assert query_parser(PerPage)("per_page", "0") is None


@pytest.mark.parametrize("text", ["", "x", "1.5", "9" * 30, "9223372036854775808", "1_0" + "\n"])
def test_other_numbers_must_be_numbers(text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query_parser(int)("since", text)

    assert refusal.value.params["name"] == "since"


def test_booleans_are_words_or_digits() -> None:
    parse = query_parser(bool)

    assert [parse("x", text) for text in ("true", "True", "1", "false", "0")] == [True, True, True, False, False]
    with pytest.raises(BadRequest):
        parse("x", "yes")


def test_choices_are_closed() -> None:
    parse = query_parser(Literal["up", "down"])

    assert parse("direction", "up") == "up"
    with pytest.raises(BadRequest):
        parse("direction", "sideways")


def test_a_handler_with_an_impossible_query_field_does_not_import() -> None:
    with pytest.raises(TypeError):
        query_parser(list)


def test_ids_in_paths_are_checked() -> None:
    some_id = new_id()

    assert path_parser(Id)("post_id", some_id) == some_id
    for bad in ("", "me", some_id[:-1], some_id + "a", some_id[:-1] + "-", some_id[:-1] + "\u0663"):
        with pytest.raises(BadRequest):
            path_parser(Id)("post_id", bad)


@pytest.mark.parametrize("query", [b"a=%ff", b"a=%00", b"%00=a", b"&".join(b"a=1" for _ in range(200))])
def test_queries_that_make_no_sense_are_refused(query: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_query(query)


@given(st.binary(max_size=100))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    try:
        fields = parse_query(query)
    except BadRequest as refusal:
        assert refusal.status == 400
    else:
        assert all(isinstance(value, str) for value in fields.values())
