"""What a node measures, for Prometheus; the parts add to it, features/system serves it on its own port."""

from prometheus_client import CollectorRegistry, Counter, Histogram

registry = CollectorRegistry()

REQUEST_SECONDS = Histogram(
    "hubbub_http_request_seconds",
    "Time to answer HTTP requests, by operation and status",
    ("operation", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=registry,
)
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
