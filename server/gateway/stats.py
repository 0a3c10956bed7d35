"""What the gateway counts; plain ints on the hot path, exported by whoever serves metrics."""

from bisect import bisect_left

LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histogram of lags, in seconds; the last bucket has none."""


class Stats:
    """Counts since the start of the node; `sockets` and `away` are as of now."""

    __slots__ = (
        "anew",
        "away",
        "closed_by",
        "connects",
        "deliveries",
        "dropped",
        "events",
        "flushes",
        "lag_buckets",
        "lag_sum",
        "overflows",
        "replayed",
        "replays_elsewhere",
        "replays_here",
        "requests",
        "sockets",
        "unresumable",
        "writes",
    )

    def __init__(self) -> None:
        self.sockets = 0
        self.away = 0
        """Connections whose client may still come back for them."""
        self.connects = 0
        self.events = 0
        self.deliveries = 0
        """Events put before a connection."""
        self.flushes = 0
        """Rounds of writing to sockets …"""
        self.writes = 0
        """… and sockets in them: deliveries by writes is how many events go out at once."""
        self.dropped = 0
        """Transient events left out for a connection that lagged."""
        self.overflows = 0
        """Connections closed because they lagged too far."""
        self.replays_here = 0
        """Connections resumed from this node's memory …"""
        self.replays_elsewhere = 0
        """… and from the streams, after another node had them."""
        self.replayed = 0
        """Events sent again by resumes."""
        self.unresumable = 0
        """Resumes that could not be exact, so the client got a new connection."""
        self.anew = 0
        """Sockets told to start anew because messages were lost."""
        self.requests = 0
        self.closed_by: dict[int, int] = {}
        """Why clients say that their last connection ended: code → count."""
        self.lag_buckets = [0] * (len(LAG_BOUNDS) + 1)
        """Events by the time from publish to the writing to sockets."""
        self.lag_sum = 0.0

    def lag(self, seconds: float) -> None:
        """Note the lag of one event."""
        self.lag_buckets[bisect_left(LAG_BOUNDS, seconds)] += 1
        self.lag_sum += max(seconds, 0.0)
