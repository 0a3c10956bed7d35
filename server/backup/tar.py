"""A plain tar, written member by member, and read back strictly: what was not written here is refused."""

import hashlib
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

BLOCK = 512
END = bytes(2 * BLOCK)
CHUNK = 1 << 20
"""Bytes that are read at once."""
LONGEST_NAME = 100
"""Bytes of a name that a header has place for."""


class Damaged(Exception):
    """An archive is not as it was written."""


class Member(Struct, frozen=True):
    """A file in an archive. `offset` is where its content begins."""

    name: str
    size: int
    offset: int
    mtime: int


def header(name: str, size: int, mtime: int) -> bytes:
    """The block before the content of a member."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, mtime, 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


class Writer:
    """Writes an archive into an empty file that can be sought in. `mtime` (seconds) is that of all members."""

    def __init__(self, file: BinaryIO, mtime: int) -> None:
        self._file = file
        self._mtime = mtime
        self._name = ""
        self._start = 0
        self._digest = hashlib.sha256()

    def begin(self, name: str) -> None:
        """Begin a member, of a size that is not known yet."""
        if not 0 < len(name.encode("ascii")) <= LONGEST_NAME:
            raise ValueError(f"not a name for a member: {name!r}")
        self._name, self._start, self._digest = name, self._file.tell(), hashlib.sha256()
        self._file.write(bytes(BLOCK))

    def write(self, data: bytes) -> None:
        """More of its content."""
        self._digest.update(data)
        self._file.write(data)

    def end(self) -> tuple[int, str]:
        """End it; its size and SHA-256."""
        end = self._file.tell()
        size = end - self._start - BLOCK
        self._file.seek(self._start)
        self._file.write(header(self._name, size, self._mtime))
        self._file.seek(end)
        self._file.write(bytes(-size % BLOCK))
        return size, self._digest.hexdigest()

    def forget(self) -> None:
        """Take back the member that was begun."""
        self._file.seek(self._start)
        self._file.truncate()

    def finish(self) -> None:
        """End the archive."""
        self._file.write(END)


class Reader:
    """Reads an archive from the beginning. All methods raise Damaged."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = file.seek(0, 2)

    def members(self) -> Iterator[Member]:
        """All members in their order, without their content."""
        place = 0
        while True:
            block = self._read(place, BLOCK)
            if not any(block):
                break
            member = self._member(block, place)
            yield member
            after = member.offset + member.size
            place = after + -member.size % BLOCK
            if any(self._read(after, place - after)):
                raise Damaged(f"there is something between {member.name} and what follows it")
        if self._length != place + len(END) or any(self._read(place, len(END))):
            raise Damaged("there is something behind its end, or its end is cut off")

    def content(self, member: Member) -> Iterator[bytes]:
        """The content of a member in chunks."""
        place, left = member.offset, member.size
        while left:
            chunk = self._read(place, min(left, CHUNK))
            place, left = place + len(chunk), left - len(chunk)
            yield chunk

    def _member(self, block: bytes, place: int) -> Member:
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
            right = info.size >= 0 and block == header(info.name, info.size, int(info.mtime))
        except (tarfile.HeaderError, ValueError, OverflowError) as error:
            raise Damaged(f"the header at byte {place} can't be read") from error
        if not right:
            raise Damaged(f"the header at byte {place} is not one that a backup has")
        if place + BLOCK + info.size > self._length:
            raise Damaged(f"{info.name} is cut off")
        return Member(info.name, info.size, place + BLOCK, int(info.mtime))

    def _read(self, place: int, size: int) -> bytes:
        self._file.seek(place)
        data = self._file.read(size)
        if len(data) != size:
            raise Damaged("it is cut off")
        return data
