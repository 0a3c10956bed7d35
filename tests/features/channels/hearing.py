"""The kinds of fixtures that tests of channels use."""

from collections.abc import Callable
from typing import Any

from tests.clients_of import Client

Clients = Callable[..., Client]
Sockets = Callable[..., Any]
Counted = Callable[..., Any]
Settings = Callable[..., None]
