"""The table `teams`, in which invitations are sealed: they let everybody in who knows them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from server.db import SQL, Db
from server.errors import BadRequest
from server.features.teams.models import TEAM_COLUMNS, TEAM_COLUMNS_T, Team, TeamStats

INSERT_TEAM = SQL(f"""
    INSERT INTO teams ({TEAM_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
 RETURNING {TEAM_COLUMNS}
""")

TEAM_BY_ID = SQL(f"SELECT {TEAM_COLUMNS} FROM teams WHERE id = $1")

LOCK_TEAM = SQL(f"SELECT {TEAM_COLUMNS} FROM teams WHERE id = $1 FOR NO KEY UPDATE")

TEAM_BY_NAME = SQL(f"SELECT {TEAM_COLUMNS} FROM teams WHERE name = $1")

TEAM_BY_INVITE_ID = SQL(f"SELECT {TEAM_COLUMNS} FROM teams WHERE invite_id = ANY($1) AND delete_at = 0")

UPDATE_TEAM = SQL(f"""
    UPDATE teams
       SET update_at = $2, delete_at = $3, display_name = $4, description = $5, type = $6, company_name = $7,
           allowed_domains = $8, invite_id = $9, allow_open_invite = $10, last_team_icon_update = $11,
           group_constrained = $12
     WHERE id = $1
 RETURNING {TEAM_COLUMNS}
""")

DELETE_TEAM = SQL("DELETE FROM teams WHERE id = $1")

TEAMS_PAGE = SQL(f"""
    SELECT {TEAM_COLUMNS}
      FROM teams
     WHERE (allow_open_invite AND $1 OR NOT allow_open_invite AND $2) AND (delete_at = 0 OR $3)
  ORDER BY display_name, id
     LIMIT $4 OFFSET $5
""")

COUNT_TEAMS = SQL("""
    SELECT count(*)
      FROM teams
     WHERE (allow_open_invite AND $1 OR NOT allow_open_invite AND $2) AND (delete_at = 0 OR $3)
""")

_SEARCHED = """
      FROM teams
     WHERE (lower(display_name) || ' ' || name) LIKE $1
       AND (allow_open_invite AND $2 OR NOT allow_open_invite AND $3) AND (delete_at = 0 OR $4)
       AND ($5::boolean IS NULL OR allow_open_invite = $5)
       AND ($6::boolean IS NULL OR coalesce(group_constrained, false) = $6)
"""

SEARCH_TEAMS = SQL(f"SELECT {TEAM_COLUMNS} {_SEARCHED} ORDER BY display_name, id LIMIT $7 OFFSET $8")

COUNT_FOUND = SQL(f"SELECT count(*) {_SEARCHED}")

TEAMS_OF = SQL(f"""
    SELECT {TEAM_COLUMNS_T}
      FROM team_members m
      JOIN teams t ON t.id = m.team_id
     WHERE m.user_id = $1 AND m.delete_at = 0 AND t.delete_at = 0
  ORDER BY t.display_name, t.id
""")

TEAM_STATS = SQL("""
    SELECT $1::text, count(*), count(*) FILTER (WHERE u.delete_at = 0)
      FROM team_members m
      JOIN users u ON u.id = m.user_id
     WHERE m.team_id = $1 AND m.delete_at = 0 AND ($2::text[] IS NULL OR m.user_id = ANY($2))
""")


@contextmanager
def _taken_name() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise BadRequest("app.team.save.existing.app_error", "There is a team of that name already.") from error


INVITATIONS = "teams.invite_id:"


def opened(db: Db, team: Team) -> Team:
    """A row of the table as a team."""
    return replace(team, invite_id=db.seals.open(team.invite_id, INVITATIONS))


async def _one(db: Db, sql: SQL, *args: object) -> Team | None:
    team = await db.one(Team, sql, *args)
    return opened(db, team) if team is not None else None


async def _many(db: Db, sql: SQL, *args: object) -> list[Team]:
    return [opened(db, team) for team in await db.many(Team, sql, *args)]


async def insert_team(db: Db, team: Team) -> Team:
    """Store a new team; raises BadRequest when its name is taken, also by an archived one."""
    with _taken_name():
        made = await _one(
            db,
            INSERT_TEAM,
            team.id,
            team.create_at,
            team.update_at,
            team.delete_at,
            team.display_name,
            team.name,
            team.description,
            team.email,
            team.type,
            team.company_name,
            team.allowed_domains,
            db.seals.lasting(team.invite_id, INVITATIONS),
            team.allow_open_invite,
            team.last_team_icon_update,
            team.scheme_id,
            team.group_constrained,
        )
    return made or team


async def team_by_id(db: Db, team_id: str) -> Team | None:
    """A team, archived ones too."""
    return await _one(db, TEAM_BY_ID, team_id)


async def lock_team(db: Db, team_id: str) -> Team | None:
    """A team, kept from other changes (and joins) until the transaction ends."""
    return await _one(db, LOCK_TEAM, team_id)


async def team_by_name(db: Db, name: str) -> Team | None:
    """A team by its name, archived ones too. Index: teams_name_idx."""
    return await _one(db, TEAM_BY_NAME, name)


async def team_by_invite_id(db: Db, invite_id: str) -> Team | None:
    """The live team that an invitation is for. Index: teams_invite_idx."""
    return await _one(db, TEAM_BY_INVITE_ID, db.seals.forms(invite_id, INVITATIONS))


async def update_team(db: Db, team: Team) -> Team | None:
    """Store a changed team; id, name and what belongs to its making stay."""
    return await _one(
        db,
        UPDATE_TEAM,
        team.id,
        team.update_at,
        team.delete_at,
        team.display_name,
        team.description,
        team.type,
        team.company_name,
        team.allowed_domains,
        db.seals.lasting(team.invite_id, INVITATIONS),
        team.allow_open_invite,
        team.last_team_icon_update,
        team.group_constrained,
    )


async def delete_team(db: Db, team_id: str) -> None:
    """Delete a team and its memberships for good."""
    await db.run(DELETE_TEAM, team_id)


async def teams_page(db: Db, *, public: bool, private: bool, archived: bool, limit: int, offset: int) -> list[Team]:
    """Teams by display name: those that are open to all and those that are not. Index: teams_display_name_idx."""
    return await _many(db, TEAMS_PAGE, public, private, archived, limit, offset)


async def count_teams(db: Db, *, public: bool, private: bool, archived: bool) -> int:
    """How many teams `teams_page` has in all."""
    return int(await db.value(COUNT_TEAMS, public, private, archived))


class Search(Struct, frozen=True, kw_only=True):
    """What teams are searched by: words anywhere in names, and which teams the caller may find at all."""

    term: str
    public: bool
    private: bool
    archived: bool
    allow_open_invite: bool | None
    group_constrained: bool | None

    def conditions(self) -> tuple[object, ...]:
        """The first arguments of the two statements."""
        escaped = self.term.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        allowed = (self.public, self.private, self.archived)
        return (f"%{escaped}%", *allowed, self.allow_open_invite, self.group_constrained)


async def search_teams(db: Db, search: Search, limit: int, offset: int) -> list[Team]:
    """Teams found, by display name. Index: teams_search_idx."""
    return await _many(db, SEARCH_TEAMS, *search.conditions(), limit, offset)


async def count_found(db: Db, search: Search) -> int:
    """How many teams `search_teams` finds in all. Index: teams_search_idx."""
    return int(await db.value(COUNT_FOUND, *search.conditions()))


async def teams_of(db: Db, user_id: str) -> list[Team]:
    """The live teams of a user, by display name. Index: team_members_user_idx."""
    return await _many(db, TEAMS_OF, user_id)


async def team_stats(db: Db, team_id: str, among: Sequence[str] | None) -> TeamStats:
    """How many are in a team, counting only some users if `among` is given. Index: team_members_pkey."""
    return await db.one(TeamStats, TEAM_STATS, team_id, among) or TeamStats(team_id, 0, 0)
