"""What benchmarks make of numbers: medians of repeats, quantiles, tables, and files with the machine and the date."""

import datetime as dt
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from server import __version__


class Machine(Struct, frozen=True, kw_only=True):
    """Where something was measured, and with what."""

    cpu: str
    cores: int
    system: str
    python: str
    packages: dict[str, str]
    hubbub: str


def this_machine() -> Machine:
    """The machine as it is now."""
    packages = ("uvloop", "uvicorn", "asyncpg", "msgspec")
    return Machine(
        cpu=cpu_model(Path("/proc/cpuinfo").read_text()),
        cores=os.cpu_count() or 0,
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        python=platform.python_version(),
        packages={name: version(name) for name in packages},
        hubbub=__version__,
    )


def cpu_model(cpuinfo: str) -> str:
    """The name of the processor in the text of /proc/cpuinfo."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()


def today() -> str:
    """The date, as 2026-11-22."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d")


def median_of(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over runs; one that some runs lack counts where it is."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: statistics.median(run[name] for run in runs if name in run) for name in names}


def spread_of(runs: Sequence[Mapping[str, float]], name: str) -> float:
    """How far the runs are apart in a figure: the largest difference from the median, as a share of it."""
    values = [run[name] for run in runs if name in run]
    middle = statistics.median(values) if values else 0.0
    return max(abs(value - middle) for value in values) / middle if middle else 0.0


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))] if ordered else 0.0


def per(seconds: Mapping[str, float], count: float, scale: float) -> dict[str, float]:
    """CPU seconds of each part as so many units of time (1e6: µs) for each of `count` things, and their "total"."""
    each = {part: value * scale / count if count else 0.0 for part, value in seconds.items()}
    return {**each, "total": sum(each.values())}


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each part has used in between."""
    return {part: max(after[part] - before[part], 0.0) for part in after}


def short(value: float) -> str:
    """A figure with as many digits as mean something: 0.12, 4.56, 78.9, 1,234."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if value else "0"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows below heads, in columns: the first to the left, the others to the right."""
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        ).rstrip()
        for line in lines
    )


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same as a table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" if line[0] != "---" else f"|{'|'.join(line)}|" for line in lines)


def write(path: Path, content: Any) -> None:
    """Write figures as JSON that is read and compared well."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
