"""The table `reactions`."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.reactions.models import REACTION_COLUMNS, Reaction

REACTIONS_TO = SQL(f"""
    SELECT {REACTION_COLUMNS}
      FROM reactions
     WHERE post_id = ANY($1) AND delete_at = 0
  ORDER BY create_at, user_id, emoji_name
""")


async def reactions_to(db: Db, post_ids: Sequence[str]) -> dict[str, list[Reaction]]:
    """The reactions to each of these posts, oldest first. Index: reactions_pkey."""
    found: dict[str, list[Reaction]] = {}
    for reaction in await db.many(Reaction, REACTIONS_TO, post_ids):
        found.setdefault(reaction.post_id, []).append(reaction)
    return found
