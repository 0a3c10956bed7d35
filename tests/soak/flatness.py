"""Whether a measured quantity grows: rules that noise, steps and sawteeth pass, and leaks don't."""

from collections.abc import Sequence
from itertools import combinations
from statistics import median

from msgspec import Struct

WINDOWS = 24
"""A series is judged by so many windows of it: memory by the least of each, for garbage comes and goes."""
FEWEST = 8
"""Fewer samples say nothing."""

Point = tuple[float, float]
"""A time in seconds, and the value then."""


class Bounds(Struct, frozen=True):
    """What a quantity may do that is meant to stay as it is.

    It fails when it has grown by more than `share` of itself and by more than `least`, and did so by more than
    `per_minute` and all the while, not in a step; or by more than `most` times itself and `least`, however it did.
    """

    share: float
    least: float
    per_minute: float = 0.0
    most: float = 0.25


class Verdict(Struct, frozen=True):
    """What a series did: the medians of its second and its last quarter, the slope, and what is wrong with it."""

    before: float
    after: float
    per_minute: float
    fault: str = ""

    @property
    def flat(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault


def slope(points: Sequence[Point]) -> float:
    """Growth per second by Theil and Sen: the median of the slopes between any two points."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1]
    return median(slopes) if slopes else 0.0


def floors(points: Sequence[Point], windows: int = WINDOWS) -> list[Point]:
    """The least value of each window, at the middle of the window."""
    if not points:
        return []
    start, length = points[0][0], points[-1][0] - points[0][0]
    if length <= 0:
        return [min(points, key=lambda point: point[1])]
    parts: dict[int, list[float]] = {}
    for at, value in points:
        parts.setdefault(min(windows - 1, int((at - start) / length * windows)), []).append(value)
    return [(start + (number + 0.5) * length / windows, min(values)) for number, values in sorted(parts.items())]


def quarter(points: Sequence[Point], number: int) -> float:
    """The median of a quarter of the time, 1 to 4."""
    start, length = points[0][0], points[-1][0] - points[0][0]
    low, high = start + length * (number - 1) / 4, start + length * number / 4
    values = [value for at, value in points if low <= at <= high]
    return median(values) if values else median(value for _, value in points)


def _quarters(points: Sequence[Point]) -> list[Sequence[Point]]:
    return [points[len(points) * number // 4 : len(points) * (number + 1) // 4] for number in range(4)]


def judged(points: Sequence[Point], bounds: Bounds) -> Verdict:
    """Whether a quantity stayed as it was."""
    if len(points) < FEWEST:
        return Verdict(0.0, 0.0, 0.0, f"only {len(points)} samples")
    lows = floors(points)
    before, after, rate = quarter(lows, 2), quarter(lows, 4), slope(lows) * 60
    lasting = median(slope(part) * 60 for part in _quarters(lows))
    grown = after - before
    fault = ""
    if grown > max(bounds.least, bounds.share * before) and rate > bounds.per_minute and 2 * lasting > rate:
        fault = "grows"
    elif grown > bounds.least + bounds.most * before:
        fault = "has grown"
    return Verdict(before, after, rate, fault)


def judged_latency(points: Sequence[Point], factor: float, floor: float) -> Verdict:
    """Whether latencies stayed as they were: those of the last quarter at most `factor` times the second's and `floor`.

    `points` are one figure for each stretch of time, like its 99th percentile, in seconds.
    """
    if len(points) < FEWEST:
        return Verdict(0.0, 0.0, 0.0, f"only {len(points)} stretches")
    before, after, rate = quarter(points, 2), quarter(points, 4), slope(points) * 60
    return Verdict(before, after, rate, "grows" if after > factor * before + floor else "")


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all is not above; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def percentiles(points: Sequence[Point], share: float, stretches: int = WINDOWS) -> list[Point]:
    """The percentile of each stretch of time, at the middle of the stretch."""
    if not points:
        return []
    start, end = min(at for at, _ in points), max(at for at, _ in points)
    length = max(end - start, 1e-9)
    parts: dict[int, list[float]] = {}
    for at, value in points:
        parts.setdefault(min(stretches - 1, int((at - start) / length * stretches)), []).append(value)
    return [
        (start + (number + 0.5) * length / stretches, percentile(values, share))
        for number, values in sorted(parts.items())
    ]
