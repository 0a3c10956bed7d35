"""Format and size of a picture by its first bytes; nothing is decoded."""

import io
import warnings

from PIL import Image

from server.features.posts.models import PostImage

MAX_SIDE = 100_000
MAX_FRAMES = 10_000
MAX_STEPS = 100_000
"""Blocks of a GIF that are looked at; ten megabytes of a sound one have some forty thousand."""
MAX_SEGMENTS = 500
"""Of a JPEG before its picture begins."""

_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
_SCAN = 0xDA
"""The marker after which the picture itself begins."""
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, Image.DecompressionBombError)


def picture_in(content: bytes) -> PostImage | None:
    """A PNG, JPEG, GIF or WebP, of which the end may be missing; None for anything else."""
    try:
        found = _read(content)
    except _BROKEN:
        return None
    if found is None or not (0 < found.width <= MAX_SIDE and 0 < found.height <= MAX_SIDE):
        return None
    return found


def _read(content: bytes) -> PostImage | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR" and len(content) >= 24:
        return PostImage(int.from_bytes(content[16:20]), int.from_bytes(content[20:24]), "png")
    if content.startswith((b"GIF87a", b"GIF89a")) and len(content) >= 13:
        width, height = int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")
        return PostImage(width, height, "gif", _frames(content))
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP" and len(content) >= 30:
        return _webp(content)
    if content.startswith(b"\xff\xd8"):
        return _jpeg(content)
    return None


def _jpeg(content: bytes) -> PostImage | None:
    head = _jpeg_head(content)
    if not head:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(head), formats=("JPEG",)) as picture:
            width, height = picture.size
            if picture.getexif().get(_ORIENTATION) in _TURNED:
                width, height = height, width
    return PostImage(width, height, "jpeg")


def _jpeg_head(content: bytes) -> bytes:
    """What stands before the picture itself; b"" for what is no sound JPEG: one could be searched for long."""
    place = 2
    for _ in range(MAX_SEGMENTS):
        if content[place : place + 1] != b"\xff" or len(content) < place + 4:
            return b""
        size = int.from_bytes(content[place + 2 : place + 4])
        place += 2 + size
        if content[place - size - 1] == _SCAN:
            return content[:place]
    return b""


def _webp(content: bytes) -> PostImage | None:
    kind = content[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(content[24:27], "little")
        return PostImage(width, 1 + int.from_bytes(content[27:30], "little"), "webp")
    if kind == b"VP8L" and content[20] == 0x2F:
        bits = int.from_bytes(content[21:25], "little")
        return PostImage(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), "webp")
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width = int.from_bytes(content[26:28], "little") & 0x3FFF
        return PostImage(width, int.from_bytes(content[28:30], "little") & 0x3FFF, "webp")
    return None


def _frames(content: bytes) -> int:
    """How many pictures a GIF shows, as far as it is there and as can be told soon; at least one."""
    place = 13 + _table(content[10])
    frames = 0
    in_blocks = False
    for _ in range(MAX_STEPS):
        if place >= len(content) or frames >= MAX_FRAMES:
            break
        block = content[place]
        if in_blocks:
            place += block + 1
            in_blocks = block > 0
        elif block == 0x21:
            place, in_blocks = place + 2, True
        elif block == 0x2C and place + 9 < len(content):
            frames += 1
            place, in_blocks = place + 11 + _table(content[place + 9]), True
        else:
            break
    return max(1, frames)


def _table(flags: int) -> int:
    """Bytes of the table of colours that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
