"""When a server counts as overloaded: the stop rules of load tests of this kind, over Locust's statistics."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from locust.stats import RequestStats, StatsError, calculate_response_time_percentile

MEAN_MS, P99_MS, FAILED_PERCENT = 100.0, 2000.0, 0.025
REFUSED_PERCENT = 0.1
"""A few requests meet what somebody else has just deleted; more means that server and test disagree."""

NOT_REQUESTS = ("WS", "ACTION")
"""Types of statistics that are no requests."""

OVERLOAD = ("ServerFailed", "TimedOut", "Disconnected")


@dataclass(frozen=True)
class Rule:
    """One rule, looked at: it holds while value <= limit."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        """Is it kept?"""
        return self.value <= self.limit


@dataclass
class Figures:
    """Requests, summed up over all kinds of them."""

    requests: int = 0
    total_ms: float = 0.0
    times: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    """By the class of the failure."""

    def since(self, before: "Figures") -> "Figures":
        """What came to it after `before`."""
        return Figures(
            self.requests - before.requests,
            self.total_ms - before.total_ms,
            self.times - before.times,
            self.failures - before.failures,
        )

    @property
    def mean_ms(self) -> float:
        """Mean of all requests."""
        return self.total_ms / self.requests if self.requests else 0.0

    def percentile_ms(self, share: float) -> float:
        """What `share` of the requests did not exceed."""
        return float(calculate_response_time_percentile(self.times, self.requests, share))

    @property
    def failed_percent(self) -> float:
        """Requests that failed since the server is overloaded or gone."""
        return 100.0 * sum(self.failures[kind] for kind in OVERLOAD) / max(self.requests, 1)

    @property
    def refused_percent(self) -> float:
        """Requests answered 4xx."""
        return 100.0 * self.failures["Refused"] / max(self.requests, 1)


@dataclass(frozen=True)
class Limits:
    """The limits of the rules."""

    mean_ms: float = MEAN_MS
    p99_ms: float = P99_MS
    failed_percent: float = FAILED_PERCENT


def figures_of(stats: RequestStats) -> Figures:
    """All requests counted so far."""
    figures = Figures()
    for (_, method), entry in stats.entries.items():
        if method not in NOT_REQUESTS:
            figures.requests += entry.num_requests
            figures.total_ms += entry.total_response_time
            figures.times.update(entry.response_times)
    for error in stats.errors.values():
        if error.method not in NOT_REQUESTS:
            figures.failures[StatsError.parse_error(error.error).partition("(")[0]] += error.occurrences
    return figures


def overload(figures: Figures, limits: Limits) -> list[Rule]:
    """The rules that tell whether the server carries the load."""
    return [
        Rule("requests, mean", figures.mean_ms, limits.mean_ms, "ms"),
        Rule("requests, p99", figures.percentile_ms(0.99), limits.p99_ms, "ms"),
        Rule("5xx, 429, timeouts, broken connections", figures.failed_percent, limits.failed_percent, "%"),
    ]


def correctness(figures: Figures, counts: Mapping[str, int]) -> list[Rule]:
    """The rules that hold under any load."""
    return [
        Rule("requests refused (4xx)", figures.refused_percent, REFUSED_PERCENT, "%"),
        Rule("posts lost", counts.get("lost", 0), 0, ""),
        Rule("posts delivered twice", counts.get("twice", 0), 0, ""),
        Rule("gaps in the numbers of events", counts.get("gaps", 0), 0, ""),
    ]
