"""Pictures for emojis, and uploading them."""

import io
import json
from collections.abc import Callable
from typing import Any

from PIL import Image

from tests.clients_of import Client, Reply
from tests.make import Make, Person

Clients = Callable[..., Client]
Settings = Callable[..., None]
Sockets = Callable[..., Any]
Counted = Callable[..., Any]


def png(size: tuple[int, int] = (64, 64), kind: str = "PNG") -> bytes:
    """A red picture."""
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind)
    return out.getvalue()


def gif(size: tuple[int, int] = (200, 100), frames: int = 3) -> bytes:
    """An animated picture, each frame of another colour and twice as long as the one before."""
    pictures = [Image.new("RGB", size, (25 * (number % 10), 255 - number % 200, 9)) for number in range(frames)]
    out = io.BytesIO()
    durations = [50 * 2 ** min(number, 4) for number in range(frames)]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return out.getvalue()


async def upload(caller: Client, name: Any, image: bytes | None = None, **fields: Any) -> Reply:
    """POST /emoji."""
    files: dict[str, Any] = {"image": ("cat.png", png() if image is None else image)}
    return await caller.request("POST", "/emoji", files=files, data={"emoji": json.dumps({"name": name, **fields})})


async def new_emoji(make: Make, client: Clients, creator: Person | None = None) -> dict[str, Any]:
    """An emoji by the administrator or someone else."""
    emoji: dict[str, Any] = (await upload(client(creator or make.admin), make.name("blob_"))).ok()
    return emoji
