"""The table `preferences`."""

from collections.abc import Sequence

from server.db import SQL, Db, columns
from server.features.preferences.models import Preference

PREFERENCE_COLUMNS = columns(Preference)

PREFERENCES_OF = SQL(f"""
    SELECT {PREFERENCE_COLUMNS}
      FROM preferences
     WHERE user_id = $1
  ORDER BY category, name
""")

PREFERENCES_IN = SQL(f"""
    SELECT {PREFERENCE_COLUMNS}
      FROM preferences
     WHERE user_id = $1 AND category = $2
  ORDER BY name
""")

PREFERENCE = SQL(f"""
    SELECT {PREFERENCE_COLUMNS}
      FROM preferences
     WHERE user_id = $1 AND category = $2 AND name = $3
""")

LOCK_OWNER = SQL("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE")

UPSERT_PREFERENCES = SQL("""
    INSERT INTO preferences (user_id, category, name, value)
    SELECT $1, given.category, given.name, given.value
      FROM unnest($2::text[], $3::text[], $4::text[]) AS given (category, name, value)
     WHERE EXISTS (SELECT 1 FROM users WHERE id = $1)
        ON CONFLICT (user_id, category, name) DO UPDATE SET value = excluded.value
""")

# All in one: only where nothing is in the way, what $5 and $6 leave room for.
ADD_PREFERENCES = SQL("""
    INSERT INTO preferences (user_id, category, name, value)
    SELECT $1, given.category, given.name, given.value
      FROM unnest($2::text[], $3::text[], $4::text[]) AS given (category, name, value)
     WHERE EXISTS (SELECT FROM users WHERE id = $1)
       AND (SELECT count(*) <= $5 AND coalesce(sum(octet_length(value)), 0) <= $6 FROM preferences WHERE user_id = $1)
        ON CONFLICT (user_id, category, name) DO UPDATE SET value = excluded.value
""")

DELETE_PREFERENCES = SQL("""
    DELETE FROM preferences
     USING unnest($2::text[], $3::text[]) AS given (category, name)
     WHERE preferences.user_id = $1
       AND preferences.category = given.category
       AND preferences.name = given.name
""")

DELETE_OF_ALL = SQL("DELETE FROM preferences WHERE category = $1 AND name = ANY($2) RETURNING user_id")

SIZE_OF_PREFERENCES = SQL("SELECT count(*), coalesce(sum(octet_length(value)), 0) FROM preferences WHERE user_id = $1")


async def preferences_of(db: Db, user_id: str) -> list[Preference]:
    """All preferences of a user. Index: preferences_pkey."""
    return await db.many(Preference, PREFERENCES_OF, user_id)


async def preferences_in(db: Db, user_id: str, category: str) -> list[Preference]:
    """The preferences of a user in a category. Index: preferences_pkey."""
    return await db.many(Preference, PREFERENCES_IN, user_id, category)


async def preference(db: Db, user_id: str, category: str, name: str) -> Preference | None:
    """One preference of a user."""
    return await db.one(Preference, PREFERENCE, user_id, category, name)


async def lock_owner(db: Db, user_id: str) -> None:
    """Wait until nobody else who locks it writes preferences of a user."""
    await db.rows(LOCK_OWNER, user_id)


async def upsert_preferences(db: Db, user_id: str, preferences: Sequence[Preference]) -> int:
    """Set preferences of a user, no two of the same name; how many rows that wrote, 0 when there is no such user."""
    return await db.run(UPSERT_PREFERENCES, user_id, *_columns(preferences))


async def add_preferences(
    db: Db, user_id: str, preferences: Sequence[Preference], max_count: int, max_bytes: int
) -> int:
    """The same where that surely leaves the user with at most so many, and bytes in their values; else 0."""
    size = sum(4 * len(item.value) for item in preferences)
    return await db.run(
        ADD_PREFERENCES, user_id, *_columns(preferences), max_count - len(preferences), max_bytes - size
    )


def _columns(preferences: Sequence[Preference]) -> Sequence[Sequence[str]]:
    """Categories, names and values, in the order of the keys, in which all lock them."""
    rows = sorted((item.category, item.name, item.value) for item in preferences)
    return list(zip(*rows, strict=True)) if rows else ((), (), ())


async def delete_preferences(db: Db, user_id: str, preferences: Sequence[Preference]) -> int:
    """Remove preferences of a user by category and name; how many there were."""
    rows = sorted({(item.category, item.name) for item in preferences})
    categories, names = zip(*rows, strict=True) if rows else ((), ())
    return await db.run(DELETE_PREFERENCES, user_id, categories, names)


async def delete_of_all(db: Db, category: str, names: Sequence[str]) -> list[str]:
    """Remove preferences by their names, whoever has them; whose they were. Index: preferences_category_idx."""
    return await db.values(DELETE_OF_ALL, category, names)


RENAME_OF_ALL = SQL("""
    UPDATE preferences
       SET name = renamed.new_name
      FROM unnest($2::text[], $3::text[]) AS renamed (old_name, new_name)
     WHERE category = $1 AND name = renamed.old_name
 RETURNING user_id
""")


async def rename_of_all(db: Db, category: str, old_names: Sequence[str], new_names: Sequence[str]) -> list[str]:
    """Give preferences names that nobody has yet, whoever has them; whose they are. Index: preferences_category_idx."""
    return await db.values(RENAME_OF_ALL, category, old_names, new_names)


async def size_of_preferences(db: Db, user_id: str) -> tuple[int, int]:
    """How many preferences a user has, and the bytes of their values. Index: preferences_pkey."""
    row = await db.row(SIZE_OF_PREFERENCES, user_id)
    return (int(row[0]), int(row[1])) if row is not None else (0, 0)
