"""`hubbub worker`: a node that listens to nobody and only runs jobs."""

import asyncio
import os
import signal

import structlog
import uvloop

from server.app import Node
from server.cli.failure import DATABASE_ERRORS, CommandError, first_line
from server.cli.production import production_settings
from server.config import Config, Overrides
from server.config.environment import variable_of
from server.logs import set_up_logs

log = structlog.get_logger()


def run() -> None:
    """Run jobs until a signal comes, whatever JobSettings say to the nodes that serve clients."""
    environ = {**os.environ, variable_of("JobSettings.RunJobs"): "true"}
    config, overrides = production_settings(environ)
    set_up_logs(config)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(config, overrides))
    except DATABASE_ERRORS as error:
        raise CommandError(f"can't work: {first_line(error)}") from error


async def _work(config: Config, overrides: Overrides) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    node = Node(config, overrides)
    await node.start()
    log.info("worker started", node=node.services.node_id)
    try:
        await told.wait()
    finally:
        await node.stop()
        log.info("worker stopped", node=node.services.node_id)
