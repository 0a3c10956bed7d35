"""How a command fails that was told something impossible, or that the database lets down."""

import asyncpg

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
