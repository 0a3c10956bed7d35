"""Parameters of paths and queries: how the text of a URL becomes what a handler's signature asks for."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import parse_qsl

from msgspec import Meta

from server.errors import BadRequest, invalid_body, invalid_url
from server.ids import Id, is_id

MAX_PAGE = 10_000_000
MAX_INT = (1 << 63) - 1
MAX_QUERY_FIELDS = 100

_PLAIN = re.compile(rb"[A-Za-z0-9_.=&-]+")
"""Queries with nothing in them that stands for something else, as nearly all are."""
_INT = re.compile(r"-?[0-9]{1,19}")

_PAGE = Meta(title="page", ge=0)
_PER_PAGE = Meta(title="per_page", ge=0, le=200)

Page = Annotated[int, _PAGE]
"""A page number; anything odd is page 0."""

PerPage = Annotated[int, _PER_PAGE]
"""A page size of at most 200; anything odd is the default."""

Parse = Callable[[str, str], Any]


def parse_query(query: bytes) -> dict[str, str]:
    """The fields of a query string, the first of each name; raises BadRequest for what is not UTF-8 or has a NUL."""
    if not query:
        return {}
    if _PLAIN.fullmatch(query) and query.count(b"&") < MAX_QUERY_FIELDS:
        fields: dict[str, str] = {}
        for pair in query.decode("ascii").split("&"):
            name, _, value = pair.partition("=")
            if pair:
                fields.setdefault(name, value)
        return fields
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError:
        raise BadRequest("api.context.invalid_body_param.app_error", name="query") from None
    fields = {}
    for name, value in pairs:
        if "\0" in value or "\0" in name:
            raise invalid_body(name.replace("\0", ""))
        fields.setdefault(name, value)
    return fields


def _page(name: str, text: str) -> int | None:
    return min(int(text), MAX_PAGE) if _digits(text) else None


def _per_page(name: str, text: str) -> int | None:
    return min(int(text), 200) if _digits(text) and int(text) > 0 else None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _int(name: str, text: str) -> int:
    number = int(text) if _INT.fullmatch(text) else None
    if number is None or not -MAX_INT <= number <= MAX_INT:
        raise invalid_body(name)
    return number


_BOOLS = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False, "": False}


def _bool(name: str, text: str) -> bool:
    value = _BOOLS.get(text.lower())
    if value is None:
        raise invalid_body(name)
    return value


def _str(name: str, text: str) -> str:
    return text


def _optional_id(name: str, text: str) -> str:
    if text and not is_id(text):
        raise invalid_body(name)
    return text


def query_parser(annotation: Any) -> Parse:
    """How a query field of this annotation is read; None from the parser means: take the default."""
    if get_origin(annotation) is Annotated:
        meta = get_args(annotation)[1]
        if meta is _PAGE:
            return _page
        if meta is _PER_PAGE:
            return _per_page
        if annotation == Id:
            return _optional_id
        annotation = get_args(annotation)[0]
    options = [option for option in get_args(annotation) if option is not type(None)]
    if get_origin(annotation) is Literal:
        allowed = frozenset(options)

        def choose(name: str, text: str) -> str:
            if text not in allowed:
                raise invalid_body(name)
            return text

        return choose
    plain = options[0] if options and get_origin(annotation) is not Literal else annotation
    parsers: Mapping[Any, Parse] = {int: _int, bool: _bool, str: _str}
    if plain not in parsers:
        raise TypeError(f"a query field can't be {annotation}")
    return parsers[plain]


def _path_id(name: str, text: str) -> str:
    if not is_id(text):
        raise invalid_url(name)
    return text


def _path_int(name: str, text: str) -> int:
    if not _digits(text.removeprefix("-")):
        raise invalid_url(name)
    return int(text)


def path_parser(annotation: Any) -> Parse:
    """How a part of the path is read: `Id` must be an id, `str` is any text, `int` a number."""
    if annotation == Id:
        return _path_id
    if annotation is int:
        return _path_int
    if annotation is str:
        return _str
    raise TypeError(f"a part of a path can't be {annotation}")
