"""Bodies: what clients written against a Go server send is understood, everything else is refused by name."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from server.errors import BadRequest
from server.http.bodies import BodyDecoder


class Part(Struct):
    name: str = ""
    size: int = 0


class Whole(Struct):
    id: str
    parts: list[Part] = []
    props: dict[str, Any] = {}
    part: Part | None = None
    flag: bool = False


decode = BodyDecoder(Whole)


def refused_field(raw: bytes) -> str:
    with pytest.raises(BadRequest) as refusal:
        decode(raw)
    assert refusal.value.id == "api.context.invalid_body_param.app_error"
    return str(refusal.value.params["name"])


def test_null_means_absent_wherever_there_is_a_field() -> None:
    body = decode(b'{"id":"x","flag":null,"part":{"name":null,"size":2},"parts":[{"name":null}],"props":{"keep":null}}')

    assert body == Whole(id="x", part=Part(size=2), parts=[Part()], props={"keep": None})


def test_unknown_fields_are_ignored() -> None:
    assert decode(b'{"id":"x","unheard_of":[1,2]}') == Whole(id="x")


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'"text"', "body"),
        (b"{}", "id"),
        (b'{"id":null}', "id"),
        (b'{"id":1}', "id"),
        (b'{"id":"x","flag":"true"}', "flag"),
        (b'{"id":"x","parts":[{"size":"2"}]}', "parts[0].size"),
        (b'{"id":"x","parts":[null]}', "parts[0]"),
        (b'{"id":"x","part":{"size":1.5}}', "part.size"),
        (b'{"id":"a\\u0000b"}', "id"),
        (b'{"id":"x","props":{"deep":["a\\u0000"]}}', "deep"),
        (b'{"id":"\\ud800"}', "body"),
        (b'{"id":"\xff"}', "body"),
        (b"[" * 100_000, "body"),
        (b'{"id":"x","props":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}", "body"),
    ],
)
def test_a_refusal_names_the_field(raw: bytes, name: str) -> None:
    assert refused_field(raw) == name


def test_an_escaped_backslash_is_not_a_nul() -> None:
    assert decode(b'{"id":"a\\\\u0000b"}') == Whole(id="a\\u0000b")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
fields = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "parts", "props", "part", "flag"), json_values))


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"id=x&flag=true", Whole(id="x", flag=True)),
        (b"id=gr%C3%BC%C3%9Fe+an+alle&flag=0&more=1", Whole(id="grüße an alle")),
    ],
)
def test_a_form_is_read_as_the_same_type(raw: bytes, body: Whole) -> None:
    assert decode.form(raw) == body


@pytest.mark.parametrize(
    ("raw", "name"),
    [(b"flag=1", "id"), (b"id=x&flag=perhaps", "flag"), (b"id=a%00b", "id"), (b"id=%ff", "query"), (b"\xff", "query")],
)
def test_a_form_that_does_not_fit_is_refused_by_name(raw: bytes, name: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        decode.form(raw)
    assert refusal.value.params["name"] == name


@given(fields | json_values)
def test_any_json_is_understood_or_refused(value: object) -> None:
    raw = msgspec.json.encode(value)

    try:
        body = decode(raw)
    except BadRequest as refusal:
        assert refusal.status == 400
    else:
        assert isinstance(body, Whole)


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(raw: bytes) -> None:
    try:
        decode(raw)
    except BadRequest as refusal:
        assert refusal.params["name"]
