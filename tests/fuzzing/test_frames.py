"""Frames from any bytes: what our parser makes of them is what another one makes of them, however they come in."""

import zlib
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.protocol import SERVER, State
from websockets.protocol import Protocol as Reference

from server.gateway.frames import BINARY, CLOSE, PING, PONG, TEXT
from server.gateway.parser import MAX_MESSAGE, BadFrame, FrameParser, unmask
from tests.profiles import seconds, tries

Messages = list[tuple[int, bytes]]

CONTINUED = 0

MOST_HEADER = 14
"""Bytes of the longest header of a client's frame."""

FAR_TOO_LARGE = 2**63 + 5


def head(size: int, form: int) -> bytes:
    """A size in the shortest form, or in a longer one, always with the bit that says masked."""
    if size < 126 and form == 0:
        return bytes((0x80 | size,))
    if size < 65536 and form <= 1:
        return b"\xfe" + size.to_bytes(2)
    return b"\xff" + size.to_bytes(8)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A frame that is mostly a good one."""
    opcode = draw(st.sampled_from((TEXT, TEXT, BINARY, CONTINUED, CONTINUED, PING, PONG, CLOSE, 3, 11)))
    first = opcode | draw(st.sampled_from((0x80, 0x80, 0x80, 0x00))) | draw(st.sampled_from((0, 0, 0, 0x40, 0x20)))
    payload = draw(
        st.one_of(
            st.binary(max_size=20),
            st.text(max_size=10).map(str.encode),
            st.sampled_from((126, 4000, MAX_MESSAGE, MAX_MESSAGE + 1)).map(bytes),
            st.sampled_from((b"a" * 20, b"", b"a" * 9000)).map(squeezed),
            st.sampled_from((b"\x03\xe8", b"\x03\xe8\xff", b"\x03", b"\x03\xe9bye", b"\x03\xed", b"\x0b\xb8")),
        )
    )
    mask = draw(st.binary(min_size=4, max_size=4))
    if draw(st.integers(0, 30)) == 0:
        return bytes((first, len(payload) % 126)) + payload  # not masked
    size = FAR_TOO_LARGE if draw(st.integers(0, 60)) == 0 else len(payload)
    return bytes((first,)) + head(size, draw(st.integers(0, 2))) + mask + unmask(payload, mask)


def squeezed(content: bytes) -> bytes:
    """A payload as a client compresses it."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflate.compress(content) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


STREAMS = st.one_of(
    st.lists(frames(), max_size=6).map(b"".join),
    st.binary(max_size=200),
    st.tuples(st.lists(frames(), max_size=4).map(b"".join), st.binary(max_size=30)).map(b"".join),
)


def read(chunks: list[bytes], deflate: bool, most: int = 1 << 30) -> tuple[Messages, int]:
    """The messages up to the first close frame, and the code of the failure, 0 for none."""
    parser = FrameParser(deflate)
    found: Messages = []
    for chunk in chunks:
        try:
            messages, taken = parser.feed(chunk, most)
            found += messages
            while taken == most:
                messages, taken = parser.feed(b"", most)
                found += messages
        except BadFrame as error:
            return found, error.code
        assert len(parser._buffer) < MAX_MESSAGE + MOST_HEADER
        if any(opcode == CLOSE for opcode, _ in found):
            break
    closes = [place for place, (opcode, _) in enumerate(found) if opcode == CLOSE]
    return found[: closes[0] + 1] if closes else found, 0


def is_text(message: tuple[int, bytes]) -> bool:
    """Whether it is good UTF-8, or need not be: the other parser leaves that to who reads the message."""
    try:
        return message[0] != TEXT or message[1].decode() is not None
    except UnicodeDecodeError:
        return False


class Shape(Struct):
    """What a stream is like where the two parsers may differ, and may."""

    unfinished: bool = False
    """Its last frame is not whole."""
    long_control: bool = False
    """A control frame says its size in a long form, which we refuse whatever the size is."""


def shape_of(stream: bytes) -> Shape:
    """Go from frame to frame."""
    shape = Shape()
    at = 0
    while at + 2 <= len(stream):
        first, size, width = stream[at], stream[at + 1] & 0x7F, 0
        if size >= 126:
            width = 2 if size == 126 else 8
            size = int.from_bytes(stream[at + 2 : at + 2 + width])
            shape.long_control |= first & 0x0F >= CLOSE
        at += 2 + width + 4 + size
    shape.unfinished = at != len(stream)
    return shape


def read_by_websockets(stream: bytes, deflate: bool) -> tuple[Messages, bool]:
    """The same by another parser, and whether it failed."""
    other = Reference(SERVER, state=State.OPEN, max_size=MAX_MESSAGE)
    if deflate:
        other.extensions = [PerMessageDeflate(True, True, 15, 15)]
    found: Messages = []
    fragments: list[bytes] = []
    opcode = 0
    other.receive_data(stream)
    for frame in cast(list[Frame], other.events_received()):
        payload = bytes(frame.data)
        if frame.opcode >= CLOSE:
            found.append((frame.opcode, payload))
            if frame.opcode == CLOSE:
                return found, False
            continue
        opcode = frame.opcode or opcode
        fragments.append(payload)
        if frame.fin:
            message = (opcode, b"".join(fragments))
            if not is_text(message):
                return found, True
            found.append(message)
            fragments = []
    return found, other.parser_exc is not None


@given(STREAMS, st.booleans())
@example(b"\x81\xfe\x00\x01abcd\x00", False)  # a size that is longer than it need be
@example(b"\x88\x82abcd\x62\x8b", False)  # a close with a code
@example(b"\xc1\x80abcd", True)  # a compressed message of nothing
@tries(300)
@pytest.mark.timeout(seconds(120))
def test_another_parser_finds_the_same(stream: bytes, deflate: bool) -> None:
    found, code = read([bytes((byte,)) for byte in stream], deflate)
    theirs, failed = read_by_websockets(stream, deflate)

    shape = shape_of(stream)
    if shape.long_control:
        return
    assert found == theirs, (stream, code)
    # They look at a frame when all of it is there, and inflate each fragment when it comes.
    assert failed or not code or shape.unfinished, (stream, code)
    assert code or not failed or deflate, stream


@given(STREAMS, st.booleans(), st.lists(st.integers(1, 60), max_size=20), st.sampled_from((1, 3, 1 << 30)))
@tries(200)
@pytest.mark.timeout(seconds(120))
def test_it_makes_no_difference_how_bytes_come_in(stream: bytes, deflate: bool, cuts: list[int], most: int) -> None:
    expected, code = read([bytes((byte,)) for byte in stream], deflate)
    chunks = []
    rest = stream
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    chunks.append(rest)

    found, same_code = read(chunks, deflate, most)

    closed = any(opcode == CLOSE for opcode, _ in expected)
    assert same_code == code or (closed and not code)  # what follows a close may be broken
    # What came in the same piece as a failure is lost with the connection.
    assert found == expected[: len(found)] if same_code else found == expected
