"""A mail server for tests: takes every mail and keeps it.

The fixture `mails` is one that both nodes use.
"""

import asyncio
import base64
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage

import pytest_asyncio
from msgspec import Struct

from server.db import SQL, Db
from tests.nodes import TestNode
from tests.waiting import PATIENCE, until_gone

# What has failed waits for its next try.
OWED = SQL("""
    SELECT count(*) FROM jobs
     WHERE failed_at = 0 AND error = '' AND (name LIKE 'send%' OR name IN ('notify_of_post', 'forward_push_ack'))
""")
FORGET = SQL("DELETE FROM jobs WHERE error <> '' AND name LIKE 'send%'")
FORGET_DIGESTS = SQL("DELETE FROM batched_mails")


class Taken(Struct):
    """A mail as it came: the envelope and the message."""

    sender: str
    receivers: list[str]
    message: EmailMessage

    secure: bool = False
    """Whether it came over TLS."""
    login: str = ""
    """Name and password of the client, "name:password"."""

    @property
    def text(self) -> str:
        """The body, of a mail in two forms the plain one."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The body as HTML."""
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None, self.message
        return str(part.get_content()).replace("\r\n", "\n")


class MailServer:
    """Speaks as much SMTP as a client needs.

    `refuse` makes it turn mails away for now, `unknown` are receivers that it never takes, `slow` seconds pass before
    it says anything, `tls` is offered (STARTTLS).
    """

    def __init__(self) -> None:
        self.port = 0
        self.refuse = False
        self.unknown: set[str] = set()
        self.slow = 0.0
        self.tls: ssl.SSLContext | None = None
        self.attempts = 0
        self.mails: asyncio.Queue[Taken] = asyncio.Queue()

    async def next(self) -> Taken:
        """The next mail."""
        return await asyncio.wait_for(self.mails.get(), PATIENCE)

    async def to(self, address: str, words: str = "") -> Taken:
        """The next mail to somebody, with these words in it; what comes before it is dropped."""
        while True:
            mail = await self.next()
            if mail.receivers == [address] and words in mail.text:
                return mail

    def left(self) -> list[Taken]:
        """The mails that came and that nobody took yet; see `nothing_owed` for those to come."""
        return [self.mails.get_nowait() for _ in range(self.mails.qsize())]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""

        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        sender, receivers = "", list[str]()
        secure, login = writer.get_extra_info("ssl_object") is not None, ""
        self.attempts += 1
        await asyncio.sleep(self.slow)
        say("220 test")
        while line := (await reader.readline()).decode().strip():
            command, _, rest = line.partition(" ")
            if command == "EHLO":
                say("250-test")
                if self.tls is not None and not secure:
                    say("250-STARTTLS")
                say("250 AUTH PLAIN")
            elif command == "STARTTLS" and self.tls is not None:
                say("220 go on")
                await writer.start_tls(self.tls)
                secure = True
            elif command == "AUTH":
                _, name, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
                login = f"{name}:{password}"
                say("235 welcome")
            elif command == "MAIL":
                sender = rest.partition("<")[2].partition(">")[0]
                receivers = []
                say("451 not now" if self.refuse else "250 ok")
            elif command == "RCPT":
                receivers.append(rest.partition("<")[2].partition(">")[0])
                say("550 nobody of that name" if receivers[-1] in self.unknown else "250 ok")
            elif command == "DATA":
                say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                message = email.message_from_bytes(raw[:-3].replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                self.mails.put_nowait(Taken(sender, receivers, message, secure, login))
                say("250 taken")
            elif command == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
        writer.close()


@contextlib.asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[MailServer]:
    """A running mail server on a port of its own; with `tls` clients speak TLS to it from the beginning."""
    taking = MailServer()
    server = await asyncio.start_server(taking.serve, "127.0.0.1", 0, ssl=tls)
    taking.port = server.sockets[0].getsockname()[1]
    async with server:
        yield taking


async def nothing_owed(db: Db) -> None:
    """Wait until mails and pushes that were caused so far have been sent, or could not be."""
    await until_gone(lambda: db.value(OWED))


@pytest_asyncio.fixture
async def nothing_left(node: TestNode) -> None:
    """Nothing comes any more that earlier tests caused: who sends reads the settings right before."""
    await nothing_owed(node.services.db)
    await node.services.db.run(FORGET)
    await node.services.db.run(FORGET_DIGESTS)


@pytest_asyncio.fixture
async def mails(nothing_left: None, settings: Callable[..., None]) -> AsyncIterator[MailServer]:
    """A mail server that both nodes use."""
    async with mail_server() as taking:
        settings(
            EmailSettings={"SMTPServer": "127.0.0.1", "SMTPPort": str(taking.port), "FeedbackEmail": "hub@example.org"},
            ServiceSettings={"SiteURL": "https://chat.example.org"},
        )
        yield taking
