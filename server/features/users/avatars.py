"""The picture of those who have uploaded none: the first letter of the name on a colour of their own."""

import asyncio
import colorsys
import io
import zlib

from PIL import Image, ImageDraw, ImageFont

SIDE = 128
COLOURS = 26

MAX_DRAWN = 40 * COLOURS
"""Pictures that are kept, about 1 KB each: one for each letter and colour."""

_drawn: dict[tuple[str, int], bytes] = {}


async def avatar(user_id: str, username: str) -> bytes:
    """The generated picture of a user, a PNG of SIDE x SIDE pixels."""
    key = username[:1].upper() or "?", zlib.crc32(user_id.encode()) % COLOURS
    picture = _drawn.get(key)
    if picture is None:
        picture = await asyncio.to_thread(_draw, *key)
        if len(_drawn) < MAX_DRAWN:
            _drawn[key] = picture
    return picture


def _draw(letter: str, colour: int) -> bytes:
    red, green, blue = colorsys.hls_to_rgb(colour / COLOURS, 0.42, 0.45)
    picture = Image.new("RGB", (SIDE, SIDE), (int(red * 255), int(green * 255), int(blue * 255)))
    font = ImageFont.load_default(size=72)
    ImageDraw.Draw(picture).text((SIDE / 2, SIDE / 2), letter, fill="white", font=font, anchor="mm")
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
