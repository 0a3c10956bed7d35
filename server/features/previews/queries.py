"""The table `link_previews`, and who of a channel may read another one."""

from hashlib import sha256

import msgspec

from server.db import SQL, Db
from server.features.previews.models import Found

MAX_ROWS = 100_000
SWEEP_LIMIT = 5000
MAX_READERS = 1000

FOUND_AT = SQL("SELECT found FROM link_previews WHERE hash = $1 AND expire_at > $2")


def _hash(url: str) -> bytes:
    return sha256(url.encode("utf-8", "surrogatepass")).digest()


async def found_at(db: Db, url: str, now: int) -> Found | None:
    """What an address gave a while ago. Index: link_previews_pkey."""
    found = await db.value(FOUND_AT, _hash(url), now)
    return msgspec.convert(found, Found) if found is not None else None


KEEP_FOUND = SQL("""
    INSERT INTO link_previews (hash, url, found, expire_at)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT (hash) DO UPDATE SET found = excluded.found, expire_at = excluded.expire_at
""")


async def keep_found(db: Db, url: str, found: Found, expire_at: int) -> None:
    """Remember what an address gave."""
    await db.run(KEEP_FOUND, _hash(url), url, msgspec.to_builtins(found), expire_at)


# Those that are old, and of too many those that would be old first.
SWEEP = SQL(f"""
    DELETE FROM link_previews
     WHERE hash IN (
           (SELECT hash FROM link_previews WHERE expire_at <= $1 ORDER BY expire_at LIMIT {SWEEP_LIMIT})
            UNION ALL
           (SELECT hash FROM link_previews ORDER BY expire_at DESC OFFSET {MAX_ROWS} LIMIT {SWEEP_LIMIT}))
""")


async def sweep(db: Db, now: int) -> int:
    """Forget some of what is old or too much; how many. Index: link_previews_expire_at_idx."""
    return await db.run(SWEEP, now)


READERS = SQL(f"""
    SELECT m.user_id
      FROM channel_members m
 LEFT JOIN channel_members s ON s.channel_id = $2 AND s.user_id = m.user_id
 LEFT JOIN team_members t ON t.team_id = $3 AND t.user_id = m.user_id AND t.delete_at = 0
     WHERE m.channel_id = $1
       AND (s.scheme_user AND $4 OR s.scheme_guest AND $5 OR t.scheme_user AND NOT t.scheme_guest AND $6)
     LIMIT {MAX_READERS + 1}
""")


async def readers_of(
    db: Db, channel_id: str, other_id: str, team_id: str, *, members: bool, guests: bool, team: bool
) -> list[str]:
    """Members of a channel who are in another one as members or guests, or who are in its team, if those may read it.

    None at all when there are more than MAX_READERS. Indexes: channel_members_pkey, team_members_pkey.
    """
    rows = await db.rows(READERS, channel_id, other_id, team_id, members, guests, team)
    return [row[0] for row in rows] if len(rows) <= MAX_READERS else []
