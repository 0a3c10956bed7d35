"""What Prometheus is told of a node: counters that its parts keep as plain numbers, read when somebody asks."""

import asyncio
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server import __version__, metrics
from server.context import Services
from server.gateway.gateway import Gateway
from server.gateway.stats import LAG_BOUNDS

GATEWAY_COUNTS = {
    "connects": ("websocket_connects", "Sockets that have signed in"),
    "events": ("websocket_events", "Events that arrived for sockets of this node"),
    "deliveries": ("websocket_deliveries", "Events put before a socket"),
    "flushes": ("websocket_flushes", "Rounds of writing to sockets"),
    "writes": ("websocket_writes", "Sockets written to in these rounds, each with all events that waited for it"),
    "dropped": ("websocket_dropped", "Transient events left out for sockets that lagged"),
    "overflows": ("websocket_overflows", "Sockets closed because they lagged too far"),
    "replayed": ("websocket_replayed", "Events sent again to sockets that resumed"),
    "unresumable": ("websocket_unresumable", "Resumes that could not be exact"),
    "anew": ("websocket_anew", "Sockets told to start anew because messages were lost"),
    "requests": ("websocket_requests", "Requests of clients over sockets"),
}


class NodeCollector(Collector):
    """The numbers of one node."""

    def __init__(self, services: Services, gateway: Gateway) -> None:
        self._services = services
        self._gateway = gateway
        self._loop = asyncio.get_running_loop()

    def collect(self) -> Iterator[Metric]:
        """Read all numbers."""
        info = GaugeMetricFamily("hubbub_node", "The node", labels=("node", "version"))
        info.add_metric((self._services.node_id, __version__), 1)
        yield info
        yield _gauge("tasks", "What the node is busy with at the same time", len(asyncio.all_tasks(self._loop)))
        yield from self._sockets()
        yield from self._bus()
        yield from self._database()
        yield from self._cache()

    def _sockets(self) -> Iterator[Metric]:
        stats = self._gateway.stats
        yield _gauge("websocket_sockets", "Sockets that are open", stats.sockets)
        yield _gauge("websocket_away", "Connections whose client may still come back", stats.away)
        for attribute, (name, says) in GATEWAY_COUNTS.items():
            yield _counter(name, says, getattr(stats, attribute))
        resumes = CounterMetricFamily(
            "hubbub_websocket_resumes", "Exact resumes, by where the state was", labels=("from",)
        )
        resumes.add_metric(("here",), stats.replays_here)
        resumes.add_metric(("elsewhere",), stats.replays_elsewhere)
        yield resumes
        yield _lag(stats.lag_buckets, stats.lag_sum)

    def _bus(self) -> Iterator[Metric]:
        bus = self._services.bus
        yield _gauge("bus_connected", "Whether messages arrive from Redis", int(bus.connected))
        yield _counter("bus_published", "Messages published", bus.publisher.published)
        yield _counter("bus_publish_failed", "Messages that Redis did not take", bus.publisher.failed)
        yield _counter("bus_publish_seconds", "Time spent waiting for Redis to take messages", bus.publisher.seconds)
        yield _counter("bus_received", "Messages received", bus.subscriber.received)
        yield _counter("bus_gaps", "Gaps found in topics", bus.subscriber.gaps)
        yield _counter("bus_filled", "Messages fetched to fill gaps", bus.subscriber.filled)
        yield _counter("bus_lost", "Gaps that could not be filled", bus.subscriber.lost)

    def _database(self) -> Iterator[Metric]:
        db = self._services.db
        yield _counter("db_statements", "SQL statements run", db.stats.statements)
        yield _counter("db_seconds", "Time spent waiting for PostgreSQL", db.stats.seconds)
        yield _gauge("db_connections_in_use", "Pooled connections that are busy", db.in_use)
        yield _gauge("db_connections_max", "Pooled connections at most", db.size)

    def _cache(self) -> Iterator[Metric]:
        cache = self._services.cache
        yield _gauge("cache_entries", "Values remembered", len(cache))
        yield _counter("cache_hits", "Values found in the cache", cache.hits)
        yield _counter("cache_misses", "Values that had to be loaded", cache.misses)


class _Shared(Collector):
    """The metrics that are kept once a process: those of HTTP."""

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from metrics.registry.collect()


def node_registry(services: Services, gateway: Gateway) -> CollectorRegistry:
    """All that Prometheus is told of one node and its process."""
    registry = CollectorRegistry()
    registry.register(NodeCollector(services, gateway))
    registry.register(_Shared())
    ProcessCollector(registry=registry)
    return registry


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(f"hubbub_{name}", says, value=value)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hubbub_{name}", says, value=value)


def _lag(counts: list[int], total: float) -> Metric:
    running = 0
    buckets = []
    for bound, count in zip((*map(str, LAG_BOUNDS), "+Inf"), counts, strict=True):
        running += count
        buckets.append((bound, running))
    says = "Time from publishing an event to writing it to the sockets"
    return HistogramMetricFamily("hubbub_websocket_lag_seconds", says, buckets=buckets, sum_value=total)
