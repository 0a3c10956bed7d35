"""What clients report of themselves: lines for the log, and how fast things were on their side."""

import math
from typing import Literal

import structlog
from msgspec import Struct
from prometheus_client import Counter, Histogram

from server.access.grants import has_system
from server.access.guards import anyone, signed_in
from server.access.permissions import Permission
from server.context import Context
from server.errors import forbidden, invalid_body
from server.http.router import Router
from server.metrics import registry

MAX_LINE = 400
MAX_MEASURES = 500
VERSIONS = ("0.1.0",)
OTHER = "other"

PLATFORMS = frozenset({"linux", "macos", "ios", "android", "windows"})
AGENTS = frozenset({"desktop", "firefox", "chrome", "safari", "edge", "mobile", "android", "ios"})
TIMES = frozenset(
    {
        "TTFB", "TTLB", "splash_screen", "dom_interactive", "FCP", "INP", "LCP", "CLS", "page_load",
        "channel_switch", "team_switch", "rhs_load", "global_threads_load", "mobile_load", "mobile_channel_switch",
        "mobile_team_switch", "mobile_network_requests_average_speed", "mobile_network_requests_effective_latency",
        "mobile_network_requests_elapsed_time", "mobile_network_requests_latency", "mobile_network_requests_total_size",
    }
)  # fmt: skip
COUNTS = frozenset({"long_tasks"})

REPORTED = Histogram(
    "hubbub_client_reported",
    "What clients measured, as they gave it: milliseconds, for CLS a share, for sizes bytes",
    ("metric", "platform", "agent"),
    buckets=(0.01, 0.1, 0.25, 1, 10, 50, 100, 200, 500, 1000, 2500, 5000, 10_000, 30_000, 100_000),
    registry=registry,
)
COUNTED = Counter("hubbub_client_counted", "What clients counted", ("metric", "platform", "agent"), registry=registry)

router = Router("system")
log = structlog.get_logger()


class ClientLine(Struct, kw_only=True):
    """Body and reply of POST /logs."""

    level: str = ""
    message: str = ""


class Measure(Struct, kw_only=True):
    """A number that a client measured or counted."""

    metric: str
    value: float
    timestamp: float = 0
    labels: dict[str, str] = {}


class PerformanceReport(Struct, kw_only=True):
    """Body of POST /client_perf. Times are milliseconds since the epoch."""

    version: str
    client_id: str = ""
    labels: dict[str, str] = {}
    start: float
    end: float
    counters: list[Measure] = []
    histograms: list[Measure] = []


@router.post("/logs", guard=anyone)
async def post_log(ctx: Context, body: ClientLine) -> ClientLine:
    """Put a line of a client into the log; without a session only while EnableDeveloper is set.

    Errors of those who don't administer the system are noted as details.
    """
    developing = ctx.config.ServiceSettings.EnableDeveloper
    if ctx.session is None and not developing:
        raise forbidden()
    line = "".join(char if char.isprintable() else " " for char in body.message[:MAX_LINE])
    trusted = developing or await has_system(ctx, Permission.MANAGE_SYSTEM)
    level: Literal["error", "debug"] = "error" if trusted and body.level.upper() == "ERROR" else "debug"
    user_id = ctx.session.user_id if ctx.session is not None else ""
    getattr(log, level)("a client reports", line=line, user_id=user_id)
    return ClientLine(level=body.level[:MAX_LINE], message=body.message[:MAX_LINE])


@router.post("/client_perf", guard=signed_in)
async def submit_performance_report(ctx: Context, body: PerformanceReport) -> None:
    """Count what a client measured, if EnableClientMetrics is set; else it is of no interest."""
    if not ctx.config.MetricsSettings.EnableClientMetrics:
        return
    if body.version not in VERSIONS:
        raise invalid_body("version")
    if not 0 < body.start <= body.end:
        raise invalid_body("start")
    if len(body.counters) + len(body.histograms) > MAX_MEASURES:
        raise invalid_body("histograms")
    platform = _one_of(PLATFORMS, body.labels.get("platform", ""))
    agent = _one_of(AGENTS, body.labels.get("agent", ""))
    for measure in body.histograms:
        if measure.metric in TIMES and _is_measure(measure.value):
            REPORTED.labels(measure.metric, platform, agent).observe(measure.value)
    for count in body.counters:
        if count.metric in COUNTS and _is_measure(count.value):
            COUNTED.labels(count.metric, platform, agent).inc(count.value)


def _one_of(known: frozenset[str], name: str) -> str:
    """A label that is known, so that clients can't make more and more of them."""
    return name if name in known else OTHER


def _is_measure(value: float) -> bool:
    return math.isfinite(value) and 0 <= value < 1e9
