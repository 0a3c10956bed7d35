"""The table at the end of a test."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from locust.stats import RequestStats, StatsEntry

from loadtest.capacity import Step
from loadtest.cpu import CLIENT
from loadtest.rules import Figures, Rule

BUSY = 0.9
"""Share of a core above which a process of the test is late itself."""

BUSY_TEXT = "THE LOAD TEST ITSELF HAD NO CPU TO SPARE: figures are of it as well, use more processes"


@dataclass
class Result:
    """All that there is to tell."""

    url: str
    users: int
    seconds: float = 0.0
    """From the moment when all users were there to the end."""
    actions: int = 0
    """In those seconds."""
    average_idle: float = 0.0
    """Seconds between two actions of an average user of the mix; 0 for other users."""
    counts: Counter[str] = field(default_factory=Counter)
    figures: Figures = field(default_factory=Figures)
    """From the first sign-in on."""
    steady: Figures | None = None
    """In those seconds, by which the server is judged."""
    rules: list[Rule] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    processes: int = 1
    """That the test ran in."""
    cpu: dict[str, float] = field(default_factory=dict)
    """Seconds by process, of the program itself too, in `seconds`."""
    steps: list[Step] = field(default_factory=list)
    capacity: int | None = None
    unsettled: int = 0
    faults: int = 0
    """Errors of this program."""

    @property
    def judged(self) -> Figures:
        """The figures that count: those of all users, if they ever were there."""
        return self.steady if self.steady is not None and self.steady.requests else self.figures

    @property
    def holds(self) -> bool:
        """Was everything well?"""
        return self.figures.requests > 0 and not self.faults and all(rule.holds for rule in self.rules)


def report(result: Result, stats: RequestStats) -> str:
    """Everything as text."""
    parts = [_head(result), _kinds(result, stats), _actions(stats), _cpu(result), _steps(result), _verdict(result)]
    return "\n\n".join(part for part in parts if part)


def as_json(result: Result) -> str:
    """What programs want to know of it: counts, milliseconds of requests, and seconds of CPU by process."""
    judged = result.judged
    return json.dumps(
        {
            "url": result.url,
            "users": result.users,
            "seconds": result.seconds,
            "actions": result.actions,
            "cpu": result.cpu,
            "requests": judged.requests,
            "mean_ms": judged.mean_ms,
            **{f"p{100 * share:.0f}_ms": judged.percentile_ms(share) for share in (0.5, 0.95, 0.99)},
            "failed_percent": judged.failed_percent,
            "counts": dict(result.counts),
            "left_out": result.left_out,
            "rules": [{"name": rule.name, "value": rule.value, "limit": rule.limit} for rule in result.rules],
            "capacity": result.capacity,
            "holds": result.holds,
        },
        indent=1,
    )


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as need be; the first one to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _head(result: Result) -> str:
    lines = [f"{result.users} users on {result.url}, {result.seconds:.0f} s with all of them"]
    if result.steps:
        lines = [f"up to {max(step.users for step in result.steps)} users on {result.url}"]
    elif not result.seconds:
        lines = [
            f"{result.users} users on {result.url}; NOT ALL HAD SIGNED IN AT THE END: figures are of the way there"
        ]
    else:
        rate = result.actions / result.seconds
        line = f"{result.actions} actions, {rate:.1f}/s"
        if result.average_idle:
            line += f": what {rate * result.average_idle:.0f} average users of the mix do"
        lines.append(line)
    counts = result.counts
    if counts["without_target"]:
        lines.append(f"{counts['without_target']} more actions found nothing to act on")
    if counts["failed_actions"]:
        lines.append(f"{counts['failed_actions']} more actions ended with a call that failed")
    reasons: dict[str, list[str]] = {}
    for name, reason in result.left_out.items():
        reasons.setdefault(reason, []).append(name)
    lines += [f"left out, {reason}: {', '.join(names)}" for reason, names in reasons.items()]
    return "\n".join(lines)


def _row(name: str, entry: StatsEntry) -> tuple[str, ...]:
    return (
        name,
        f"{entry.num_requests:,}",
        f"{entry.avg_response_time:.1f}",
        f"{entry.get_response_time_percentile(0.5):.0f}",
        f"{entry.get_response_time_percentile(0.95):.0f}",
        f"{entry.get_response_time_percentile(0.99):.0f}",
        f"{entry.max_response_time:.0f}",
    )


def _sum(name: str, figures: Figures) -> tuple[str, ...]:
    percentiles = (f"{figures.percentile_ms(share):.0f}" for share in (0.5, 0.95, 0.99, 1.0))
    return name, f"{figures.requests:,}", f"{figures.mean_ms:.1f}", *percentiles


HEADER = ("ms", "number", "mean", "p50", "p95", "p99", "max")


def _kinds(result: Result, stats: RequestStats) -> str:
    rows = [HEADER, _sum("requests", result.figures)]
    if result.steady is not None and not result.steps:
        rows.append(_sum("… when all were there", result.steady))
    names = {
        "deliver posted": "posts delivered",
        "connect": "sockets connected",
        "resume": "sockets resumed",
        "reconnect anew": "sockets not resumed",
    }
    for name, title in names.items():
        entry = stats.entries.get((name, "WS"))
        if entry is not None and entry.num_requests:
            rows.append(_row(title, entry))
    counts = result.counts
    line = (
        f"{counts['posts']:,} posts, of {counts['expected']:,} deliveries expected {counts['lost']:,} lost, "
        f"{counts['twice']:,} twice, {counts['gaps']:,} gaps; {counts['acknowledged']:,} acknowledged as "
        f"the server wanted it; {counts['closed']:,} sockets closed by the server"
    )
    if result.unsettled:
        line += f"; {result.unsettled} posts could not be followed to the end"
    return f"{table(rows)}\n{line}"


def _actions(stats: RequestStats) -> str:
    entries = [entry for (_, method), entry in stats.entries.items() if method == "ACTION" and entry.num_requests]
    entries.sort(key=lambda entry: -entry.num_requests)
    if not entries:
        return ""
    return table([("actions, ms", *HEADER[1:]), *(_row(entry.name, entry) for entry in entries)])


def _cpu(result: Result) -> str:
    if not result.actions or not result.seconds or result.steps:
        return ""
    rows = [("CPU", "of a core", "ms an action")]
    for name, seconds in result.cpu.items():
        rows.append((name, f"{100 * seconds / result.seconds:.0f} %", f"{1000 * seconds / result.actions:.2f}"))
    busy = f"\n{BUSY_TEXT}" if _busy(result.cpu, result.seconds, result.processes) else ""
    return table(rows) + busy


def _busy(used: Mapping[str, float], seconds: float, processes: int) -> bool:
    """Did the test have as much to do as it can?"""
    return used.get(CLIENT, 0.0) > BUSY * seconds * processes


def _steps(result: Result) -> str:
    if not result.steps:
        return ""
    names = list(result.steps[-1].cpu)
    rows: list[tuple[str, ...]] = [("users", "actions/s", "mean ms", "p99 ms", "failed", *names, "carried")]
    rows += [_step(step, names) for step in result.steps]
    bounded = any(not step.carried for step in result.steps)
    line = f"capacity: {'' if bounded else 'at least '}{result.capacity} users"
    best = max((step for step in result.steps if step.carried), key=lambda step: step.users, default=None)
    if best is not None:
        rate = best.actions / best.seconds
        line += f", {rate:.0f} actions/s"
        if result.average_idle:
            line += f": what {rate * result.average_idle:.0f} average users of the mix do"
    if not bounded:
        line += "; no number was too many, so try a higher --users"
    if any(_busy(step.cpu, step.seconds, result.processes) for step in result.steps if not step.carried):
        line += f"\n{BUSY_TEXT}"
    return f"{table(rows)}\n{line}"


def _step(step: Step, names: list[str]) -> tuple[str, ...]:
    return (
        str(step.users),
        f"{step.actions / step.seconds:.1f}",
        f"{step.figures.mean_ms:.1f}",
        f"{step.figures.percentile_ms(0.99):.0f}",
        f"{step.figures.failed_percent:.3f} %",
        *(f"{100 * step.cpu[name] / step.seconds:.0f} %" for name in names),
        "yes" if step.carried else "no",
    )


def _verdict(result: Result) -> str:
    rows = [("rule", "value", "limit", "")]
    for rule in result.rules:
        kept = "holds" if rule.holds else "BROKEN"
        rows.append((rule.name, f"{rule.value:.4g} {rule.unit}".strip(), f"{rule.limit:g} {rule.unit}".strip(), kept))
    text = table(rows)
    if not result.figures.requests:
        text += "\nNOTHING WAS DONE"
    if result.faults:
        text += f"\n{result.faults} ERRORS OF THE TEST ITSELF, see above"
    return text
