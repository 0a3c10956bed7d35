"""Prints the text of an uploaded file: SOURCE EXTENSION DEPTH.

`forking_process.py` does it in a process for each file: whatever one does to its reader stays within the limits that
the process puts on itself. What is broken, encrypted or too large has no text, or the text up to there. DEPTH is how
many archives within each other are looked into.
"""

import contextlib
import importlib
import io
import lzma
import re
import resource
import sys
import zipfile
import zlib
from collections.abc import Iterator
from xml.parsers import expat

MEMORY = 512 << 20
SECONDS = 20
LONGEST = 400_000
"""Characters of the text."""
MEMBERS = 1000
"""Files of an archive that are looked at."""
UNPACKED = 32 << 20
"""Bytes of a file of an archive."""

PLAIN = ("txt", "md", "log", "csv", "tsv", "json", "yaml", "yml", "toml", "ini", "rst", "py", "js",
         "ts", "go", "rs", "java", "c", "h", "cpp", "rb", "php", "sh", "sql", "tex", "srt", "vtt")  # fmt: skip
# Where the text of documents lies that are archives of XML, and after which elements a word ends.
DOCUMENTS = {
    "docx": re.compile(r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml"),
    "pptx": re.compile(r"ppt/(slides|notesSlides)/[^/]+\.xml"),
    "odt": re.compile(r"content\.xml"),
}
_ENDS = ("p", "br", "tab", "tc", "h", "s", "line-break")


class Full(Exception):
    """There is enough text."""


class Printer:
    """Prints up to LONGEST characters; raises Full after them."""

    def __init__(self) -> None:
        self._left = LONGEST

    def __call__(self, text: str) -> None:
        """Print some more text."""
        text = text[: self._left]
        sys.stdout.buffer.write(text.encode("utf-8", "ignore"))
        self._left -= len(text)
        if self._left <= 0:
            raise Full


def limit_self() -> None:
    """Bound what this process may use: bytes of memory, seconds of processor time, and no file is written."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def plain(content: bytes, say: Printer) -> None:
    """A file that is text: UTF-8, or UTF-16 with its mark; what has zeros in it is none."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        say(content.decode("utf-16", "replace"))
    elif b"\0" not in content[:4096]:
        say(content.decode("utf-8-sig", "replace"))


def pdf(content: bytes, say: Printer) -> None:
    """A PDF without a password."""
    from pypdf import PdfReader  # noqa: PLC0415 - the node has no use for it

    reader = PdfReader(io.BytesIO(content), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        return
    for page in reader.pages:
        say(page.extract_text() + "\n")


def document(content: bytes, extension: str, say: Printer) -> None:
    """A document that is an archive of XML."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name, part in members(archive):
            if DOCUMENTS[extension].fullmatch(name):
                xml(part, say)


def xml(content: bytes, say: Printer) -> None:
    """The texts of an XML file. One that declares entities is not read: documents have none, bombs do."""

    def refuse(*_: object) -> None:
        raise ValueError("entities")

    def end(name: str) -> None:
        if name.rpartition(":")[2] in _ENDS:
            say("\n")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.EntityDeclHandler = refuse
    parser.CharacterDataHandler = say
    parser.EndElementHandler = end
    parser.Parse(content, True)


def members(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """Files of an archive, each read up to UNPACKED bytes; larger, encrypted and broken ones are left out."""
    for info in archive.infolist()[:MEMBERS]:
        if info.is_dir() or info.flag_bits & 1 or info.file_size > UNPACKED:
            continue
        try:
            with archive.open(info) as file:
                content = file.read(UNPACKED + 1)  # what the archive says of a size need not be true
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, OSError):
            continue
        if len(content) <= UNPACKED:
            yield info.filename, content


def archived(content: bytes, say: Printer, depth: int) -> None:
    """An archive: the names in it, and with some depth left the texts too."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        say("\n".join(info.filename for info in archive.infolist()[:MEMBERS]) + "\n")
        if depth > 0:
            for name, part in members(archive):
                try:
                    read(part, name.rpartition(".")[2].lower(), say, depth - 1)
                except Full:
                    raise
                except Exception:  # noqa: BLE001, S112 - whatever one file does to its reader, the next may be sound
                    continue
                say("\n")


def read(content: bytes, extension: str, say: Printer, depth: int) -> None:
    """Print what is in a file; raises whatever its reader does."""
    if extension in PLAIN:
        plain(content, say)
    elif extension == "pdf":
        pdf(content, say)
    elif extension in DOCUMENTS:
        document(content, extension, say)
    elif extension == "zip":
        archived(content, say, depth)


def prepare() -> None:
    """Load what takes longest to load."""
    importlib.import_module("pypdf")


def main(source: str, extension: str, depth: str) -> None:
    """Read a file, within limits."""
    limit_self()
    with open(source, "rb") as file:  # noqa: PTH123 - nothing more than needed is loaded
        content = file.read()
    with contextlib.suppress(Full):
        read(content, extension, Printer(), int(depth))
