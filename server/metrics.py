"""What a node measures, for Prometheus; the parts add to it, features/system serves it on its own port."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

registry = CollectorRegistry()


class Times:
    """How long something took, each time: how often up to which of the `bounds` (seconds), and how long in all."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """It took so long. The loop's thread alone says so: there is no lock."""
        self.counts[bisect_left(self._bounds, seconds)] += 1
        self.total += seconds


class RequestSeconds(Collector):
    """A histogram of operations and statuses. That of the library takes two microseconds to note one time."""

    BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], Times] = {}

    def of(self, operation: str, status: str) -> Times:
        """Where to note the times of answers."""
        return self._times.setdefault((operation, status), Times(self.BOUNDS))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """All of them, as Prometheus wants them."""
        says = "Time to answer HTTP requests, by operation and status"
        family = HistogramMetricFamily("hubbub_http_request_seconds", says, labels=("operation", "status"))
        bounds = (*map(str, self.BOUNDS), "+Inf")
        for labels, times in list(self._times.items()):
            buckets = list(zip(bounds, accumulate(times.counts), strict=True))
            family.add_metric(labels, buckets, sum_value=times.total)
        yield family


REQUEST_SECONDS = RequestSeconds()
registry.register(REQUEST_SECONDS)
NOTIFICATIONS_CONFIRMED = Counter(
    "hubbub_notifications_confirmed_total",
    "What clients did with posts that they were to tell their users of, by their own account",
    ("status",),
    registry=registry,
)
UNKNOWN_ROUTES = Counter(
    "hubbub_http_unknown_routes_total", "Requests for paths that nothing serves", registry=registry
)
RATE_LIMITED = Counter(
    "hubbub_rate_limited_total",
    "What was refused because there was too much of it, by limit",
    ("rate",),
    registry=registry,
)
