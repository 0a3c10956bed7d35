"""Format and size of a picture by its first bytes; nothing is decoded."""

import io
import warnings

from PIL import Image

from server.features.posts.models import PostImage

MAX_SIDE = 100_000
MAX_FRAMES = 10_000

_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
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


def _jpeg(content: bytes) -> PostImage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            width, height = picture.size
            if picture.getexif().get(_ORIENTATION) in _TURNED:
                width, height = height, width
    return PostImage(width, height, "jpeg")


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
    """How many pictures a GIF shows, as far as it is there; at least one."""
    place = 13 + _table(content[10])
    frames = 0
    while place < len(content) and frames < MAX_FRAMES:
        block = content[place]
        if block == 0x21:
            place = _after_blocks(content, place + 2)
        elif block == 0x2C and place + 9 < len(content):
            frames += 1
            place = _after_blocks(content, place + 11 + _table(content[place + 9]))
        else:
            break
    return max(1, frames)


def _table(flags: int) -> int:
    """Bytes of the table of colours that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(content: bytes, place: int) -> int:
    while place < len(content) and content[place]:
        place += content[place] + 1
    return place + 1
