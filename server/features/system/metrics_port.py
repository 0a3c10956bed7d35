"""The port that Prometheus reads, apart from the one that clients use."""

from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from server.config.rules import listen_address
from server.context import Services

log = structlog.get_logger()


class MetricsPort:
    """Serves the metrics of this node on MetricsSettings.ListenAddress if MetricsSettings.Enable is on at the start."""

    def __init__(self, services: Services, registry: CollectorRegistry) -> None:
        self._services = services
        self._registry = registry
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, 0 for none."""
        return int(self._server.server_port) if self._server is not None else 0

    async def start(self) -> None:
        """Listen; a port that is taken is told in the log and costs nothing but the metrics."""
        settings = self._services.config.MetricsSettings
        if not settings.Enable:
            return
        host, port = listen_address(settings.ListenAddress)
        try:
            self._server, self._thread = start_http_server(port, host or "0.0.0.0", self._registry)
        except OSError as error:
            log.error("metrics are not served", address=settings.ListenAddress, reason=str(error))

    async def stop(self) -> None:
        """Close the port."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None
