"""`hubbub dev`: PostgreSQL, Redis and the nodes as children of one process, which mends and stops them."""

import contextlib
import os
import shlex
import sys
import time
from pathlib import Path

from server import __version__
from server.cli.neighbours import settings_of
from server.cli.node import HOST, Node, require_free
from server.cli.signals import until_stopped
from server.cli.sources import Sources
from server.config import load_config
from server.config.environment import variable_of
from server.engines.child import EngineError
from server.engines.directory import DataDirectory
from server.engines.postgres import Postgres
from server.engines.redis import Redis

TICK = 0.1
MEND_AGAIN_AFTER = 2.0
METRICS_ABOVE = 1000
AT_REST = variable_of("SqlSettings.AtRestEncryptKey")

WELCOME = """
Open http://localhost:{port} in a browser, or make the first account, which becomes the system administrator:

curl -X POST http://localhost:{port}/api/v4/users -H 'Content-Type: application/json' \\
  -d '{{"email": "ada@example.org", "username": "ada", "password": "correct-horse-9"}}'

And as a bot or a script does it, with mattermostdriver:

{python} - <<'END'
from mattermostdriver import Driver

account = {{"login_id": "ada", "password": "correct-horse-9"}}
driver = Driver({{"scheme": "http", "url": "localhost", "port": {port}}} | account)
driver.login()
print("signed in as", driver.users.get_user("me")["username"])
END

Ctrl-C stops everything.
"""


def run(*, nodes: int, port: int, data: Path, reload: bool | None) -> None:
    """Run until a signal comes. EngineError when something can't be started."""
    sources = Sources.of_checkout()
    if reload is None:
        reload = nodes == 1 and sources is not None
    if reload and nodes > 1:
        raise EngineError("--reload watches one node: leave it out, or leave out --nodes")
    last = port + nodes - 1
    if last > 65535:
        raise EngineError(f"{nodes} nodes from port {port} would need port {last}")
    for number in range(port, last + 1):
        require_free(number)
    with until_stopped():
        say(f"Hubbub {__version__}")
        with DataDirectory(data) as directory, contextlib.ExitStack() as stack:
            World(directory, stack, nodes, port).run(sources if reload else None)
    say("stopped")


def _metrics(port: int) -> dict[str, str]:
    """Metrics some way above the nodes' own ports, unless the environment has an opinion or the port is taken."""
    enable, address = variable_of("MetricsSettings.Enable"), variable_of("MetricsSettings.ListenAddress")
    if enable in os.environ or address in os.environ or port + METRICS_ABOVE > 65535:
        return {}
    try:
        require_free(port + METRICS_ABOVE)
    except EngineError:
        return {}
    say(f"metrics: http://{HOST}:{port + METRICS_ABOVE}/metrics")
    return {enable: "true", address: f"{HOST}:{port + METRICS_ABOVE}"}


class World:
    """Everything that runs: the engines and the nodes."""

    def __init__(self, directory: DataDirectory, stack: contextlib.ExitStack, nodes: int, port: int) -> None:
        """Start the engines and the nodes' processes; `stack` stops them, the nodes first."""
        say(f"data: {directory.path}")
        self._postgres = stack.enter_context(Postgres(directory, say=say))
        say(f"postgres: pid {self._postgres.pid}")
        self._redis = stack.enter_context(Redis(directory))
        say(f"redis: pid {self._redis.pid}")
        settings = {
            "MM_SQLSETTINGS_DATASOURCE": self._postgres.dsn(),
            "MM_CACHESETTINGS_REDISADDRESS": self._redis.url,
            "MM_FILESETTINGS_DIRECTORY": str(directory.folder("files")),
            AT_REST: os.environ.get(AT_REST) or directory.secret("at-rest.key"),
            **_metrics(port),
        }
        config = load_config({**os.environ, **settings})
        logs = directory.folder("log")
        self._port = port
        self._nodes = [
            Node(number, port + number - 1, logs / f"node-{number}.log", settings | settings_of(config, number))
            for number in range(1, nodes + 1)
        ]
        self._running = list(self._nodes)
        self._welcomed = False
        self._mend_at = 0.0
        stack.callback(self._stop_nodes)
        for node in self._nodes:
            node.start()

    def run(self, sources: Sources | None) -> None:
        """Watch over all until a signal comes. EngineError when not one node ever answered."""
        while True:
            self._mend_engines()
            self._look_after_nodes()
            if sources is not None:
                self._reload(sources)
            elif not self._running and not self._welcomed:
                raise EngineError(f"no node came up; the log is {self._nodes[0].log}")
            time.sleep(TICK)

    def _look_after_nodes(self) -> None:
        for node in list(self._running):
            how = node.ended()
            if how is not None:
                self._running.remove(node)
                say(f"node {node.number}: pid {node.pid} died ({how}) and stays dead")
            elif not node.answers and node.check():
                say(f"node {node.number}: {node.url} pid {node.pid}")
        if not self._welcomed and self._running and all(node.answers for node in self._running):
            self._welcomed = True
            below = os.path.relpath(sys.executable)
            python = shlex.quote(sys.executable if below.startswith("..") else below)
            say(WELCOME.format(port=self._running[0].port, python=python))

    def _mend_engines(self) -> None:
        if time.monotonic() < self._mend_at:
            return
        for name, engine in (("postgres", self._postgres), ("redis", self._redis)):
            if engine.returncode() is None:
                continue
            say(f"{name}: died, starting it again")
            try:
                engine.start()
            except EngineError as error:
                say(f"{name}: {error}; trying again")
                self._mend_at = time.monotonic() + MEND_AGAIN_AFTER
            else:
                say(f"{name}: pid {engine.pid}")

    def _reload(self, sources: Sources) -> None:
        changed = sources.changed()
        if changed is None:
            return
        say(f"{changed} changed, starting node 1 again")
        node = self._nodes[0]
        node.stop()
        node.start()
        self._running = [node]

    def _stop_nodes(self) -> None:
        for node in self._nodes:
            node.ask()
        for node in self._nodes:
            node.stop()


def say(line: str) -> None:
    """Print a line for the person at the terminal; if nobody reads any more, that is no reason to stop."""
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)
