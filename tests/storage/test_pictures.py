"""Small pictures of uploaded ones."""

import io
import struct
import zlib
from typing import cast

import pytest
from PIL import Image

from server.storage.blobs import Blobs
from server.storage.pictures import Unreadable
from server.storage.previews import Previews

LIMIT = 1_000_000


async def square_png(content: bytes, side: int, max_pixels: int) -> bytes:
    """The square of a picture; what is uploaded goes through no store."""
    previews = Previews(cast(Blobs, None), lambda: 1)
    try:
        return await previews.square(content, side, max_pixels)
    finally:
        await previews.stop()


def picture(width: int, height: int, form: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    """Left half red, right half blue."""
    made = Image.new(mode, (width, height), "red" if mode != "L" else 76)
    made.paste("blue" if mode != "L" else 29, (width // 2, 0, width, height))
    out = io.BytesIO()
    made.save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
async def test_a_picture_of_any_form_becomes_a_square_png(form: str) -> None:
    small = Image.open(io.BytesIO(await square_png(picture(300, 200, form), 128, LIMIT)))

    assert (small.format, small.size) == ("PNG", (128, 128))
    red, blue = small.convert("RGB").getpixel((5, 64)), small.convert("RGB").getpixel((122, 64))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > 200 > 60 > red[2]
    assert blue[2] > 200 > 60 > blue[0]


async def test_a_photo_taken_sideways_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = await square_png(picture(200, 200, "JPEG", exif=exif), 64, LIMIT)

    left = Image.open(io.BytesIO(turned)).convert("RGB").getpixel((5, 32))
    assert isinstance(left, tuple)
    assert left[2] > 200


def bomb(width: int, height: int) -> bytes:
    """A small file that says it is a huge picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


async def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(Unreadable) as refused:
        await square_png(bomb(60_000, 60_000), 128, LIMIT)
    assert refused.value.id == "api.file.upload_file.large_image.app_error"

    with pytest.raises(Unreadable):
        await square_png(picture(1001, 1000), 128, LIMIT)
    await square_png(picture(1000, 1000), 128, LIMIT)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", picture(64, 64)[:80], bomb(64, 64), b"%PDF-1.4"],
    ids=["nothing", "text", "svg", "half a png", "no pixels", "pdf"],
)
async def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        await square_png(content, 128, LIMIT)
