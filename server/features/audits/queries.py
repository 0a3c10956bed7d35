"""The table `audits`."""

from collections.abc import Sequence

from server.db import SQL, Db, columns
from server.features.audits.models import Audit

AUDIT_COLUMNS = columns(Audit)

MOST_OF_A_USER = 1000
"""Rows that an account keeps; more of them push the oldest out."""

INSERT_AUDITS = SQL(f"""
    WITH old AS (
        DELETE FROM audits
         WHERE id IN (
               SELECT older.id
                 FROM (SELECT DISTINCT user_id FROM unnest($3::text[]) AS new (user_id)) AS told
                CROSS JOIN LATERAL (
                      SELECT id
                        FROM audits
                       WHERE user_id = told.user_id
                    ORDER BY create_at DESC, id DESC
                      OFFSET {MOST_OF_A_USER - 1}) AS older)
    )
    INSERT INTO audits ({AUDIT_COLUMNS})
    SELECT *
      FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        ON CONFLICT (id) DO NOTHING
""")


async def insert_audits(db: Db, audits: Sequence[Audit]) -> None:
    """Store rows; of each account's older ones only the newest stay. Index: audits_user_idx."""
    await db.run(
        INSERT_AUDITS,
        [audit.id for audit in audits],
        [audit.create_at for audit in audits],
        [audit.user_id for audit in audits],
        [audit.action for audit in audits],
        [audit.extra_info for audit in audits],
        [audit.ip_address for audit in audits],
        [audit.session_id for audit in audits],
    )


AUDITS_OF = SQL(f"""
    SELECT {AUDIT_COLUMNS} FROM audits WHERE user_id = $1 ORDER BY create_at DESC, id DESC LIMIT $2 OFFSET $3
""")

AUDITS = SQL(f"SELECT {AUDIT_COLUMNS} FROM audits ORDER BY create_at DESC, id DESC LIMIT $1 OFFSET $2")


async def audits_of(db: Db, user_id: str, limit: int, offset: int) -> list[Audit]:
    """What happened to an account, the newest first. Index: audits_user_idx."""
    return await db.many(Audit, AUDITS_OF, user_id, limit, offset)


async def audits(db: Db, limit: int, offset: int) -> list[Audit]:
    """What happened to all accounts, the newest first. Index: audits_create_at_idx."""
    return await db.many(Audit, AUDITS, limit, offset)


SWEEP_LIMIT = 5000

SWEEP_AUDITS = SQL(f"""
    DELETE FROM audits WHERE id IN (SELECT id FROM audits WHERE create_at < $1 ORDER BY create_at LIMIT {SWEEP_LIMIT})
""")


async def sweep_audits(db: Db, before: int) -> int:
    """Forget up to SWEEP_LIMIT rows of before a time; how many there were. Index: audits_create_at_idx."""
    return await db.run(SWEEP_AUDITS, before)
