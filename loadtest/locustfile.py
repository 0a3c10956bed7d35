"""What Locust loads: `locust -f loadtest/locustfile.py --host http://localhost:8065`, or `python -m loadtest`."""

from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtest.conductor import Conductor
from loadtest.options import add_options
from loadtest.users import Bots, Hotspot, Lurkers, People, Storm

__all__ = ["Bots", "Hotspot", "Lurkers", "People", "Storm"]


def _on_parser(parser: LocustArgumentParser, **_: Any) -> None:
    add_options(parser)


def _on_init(environment: Environment, **_: Any) -> None:
    Conductor.take(environment)


events.init_command_line_parser.add_listener(_on_parser)
events.init.add_listener(_on_init)
