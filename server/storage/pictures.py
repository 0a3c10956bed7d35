"""Small pictures of uploaded ones. How many pixels one has is known, and refused, before it is decoded."""

import asyncio
import io
import warnings
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageOps

from server.errors import BadRequest

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")

_threads = ThreadPoolExecutor(1, thread_name_prefix="pictures")
"""One at a time: decoding a large picture takes some hundred MB."""


class Unreadable(BadRequest):
    """400: not a picture, or one that is too large. Its id is that of the feature that asked."""


async def square_png(content: bytes, side: int, max_pixels: int) -> bytes:
    """The middle of a picture as a square PNG of `side` pixels; raises Unreadable."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _square_png, content, side, max_pixels)


def too_large() -> Unreadable:
    """400: more pixels than are decoded."""
    return Unreadable("api.file.upload_file.large_image.app_error", "The picture has too many pixels.")


def unreadable() -> Unreadable:
    """400: no picture, or a broken one."""
    return Unreadable("api.file.upload_file.bad_parse.app_error", "This is not a picture that can be read.")


def _square_png(content: bytes, side: int, max_pixels: int) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                if picture.width * picture.height > max_pixels:
                    raise too_large()
                picture.draft("RGB", (side * 2, side * 2))
                upright = ImageOps.exif_transpose(picture)
                small = ImageOps.fit(upright.convert("RGBA"), (side, side), Image.Resampling.LANCZOS)
    except Image.DecompressionBombError as error:
        raise too_large() from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise unreadable() from error
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()
