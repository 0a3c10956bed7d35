"""How a command fails that was told something impossible, or that the database lets down."""

import asyncpg

from server.config import Config

DATABASE_ERRORS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What asyncpg raises when the database is away or refuses."""


class CommandError(Exception):
    """A command can't do what it was told; the message is one line that says why, `code` what it exits with."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def first_line(error: Exception) -> str:
    """What an exception says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def cant_serve(config: Config, error: Exception) -> CommandError:
    """What tells that a node could not start, or that there is no room for it."""
    return CommandError(f"can't serve on {config.ServiceSettings.ListenAddress}: {first_line(error)}")
