"""Thumbnails, previews and sizes of uploaded pictures; bombs and broken ones."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.clients_of import Client
from tests.features.files.uploading import Uploads, World, opened, picture, stored

Clients = Callable[..., Client]
Settings = Callable[..., None]


@pytest.mark.parametrize(
    ("size", "format", "thumbnail", "preview"),
    [
        ((600, 300), "PNG", (200, 100), (600, 300)),
        ((300, 600), "JPEG", (120, 240), (300, 600)),
        ((3840, 2160), "JPEG", (178, 100), (1920, 1080)),
        ((50, 40), "WEBP", (50, 40), (50, 40)),
        ((200, 20), "BMP", (200, 20), (200, 20)),
        ((12_000, 2), "PNG", (12_000, 2), (1920, 1)),
        ((1, 1), "PNG", (1, 1), (1, 1)),
    ],
)
async def test_pictures_have_sizes_thumbnails_and_previews(
    client: Clients,
    upload: Uploads,
    same_world: World,
    size: tuple[int, int],
    format: str,
    thumbnail: tuple[int, int],
    preview: tuple[int, int],
) -> None:
    (info,) = await upload(same_world.ada, same_world.room, (f"a.{format.lower()}", picture(size, format)))

    assert (info["width"], info["height"], info["has_preview_image"]) == (*size, True)
    mini = Image.open(io.BytesIO(base64.b64decode(info["mini_preview"])))
    assert (mini.format, mini.size) == ("JPEG", (16, 16))
    small = opened(await client(same_world.ada, node=1).get(f"/files/{info['id']}/thumbnail"))
    large = opened(await client(same_world.ada).get(f"/files/{info['id']}/preview"))
    assert (small.size, large.size) == (thumbnail, preview)
    red, green, blue = large.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
    assert (red > 240, green < 15, blue < 15) == (True, True, True)


async def test_a_picture_that_lies_on_its_side_is_turned(client: Clients, upload: Uploads, world: World) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    upright = Image.new("RGB", (400, 200), "blue")
    upright.paste("red", (0, 0, 200, 200))
    upright.save(out, "JPEG", exif=exif, quality=95)

    (info,) = await upload(world.ada, world.room, ("a.jpg", out.getvalue()))

    assert (info["width"], info["height"]) == (200, 400)
    preview = opened(await client(world.ada).get(f"/files/{info['id']}/preview")).convert("RGB")
    assert preview.size == (200, 400)
    assert preview.getpixel((100, 50))[0] > 200  # type: ignore[index]
    assert preview.getpixel((100, 350))[2] > 200  # type: ignore[index]
    assert opened(await client(world.ada).get(f"/files/{info['id']}/thumbnail")).size == (120, 240)


async def test_an_animation_is_shown_itself_instead_of_a_preview(
    client: Clients, upload: Uploads, world: World
) -> None:
    frames = [Image.new("RGB", (90, 60), (colour * 50, 0, 0)) for colour in range(5)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    moving, still = await upload(
        world.ada, world.room, ("moving.gif", out.getvalue()), ("still.gif", picture((90, 60), "GIF"))
    )

    assert (moving["width"], moving["height"], still["has_preview_image"]) == (90, 60, True)
    assert "has_preview_image" not in moving
    assert opened(await client(world.ada).get(f"/files/{moving['id']}/thumbnail")).size == (90, 60)


async def test_what_is_seen_through_becomes_white(client: Clients, upload: Uploads, world: World) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(out, "PNG")
    (info,) = await upload(world.ada, world.room, ("clear.png", out.getvalue()))

    preview = opened(await client(world.ada).get(f"/files/{info['id']}/preview"))
    assert preview.convert("RGB").getpixel((150, 150)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\nbroken"),
        ("a.png", picture((200, 200))[:90]),
        ("a.jpg", picture((900, 900), "JPEG")[:700]),
        ("a.gif", b"GIF89a"),
        ("a.webp", b"RIFF\xff\xff\xff\xffWEBPVP8 "),
        ("a.jpg", b"<html>not a picture</html>"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("a.txt", b"text"),
    ],
)
async def test_what_can_not_be_drawn_is_stored_without_small_pictures(
    client: Clients, upload: Uploads, same_world: World, store: Path, name: str, content: bytes
) -> None:
    (info,) = await upload(same_world.ada, same_world.room, (name, content))

    assert "has_preview_image" not in info
    assert info["mini_preview"] is None
    assert (await client(same_world.ada).get(f"/files/{info['id']}")).content == content
    thumbnail = await client(same_world.ada).get(f"/files/{info['id']}/thumbnail")
    preview = await client(same_world.ada).get(f"/files/{info['id']}/preview")
    assert (thumbnail.status, thumbnail.error_id) == (400, "api.file.get_file_thumbnail.no_thumbnail.app_error")
    assert (preview.status, preview.error_id) == (400, "api.file.get_file_preview.no_preview.app_error")
    assert stored(store) == ["original"]


def bomb(width: int, height: int) -> bytes:
    """A PNG that says that it is very large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(100_000, 100_000), (1 << 30, 1 << 30), (33_177_601, 1)])
async def test_a_picture_of_too_many_pixels_is_refused_undecoded(
    upload: Uploads, world: World, store: Path, size: tuple[int, int]
) -> None:
    reply = await upload.form(world.ada, [("channel_id", world.room.id)], [("bomb.png", bomb(*size))])

    assert (reply.status, reply.error_id) == (400, "api.file.upload_file.large_image.app_error")
    assert stored(store) == []


async def test_how_many_pixels_are_too_many_is_a_setting(upload: Uploads, world: World, settings: Settings) -> None:
    settings(FileSettings={"MaxImageResolution": 10_000})

    assert len(await upload(world.ada, world.room, ("a.png", picture((100, 100))))) == 1
    reply = await upload.form(world.ada, [("channel_id", world.room.id)], [("a.png", picture((101, 100)))])
    assert (reply.status, reply.error_id) == (400, "api.file.upload_file.large_image.app_error")


async def test_the_largest_picture_that_is_allowed_has_a_preview(upload: Uploads, world: World) -> None:
    (info,) = await upload(world.ada, world.room, ("large.png", picture((7680, 4320))))

    assert (info["width"], info["height"], info["has_preview_image"]) == (7680, 4320, True)
