"""The command line: each command reads its options here and leaves the work to its own module."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from server import __version__
from server.cli import dev as dev_command
from server.engines.child import EngineError

app = typer.Typer(
    name="hubbub",
    help="A real-time team messaging server that speaks the Mattermost API v4.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command that the arguments name. What is wrong with them, or with the machine, is one line."""
    try:
        app()
    except EngineError as error:
        sys.exit(f"hubbub: {error}")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hubbub {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A real-time team messaging server that speaks the Mattermost API v4."""


@app.command()
def dev(
    nodes: Annotated[int, typer.Option(min=1, max=64, help="How many nodes, each on a port of its own.")] = 1,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the first node.")] = 8065,
    data: Annotated[Path, typer.Option(help="Directory of everything that is kept.")] = Path("var"),
    reload: Annotated[
        bool | None,
        typer.Option("--reload/--no-reload", help="Start the node again when its code changes."),
    ] = None,
) -> None:
    """Run everything on this machine: PostgreSQL, Redis and one or several nodes."""
    dev_command.run(nodes=nodes, port=port, data=data, reload=reload)
