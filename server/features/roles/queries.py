"""The table `roles`."""

from collections.abc import Sequence

from server.db import SQL, Db, columns
from server.features.roles.models import Role, Seed

ROLE_COLUMNS = columns(Role)

ALL_ROLES = SQL(f"SELECT {ROLE_COLUMNS} FROM roles ORDER BY name")

ROLE_BY_ID = SQL(f"SELECT {ROLE_COLUMNS} FROM roles WHERE id = $1")

ROLE_BY_NAME = SQL(f"SELECT {ROLE_COLUMNS} FROM roles WHERE name = $1")

ROLES_BY_NAMES = SQL(f"SELECT {ROLE_COLUMNS} FROM roles WHERE name = ANY($1) ORDER BY name")

LOCK_ROLE = SQL(f"SELECT {ROLE_COLUMNS} FROM roles WHERE id = $1 FOR UPDATE")

SET_PERMISSIONS = SQL(f"""
    UPDATE roles
       SET permissions = $2, update_at = $3
     WHERE id = $1
 RETURNING {ROLE_COLUMNS}
""")

SEED_ROLES = SQL("""
    INSERT INTO roles (id, name, display_name, description, create_at, update_at,
                       permissions, scheme_managed, built_in)
    SELECT id, name, display_name, description, $2, $2,
           ARRAY(SELECT jsonb_array_elements_text(permissions)), scheme_managed, built_in
      FROM jsonb_to_recordset($1::jsonb) AS seed (
               id text, name text, display_name text, description text,
               permissions jsonb, scheme_managed boolean, built_in boolean
           )
        ON CONFLICT (name) DO NOTHING
""")


async def all_roles(db: Db) -> list[Role]:
    """Every role, by name."""
    return await db.many(Role, ALL_ROLES)


async def role_by_id(db: Db, role_id: str) -> Role | None:
    """A role."""
    return await db.one(Role, ROLE_BY_ID, role_id)


async def role_by_name(db: Db, name: str) -> Role | None:
    """A role by its name. Index: roles_name_idx."""
    return await db.one(Role, ROLE_BY_NAME, name)


async def roles_by_names(db: Db, names: Sequence[str]) -> list[Role]:
    """The roles among `names` that exist. Index: roles_name_idx."""
    return await db.many(Role, ROLES_BY_NAMES, names)


async def lock_role(db: Db, role_id: str) -> Role | None:
    """A role, kept from other changes until the transaction ends."""
    return await db.one(Role, LOCK_ROLE, role_id)


async def set_permissions(db: Db, role_id: str, permissions: Sequence[str], now: int) -> Role | None:
    """Give a role these permissions; the role as it is then."""
    return await db.one(Role, SET_PERMISSIONS, role_id, permissions, now)


async def insert_seeds(db: Db, seeds: Sequence[Seed], now: int) -> int:
    """Write the roles that are not there yet; how many those were."""
    return await db.run(SEED_ROLES, seeds, now)
