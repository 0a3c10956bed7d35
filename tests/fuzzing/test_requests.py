"""What comes as a form, a range or a request of a socket: read the same however it is cut, or refused."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.errors import ApiError
from server.features.files.upload_service import LEAST_FIRST
from server.gateway.actions import Request
from server.http.multipart import MAX_PARTS, parts_of
from server.http.ranges import RangeNotSatisfiable, wanted_range
from tests.clients_of import Client
from tests.fuzzing.mutations import CHANGES, mutated
from tests.make import Make
from tests.profiles import seconds, tries

BOUNDARY = "x-1"
FORM = (
    b'--x-1\r\nContent-Disposition: form-data; name="channel_id"\r\n\r\nabc\r\n'
    b'--x-1\r\ncontent-disposition: form-data; name="files"; filename="a \\" b.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"line\r\n--x-\r\n--x-12\r\n\r\n--x-1--\r\nthe end"
)

Parts = list[tuple[str, str | None, bytes]]


async def stream(chunks: list[bytes]) -> AsyncIterator[bytes]:
    """A body as it comes in."""
    for chunk in chunks:
        yield chunk


def read(content_type: str, chunks: list[bytes]) -> tuple[Parts, bool]:
    """The parts of a form that came whole, and whether the form was refused."""

    async def take() -> tuple[Parts, bool]:
        parts: Parts = []
        try:
            async for part in parts_of(content_type, stream(chunks)):
                parts.append((part.name, part.filename, b"".join([chunk async for chunk in part.content])))
        except ApiError as error:
            assert error.status == 400
            return parts, True
        return parts, False

    return asyncio.run(take())


def cut(content: bytes, sizes: list[int]) -> list[bytes]:
    """The content in pieces of these sizes, and the rest."""
    pieces = []
    for size in sizes:
        pieces.append(content[:size])
        content = content[size:]
    return [*pieces, content]


def test_a_sound_form_is_read() -> None:
    parts, refused = read(f"multipart/form-data; boundary={BOUNDARY}", [FORM])

    assert not refused
    assert parts == [("channel_id", None, b"abc"), ("files", 'a " b.txt', b"line\r\n--x-\r\n--x-12\r\n")]


@given(CHANGES, st.lists(st.integers(1, 40), max_size=20), st.integers(0, 3))
@example([], [0, 0, 0], 0)
@tries(150)
@pytest.mark.timeout(seconds(120))
def test_a_form_with_faults_is_read_alike_or_refused(
    changes: list[tuple[str, int, int, int]], sizes: list[int], again: int
) -> None:
    body = mutated(FORM, changes) + mutated(FORM, changes[:1]) * again
    content_type = f"multipart/form-data; boundary={BOUNDARY}"

    whole = read(content_type, [body])
    pieces = read(content_type, cut(body, sizes))
    bytewise = read(content_type, [bytes((byte,)) for byte in body])

    # What was sound before a fault is given or not, as it came with the fault or before it.
    assert whole[1] == pieces[1] == bytewise[1]
    if not whole[1]:
        assert whole == pieces == bytewise
    assert bytewise[0][: len(pieces[0])] == pieces[0]
    assert len(bytewise[0]) <= MAX_PARTS


LATIN = st.characters(max_codepoint=255)
"""What a header holds."""


@given(
    st.text(LATIN, max_size=60) | st.text("multipart/form-data; boundary=\"'*%\\,=x", max_size=60),
    st.binary(max_size=80),
)
@example("multipart/form-data; boundary*=utf-8''%ff", b"")
@tries(150)
def test_any_content_type_is_no_failure(content_type: str, body: bytes) -> None:
    read(content_type, [body])
    read(f"multipart/form-data; boundary={content_type}", [body])


@given(st.text(max_size=30) | st.from_regex(r"bytes= ?[0-9]{0,20} ?- ?[0-9]{0,20}(,.*)?"), st.integers(0, 1 << 40))
@example("bytes=-0", 10)
@example("bytes=0-", 0)
@example("bytes=٣-", 10)
@example("bytes=5-4", 10)
@tries(120)
def test_a_range_lies_within_the_file(header: str, size: int) -> None:
    try:
        found = wanted_range(header, size)
    except RangeNotSatisfiable as error:
        assert error.headers == {"Content-Range": f"bytes */{size}"}
        return
    assert found is None or 0 <= found[0] < found[1] <= size


async def test_parts_of_an_upload_fit_or_are_refused(make: Make, client: Callable[..., Client]) -> None:
    ada = await make.user()
    channel = await make.channel(await make.team(owner=ada), owner=ada)
    cases: list[tuple[int, list[int]]] = [(LEAST_FIRST + 9, [LEAST_FIRST, 4, 5]), (3, [0, 3]), (3, [4, 3]), (0, [0])]

    @given(st.integers(1, 12), st.lists(st.integers(0, 14), min_size=1, max_size=3))
    @tries(12)
    def gather(size: int, parts: list[int]) -> None:
        cases.append((size, parts))

    gather()
    for size, parts in cases:
        content = random.Random(size).randbytes(size + 14)
        body = {"channel_id": channel.id, "filename": "a.bin", "file_size": size}
        made = await client(ada).post("/uploads", body)
        assert made.status == (201 if size else 400)
        at = 0
        for part in parts if size else ():
            reply = await client(ada).request("POST", f"/uploads/{made.json['id']}", content[at : at + part])
            whole, fits = at + part == size, 0 < part <= size - at and (at > 0 or part >= min(size, LEAST_FIRST))
            expected = 404 if at == size else 400 if not fits else 200 if whole else 204
            assert reply.status == expected, (size, parts, at)
            at += part if fits else 0
            if expected == 200:
                assert (await client(ada).get(f"/files/{reply.json['id']}")).content == content[:size]


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=12), st.binary(max_size=9)
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KNOWN = ("seq", "action", "data", "channel_id", "parent_id")


REQUESTS = st.dictionaries(st.sampled_from(KNOWN), ANYTHING) | ANYTHING


@given(REQUESTS.map(msgspec.msgpack.encode), CHANGES)
@example(b"\xc9\xff\xff\xff\xff\x01", [])  # an extension of four gigabytes
@example(b"\xdf\xff\xff\xff\xff", [])  # a map of so many fields
@example(b"\xd7\xff" + b"\xff" * 8, [])  # a time that there never is
@example(b"\x81\xa4data" + b"\x91" * 4000, [])
@tries(150)
def test_any_packed_request_is_read_or_refused(packed: bytes, changes: list[tuple[str, int, int, int]]) -> None:
    for content in (packed, mutated(packed, changes)):
        for decode in (msgspec.msgpack.Decoder(Request).decode, msgspec.json.Decoder(Request).decode):
            try:
                request = decode(content)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
                continue  # what the gateway closes a socket for
            assert isinstance(request.action, str)
