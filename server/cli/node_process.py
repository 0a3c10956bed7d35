"""`python -m server.cli.node_process [socket]`: what `hubbub serve` turns into, one node and no command line.

The settings are in the environment. `socket` is the number of a socket that the parent opened to listen on.
"""

import os
import socket
import sys
from typing import NoReturn

from server.cli.ending import run_to_the_end
from server.cli.failure import DATABASE_ERRORS, CommandError, cant_serve
from server.cli.production import production_settings
from server.config import ConfigError
from server.serve import run_node


def main() -> NoReturn:
    """Serve until a signal comes. What is wrong with the settings, or with the machine, is one line."""
    run_to_the_end(_run)


def _run() -> None:
    try:
        _serve(*map(int, sys.argv[1:]))
    except (CommandError, ConfigError) as error:
        sys.exit(f"hubbub: {error}")


def _serve(inherited: int | None = None) -> None:
    config, overrides = production_settings(os.environ)
    try:
        run_node(config, socket.socket(fileno=inherited) if inherited is not None else None, overrides)
    except DATABASE_ERRORS as error:
        raise cant_serve(config, error) from error


if __name__ == "__main__":
    main()
