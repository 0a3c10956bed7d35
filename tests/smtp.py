"""A mail server for tests: takes every mail and keeps it."""

import asyncio
import contextlib
import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage

from msgspec import Struct


class Taken(Struct):
    """A mail as it came: the envelope and the message."""

    sender: str
    receivers: list[str]
    message: EmailMessage

    @property
    def text(self) -> str:
        """The body."""
        return str(self.message.get_content())


class MailServer:
    """Speaks as much SMTP as a client needs. `refuse` makes it turn mails away for now."""

    def __init__(self) -> None:
        self.port = 0
        self.refuse = False
        self.mails: asyncio.Queue[Taken] = asyncio.Queue()

    async def next(self, timeout: float = 5) -> Taken:
        """The next mail."""
        return await asyncio.wait_for(self.mails.get(), timeout)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""

        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        sender, receivers = "", list[str]()
        say("220 test")
        while line := (await reader.readline()).decode().strip():
            command, _, rest = line.partition(" ")
            if command == "MAIL":
                sender = rest.partition("<")[2].partition(">")[0]
                receivers = []
                say("451 not now" if self.refuse else "250 ok")
            elif command == "RCPT":
                receivers.append(rest.partition("<")[2].partition(">")[0])
                say("250 ok")
            elif command == "DATA":
                say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                message = email.message_from_bytes(raw[:-3].replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                self.mails.put_nowait(Taken(sender, receivers, message))
                say("250 taken")
            elif command == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
        writer.close()


@contextlib.asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """A running mail server on a port of its own."""
    taking = MailServer()
    server = await asyncio.start_server(taking.serve, "127.0.0.1", 0)
    taking.port = server.sockets[0].getsockname()[1]
    async with server:
        yield taking
