"""Who a text calls: pure functions from text and keywords to names and users."""

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from server.features.posts.markdown import prose

MAX_NAMES = 500
"""Different @words of one post that are looked up."""
MAX_VARIANTS = 8
"""Names that one @word may stand for: with all of its last marks, without the last one, and so on."""
MAX_INSIDE = 2000
"""Chinese, Japanese and Korean keywords of a channel that are looked for."""
MAX_TEXT = 65_536
"""Characters that are read of one post."""
MAX_NAME = 64

ALL, CHANNEL, HERE = "@all", "@channel", "@here"

_EDGE = ":.-_"
# \w is letters, digits and the underscore; marks that belong to a letter count with it.
_WORD = re.compile(r"[\w:.\-@\u0300-\u036f\u0900-\u0dff]+")
_PARTS = re.compile(r"[.\-:]+")
_CJK = re.compile(
    r"[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


class Keywords(Struct):
    """The words that call members of a channel, besides their names."""

    any_case: Mapping[str, Sequence[str]] = {}
    """In lower case, with the users they call."""
    exact: Mapping[str, Sequence[str]] = {}
    """First names, as they are written."""
    inside: Sequence[tuple[str, Sequence[str]]] = ()
    """Chinese, Japanese and Korean ones, in lower case, which stand within words."""
    longest: int = 0
    """Characters of the longest one."""


class Calls(Struct):
    """What was found in a text."""

    users: set[str] = field(default_factory=set)
    """Called by keyword."""
    names: list[tuple[str, ...]] = field(default_factory=list)
    """For each @word what it may mean, in lower case, the longest first: "@ann.lee." is "ann.lee." or "ann.lee"."""
    all: bool = False
    channel: bool = False
    here: bool = False

    @property
    def everyone(self) -> bool:
        """Whether it calls all members, or all who are online."""
        return self.all or self.channel or self.here


def keywords_of(keys: Iterable[tuple[str, str]], first_names: Iterable[tuple[str, str]]) -> Keywords:
    """Keywords from pairs of a word and the user it calls."""
    any_case: dict[str, list[str]] = {}
    for key, user_id in keys:
        any_case.setdefault(key.lower(), []).append(user_id)
    exact: dict[str, list[str]] = {}
    for key, user_id in first_names:
        exact.setdefault(key, []).append(user_id)
    words = (*any_case, *exact)
    return Keywords(
        any_case=any_case,
        exact=exact,
        inside=[(word.lower(), users) for word, users in (*any_case.items(), *exact.items()) if _CJK.search(word)][
            :MAX_INSIDE
        ],
        longest=max(map(len, words), default=0),
    )


def find_calls(texts: Iterable[str], keywords: Keywords) -> Calls:
    """Everyone whom the texts call, code and addresses left out."""
    calls = Calls()
    groups: dict[tuple[str, ...], None] = {}
    quiet = not keywords.any_case and not keywords.exact
    left = MAX_TEXT
    for text in texts:
        text = text[:left]
        left -= len(text)
        if quiet and "@" not in text:
            continue
        read = prose(text)
        for word in dict.fromkeys(_WORD.findall(read)):
            _read_word(word, keywords, calls, groups)
        if keywords.inside:
            read = read.lower()
            for key, users in keywords.inside:
                if key in read:
                    calls.users.update(users)
    calls.names = list(groups)
    return calls


def _read_word(word: str, keywords: Keywords, calls: Calls, groups: dict[tuple[str, ...], None]) -> None:
    if word[0] == ":" == word[-1]:
        return  # an emoji
    word = word.lstrip(_EDGE)
    if not word:
        return
    if not _read_variants(word, keywords, calls, groups) and word[0] != "@" and _PARTS.search(word):
        for part in _PARTS.split(word):
            if part:
                _read_part(part, keywords, calls, groups)


def _read_variants(word: str, keywords: Keywords, calls: Calls, groups: dict[tuple[str, ...], None]) -> bool:
    """Try a word, then the same without its last mark, and so on; whether it means something."""
    longest = max(keywords.longest, MAX_NAME + 1)
    bare = len(word.rstrip(_EDGE))
    names: list[str] = []
    found = False
    for end in range(min(len(word), longest), max(bare, 1) - 1, -1):
        variant = word[:end]
        if _is_keyword(variant, keywords, calls):
            found = True
            break
        if variant[0] == "@" and 1 < end <= MAX_NAME + 1:
            names.append(variant[1:].lower())
    if names and len(groups) < MAX_NAMES and bare <= MAX_NAME + 1:
        groups[tuple(names[-MAX_VARIANTS:])] = None
    return found or bool(names)


def _read_part(part: str, keywords: Keywords, calls: Calls, groups: dict[tuple[str, ...], None]) -> None:
    if not _is_keyword(part, keywords, calls) and part[0] == "@" and 1 < len(part) <= MAX_NAME + 1:
        name = part[1:].lower()
        if len(groups) < MAX_NAMES:
            groups[(name,)] = None


def _is_keyword(word: str, keywords: Keywords, calls: Calls) -> bool:
    lower = word.lower()
    if lower[0] == "@":
        if lower == ALL:
            calls.all = True
            return True
        if lower == CHANNEL:
            calls.channel = True
            return True
        if lower == HERE:
            calls.here = True
            return True
    found = False
    users = keywords.any_case.get(lower)
    if users is not None:
        calls.users.update(users)
        found = True
    users = keywords.exact.get(word)
    if users is not None:
        calls.users.update(users)
        found = True
    return found


def attachment_texts(attachments: object) -> list[str]:
    """The texts of message attachments in which people are called: pretext and text."""
    texts: list[str] = []
    for attachment in attachments if isinstance(attachments, list) else ():
        if isinstance(attachment, dict):
            texts += (value for key in ("pretext", "text") if isinstance(value := attachment.get(key), str))
    return texts
