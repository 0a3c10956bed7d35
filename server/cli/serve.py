"""`hubbub serve`: one node in this process, or several as children that share one port."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from server.cli.failure import DATABASE_ERRORS, CommandError, cant_serve, first_line
from server.cli.neighbours import ADDRESS, address, settings_of
from server.cli.production import production_settings
from server.cli.signals import until_stopped
from server.config import Config, load_config
from server.config.environment import variable_of
from server.config.rules import listen_address
from server.db.migrate import migrate as migrate_database
from server.engines.child import Child
from server.listening import reserve, share
from server.logs import set_up_logs

TICK = 0.2
YOUNG_SECONDS = 5.0
STOP_PATIENCE = 20.0


def run(*, host: str | None, port: int | None, workers: int) -> None:
    """Serve until a signal comes."""
    environ = dict(os.environ)
    if host is not None or port is not None:
        environ[ADDRESS] = _address(load_config(environ), host, port)
    config, _ = production_settings(environ)
    if workers == 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, node_command(), environ)  # noqa: S606 - there is no shell to be wanted
    try:
        with reserve(config) as reserved:
            _run_workers(config, environ, reserved, workers)
    except DATABASE_ERRORS as error:
        raise cant_serve(config, error) from error


def node_command(*arguments: str) -> list[str]:
    """What runs a node without the command line, whose library would take ten megabytes as long as the node lives."""
    at_home = Path.cwd() == Path(__file__).parents[2]
    apart = [] if at_home else ["-P"]  # else a folder `server` that lies about here would be taken for this one
    return [sys.executable, *apart, "-m", "server.cli.node_process", *arguments]


def migrate() -> None:
    """Run what is missing of schema/, and print what that was."""
    config = load_config(os.environ)
    dsn = config.SqlSettings.DataSource
    set_up_logs(config)
    if not dsn:
        raise CommandError(f"{variable_of('SqlSettings.DataSource')} is not set")
    try:
        numbers = asyncio.run(migrate_database(dsn))
    except DATABASE_ERRORS as error:
        raise CommandError(f"can't migrate: {first_line(error)}") from error
    print(f"ran {', '.join(f'{number:04}' for number in numbers)}" if numbers else "nothing to do")


def _address(config: Config, host: str | None, port: int | None) -> str:
    old_host, old_port = listen_address(config.ServiceSettings.ListenAddress)
    host = old_host if host is None else host.strip("[]")
    return address(host, port or old_port)


def _run_workers(config: Config, environ: Mapping[str, str], reserved: socket.socket, count: int) -> None:
    """Keep `count` workers running on one port. A worker that ends is started again, but one that ends at once
    tells of a fault that starting again won't mend: then all stop."""
    started: dict[int, float] = {}
    workers: dict[int, Child] = {}

    def start(number: int) -> None:
        settings = {**environ, **settings_of(config, number)}
        with share(reserved) as sock:
            command = node_command(str(sock.fileno()))
            workers[number] = Child(command, environ=settings, pass_fds=[sock.fileno()])
        started[number] = time.monotonic()

    try:
        with until_stopped():
            for number in range(1, count + 1):
                start(number)
            while True:
                for number, worker in workers.items():
                    if (code := worker.returncode()) is None:
                        continue
                    if time.monotonic() - started[number] < YOUNG_SECONDS:
                        raise CommandError(f"worker {number} ended at once, exit code {code}")
                    print(f"worker {number} ended, exit code {code}; starting it again", file=sys.stderr)
                    start(number)
                time.sleep(TICK)
    finally:
        for worker in workers.values():
            worker.ask()
        for worker in workers.values():
            worker.stop(config.HubbubSettings.DrainSeconds + STOP_PATIENCE)
