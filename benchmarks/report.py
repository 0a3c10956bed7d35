"""The table: figures beside the last ones that were committed and beside Mattermost's, for terminals and for README."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap

import msgspec
from msgspec import Struct

from benchmarks.figures import Machine, markdown, short, table
from benchmarks.lab import Figures
from benchmarks.works import WORKS, Work

COMMITTED = Path(__file__).with_name("figures.json")
MATTERMOST = Path(__file__).with_name("mattermost.json")
README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- figures: written by `python -m benchmarks --readme` -->", "<!-- end of figures -->"
PARTS = ("server", "postgres", "redis")


class Committed(Struct, frozen=True, kw_only=True):
    """What `--save` wrote: medians of each work."""

    date: str
    repeat: int
    machine: Machine
    works: dict[str, Figures]


class Published(Struct, frozen=True, kw_only=True):
    """What another server was measured to need, by the same definitions on a machine of the same kind."""

    name: str
    date: str
    works: dict[str, Figures]


def committed(path: Path = COMMITTED) -> Committed | None:
    """The last figures that were kept, if any."""
    return msgspec.json.decode(path.read_bytes(), type=Committed) if path.exists() else None


def published() -> Published:
    """Mattermost's figures."""
    return msgspec.json.decode(MATTERMOST.read_bytes(), type=Published)


def key_figure(figures: Figures | None) -> float:
    """What works are compared by: the cost in all, or where there is none the p99; 0 for nothing."""
    return (figures or {}).get("total") or (figures or {}).get("p99") or 0.0


def ratio(part: float, whole: float) -> str:
    """How many times, as 1.23; "" when one of them is missing."""
    return f"{part / whole:.2f}" if part and whole else ""


def comparison(
    works: Sequence[Work], now: Mapping[str, Figures], before: Mapping[str, Figures], other: Published
) -> str:
    """The table for a terminal. The ratio to the last figures is above 1 when it got worse; "times" says how many times
    as much the other server needs."""
    heads = ["work", "", "server", "postgres", "redis", "total", "per s", "p50 ms", "p99 ms"]
    heads += ["committed", "ratio", other.name, "times"]
    rows = []
    for work in works:
        figures = now.get(work.name)
        if figures is None:
            continue
        value, was, theirs = (key_figure(each.get(work.name)) for each in (now, before, other.works))
        cells = [short(figures[name]) if name in figures else "" for name in (*PARTS, "total", "per_s", "p50", "p99")]
        cells += [short(was) if was else "", ratio(value, was), short(theirs) if theirs else "", ratio(theirs, value)]
        rows.append([work.title, work.unit, *cells])
    return table(heads, rows)


def told(work: Work, figures: Figures | None) -> str:
    """A cell of README: "2.76 + 0.38 + 0.12 µs, 235/s, p99 33 ms"."""
    if figures is None:
        return ""
    if "floor" in figures:
        return f"{short(figures['ours'])} µs, C {short(figures['floor'])} µs"
    parts = [short(figures[part]) for part in PARTS if part in figures]
    cost = f"{' + '.join(parts) or short(figures.get('total', 0.0))} {work.unit}" if work.unit else ""
    rate = f"{short(figures['per_s'])}/s" if work.rate and "per_s" in figures else ""
    late = f"p99 {short(figures['p99'])} ms" if "p99" in figures else ""
    return ", ".join(filter(None, (cost, rate, late)))


def section(kept: Committed, other: Published) -> str:
    """The table of README with where it was measured, between the markers."""
    rows = []
    for work in WORKS:
        figures, theirs = kept.works.get(work.name), other.works.get(work.name)
        if figures is not None:
            times = ratio(key_figure(theirs), key_figure(figures))
            rows.append([work.title, told(work, theirs), told(work, figures), f"{float(times):.1f}" if times else ""])
    machine = kept.machine
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    runs = f"Medians of {kept.repeat} runs" if kept.repeat > 1 else "One run"
    where = (
        f"{runs}, {kept.date}, on {machine.cores} cores of {machine.cpu}, {machine.system}, Python {machine.python}, "
        f"{packages}: the service on one core, the clients on the other."
    )
    made = markdown(["work", other.name, f"Hubbub {machine.hubbub}", "times"], rows)
    return "\n".join([BEGIN, "", made, "", *wrap(where, 120), END])


def with_section(text: str, made: str) -> str:
    """README with the section put between its markers. ValueError when it has none."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("README has no markers for the figures")
    return head + made + tail
