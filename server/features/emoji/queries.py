"""The table `custom_emojis`."""

from server.db import SQL, Db
from server.features.emoji.models import EMOJI_COLUMNS, MAX_EMOJIS, Customs, Emoji

# In one statement with the count, so that many at once can hardly pass the limit.
INSERT_EMOJI = SQL(f"""
    INSERT INTO custom_emojis ({EMOJI_COLUMNS}, animated)
    SELECT $1, $2, $2, 0, $3, $4, $5
     WHERE (SELECT count(*) FROM custom_emojis WHERE delete_at = 0) < {MAX_EMOJIS}
        ON CONFLICT (name) WHERE delete_at = 0 DO NOTHING
 RETURNING {EMOJI_COLUMNS}
""")


async def insert_emoji(db: Db, id: str, now: int, creator_id: str, name: str, *, animated: bool) -> Emoji | None:
    """A new emoji; None when the name is taken or there are as many as there can be."""
    return await db.one(Emoji, INSERT_EMOJI, id, now, creator_id, name, animated)


ALL_EMOJIS = SQL(f"SELECT {EMOJI_COLUMNS}, animated FROM custom_emojis WHERE delete_at = 0")


async def all_emojis(db: Db) -> Customs:
    """All emojis that are not deleted."""
    rows = await db.rows(ALL_EMOJIS)
    emojis = [Emoji(*row[:-1]) for row in rows]
    return Customs({emoji.name: emoji for emoji in emojis}, {row[0]: row[-1] for row in rows})


EMOJI_BY_ID = SQL(f"SELECT {EMOJI_COLUMNS} FROM custom_emojis WHERE id = $1 AND delete_at = 0")


async def emoji_by_id(db: Db, id: str) -> Emoji | None:
    """An emoji that is not deleted."""
    return await db.one(Emoji, EMOJI_BY_ID, id)


EMOJIS_PAGE = {
    sort: SQL(f"""
        SELECT {EMOJI_COLUMNS} FROM custom_emojis WHERE delete_at = 0 ORDER BY {sort} LIMIT $1 OFFSET $2
    """)
    for sort in ("id", "name")
}


async def emojis_page(db: Db, *, by_name: bool, limit: int, offset: int) -> list[Emoji]:
    """A page of emojis, by name or in the order in which they came."""
    return await db.many(Emoji, EMOJIS_PAGE["name" if by_name else "id"], limit, offset)


SEARCH_EMOJIS = SQL(f"""
    SELECT {EMOJI_COLUMNS}
      FROM custom_emojis
     WHERE delete_at = 0 AND CASE WHEN $2 THEN starts_with(lower(name), $1) ELSE strpos(lower(name), $1) > 0 END
  ORDER BY name
     LIMIT $3
""")


async def search_emojis(db: Db, term: str, *, prefix: bool, limit: int) -> list[Emoji]:
    """Emojis whose name starts with a term, or has it anywhere; capitals make no difference."""
    return await db.many(Emoji, SEARCH_EMOJIS, term.lower(), prefix, limit)


DELETE_EMOJI = SQL(f"""
    UPDATE custom_emojis SET delete_at = $2, update_at = $2 WHERE id = $1 AND delete_at = 0 RETURNING {EMOJI_COLUMNS}
""")


async def delete_emoji(db: Db, id: str, now: int) -> Emoji | None:
    """Mark an emoji as deleted; None when it is not there."""
    return await db.one(Emoji, DELETE_EMOJI, id, now)
