"""Makes small pictures of uploaded ones: SOURCE FOLDER and small MAX_PIXELS, or emoji, or square SIDE MAX_PIXELS.

`forking_process.py` does it in a process for each picture: whatever one does to its decoder stays within the limits
that the process puts on itself. It prints a line of JSON with the size of the picture, and a second one when
thumbnail.jpg and preview.jpg are in the folder. Of an emoji and of a square it prints one line, when the file of that
name is in the folder or can't be.
"""

import base64
import importlib
import io
import json
import resource
import sys
import warnings
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence

MEMORY = 1 << 30
SECONDS = 20
WRITTEN = 64 << 20

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
THUMBNAIL = (120, 100)
PREVIEW_WIDTH = 1920
LONGEST = 16_000
"""A side of a small picture, for very long and narrow ones; JPEG ends at 65,500."""
MINI = (16, 16)
QUALITY = 88
EMOJI_FORMATS = ("PNG", "JPEG", "GIF")
EMOJI_SIDE = 128
EMOJI_SOURCE_SIDE = 1028
"""Pixels of a side of an emoji, and of the picture that one is made of."""
EMOJI_FRAMES = 300
ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)


def prepare() -> None:
    """Load what decodes and encodes pictures."""
    Image.preinit()
    importlib.import_module("PIL.WebPImagePlugin")  # preinit() leaves it out
    importlib.import_module("PIL.TiffImagePlugin")  # what cameras note in a JPEG is a TIFF


def limit_self() -> None:
    """Bound what this process may use: bytes of memory, seconds of processor time, bytes of a file."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))


def scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    """A size times a scale, at least one pixel, never longer than LONGEST."""
    scale = min(1.0, scale, LONGEST / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in another size; a much larger one is made smaller coarsely first, which nobody sees."""
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def say(**facts: object) -> None:
    """A line of the answer."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def small(source: str, folder: str, max_pixels: int) -> None:
    """Read a picture and write its thumbnail and preview; raises whatever Pillow does."""
    Image.MAX_IMAGE_PIXELS = None  # max_pixels is looked at here, before anything is decoded
    with Image.open(source, formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            say(too_large=True)
            return
        if picture.getexif().get(ORIENTATION) in TURNED:
            width, height = height, width
        say(width=width, height=height, animated=bool(getattr(picture, "is_animated", False)))
        picture.seek(0)
        picture.draft("RGB", scaled(*picture.size, PREVIEW_WIDTH / width))
        ImageOps.exif_transpose(picture, in_place=True)
        size = scaled(width, height, PREVIEW_WIDTH / width)
        if "A" in picture.getbands() or "transparency" in picture.info:
            seen = resized(picture.convert("RGBA"), size)
            preview = Image.alpha_composite(Image.new("RGBA", size, "white"), seen).convert("RGB")
        else:
            preview = resized(picture if picture.mode == "RGB" else picture.convert("RGB"), size)
    preview.save(Path(folder, "preview.jpg"), "JPEG", quality=QUALITY)
    thumbnail = resized(preview, scaled(width, height, max(THUMBNAIL[0] / width, THUMBNAIL[1] / height)))
    thumbnail.save(Path(folder, "thumbnail.jpg"), "JPEG", quality=QUALITY)
    mini = io.BytesIO()
    resized(thumbnail, MINI).save(mini, "JPEG", quality=QUALITY)
    say(mini=base64.b64encode(mini.getvalue()).decode())


def emoji(source: str, folder: str) -> None:
    """Read a picture and write the small one of an emoji, a PNG or an animated GIF; raises whatever Pillow does."""
    with Image.open(source, formats=EMOJI_FORMATS) as picture:
        width, height = picture.size
        frames = getattr(picture, "n_frames", 1) if picture.format == "GIF" else 1
        if max(width, height) > EMOJI_SOURCE_SIDE or frames > EMOJI_FRAMES:
            say(too_large=True)
            return
        if frames == 1:
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
            one = upright.resize(scaled(*upright.size, EMOJI_SIDE / max(width, height)), Image.Resampling.LANCZOS)
            one.save(Path(folder, "emoji"), "PNG", optimize=True)
        else:
            size = scaled(width, height, EMOJI_SIDE / max(width, height))
            smalls, durations = [], []
            for frame in ImageSequence.Iterator(picture):
                durations.append(frame.info.get("duration", 100))
                smalls.append(frame.convert("RGBA").resize(size, Image.Resampling.LANCZOS))
            again = {"loop": picture.info["loop"]} if "loop" in picture.info else {}
            smalls[0].save(
                Path(folder, "emoji"),
                "GIF",
                save_all=True,
                append_images=smalls[1:],
                duration=durations,
                disposal=2,
                **again,
            )
    say(width=width, height=height)


def square(source: str, folder: str, side: int, max_pixels: int) -> None:
    """Read a picture and write its middle as a square PNG of `side` pixels; raises whatever Pillow does."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(source, formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            say(too_large=True)
            return
        picture.draft("RGB", (side * 2, side * 2))
        upright = ImageOps.exif_transpose(picture)
        middle = ImageOps.fit(upright.convert("RGBA"), (side, side), Image.Resampling.LANCZOS)
    middle.save(Path(folder, "square"), "PNG", optimize=True)
    say(width=width, height=height)


def main(source: str, folder: str, what: str, *numbers: str) -> None:
    """Do what is asked for, within limits."""
    limit_self()
    warnings.simplefilter("ignore")
    if what == "small":
        small(source, folder, *map(int, numbers))
    elif what == "square":
        square(source, folder, *map(int, numbers))
    elif what == "emoji":
        emoji(source, folder)
