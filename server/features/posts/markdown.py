"""What of a message is prose: the text without code, link targets and addresses, where no word is a mention."""

import re
from bisect import bisect_left

# A fence of three or more backticks or tildes opens a block of code; what follows backticks has none itself.
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_ADDRESS = re.compile(r"<?\b(?:https?|ftp|mailto):[^\s<>]+>?", re.IGNORECASE)
_REFERENCE = re.compile(r" {0,3}\[[^\]\[]{1,200}\]:\s*\S+")
_TICKS = re.compile(r"`+")
_INDENT = ("    ", "\t")


def prose(text: str) -> str:
    """The text without what is code or address. Takes time in proportion to its length, whatever it holds."""
    if "`" not in text and "](" not in text and "~~~" not in text and "    " not in text and "\t" not in text:
        return _ADDRESS.sub(" ", text) if ":" in text else text
    return _without_addresses(without_code(text))


def without_code(text: str) -> str:
    """The text without its blocks and spans of code. Takes time in proportion to its length."""
    return _without_spans(_without_blocks(text))


def _without_blocks(text: str) -> str:
    kept: list[str] = []
    fence = ""
    blank = True  # an indented block can't interrupt a paragraph
    for line in text.split("\n"):
        opened = _FENCE.match(line)
        if fence:
            if opened and opened[1].startswith(fence) and not line[opened.end() :].strip():
                fence = ""
            continue
        if opened:
            fence = opened[1]
            kept.append("")
            blank = True
        elif not line.strip():
            kept.append("")
            blank = True
        elif blank and line.startswith(_INDENT):
            kept.append("")
        else:
            kept.append(line)
            blank = False
    return "\n".join(kept)


def _without_spans(text: str) -> str:
    """Take out code between runs of backticks of the same length."""
    if "`" not in text:
        return text
    runs = [match.span() for match in _TICKS.finditer(text)]
    by_length: dict[int, list[int]] = {}
    for position, (start, end) in enumerate(runs):
        by_length.setdefault(end - start, []).append(position)
    kept: list[str] = []
    done = position = 0
    while position < len(runs):
        start, end = runs[position]
        escaped = start > 0 and text[start - 1] == "\\" and not text.endswith("\\\\", 0, start)
        same = by_length[end - start]
        following = bisect_left(same, position + 1)
        if escaped or following == len(same):
            position += 1
            continue
        closing = same[following]
        kept += (text[done:start], " ")
        done = runs[closing][1]
        position = closing + 1
    kept.append(text[done:])
    return "".join(kept)


def _without_addresses(text: str) -> str:
    """Take out the targets of links and images, definitions of links, and bare addresses."""
    if "](" in text:
        text = _without_targets(text)
    if "]:" in text:
        text = "\n".join("" if _REFERENCE.match(line) else line for line in text.split("\n"))
    return _ADDRESS.sub(" ", text) if ":" in text else text


def _without_targets(text: str) -> str:
    kept: list[str] = []
    done = 0
    close = line_end = -1
    start = text.find("](")
    while start >= 0:
        # Both are looked for again only when passed, so that the whole is read once.
        if close < start + 2:
            close = text.find(")", start + 2)
            if close < 0:
                break
        if line_end < start + 2:
            line_end = text.find("\n", start + 2)
            line_end = len(text) if line_end < 0 else line_end
        if close < line_end:
            kept += (text[done : start + 1], " ")
            done = close + 1
            start = text.find("](", done)
        else:
            start = text.find("](", start + 2)
    kept.append(text[done:])
    return "".join(kept)
