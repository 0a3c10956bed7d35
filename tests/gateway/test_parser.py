"""The parser of client frames, frame by frame and with random input."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from server.gateway.frames import BINARY, CLOSE, PING, PONG, TEXT
from server.gateway.parser import MAX_MESSAGE, BadFrame, FrameParser, unmask


def masked(opcode: int, payload: bytes, fin: bool = True, rsv1: bool = False, mask: bytes = b"abcd") -> bytes:
    """A client's frame."""
    head = bytes(((0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode,))
    size = len(payload)
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 65536:
        head += b"\xfe" + size.to_bytes(2)
    else:
        head += b"\xff" + size.to_bytes(8)
    return head + mask + unmask(payload, mask)


def test_whole_messages() -> None:
    data = masked(TEXT, "grüß".encode()) + masked(BINARY, b"\x00\xff") + masked(PING, b"?") + masked(TEXT, b"")
    assert FrameParser().feed(data)[0] == [(TEXT, "grüß".encode()), (BINARY, b"\x00\xff"), (PING, b"?"), (TEXT, b"")]


def test_fragments_with_a_ping_between() -> None:
    euro = "€".encode()
    data = masked(TEXT, euro[:1], fin=False) + masked(PING, b"") + masked(0, euro[1:2], fin=False) + masked(0, euro[2:])
    assert FrameParser().feed(data)[0] == [(PING, b""), (TEXT, euro)]


def test_compressed_messages() -> None:
    def squeeze(content: bytes) -> bytes:
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        return (deflate.compress(content) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]

    parser = FrameParser(deflate=True)
    packed = squeeze(b"a" * 8000)
    assert parser.feed(masked(TEXT, packed, rsv1=True))[0] == [(TEXT, b"a" * 8000)]
    assert parser.feed(masked(TEXT, b"plain"))[0] == [(TEXT, b"plain")]
    assert parser.feed(masked(TEXT, packed[:5], fin=False, rsv1=True) + masked(0, packed[5:]))[0] == [
        (TEXT, b"a" * 8000)
    ]
    with pytest.raises(BadFrame) as caught:
        parser.feed(masked(TEXT, squeeze(b"a" * 10_000_000)[:8000], rsv1=True))
    assert caught.value.code == 1009


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (masked(TEXT, b"x", rsv1=True), 1002),
        (b"\xa1\x80abcd", 1002),  # reserved bit
        (masked(3, b""), 1002),
        (masked(0xB, b""), 1002),
        (masked(0, b"x"), 1002),  # nothing to continue
        (masked(TEXT, b"x", fin=False) + masked(TEXT, b"y"), 1002),
        (masked(PING, b"x" * 126), 1002),
        (masked(PING, b"x", fin=False), 1002),
        (masked(CLOSE, b"x"), 1002),
        (masked(CLOSE, (1005).to_bytes(2)), 1002),
        (masked(CLOSE, (1000).to_bytes(2) + b"\xff"), 1007),
        (masked(TEXT, b"\xff\xfe"), 1007),
        (masked(TEXT, "\ud800".encode("utf-8", "surrogatepass")), 1007),
        (masked(TEXT, b"x" * (MAX_MESSAGE + 1)), 1009),
        (masked(TEXT, b"x" * MAX_MESSAGE, fin=False) + masked(0, b"y"), 1009),
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1009),
        (masked(TEXT, b"", fin=False) + masked(0, b"", fin=False) * 300, 1008),
    ],
)
def test_broken_frames(data: bytes, code: int) -> None:
    with pytest.raises(BadFrame) as caught:
        FrameParser().feed(data)
    assert caught.value.code == code


def test_the_largest_message_is_taken() -> None:
    assert FrameParser().feed(masked(TEXT, b"x" * MAX_MESSAGE))[0] == [(TEXT, b"x" * MAX_MESSAGE)]


messages = st.lists(
    st.one_of(
        st.tuples(st.just(TEXT), st.text(max_size=200).map(str.encode)),
        st.tuples(st.just(BINARY), st.binary(max_size=400)),
        st.tuples(st.sampled_from((PING, PONG)), st.binary(max_size=125)),
    ),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(messages, st.data())
def test_any_cutting_of_the_stream_gives_the_same_messages(sent: list[tuple[int, bytes]], data: st.DataObject) -> None:
    stream = b""
    for opcode, payload in sent:
        if opcode in (TEXT, BINARY) and data.draw(st.booleans()):
            cut = data.draw(st.integers(0, len(payload)))
            pieces = [(opcode, payload[:cut], False), (0, payload[cut:], True)]
        else:
            pieces = [(opcode, payload, True)]
        for kind, piece, fin in pieces:
            stream += Frame(Opcode(kind), piece, fin).serialize(mask=True)
    parser = FrameParser()
    got: list[tuple[int, bytes]] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        most = data.draw(st.integers(1, 20))
        messages, frames = parser.feed(stream[:cut], most)
        assert frames <= most
        got += messages
        stream = stream[cut:]
    assert got + parser.feed(b"")[0] == sent


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=64), max_size=20), st.booleans())
def test_garbage_never_does_more_than_break_the_connection(chunks: list[bytes], deflate: bool) -> None:
    parser = FrameParser(deflate)
    for chunk in chunks:
        try:
            for opcode, payload in parser.feed(chunk)[0]:
                assert opcode in (TEXT, BINARY, CLOSE, PING, PONG)
                assert len(payload) <= MAX_MESSAGE
        except BadFrame as error:
            assert error.code in (1002, 1007, 1008, 1009)
            return
