"""The command line: each command reads its options here and leaves the work to its own module.

Commands that need the application import it when they run: `hubbub dev` must start with broken code, to wait
for its repair, and in a tenth of the time.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from server import __version__
from server.cli.ending import run_to_the_end
from server.cli.failure import CommandError
from server.config import ConfigError
from server.engines.child import EngineError

app = typer.Typer(
    name="hubbub",
    help="A real-time team messaging server that speaks the Mattermost API v4.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


show = typer.Typer(no_args_is_help=True, help="Print what this version serves, sends and can be told.")
app.add_typer(show, name="show")


admin = typer.Typer(no_args_is_help=True, help="What an operator does without signing in.")
app.add_typer(admin, name="admin")
users = typer.Typer(no_args_is_help=True, help="Accounts, named by username, e-mail address or id.")
admin.add_typer(users, name="user")

Name = Annotated[str, typer.Argument(help="Username, e-mail address or id.", show_default=False)]
Password = Annotated[str | None, typer.Option(help="Better left out: it is asked for, or read from a pipe.")]


def main() -> NoReturn:
    """Run the command that the arguments name. What is wrong with them, or with the machine, is one line."""
    run_to_the_end(_run)


def _run() -> None:
    try:
        app()
    except (CommandError, ConfigError, EngineError) as error:
        typer.echo(f"hubbub: {error}", err=True)
        sys.exit(error.code if isinstance(error, CommandError) else 1)


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
    from server.cli import dev as work

    work.run(nodes=nodes, port=port, data=data, reload=reload)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Listen on this address instead of the configured one.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="And on this port.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="How many processes share the port.")] = 1,
) -> None:
    """Run a node. MM_SQLSETTINGS_DATASOURCE and MM_CACHESETTINGS_REDISADDRESS name PostgreSQL and Redis."""
    from server.cli import serve as work

    work.run(host=host, port=port, workers=workers)


@app.command()
def worker() -> None:
    """Run jobs and nothing else; set MM_JOBSETTINGS_RUNJOBS=false where clients are served."""
    from server.cli import worker as work

    work.run()


@app.command()
def migrate() -> None:
    """Bring the database of MM_SQLSETTINGS_DATASOURCE to this version's schema; nodes also do it at start."""
    from server.cli import serve as work

    work.migrate()


@app.command()
def backup(archive: Annotated[Path, typer.Argument(help="A file that is not there yet.", show_default=False)]) -> None:
    """Write the whole service to one file, while it runs: messages, files, settings, sessions and secrets.

    The environment must be that of the nodes: MM_SQLSETTINGS_DATASOURCE names the database, stored settings and MM_*
    variables where the files are. The file appears under its name when it is whole; nobody but you can read it.
    MM_* variables are not in it, nor is the key of MM_SQLSETTINGS_ATRESTENCRYPTKEY: keep that one elsewhere.

    Exit code 0: all is well. 4: the archive is whole, but files that the database names are missing in the store
    of the service. 1: there is no archive.

    `tar` lists and unpacks it, and `sha256sum -c SHA256SUMS` checks what was unpacked.
    """
    from server.cli import backup as work

    typer.echo(work.take(archive))


@app.command()
def restore(
    archive: Annotated[Path, typer.Argument(help="What `hubbub backup` has written.", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Only read the archive through; nothing is written.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a service that is there.")] = False,
) -> None:
    """Write a service back that `hubbub backup` has written, into an empty database and an empty store of files.

    The environment must be that of the nodes, which must not be running: database, Redis, and if the stored settings
    don't say it, where the files are. Every byte of the archive is checked before anything is written, and the
    database changes in one moment at the end. A backup of an older version is brought to the schema of this one.

    Exit code 0: all is well. 3: the archive is damaged. 1: it can't be restored here. In both cases nothing has
    changed. Was it killed, the database is as it was, and --replace writes over files that were stored already.

    Jobs that were under way may be done twice, such as a mail, and posts whose time has come meanwhile are sent when
    nodes start: to look at a backup beside the living service, start them with MM_JOBSETTINGS_RUNJOBS=false.
    """
    from server.cli import backup as work

    typer.echo(work.check(archive) if check else work.restore(archive, replace=replace))


@app.command()
def seed(
    posts: Annotated[int, typer.Option(min=0, max=100_000_000, help="How many posts.")] = 10_000,
    users: Annotated[int, typer.Option(min=4, max=1_000_000, help="How many users.")] = 200,
    channels: Annotated[int, typer.Option(min=0, max=1_000_000, help="Beside those that every team has.")] = 400,
    teams: Annotated[int, typer.Option(min=1, max=1000)] = 2,
    days: Annotated[int, typer.Option(min=1, max=10_000, help="Over how many days the posts are spread.")] = 365,
    password: Annotated[str, typer.Option(help="Of all users.")] = "Seed-Passw0rd!",  # noqa: S107 - made-up accounts
    number: Annotated[int, typer.Option(help="Another number makes another company.")] = 1,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also into a database that holds something.")] = False,
    with_channels: Annotated[
        str, typer.Option(help="Numbers, as 1,10,100,1000: four users more for each, who are in so many channels.")
    ] = "",
) -> None:
    """Fill an empty database with made-up users, channels and posts, for load tests and for trying things out."""
    from server.cli import seed as work

    wanted = work.Wanted(
        posts=posts,
        users=users,
        channels=channels,
        teams=teams,
        days=days,
        password=password,
        number=number,
        anyway=anyway,
        with_channels=work.numbers(with_channels),
    )
    typer.echo(work.run(wanted))


@show.command()
def routes() -> None:
    """Every operation with its guard."""
    from server.cli import show as work

    _print(work.routes())


@show.command()
def events() -> None:
    """Every event with its payload and its audience."""
    from server.cli import show as work

    _print(work.events())


@show.command()
def config() -> None:
    """Every setting with its value, its variable and its default."""
    from server.cli import show as work

    _print(work.config())


@show.command("openapi")
def openapi() -> None:
    """The OpenAPI document of all operations."""
    from server.cli import show as work

    typer.echo(work.api())


@users.command()
def create(
    username: Annotated[str, typer.Argument(show_default=False)],
    email: Annotated[str, typer.Argument(show_default=False)],
    password: Password = None,
    admin: Annotated[bool, typer.Option("--admin", help="Make an administrator of the system.")] = False,
) -> None:
    """Make an account."""
    from server.cli import users as work

    typer.echo(work.create(username, email, _secret(password), admin=admin))


@users.command()
def password(name: Name, password: Password = None) -> None:
    """Set a password; sessions of the account end."""
    from server.cli import users as work

    typer.echo(work.set_password(name, _secret(password)))


@users.command()
def roles(name: Name, roles: Annotated[list[str], typer.Argument(show_default=False)]) -> None:
    """Give an account these roles: system_user, system_admin, system_manager …"""
    from server.cli import users as work

    typer.echo(work.set_roles(name, roles))


@users.command()
def activate(name: Name) -> None:
    """Let a deactivated account in again."""
    from server.cli import users as work

    typer.echo(work.set_active(name, active=True))


@users.command()
def deactivate(name: Name) -> None:
    """End all sessions of an account and let it in no more."""
    from server.cli import users as work

    typer.echo(work.set_active(name, active=False))


@users.command("reset-mfa")
def reset_mfa(name: Name) -> None:
    """Forget the second factor of an account whose owner has lost the phone."""
    from server.cli import users as work

    typer.echo(work.reset_factor(name))


@admin.command()
def reseal() -> None:
    """Seal all secrets of the database with the first key of MM_SQLSETTINGS_ATRESTENCRYPTKEY; no older one is needed
    from then on. To change the key: name the new one last on all nodes, then first, run this, and leave out the old.
    """
    from server.cli import secrets as work

    typer.echo(work.reseal())


def _secret(given: str | None) -> str:
    if given is not None:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
