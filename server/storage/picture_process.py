"""Makes the small pictures of an uploaded one: picture_process.py SOURCE FOLDER and MAX_PIXELS, or emoji, or
square SIDE MAX_PIXELS.

Run by path, isolated, as a process of its own: whatever a picture does to its decoder stays within the limits that the
process puts on itself. It prints a line of JSON with the size of the picture, and a second one when thumbnail.jpg and
preview.jpg are in the folder. Of an emoji and of a square it prints one line, when the file of that name is in the
folder or can't be.
"""

import base64
import io
import json
import resource
import sys
import warnings
from pathlib import Path

MEMORY = 1 << 30
SECONDS = 20
WRITTEN = 64 << 20

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
THUMBNAIL = (120, 100)
PREVIEW_WIDTH = 1920
LONGEST = 16_000
"""A side of a small picture, for very long and narrow ones; JPEG ends at 65,500."""
MINI = (16, 16)
EMOJI_FORMATS = ("PNG", "JPEG", "GIF")
EMOJI_SIDE = 128
EMOJI_SOURCE_SIDE = 1028
"""Pixels of a side of an emoji, and of the picture that one is made of."""
EMOJI_FRAMES = 300
ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)


def limit_self() -> None:
    """Bound what this process may use: bytes of memory, seconds of processor time, bytes of a file."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))


def scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    """A size times a scale, at least one pixel, never longer than LONGEST."""
    scale = min(1.0, scale, LONGEST / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def say(**facts: object) -> None:
    """A line of the answer."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main(source: str, folder: str, max_pixels: int) -> None:
    """Read a picture and write its small ones; raises whatever Pillow does."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - under the limits

    warnings.simplefilter("ignore")
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
        seen = ImageOps.exif_transpose(picture)
        size = scaled(width, height, PREVIEW_WIDTH / width)
        if "A" in seen.getbands() or "transparency" in seen.info:
            seen = seen.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
            seen = Image.alpha_composite(Image.new("RGBA", size, "white"), seen)
        preview = seen.convert("RGB")
        if preview.size != size:
            preview = preview.resize(size, Image.Resampling.LANCZOS)
    preview.save(Path(folder, "preview.jpg"), "JPEG", quality=88)
    box = scaled(width, height, max(THUMBNAIL[0] / width, THUMBNAIL[1] / height))
    thumbnail = preview.resize(box, Image.Resampling.LANCZOS)
    thumbnail.save(Path(folder, "thumbnail.jpg"), "JPEG", quality=88)
    mini = io.BytesIO()
    thumbnail.resize(MINI, Image.Resampling.LANCZOS).save(mini, "JPEG", quality=88)
    say(mini=base64.b64encode(mini.getvalue()).decode())


def emoji(source: str, folder: str) -> None:
    """Read a picture and write the small one of an emoji, a PNG or an animated GIF; raises whatever Pillow does."""
    from PIL import Image, ImageOps, ImageSequence  # noqa: PLC0415 - under the limits

    warnings.simplefilter("ignore")
    with Image.open(source, formats=EMOJI_FORMATS) as picture:
        width, height = picture.size
        frames = getattr(picture, "n_frames", 1) if picture.format == "GIF" else 1
        if max(width, height) > EMOJI_SOURCE_SIDE or frames > EMOJI_FRAMES:
            say(too_large=True)
            return
        if frames == 1:
            small = ImageOps.exif_transpose(picture).convert("RGBA")
            small = small.resize(scaled(*small.size, EMOJI_SIDE / max(width, height)), Image.Resampling.LANCZOS)
            small.save(Path(folder, "emoji"), "PNG", optimize=True)
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
    from PIL import Image, ImageOps  # noqa: PLC0415 - under the limits

    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(source, formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            say(too_large=True)
            return
        picture.draft("RGB", (side * 2, side * 2))
        upright = ImageOps.exif_transpose(picture)
        small = ImageOps.fit(upright.convert("RGBA"), (side, side), Image.Resampling.LANCZOS)
    small.save(Path(folder, "square"), "PNG", optimize=True)
    say(width=width, height=height)


if __name__ == "__main__":
    limit_self()
    if sys.argv[3] == "emoji":
        emoji(sys.argv[1], sys.argv[2])
    elif sys.argv[3] == "square":
        square(sys.argv[1], sys.argv[2], int(sys.argv[4]), int(sys.argv[5]))
    else:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
