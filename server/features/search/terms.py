"""Texts as what is searched in them: words, pairs of signs where a script has no blanks, and hashtags.

Texts and searches go through the same functions, so both see the same terms. A term is small letters and digits; the
marks around and within words separate them, so "e-mail" is found by "mail" and by "e-mail", which is a phrase of two.
A text of Chinese, Japanese, Korean, Thai and the like is the pairs of neighbouring signs and its last sign: a run of
signs is found wherever it stands. Emoji stand for themselves. A hashtag is one term more beside its words.
"""

import re
import unicodedata
from itertools import chain

from msgspec import Struct

LONGEST = 64
"""Characters of a term; of a longer word only the beginning counts."""
LAST_PLACE = 16_383
"""The last place that PostgreSQL can tell from later ones."""
MAX_PLACES = 255
"""How often a term is noted."""
FEW = 1000
"""Words of a text that needs no look at limits."""
MAX_BYTES = 800_000
"""Of the terms of one text; PostgreSQL takes a megabyte, and those of a name come on top."""

# Marks that belong to the letter before them, in scripts that write blanks between words.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0903\u093a-\u094f\u0955-\u0957\u0962\u0963\u0981-\u0983"
    "\u09bc-\u09d7\u0a01-\u0a03\u0a3c-\u0a4d\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0bbe-\u0bcd\u0c00-\u0c04"
    "\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d57\u0dca-\u0ddf\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\ufe20-\ufe2f\u200c\u200d"
)
# Scripts whose words are not separated, or change at their ends: Thai, Lao, Myanmar, Khmer, Hangul, kana, Han.
_RUNS = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1050-\u109d\u1100-\u11ff\u1780-\u17d3\u3005-\u3007"
    "\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
)
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"

_PLAIN = re.compile("[a-z0-9]+")
_PLACES = [f":{place} " for place in range(1, FEW + 1)]
_ANY = re.compile(f"([{_RUNS}]+)|([{_EMOJI}])|((?:(?![{_RUNS}])[^\\W_])(?:(?![{_RUNS}])[^\\W_]|[{_MARKS}])*)")

HASHTAG = re.compile(r"(?<![^\s(\[{<\"',;!?])#([^\W\d_](?:[\w.\-]*[^\W_])?)")
"""A letter first, a letter or digit last; in front of it a blank or a bracket."""


class Term(Struct, frozen=True):
    """A term with its place in the text. `open`: it is the beginning of what is meant."""

    text: str
    place: int
    open: bool = False


def folded(text: str) -> str:
    """A text without what makes no difference: capitals, and other forms of the same letters."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def terms_of(text: str) -> str:
    """The terms of a text in the form of a tsvector."""
    plain = folded(text)
    if plain.isascii():
        words = _PLAIN.findall(plain)
        if len(words) <= FEW and max(map(len, words), default=0) <= LONGEST:
            # Every post goes this way. A word that comes twice is put together by PostgreSQL.
            terms = "".join(chain.from_iterable(zip(words, _PLACES, strict=False)))
        else:
            terms = vector(_placed(words))
    else:
        terms = vector(_placed_in(plain))
    if "#" in plain:
        tags = {tag[:LONGEST] for tag in HASHTAG.findall(plain)}
        terms = " ".join([terms, *(quoted("#" + tag) for tag in sorted(tags))])
    return terms


def _placed(words: list[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words, 1):
        places.setdefault(word, []).append(place)
    return places


def _placed_in(plain: str) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    place = 1
    for match in _ANY.finditer(plain):
        run = match[1]
        if run is None:
            places.setdefault(match[0], []).append(place)
            place += 1
            continue
        for start in range(len(run)):
            places.setdefault(run[start : start + 2], []).append(place)
            place += 1
    return places


def vector(places: dict[str, list[int]]) -> str:
    """Terms with their places in the form of a tsvector; what is too much for PostgreSQL is left out."""
    parts = []
    size = 0
    for term, found in places.items():
        term = term[:LONGEST]
        size += len(term.encode()) + 2 * min(len(found), MAX_PLACES) + 4
        if size > MAX_BYTES:
            break
        listed = ",".join([str(place) for place in found[:MAX_PLACES] if place <= LAST_PLACE] or [str(LAST_PLACE)])
        parts.append(f"{quoted(term)}:{listed}")
    return " ".join(parts)


def quoted(term: str) -> str:
    """A term as it is written in a tsvector or a tsquery."""
    if term.isalnum():
        return term
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"


def sought(text: str, *, open_end: bool = False) -> list[Term]:
    """The terms that a text must have in these places to hold the given one; `open_end`: the last word goes on."""
    plain = folded(text)
    found: list[Term] = []
    place = 1
    for match in _ANY.finditer(plain):
        run = match[1]
        if run is None:
            found.append(Term(match[0][:LONGEST], place, open=open_end and match.end() == len(plain.rstrip())))
            place += 1
        elif len(run) == 1:
            found.append(Term(run, place, open=True))
            place += 1
        else:
            found += [Term(run[start : start + 2], place + start) for start in range(len(run) - 1)]
            place += len(run)
    return found


def tsquery(terms: list[Term]) -> str:
    """Terms that follow each other as in their text, in the form of a tsquery; "" for none."""
    parts: list[str] = []
    before = 0
    for term in terms:
        if before:
            parts.append(f" <{term.place - before}> ")
        parts.append(quoted(term.text) + (":*" if term.open else ""))
        before = term.place
    return f"({''.join(parts)})" if len(terms) > 1 else "".join(parts)


def file_terms(name: str, text: str = "") -> str:
    """The terms of a file: pairs of neighbouring letters of its name, and those of its text."""
    plain = folded(name)
    pairs = [f"{quoted('%' + plain[place : place + 2])}:{place + 1}" for place in range(len(plain) - 1)]
    return " ".join([*pairs, terms_of(name), terms_of(text)])


def part_of_name(text: str) -> str:
    """The tsquery for names that hold a text; "" for a text of less than two letters."""
    plain = folded(text)
    return tsquery([Term("%" + plain[place : place + 2], place + 1) for place in range(len(plain) - 1)])
