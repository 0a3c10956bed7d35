"""Uploads in words, and pictures to upload."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct
from PIL import Image

from tests.clients_of import Client, Reply
from tests.make import Person, Thing


class World(Struct):
    """Ada and Bob are in the room, a private channel; Carol is only in the team."""

    ada: Person
    bob: Person
    carol: Person
    team: Thing
    room: Thing


class Uploads:
    """Sends forms with files."""

    def __init__(self, client: Callable[..., Client]) -> None:
        self._client = client

    async def __call__(self, person: Person, channel: Thing, *files: tuple[str, bytes]) -> list[dict[str, Any]]:
        """Upload files and give what is known of them."""
        reply = await self.form(person, [("channel_id", channel.id)], files)
        infos: list[dict[str, Any]] = reply.ok(201)["file_infos"]
        return infos

    async def form(
        self, person: Person, fields: list[tuple[str, str]], files: Any, after: list[tuple[str, str]] | None = None
    ) -> Reply:
        """A form as clients send it; `after` are fields behind the files."""
        parts: list[tuple[str, Any]] = [(name, (None, value.encode())) for name, value in fields]
        parts += [("files", file) for file in files]
        parts += [(name, (None, value.encode())) for name, value in after or ()]
        return await self._client(person).request("POST", "/files", files=parts)


def picture(size: tuple[int, int], format: str = "PNG", colour: str = "red", **options: Any) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format, **options)
    return out.getvalue()


def opened(reply: Reply) -> Image.Image:
    """The JPEG that a reply is."""
    assert reply.status == 200, reply
    assert reply.headers["content-type"] == "image/jpeg"
    found = Image.open(io.BytesIO(reply.content))
    assert found.format == "JPEG"
    return found


def stored(store: Path) -> list[str]:
    """The names of all files in the store."""
    return sorted(path.name for path in store.rglob("*") if path.is_file())
