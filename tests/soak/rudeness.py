"""What bad clients and bad networks do: requests that end in the middle, silence, noise."""

import asyncio
import random
from collections.abc import Awaitable, Callable

CHUNK = 32 * 1024
PATIENCE = 30.0


class Line:
    """A connection to a node, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self, method: str, path: str, token: str, *headers: str) -> None:
        """Send the head of a request."""
        lines = [f"{method} /api/v4{path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}", *headers]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        await self.writer.drain()

    async def status(self) -> int:
        """The status that is answered, 0 when the connection ends instead."""
        try:
            line = await self.reader.readline()
        except ConnectionError:
            return 0
        return int(line.split()[1]) if line else 0


Misdeed = Callable[[Line, str, str], Awaitable[int]]
"""Does something on a line with a token and the id of a channel; gives the status that it got, 0 for none."""


async def half_a_head(line: Line, token: str, channel_id: str) -> int:
    """Leave in the middle of the head."""
    line.writer.write(b"POST /api/v4/posts HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthoriz")
    await asyncio.sleep(0.5)
    return 0


async def half_a_body(line: Line, token: str, channel_id: str) -> int:
    """Leave in the middle of a body."""
    await line.head("POST", "/posts", token, "Content-Type: application/json", "Content-Length: 5000")
    line.writer.write(b'{"channel_id": "' + channel_id.encode())
    await asyncio.sleep(0.3)
    return 0


async def half_an_upload(line: Line, token: str, channel_id: str) -> int:
    """Leave in the middle of a file."""
    await line.head("POST", f"/files?channel_id={channel_id}&filename=half.bin", token, "Content-Length: 3000000")
    for _ in range(random.randint(1, 12)):
        line.writer.write(random.randbytes(CHUNK))
        await line.writer.drain()
    await asyncio.sleep(0.2)
    return 0


async def half_a_form(line: Line, token: str, channel_id: str) -> int:
    """Leave in the middle of a form with a file."""
    await line.head(
        "POST", "/files", token, "Content-Length: 900000", "Content-Type: multipart/form-data; boundary=abc"
    )
    form = f'--abc\r\nContent-Disposition: form-data; name="channel_id"\r\n\r\n{channel_id}\r\n--abc\r\n'
    line.writer.write(form.encode() + b'Content-Disposition: form-data; name="files"; filename="half.png"\r\n\r\n')
    line.writer.write(random.randbytes(3 * CHUNK))
    await asyncio.sleep(0.2)
    return 0


async def no_ear_for_the_answer(line: Line, token: str, channel_id: str) -> int:
    """Ask for much and leave before it comes."""
    for _ in range(5):
        await line.head("GET", f"/channels/{channel_id}/posts?per_page=200", token)
    return 0


async def silence(line: Line, token: str, channel_id: str) -> int:
    """Say nothing for a while."""
    await asyncio.sleep(random.uniform(1, 8))
    return 0


async def noise(line: Line, token: str, channel_id: str) -> int:
    """Speak something else."""
    line.writer.write(b"\x16\x03\x01\x02\x00" + random.randbytes(200) + b"\r\n\r\n")
    return await line.status()


async def too_much(line: Line, token: str, channel_id: str) -> int:
    """Announce a body that nobody takes."""
    await line.head("POST", "/posts", token, "Content-Type: application/json", "Content-Length: 9000000000")
    return await line.status()


async def half_an_upgrade(line: Line, token: str, channel_id: str) -> int:
    """Become a WebSocket, say nothing as one, and leave."""
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    version = "Sec-WebSocket-Version: 13"
    await line.head("GET", "/websocket", token, "Connection: Upgrade", "Upgrade: websocket", version, key)
    status = await line.status()
    await asyncio.sleep(random.uniform(0, 1))
    return status


MISDEEDS: dict[Misdeed, tuple[int, ...]] = {
    half_a_head: (0,),
    half_a_body: (0,),
    half_an_upload: (0,),
    half_a_form: (0,),
    no_ear_for_the_answer: (0,),
    silence: (0,),
    noise: (0, 400),
    too_much: (413,),
    half_an_upgrade: (101,),
}
"""What may be done, and the statuses that are right for it."""


async def misbehave(misdeed: Misdeed, port: int, token: str, channel_id: str) -> str:
    """Do it and cut the connection; what was wrong with the answer, "" for nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            status = await misdeed(Line(reader, writer), token, channel_id)
    except TimeoutError:
        return f"{misdeed.__name__}: no answer within {PATIENCE:.0f} s"
    except ConnectionError:
        status = 0
    finally:
        writer.transport.abort()
    return "" if status in MISDEEDS[misdeed] else f"{misdeed.__name__}: answered with {status}"
