"""The tables commands and command_responses. Tokens are sealed; of a response_url only a hash is kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg
from msgspec.structs import replace

from server.access.sessions import hash_token
from server.db import SQL, Db
from server.errors import BadRequest
from server.features.commands.models import COMMAND_COLUMNS, Command, Echo, ResponseUse

MAX_COMMANDS = 1000
"""Of one team."""

MAX_USES = 5
"""How often one response_url may be used."""

MAX_OPEN = 500
"""Response_urls of one user's commands; the oldest are closed for newer ones."""

RESPONSE_LASTS_MS = 30 * 60 * 1000
"""How long a response_url may be used."""

COMMAND_BY_ID = SQL(f"SELECT {COMMAND_COLUMNS} FROM commands WHERE id = $1")


COMMANDS_OF = SQL(f"SELECT {COMMAND_COLUMNS} FROM commands WHERE team_id = $1 ORDER BY trigger")

COUNT_COMMANDS = SQL("SELECT count(*) FROM commands WHERE team_id = $1")

INSERT_COMMAND = SQL("""
    INSERT INTO commands (id, token, create_at, update_at, creator_id, team_id, trigger, method, username, icon_url,
                          auto_complete, auto_complete_desc, auto_complete_hint, display_name, description, url)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
""")

UPDATE_COMMAND = SQL("""
    UPDATE commands
       SET token = $2, update_at = $3, team_id = $4, trigger = $5, method = $6, username = $7, icon_url = $8,
           auto_complete = $9, auto_complete_desc = $10, auto_complete_hint = $11, display_name = $12,
           description = $13, url = $14
     WHERE id = $1
""")

DELETE_COMMAND = SQL("DELETE FROM commands WHERE id = $1")

INSERT_RESPONSE = SQL("""
    WITH closed AS (
        DELETE FROM command_responses
         WHERE id IN (SELECT id FROM command_responses WHERE user_id = $4 ORDER BY create_at DESC OFFSET $7 - 1)
    )
    INSERT INTO command_responses (id, create_at, command_id, user_id, channel_id, root_id)
    VALUES ($1, $2, $3, $4, $5, $6)
""")

# One statement both counts the use and refuses one too many, whatever other nodes do meanwhile.
USE_RESPONSE = SQL("""
    UPDATE command_responses
       SET uses = uses + 1
     WHERE id = $1 AND uses < $2 AND create_at > $3
 RETURNING command_id, user_id, channel_id, root_id
""")

SWEEP_RESPONSES = SQL("DELETE FROM command_responses WHERE create_at <= $1")

COUNT_ECHOES = SQL("""
    SELECT count(*) FROM jobs WHERE name = $1 AND failed_at = 0 AND payload ->> 'user_id' = $2
""")


def trigger_taken() -> BadRequest:
    """400 for a trigger that another command has."""
    return BadRequest("api.command.duplicate_trigger.app_error", "There is a command with this trigger already.")


@contextmanager
def _taken_trigger() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError:
        raise trigger_taken() from None


def _place(command_id: str) -> str:
    return f"commands.token:{command_id}"


def _sealed(db: Db, command: Command) -> str:
    return db.seals.seal(command.token, _place(command.id))


def _opened(db: Db, command: Command) -> Command:
    return replace(command, token=db.seals.open(command.token, _place(command.id)))


async def command_by_id(db: Db, id: str) -> Command | None:
    """A custom command."""
    command = await db.one(Command, COMMAND_BY_ID, id)
    return _opened(db, command) if command is not None else None


async def commands_of(db: Db, team_id: str) -> Sequence[Command]:
    """The custom commands of a team, by trigger. Index: commands_trigger_idx."""
    return [_opened(db, command) for command in await db.many(Command, COMMANDS_OF, team_id)]


async def count_commands(db: Db, team_id: str) -> int:
    """How many custom commands a team has."""
    return int(await db.value(COUNT_COMMANDS, team_id))


async def insert_command(db: Db, command: Command) -> None:
    """Store a new command; raises BadRequest for a trigger that the team has."""
    with _taken_trigger():
        await db.run(
            INSERT_COMMAND,
            command.id,
            _sealed(db, command),
            command.create_at,
            command.update_at,
            command.creator_id,
            command.team_id,
            command.trigger,
            command.method,
            command.username,
            command.icon_url,
            command.auto_complete,
            command.auto_complete_desc,
            command.auto_complete_hint,
            command.display_name,
            command.description,
            command.url,
        )


async def update_command(db: Db, command: Command) -> None:
    """Store a changed command; raises BadRequest for a trigger that the team has."""
    with _taken_trigger():
        await db.run(
            UPDATE_COMMAND,
            command.id,
            _sealed(db, command),
            command.update_at,
            command.team_id,
            command.trigger,
            command.method,
            command.username,
            command.icon_url,
            command.auto_complete,
            command.auto_complete_desc,
            command.auto_complete_hint,
            command.display_name,
            command.description,
            command.url,
        )


async def delete_command(db: Db, id: str) -> None:
    """Forget a command, and where its program could answer."""
    await db.run(DELETE_COMMAND, id)


def _hashed(response_id: str) -> str:
    return hash_token(response_id).hex()


async def insert_response(db: Db, id: str, use: ResponseUse, now: int) -> None:
    """Open a response_url. Index: command_responses_user_idx."""
    await db.run(INSERT_RESPONSE, _hashed(id), now, use.command_id, use.user_id, use.channel_id, use.root_id, MAX_OPEN)


async def use_response(db: Db, id: str, now: int) -> ResponseUse | None:
    """Count a use of a response_url; None when there is none, or none that may still be used."""
    return await db.one(ResponseUse, USE_RESPONSE, _hashed(id), MAX_USES, now - RESPONSE_LASTS_MS)


async def sweep_responses(db: Db, now: int) -> int:
    """Forget the response_urls whose time is over; how many those were. Index: command_responses_create_at_idx."""
    return await db.run(SWEEP_RESPONSES, now - RESPONSE_LASTS_MS)


async def count_echoes(db: Db, user_id: str) -> int:
    """How many texts of a user wait to be echoed."""
    return int(await db.value(COUNT_ECHOES, Echo.name, user_id))
