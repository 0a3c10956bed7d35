"""Calls to addresses that users chose: which are allowed, and what becomes of bad answers."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import pytest
import pytest_asyncio

from server.config.service import ServiceSection
from server.notify.outbound import (
    PER_HOST,
    Outbound,
    OutboundError,
    OutboundFailed,
    OutboundLate,
    OutboundRefused,
    OutboundUnreached,
    checked_url,
    is_excepted,
    is_public,
)
from tests.waiting import PATIENCE

Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""What a server does with the head of a request."""

LOOPBACK = ServiceSection(AllowedUntrustedInternalConnections="127.0.0.1")
TOO_LATE = "The address did not answer in time."


@pytest_asyncio.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(lambda: LOOPBACK)
    yield outbound
    await outbound.stop()


@pytest_asyncio.fixture
async def guarded() -> AsyncIterator[Outbound]:
    outbound = Outbound(ServiceSection)
    yield outbound
    await outbound.stop()


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    """A server on a free port of the loopback that reads a request's head and then talks as told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(await reader.readuntil(b"\r\n\r\n"), writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def saying(text: str) -> Talk:
    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(text.replace("\n", "\r\n").encode())

    return talk


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::10.0.0.1",
        "2001:0:53aa:64c:0:0:80ff:fffe",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "64:ff9b:1::8.8.8.8",
        "::127.0.0.1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:0:127.0.0.1",
        "100::1",
        "192.0.0.8",
    ],
)
def test_addresses_of_the_inside_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_exceptions_are_names_addresses_and_networks() -> None:
    loopback, private = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("10.2.3.4")

    assert is_excepted("hooks.internal", private, "other, hooks.internal")
    assert is_excepted("any", private, "192.168.0.0/16 10.0.0.0/8")
    assert is_excepted("any", ipaddress.ip_address("::ffff:127.0.0.1"), "127.0.0.1")
    assert not is_excepted("any", private, "127.0.0.1 ::1 hooks.internal")
    assert not is_excepted("any", loopback, "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "//example.org/",
        "http://",
        "http://user:secret@example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://exa mple.org/",
        "http://example.org/\r\nX-Header: 1",
        "http://example.org\\@127.0.0.1/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://example.org/" + "a" * 70_000,
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(OutboundRefused):
        checked_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "\uff11\uff12\uff17.0.0.1",
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "127\u30020\u30020\u30021",
    ],
)
async def test_no_spelling_of_the_loopback_is_called(guarded: Outbound, host: str) -> None:
    called = False

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal called
        called = True

    async with listening(talk) as port:
        with pytest.raises(OutboundError) as failed:
            await guarded.send("GET", f"http://{host}:{port}/")

    assert not called
    # Some of them are names, and whoever is asked for these may take its time.
    assert failed.value.reason in ("The address is not allowed.", "The address could not be reached.", TOO_LATE)


class Names:
    """A server of names that gives other addresses each time, and what was connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.connected: list[str] = []
        monkeypatch.setattr("server.notify.outbound.socket.getaddrinfo", self._look_up)
        monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", self._connect)

    def _look_up(self, host: str, port: int, **options: object) -> list[tuple[object, ...]]:
        addresses = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    async def _connect(self, host: str, port: int, *options: object) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        raise httpcore.ConnectError("nobody there")


PUBLIC = "93.184.216.34"


async def test_what_a_name_stands_for_later_does_not_matter(guarded: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, [PUBLIC], ["127.0.0.1"])

    with pytest.raises(OutboundError) as failed:
        await guarded.send("GET", "http://rebinding.example:1/")

    assert (names.asked, names.connected) == (1, [PUBLIC])
    assert failed.value.reason == "The address could not be reached."
    with pytest.raises(OutboundRefused):
        await guarded.send("GET", "http://rebinding.example:1/")
    assert (names.asked, names.connected) == (2, [PUBLIC])


async def test_of_a_name_that_stands_for_both_sides_only_the_outer_one_is_called(
    guarded: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1", "fd00::1", "0.0.0.0"]
    names = Names(monkeypatch, [*inside, PUBLIC, *inside])

    with pytest.raises(OutboundError):
        await guarded.send("GET", "http://both.example:1/")

    assert names.connected == [PUBLIC]


async def test_an_exception_is_called_and_answers(outbound: Outbound) -> None:
    async with listening(saying("HTTP/1.1 201 Created\nX-Answer: yes\nContent-Length: 5\n\nhello")) as port:
        answer = await outbound.send("POST", f"http://127.0.0.1:{port}/hook?a=ü", content=b"{}")

    assert (answer.status, answer.body, answer.headers["x-answer"]) == (201, b"hello", "yes")
    assert answer.url == f"http://127.0.0.1:{port}/hook?a=%C3%BC"


async def test_a_trusted_address_may_lie_inside(guarded: Outbound) -> None:
    async with listening(saying("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")) as port:
        answer = await guarded.send("GET", f"http://127.0.0.1:{port}/", trusted=True)

    assert answer.body == b"ok"


async def test_a_request_is_sent_as_given(outbound: Outbound) -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head + await reader.readexactly(4))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    headers = {"Authorization": "Token abc", "X-Odd": "one\r\nX-Injected: two"}
    await outbound.send("POST", f"http://127.0.0.1:{port}/path", headers=headers, content=b"body")
    server.close()

    lines = seen[0].decode().lower().split("\r\n")
    assert lines[0] == "post /path http/1.1"
    assert f"host: 127.0.0.1:{port}" in lines
    assert "authorization: token abc" in lines
    assert "x-odd: one  x-injected: two" in lines
    assert "content-length: 4" in lines
    assert lines[-1] == "body"


async def test_redirects_are_followed_as_told_without_secrets_for_others(outbound: Outbound) -> None:
    heads: list[bytes] = []

    async def final(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head.lower())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere")

    async with (
        listening(final) as there,
        listening(saying(f"HTTP/1.1 302 Found\nLocation: http://127.0.0.1:{there}/x\nContent-Length: 0\n\n")) as here,
    ):
        kept = await outbound.send("GET", f"http://127.0.0.1:{here}/")
        assert (kept.status, heads) == (302, [])
        headers = {"Authorization": "Token abc", "X-Kept": "yes"}
        answer = await outbound.send("GET", f"http://127.0.0.1:{here}/", headers=headers, redirects=1)

    assert b"x-kept: yes" in heads[0]
    assert b"token abc" not in heads[0]
    assert (answer.body, answer.url) == (b"here", f"http://127.0.0.1:{there}/x")


async def test_a_redirect_to_the_inside_is_refused(outbound: Outbound) -> None:
    async with listening(saying("HTTP/1.1 302 Found\nLocation: http://[::1]:1/\nContent-Length: 0\n\n")) as port:
        with pytest.raises(OutboundRefused):
            await outbound.send("GET", f"http://127.0.0.1:{port}/", redirects=3)


async def test_endless_redirects_end(outbound: Outbound) -> None:
    async with listening(saying("HTTP/1.1 302 Found\nLocation: /again\nContent-Length: 0\n\n")) as port:
        answer = await outbound.send("GET", f"http://127.0.0.1:{port}/", redirects=3)

    assert answer.status == 302


async def endless(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def silent(head: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def endless_head(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (endless, "The answer of the address is too long."),
        (silent, TOO_LATE),
        (endless_head, "The address gave no proper answer."),
        (saying("SSH-2.0-OpenSSH\n"), "The address gave no proper answer."),
        (saying("HTTP/1.1 200 OK\nContent-Length: 10\n\nhalf"), "The address gave no proper answer."),
        (
            saying("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 1\n\nx"),
            "The address gave no proper answer.",
        ),
    ],
    ids=["endless", "silent", "endless-head", "no-http", "cut-off", "packed"],
)
async def test_bad_answers_fail_in_constant_words(outbound: Outbound, talk: Talk, reason: str) -> None:
    patience = 0.3 if reason == TOO_LATE else 30  # a busy machine may need more for the other answers
    async with listening(talk) as port:
        with pytest.raises(OutboundFailed) as failed:
            await outbound.send("GET", f"http://127.0.0.1:{port}/", timeout=patience, max_bytes=100_000)

    assert failed.value.reason == reason


async def test_a_long_answer_can_be_cut(outbound: Outbound) -> None:
    async with listening(endless) as port:
        answer = await outbound.send("GET", f"http://127.0.0.1:{port}/", max_bytes=1000, cut=True)

    assert answer.body == b"x" * 1000


async def test_nobody_there(outbound: Outbound) -> None:
    async with listening(saying("")) as port:
        pass
    with pytest.raises(OutboundFailed) as failed:
        await outbound.send("GET", f"http://127.0.0.1:{port}/")

    assert failed.value.reason == "The address could not be reached."


async def test_slow_names_hold_up_nobody_else(
    guarded: Outbound, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    ask = socket.getaddrinfo

    def slowly(host: str, *args: Any, **options: Any) -> Any:
        if host.endswith(".slow.example"):
            over.wait(60)
            raise OSError
        return ask(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    async with listening(lambda head, writer: _say(writer, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")) as port:
        slow = [asyncio.create_task(guarded.send("GET", f"http://{n}.slow.example/", timeout=0.5)) for n in range(40)]
        await asyncio.sleep(0.05)
        try:
            assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), PATIENCE) == 1
            answer = await guarded.send("GET", f"http://127.0.0.1:{port}/", trusted=True, timeout=PATIENCE)
            assert answer.status == 200
        finally:
            over.set()
            answers = await asyncio.gather(*slow, return_exceptions=True)

    assert {type(answer) for answer in answers} <= {OutboundFailed, OutboundLate, OutboundUnreached}


async def _say(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)


async def test_a_slow_host_leaves_connections_for_others(outbound: Outbound) -> None:
    over = asyncio.Event()

    async def hang(head: bytes, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async with (
        listening(hang) as slow,
        listening(lambda head, writer: _say(writer, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")) as other,
    ):
        url = f"http://127.0.0.1:{slow}/"
        calls = [asyncio.create_task(outbound.send("GET", url, timeout=2 * PATIENCE)) for _ in range(100)]
        answer = await outbound.send("GET", f"http://127.0.0.1:{other}/", timeout=PATIENCE)
        refused = [call for call in calls if call.done()]
        over.set()
        reasons = {str(error) for error in await asyncio.gather(*calls, return_exceptions=True)}

    assert len(refused) == 100 - PER_HOST
    assert answer.status == 200
    assert reasons == {"The address has too many calls under way.", "The address gave no proper answer."}
