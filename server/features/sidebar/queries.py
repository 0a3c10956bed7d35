"""The tables `sidebar_categories` and `sidebar_channels`."""

from collections.abc import Sequence

from server.db import SQL, Db, columns
from server.features.sidebar.models import CUSTOM, DEFAULTS, FAVORITES, Placed, SidebarCategory, default_id

CATEGORY_COLUMNS = columns(SidebarCategory, leave=("channel_ids",))

CATEGORIES_IN = SQL(f"""
    SELECT {CATEGORY_COLUMNS}, '{{}}'::text[]
      FROM sidebar_categories
     WHERE user_id = $1 AND team_id = $2
  ORDER BY sort_order, id
""")

LOCK_CATEGORIES = SQL(f"""
    SELECT {CATEGORY_COLUMNS}, '{{}}'::text[]
      FROM sidebar_categories
     WHERE user_id = $1 AND team_id = $2
  ORDER BY sort_order, id
       FOR UPDATE
""")

# Channels that were put into a category come first, in the user's order.
PLACED_IN = SQL("""
    SELECT c.id, c.type, coalesce(s.category_id, '')
      FROM channel_members m
      JOIN channels c ON c.id = m.channel_id
 LEFT JOIN sidebar_channels s ON s.user_id = m.user_id AND s.team_id = $2 AND s.channel_id = m.channel_id
     WHERE m.user_id = $1 AND coalesce(c.team_id) IN ($2, '') AND c.delete_at = 0
  ORDER BY s.sort_order, lower(c.display_name), c.id
""")

INSERT_DEFAULTS = SQL("""
    INSERT INTO sidebar_categories (id, user_id, team_id, sort_order, sorting, type, display_name)
    SELECT d.id, m.user_id, m.team_id, d.sort_order, d.sorting, d.type, d.display_name
      FROM team_members m
     CROSS JOIN unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])
           AS d (id, sort_order, sorting, type, display_name)
     WHERE m.user_id = $1 AND m.team_id = $2 AND m.delete_at = 0
        ON CONFLICT (id) DO NOTHING
""")

# What was a favorite before the category existed.
INSERT_FAVORITES = SQL("""
    INSERT INTO sidebar_channels (user_id, team_id, channel_id, category_id, sort_order)
    SELECT $1, $2, c.id, $3, 10 * row_number() OVER (ORDER BY c.display_name, c.id)
      FROM preferences p
      JOIN channels c ON c.id = p.name
      JOIN channel_members m ON m.channel_id = c.id AND m.user_id = p.user_id
     WHERE p.user_id = $1 AND p.category = 'favorite_channel' AND p.value = 'true' AND c.team_id IN ($2, '')
        ON CONFLICT (user_id, team_id, channel_id) DO NOTHING
""")

INSERT_CATEGORY = SQL("""
    INSERT INTO sidebar_categories (id, user_id, team_id, sort_order, sorting, type, display_name, muted, collapsed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
""")

UPDATE_CATEGORY = SQL("""
    UPDATE sidebar_categories
       SET sorting = $2, display_name = $3, muted = $4, collapsed = $5
     WHERE id = $1
""")

DELETE_CATEGORY = SQL("DELETE FROM sidebar_categories WHERE id = $1")

SET_ORDER = SQL("""
    UPDATE sidebar_categories s
       SET sort_order = 10 * (o.place - 1)
      FROM unnest($1::text[]) WITH ORDINALITY AS o (id, place)
     WHERE s.id = o.id
""")

EMPTY_CATEGORY = SQL("DELETE FROM sidebar_channels WHERE category_id = $1")

PLACE_CHANNELS = SQL("""
    INSERT INTO sidebar_channels (user_id, team_id, channel_id, category_id, sort_order)
    SELECT $1, $2, o.id, $3, 10 * (o.place - 1)
      FROM unnest($4::text[]) WITH ORDINALITY AS o (id, place)
        ON CONFLICT (user_id, team_id, channel_id) DO UPDATE
       SET category_id = excluded.category_id, sort_order = excluded.sort_order
""")

# In all teams that show the channel: direct and group channels are shown in each.
ADD_FAVORITES = SQL(f"""
    INSERT INTO sidebar_channels (user_id, team_id, channel_id, category_id, sort_order)
    SELECT s.user_id, s.team_id, c.id, s.id,
           (SELECT coalesce(max(o.sort_order) + 10, 0) FROM sidebar_channels o WHERE o.category_id = s.id)
      FROM channels c
      JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $1
      JOIN sidebar_categories s ON s.user_id = $1 AND s.type = '{FAVORITES}' AND c.team_id IN (s.team_id, '')
     WHERE c.id = ANY($2)
        ON CONFLICT (user_id, team_id, channel_id) DO UPDATE
       SET category_id = excluded.category_id, sort_order = excluded.sort_order
     WHERE sidebar_channels.category_id <> excluded.category_id
""")

REMOVE_FAVORITES = SQL(f"""
    DELETE FROM sidebar_channels s
     USING sidebar_categories c
     WHERE c.id = s.category_id AND c.type = '{FAVORITES}' AND s.user_id = $1 AND s.channel_id = ANY($2)
""")


async def categories_in(db: Db, user_id: str, team_id: str) -> list[SidebarCategory]:
    """A user's categories in a team, in order, without their channels. Index: sidebar_categories_user_idx."""
    return await db.many(SidebarCategory, CATEGORIES_IN, user_id, team_id)


async def lock_categories(db: Db, user_id: str, team_id: str) -> list[SidebarCategory]:
    """The same, kept from other changes until the transaction ends."""
    return await db.many(SidebarCategory, LOCK_CATEGORIES, user_id, team_id)


async def placed_in(db: Db, user_id: str, team_id: str) -> list[Placed]:
    """A user's live channels as a team's sidebar shows them. Index: channel_members_user_idx, sidebar_channels_pkey."""
    return await db.many(Placed, PLACED_IN, user_id, team_id)


async def insert_defaults(db: Db, user_id: str, team_id: str) -> int:
    """Make the default categories of a member of a team, with the favorites of before; how many were made."""
    types = [kind for kind, _, _ in DEFAULTS]
    made = await db.run(
        INSERT_DEFAULTS,
        user_id,
        team_id,
        [default_id(kind, user_id, team_id) for kind in types],
        [10 * place for place in range(len(DEFAULTS))],
        [sorting for _, _, sorting in DEFAULTS],
        types,
        [shown for _, shown, _ in DEFAULTS],
    )
    if made:
        await db.run(INSERT_FAVORITES, user_id, team_id, default_id(FAVORITES, user_id, team_id))
    return made


async def insert_category(db: Db, category: SidebarCategory) -> None:
    """Store a new category, without its channels."""
    await db.run(
        INSERT_CATEGORY,
        category.id,
        category.user_id,
        category.team_id,
        category.sort_order,
        category.sorting,
        CUSTOM,
        category.display_name,
        category.muted,
        category.collapsed,
    )


async def update_category(db: Db, category: SidebarCategory) -> None:
    """Store what a user may change of a category, without its channels."""
    await db.run(
        UPDATE_CATEGORY, category.id, category.sorting, category.display_name, category.muted, category.collapsed
    )


async def delete_category(db: Db, category_id: str) -> None:
    """Remove a category; its channels are in none then."""
    await db.run(DELETE_CATEGORY, category_id)


async def set_order(db: Db, category_ids: Sequence[str]) -> None:
    """Show categories in this order."""
    await db.run(SET_ORDER, category_ids)


async def place_channels(db: Db, category: SidebarCategory, channel_ids: Sequence[str]) -> None:
    """Put exactly these channels into a category, in this order, and out of those they were in."""
    await db.run(EMPTY_CATEGORY, category.id)
    await db.run(PLACE_CHANNELS, category.user_id, category.team_id, category.id, channel_ids)


async def add_favorites(db: Db, user_id: str, channel_ids: Sequence[str]) -> int:
    """Put channels into the favorites of all teams that show them; how many moved."""
    return await db.run(ADD_FAVORITES, user_id, channel_ids)


async def remove_favorites(db: Db, user_id: str, channel_ids: Sequence[str]) -> int:
    """Take channels out of the favorites; how many were there."""
    return await db.run(REMOVE_FAVORITES, user_id, channel_ids)
