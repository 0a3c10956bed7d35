"""Ranges of a file that a client asks for: `Range: bytes=0-99`, one at a time."""

import re

from server.errors import ApiError

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*")


class RangeNotSatisfiable(ApiError):
    """416: the file ends before the range begins."""

    status = 416


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """Start and end (without it) of what a Range header asks for of `size` bytes.

    None for the whole: no header, one that makes no sense, or several ranges. Raises RangeNotSatisfiable.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size or start >= end:
        error = RangeNotSatisfiable("api.context.invalid_range.app_error", "The file has no such range.")
        error.headers = {"Content-Range": f"bytes */{size}"}
        raise error
    return start, end
