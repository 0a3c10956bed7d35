"""Text and pictures to send: words used as often as words of a language are, and a picture of usual size."""

import functools
import itertools
import random
import struct
import zlib


def _vocabulary(size: int) -> tuple[str, ...]:
    """Words that can be pronounced, the same ones in every run."""
    rng = random.Random(7)
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < size:
        words["".join(rng.choices(syllables, k=rng.choice((2, 2, 3, 4))))] = None
    return tuple(words)


WORDS = _vocabulary(2000)
_UPTO = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(WORDS))))


def sentence(rng: random.Random) -> str:
    """A message of three to forty words."""
    return " ".join(rng.choices(WORDS, cum_weights=_UPTO, k=rng.choice((3, 8, 15, 25, 40))))


def search_word(rng: random.Random) -> str:
    """A word that is neither everywhere nor nowhere."""
    return WORDS[rng.randrange(20, 500)]


@functools.cache
def picture(width: int = 400, height: int = 300) -> bytes:
    """A PNG of some 30 KiB that a server has to decode for its preview."""
    rng = random.Random(5)
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            rows += bytes(((x ^ y) & 255, (x * y >> 7) & 255, rng.getrandbits(2)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    )
