"""A small world for tests of previews: a page and a picture outside, people and channels inside."""

import io
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from PIL import Image

from tests.clients_of import Client, Socket
from tests.make import Person, Thing
from tests.receiver import Receiver

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Settings = Callable[..., None]
Counted = Callable[..., Any]
Json = dict[str, Any]

SITE = "https://chat.example.org"

PAGE = """<!doctype html><html><head><meta charset="utf-8">
<title>Only a title</title>
<meta property="og:title" content="Bears &amp; honey">
<meta property="og:type" content="article">
<meta property="og:site_name" content="The Forest">
<meta property='og:description' content='All about "bears" > bees'>
<meta property="og:image" content="/bear.png">
<meta property="og:image:width" content="64">
<meta property="og:url" content="https://elsewhere.example.org/">
</head><body><meta property="og:title" content="not this"></body></html>"""


def picture(width: int, height: int, kind: str = "PNG", frames: int = 1, **options: Any) -> bytes:
    """A picture of this size, a GIF with so many frames."""
    out = io.BytesIO()
    first, *others = [Image.new("RGB", (width, height), (number * 9 % 256, 60, 90)) for number in range(frames)]
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(out, kind, **more, **options)
    return out.getvalue()


class World(Struct):
    """Ada and Bob share a public channel and a private one, Carol is in their team only."""

    ada: Person
    bob: Person
    carol: Person
    team: Thing
    town: Thing
    den: Thing
    client: Clients
    receiver: Receiver

    async def read(self, post_id: str, person: Person | None = None, node: int = 0) -> Json:
        """A post as somebody reads it."""
        post: Json = (await self.client(person or self.ada, node=node).get(f"/posts/{post_id}")).ok()
        return post

    def link(self, post_id: str) -> str:
        """The address of a post of this service."""
        return f"{SITE}/{self.team.name}/pl/{post_id}"


async def previewed(events: Socket, post_id: str) -> Json:
    """The post of the next post_edited event, which is that of the post."""
    event = await events.next("post_edited")
    assert event.data["post"]["id"] == post_id
    post: Json = event.data["post"]
    return post


async def previewed_twice(events: Socket, post_id: str) -> tuple[Json, Json]:
    """The post of the next two post_edited events, which are of the post, by when it became so: the second may be told
    by another node than the first."""
    one, other = [await previewed(events, post_id) for _ in range(2)]
    return (one, other) if one["update_at"] < other["update_at"] else (other, one)
