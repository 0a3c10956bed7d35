"""What people write into a search box, taken apart: words and phrases, what must not be there, and flags.

    release "on call" deploy* -draft from:ada in:town-square after:2026-01-31 #incident

Any text is a search: what is no flag, or has no sense as one, is words. Nothing here knows of channels or users.
"""

import datetime as dt
import re

from msgspec import Struct, field

from server.errors import BadRequest
from server.features.search.terms import HASHTAG, LONGEST, Term, folded, part_of_name, sought, tsquery

MAX_LENGTH = 4096
"""Characters of a search."""
MAX_TERMS = 200
"""Words in it."""
MAX_VALUES = 50
"""Of a flag that may be given several times."""
SHORT = 3
"""Letters that a beginning needs to be looked up in the index: fewer stand for half of it."""
DAY_MS = 24 * 3600 * 1000

_PARTS = re.compile(r'(-?)"([^"]*)"(\*?)|(\S+)')
_FLAG = re.compile(r"(-?)(from|in|channel|before|after|on|ext):(.*)", re.IGNORECASE | re.DOTALL)
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_EDGES = "\"'.,;()[]{}<>!?"

CHANNELS, USERS, EXTENSIONS = "in", "from", "ext"
_SAME = {"channel": CHANNELS}


class Wish(Struct, frozen=True):
    """Something that must be there, or must not: a word, a phrase, a hashtag."""

    text: str
    terms: tuple[Term, ...]
    without: bool = False

    @property
    def query(self) -> str:
        """As a tsquery."""
        return tsquery(list(self.terms))

    @property
    def vague(self) -> bool:
        """Whether it stands for so much that the index does not help."""
        return all(term.open and len(term.text) < SHORT and term.text.isascii() for term in self.terms)


class Names(Struct):
    """The values of a flag: one of these, none of those."""

    wanted: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)

    def add(self, value: str, *, without: bool) -> None:
        """Note a value; raises BadRequest when there are too many."""
        names = self.unwanted if without else self.wanted
        if len(names) >= MAX_VALUES:
            raise too_much()
        if value not in names:
            names.append(value)


class Search(Struct):
    """A search taken apart. Times are milliseconds, `until` is the first one that is too late."""

    wishes: list[Wish] = field(default_factory=list)
    channels: Names = field(default_factory=Names)
    users: Names = field(default_factory=Names)
    extensions: Names = field(default_factory=Names)
    since: int = 0
    until: int = 0
    """0 for no end."""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Times that are left out: since, until."""

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        names = (self.channels, self.users, self.extensions)
        return not (self.wishes or self.since or self.until or self.gaps or any(n.wanted or n.unwanted for n in names))


def parse(text: str, *, offset: int = 0, extensions: bool = False) -> Search:
    """A search in a time zone `offset` seconds east of UTC; with `extensions` the flag ext: counts.

    Raises BadRequest for one that is too long.
    """
    if len(text) > MAX_LENGTH:
        raise too_much()
    search = Search()
    offset = max(-DAY_MS // 1000, min(offset, DAY_MS // 1000))
    parts = list(_PARTS.finditer(text.replace("\0", " ")))
    at = 0
    while at < len(parts):
        part = parts[at]
        at += 1
        if part[2] is not None:
            _add_wish(search, part[2], without=bool(part[1]), open_end=bool(part[3]))
            continue
        flag = _FLAG.fullmatch(part[4])
        if flag is not None and (extensions or flag[2].lower() != EXTENSIONS):
            value = flag[3]
            follows = not value and at < len(parts) and parts[at][4] is not None
            if follows:
                value = parts[at][4]
            if _add_flag(search, flag[2].lower(), value, without=bool(flag[1]), offset=offset):
                at += follows
                continue
        _add_word(search, part[4])
    if sum(len(wish.terms) for wish in search.wishes) > MAX_TERMS:
        raise too_much()
    return search


def too_much() -> BadRequest:
    """400 for a search that is too long."""
    return BadRequest("api.context.invalid_body_param.app_error", "The search is too long.", name="terms")


def _add_word(search: Search, word: str) -> None:
    without = len(word) > 1 and word[0] == "-"
    _add_wish(search, word[without:], without=without, open_end=word.rstrip("\"'.,;)]}>!?").endswith("*"))


def _add_wish(search: Search, text: str, *, without: bool, open_end: bool) -> None:
    text = text.strip(_EDGES + "*-").strip() if open_end else text.strip(_EDGES)
    plain = folded(text)
    tag = HASHTAG.fullmatch(plain)
    terms = [Term("#" + tag[1][:LONGEST], 1, open=open_end)] if tag is not None else sought(text, open_end=open_end)
    if terms:
        search.wishes.append(Wish(plain, tuple(terms), without))


def _add_flag(search: Search, name: str, value: str, *, without: bool, offset: int) -> bool:
    """Note what a flag says; False when it says nothing."""
    if name in ("before", "after", "on"):
        day = _day(value, offset)
        if day is not None:
            _add_day(search, name, day, without=without)
        return day is not None
    value = folded(value.strip(_EDGES))
    kind = _SAME.get(name, name)
    if kind == CHANNELS:
        value = value.lstrip("~")
    elif kind == USERS:
        value = value.lstrip("@")
    else:
        value = value.lstrip(".*")
    if not value or value == "@":
        return False
    names = {CHANNELS: search.channels, USERS: search.users, EXTENSIONS: search.extensions}[kind]
    names.add(value, without=without)
    return True


def _day(value: str, offset: int) -> int | None:
    """When a day begins, or None for what is no date."""
    match = _DATE.fullmatch(value.strip(_EDGES))
    if match is None:
        return None
    try:
        day = dt.datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=dt.UTC)
    except ValueError:
        return None
    return int(day.timestamp() - offset) * 1000


def _add_day(search: Search, name: str, day: int, *, without: bool) -> None:
    after = day + DAY_MS
    if name == "on" and without:
        if len(search.gaps) >= MAX_VALUES:
            raise too_much()
        search.gaps.append((day, after))
        return
    # Not before a day is from that day on, and not after it is up to its end.
    since: int | None = None
    until: int | None = None
    if name == "on":
        since, until = day, after
    elif (name == "after") != without:
        since = day if without else after
    else:
        until = after if without else day
    if since is not None:
        search.since = max(search.since, since)
    if until is not None:
        search.until = max(1, min(search.until or until, until))


def query_of(search: Search, *, any_word: bool = False, names: bool = False, vague: bool = True) -> str:
    """The words of a search as a tsquery, "" for none. `any_word`: one of them is enough.

    `names`: a word may also be a part of a file's name. Without `vague` what the index does not help with is left out.
    """
    wanted = [_found_by(wish, names) for wish in search.wishes if not wish.without and (vague or not wish.vague)]
    if any_word and not vague and any(wish.vague for wish in search.wishes if not wish.without):
        return ""
    parts = []
    if wanted:
        joined = (" | " if any_word else " & ").join(wanted)
        parts.append(f"({joined})")
    if vague:
        parts += [f"!({_found_by(wish, names)})" for wish in search.wishes if wish.without]
    return " & ".join(parts)


def _found_by(wish: Wish, names: bool) -> str:
    part = part_of_name(wish.text) if names else ""
    return f"({wish.query} | {part})" if part else wish.query
