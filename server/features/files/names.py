"""Names of files: what is left of a client's name, and what its ending says."""

import mimetypes
import re
import unicodedata
from urllib.parse import quote

from server.errors import BadRequest

MAX_NAME = 255
MAX_EXTENSION = 32
UNKNOWN = "application/octet-stream"

# Python's own table: what the machine has in /etc may differ from node to node.
_types = mimetypes.MimeTypes(filenames=())
for _ending, _type in (
    (".md", "text/markdown"),
    (".webp", "image/webp"),
    (".heic", "image/heic"),
    (".m4a", "audio/mp4"),
    (".ogg", "audio/ogg"),
    (".flac", "audio/flac"),
    (".xhtml", "application/xhtml+xml"),
    (".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (".go", "text/plain"),
    (".rs", "text/plain"),
    (".log", "text/plain"),
    (".yml", "application/yaml"),
    (".yaml", "application/yaml"),
    (".7z", "application/x-7z-compressed"),
    (".gz", "application/gzip"),
):
    _types.add_type(_type, _ending)

# Marks that let a name read differently from what it is: "photo<RLO>gpj.exe".
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 !#$&+,.=@^_`{}~()\[\]-]")


def safe_name(given: str) -> str:
    """A client's name of a file without folders and without characters that nobody sees; raises BadRequest."""
    name = re.split(r"[/\\]", given)[-1]
    if "\0" in given or len(name) > MAX_NAME:
        raise _bad_name()
    name = "".join(sign for sign in _TURNING.sub("", name) if unicodedata.category(sign) not in ("Cc", "Cs")).strip()
    if name in ("", ".", ".."):
        raise _bad_name()
    return name


def _bad_name() -> BadRequest:
    return BadRequest(
        "api.context.invalid_body_param.app_error",
        f"A file needs a name of 1 to {MAX_NAME} characters.",
        name="filename",
    )


def extension_of(name: str) -> str:
    """The ending of a name in small letters, without its dot; "" when there is none."""
    _, dot, ending = name.rpartition(".")
    return ending.lower() if dot and len(ending) <= MAX_EXTENSION else ""


def type_of(name: str) -> str:
    """The media type that a name's ending stands for."""
    return _types.types_map[1].get(f".{extension_of(name)}", UNKNOWN)


def disposition(kind: str, name: str) -> str:
    """A Content-Disposition for a safe name in any script: "inline" or "attachment"."""
    plain = _NOT_PLAIN.sub("_", name)
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
