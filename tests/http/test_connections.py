"""What happens on one connection: answers in turn, in one piece, and its end."""

import asyncio

import pytest

from server.http import protocol
from server.http.exchange import Exchange
from server.http.heads import line
from tests.nodes import TestNode

PING = b"GET /api/v4/system/ping HTTP/1.1\r\nhost: test\r\n\r\n"
LOGIN = b'{"login_id":"nobody","password":"wrong"}'


def login(*headers: bytes) -> bytes:
    lines = [b"POST /api/v4/users/login HTTP/1.1", b"host: test", *headers, b"", b""]
    return b"\r\n".join(lines)


async def answers(node: TestNode, *chunks: bytes) -> bytes:
    """All that comes back until the node closes the connection, which the last request asks for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0.02)
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


def closing(request: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)


async def test_requests_sent_together_are_answered_in_turn(node: TestNode) -> None:
    unknown = PING.replace(b"/system/ping", b"/nothing")

    answer = await answers(node, PING + unknown + PING + closing(unknown))

    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200", b"404"]
    assert answer.count(b"connection: close\r\n") == 1


async def test_head_has_the_length_of_the_body_and_none(node: TestNode) -> None:
    answer = await answers(node, PING.replace(b"GET", b"HEAD") + closing(PING))

    alone, whole = (part.partition(b"\r\n\r\n") for part in answer.split(b"HTTP/1.1 ")[1:])
    assert alone[2] == b""
    assert b"content-length: %d\r\n" % len(whole[2]) in alone[0] + b"\r\n"


async def test_a_body_is_asked_for_when_the_client_waits_for_that(node: TestNode) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(login(b"expect: 100-continue", b"content-length: %d" % len(LOGIN), b"connection: close"))
    asked = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    writer.write(LOGIN)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_who_is_answered_before_it_sends_its_body_sends_nothing_else(node: TestNode) -> None:
    """It may go on with the next request, or with the body: nobody could tell."""
    head = login(b"expect: 100-continue", b"content-length: 100000").replace(b"/users/login", b"/nothing")

    answer = await answers(node, head)

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nconnection: close\r\n" in answer


async def test_who_sends_its_body_without_being_asked_stays(node: TestNode) -> None:
    whole = login(b"expect: 100-continue", b"content-length: %d" % len(LOGIN)) + LOGIN

    answer = await answers(node, whole + closing(PING))

    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"401", b"200"]


async def test_an_offer_of_another_protocol_is_passed_over(node: TestNode) -> None:
    """Java's HttpClient makes it with the first request of each connection, whatever that is."""
    offer = (b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAAQAAP__")
    asks = PING.replace(b"\r\n\r\n", b"\r\n" + b"\r\n".join(offer) + b"\r\n\r\n")
    posts = login(*offer, b"content-length: %d" % len(LOGIN))

    together = await answers(node, asks + posts + LOGIN + asks + closing(PING))
    one_by_one = await answers(node, posts, LOGIN[:5], LOGIN[5:], asks, closing(PING))

    assert [part[:3] for part in together.split(b"HTTP/1.1 ")[1:]] == [b"200", b"401", b"200", b"200"]
    assert [part[:3] for part in one_by_one.split(b"HTTP/1.1 ")[1:]] == [b"401", b"200", b"200"]


@pytest.mark.parametrize("pieces", [1, 3, len(LOGIN)])
async def test_a_body_may_come_in_pieces(node: TestNode, pieces: int) -> None:
    size = -(-len(LOGIN) // pieces)
    parts = [LOGIN[at : at + size] for at in range(0, len(LOGIN), size)]
    chunked = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]

    plain = await answers(node, login(b"content-length: %d" % len(LOGIN), b"connection: close"), *parts)
    packed = await answers(node, login(b"transfer-encoding: chunked", b"connection: close"), *chunked, b"0\r\n\r\n")

    assert plain.startswith(b"HTTP/1.1 401 ")
    assert packed.startswith(b"HTTP/1.1 401 ")


async def test_http_1_0_gets_one_answer(node: TestNode) -> None:
    answer = await answers(node, PING.replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"connection: close\r\n") == 1


async def test_a_connection_that_nobody_uses_is_closed(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "CHECK_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    for _ in range(2):
        writer.write(PING)
        assert (await asyncio.wait_for(reader.readuntil(b"}"), 30)).startswith(b"HTTP/1.1 200 ")
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 1.0)

    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


class Wire:
    """Stands for a connection, its transport and its flow control, and keeps what is written."""

    client = ("127.0.0.1", 1)
    write_paused = False

    def __init__(self) -> None:
        self.transport = self.flow = self
        self.written: list[bytes] = []
        self.answered = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.written.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.written

    def default_lines(self) -> bytes:
        return b"date: today\r\n"

    def linger(self) -> None:
        self.close()

    def on_answered(self) -> None:
        self.answered += 1


def exchange(wire: Wire, method: str = "GET") -> Exchange:
    return Exchange(wire, method, b"/", b"", [], {})  # type: ignore[arg-type]


def test_a_whole_answer_is_one_write() -> None:
    wire = Wire()
    answer = exchange(wire)

    answer.write_whole(200, b"content-length: 2\r\n", b"ok")

    assert wire.written == [b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\nok"]
    assert answer.answered
    assert wire.answered == 1


def test_an_answer_in_parts_keeps_its_parts() -> None:
    wire = Wire()
    answer = exchange(wire)

    answer.begin(200, b"content-length: 4\r\n", 4)
    answer.write(b"so")
    answer.write(b"so")
    assert not answer.answered
    answer.end()

    assert b"".join(wire.written).endswith(b"content-length: 4\r\n\r\nsoso")
    assert answer.answered


def test_head_gets_no_part_of_the_body() -> None:
    wire = Wire()
    answer = exchange(wire, "HEAD")

    answer.begin(200, b"content-length: 4\r\n", 4)
    answer.write(b"soso")
    answer.end()

    assert wire.written == [b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 4\r\n\r\n"]


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "a\nb", "a\rb", "a\0b"])
def test_a_header_can_not_smuggle_another_one(value: str) -> None:
    with pytest.raises(ValueError, match="x-name"):
        line("x-name", value)
    with pytest.raises(ValueError, match="one line"):
        line(value, "a")


def test_a_wrong_length_is_an_error() -> None:
    short, long = exchange(Wire()), exchange(Wire())

    short.begin(200, b"content-length: 5\r\n", 5)
    short.write(b"four")
    with pytest.raises(ValueError, match="shorter"):
        short.end()
    long.begin(200, b"content-length: 3\r\n", 3)
    with pytest.raises(ValueError, match="longer"):
        long.write(b"four")


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    unbegun, begun = Wire(), Wire()
    answer = exchange(begun)
    answer.begin(200, b"content-length: 5\r\n", 5)

    exchange(unbegun).break_off()
    answer.break_off()

    assert unbegun.written[0].startswith(b"HTTP/1.1 500 ")
    assert b"connection: close\r\n" in unbegun.written[0]
    assert begun.written[1:] == [b"closed"]
