"""The table incoming_webhooks. The id of a hook lets everybody in who knows it, so it stands there sealed."""

from msgspec.structs import replace

from server.db import SQL, Db
from server.features.webhooks.models import HOOK_COLUMNS, IncomingWebhook, NewIncomingWebhook

MAX_HOOKS = 5000
"""Of one team."""

HOOK_BY_ID = SQL(f"""
    SELECT {HOOK_COLUMNS} FROM incoming_webhooks h JOIN channels c ON c.id = h.channel_id WHERE h.id = ANY($1)
""")


PLACE = "incoming_webhooks.id:"


def _opened(db: Db, hook: IncomingWebhook) -> IncomingWebhook:
    return replace(hook, id=db.seals.open(hook.id, PLACE))


async def hook_by_id(db: Db, id: str) -> IncomingWebhook | None:
    """A hook."""
    hook = await db.one(IncomingWebhook, HOOK_BY_ID, db.seals.forms(id, PLACE))
    return _opened(db, hook) if hook is not None else None


MATCHING = """
      FROM incoming_webhooks h
      JOIN channels c ON c.id = h.channel_id
     WHERE ($1 = '' OR c.team_id = $1) AND ($2 = '' OR h.user_id = $2)
"""

LIST_HOOKS = SQL(f"SELECT {HOOK_COLUMNS} {MATCHING} ORDER BY h.create_at, h.id OFFSET $3 LIMIT $4")


async def list_hooks(db: Db, *, team_id: str, user_id: str, page: int, per_page: int) -> list[IncomingWebhook]:
    """A page of hooks, the oldest first; "" for those of all teams, of all users."""
    found = await db.many(IncomingWebhook, LIST_HOOKS, team_id, user_id, page * per_page, per_page)
    return [_opened(db, hook) for hook in found]


COUNT_HOOKS = SQL(f"SELECT count(*) {MATCHING}")


async def count_hooks(db: Db, *, team_id: str, user_id: str) -> int:
    """How many hooks there are; "" for those of all teams, of all users."""
    return int(await db.value(COUNT_HOOKS, team_id, user_id))


INSERT_HOOK = SQL("""
    INSERT INTO incoming_webhooks (id, create_at, update_at, user_id, channel_id, display_name, description, username,
                                   icon_url, channel_locked)
    VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9)
""")


async def insert_hook(db: Db, id: str, user_id: str, hook: NewIncomingWebhook, now: int) -> None:
    """Store a hook."""
    await db.run(
        INSERT_HOOK,
        db.seals.lasting(id, PLACE),
        now,
        user_id,
        hook.channel_id,
        hook.display_name,
        hook.description,
        hook.username,
        hook.icon_url,
        hook.channel_locked,
    )


UPDATE_HOOK = SQL("""
    UPDATE incoming_webhooks
       SET channel_id = $2, display_name = $3, description = $4, username = $5, icon_url = $6, channel_locked = $7,
           update_at = $8
     WHERE id = ANY($1)
""")


async def update_hook(db: Db, hook: IncomingWebhook) -> None:
    """Store a changed hook."""
    await db.run(
        UPDATE_HOOK,
        db.seals.forms(hook.id, PLACE),
        hook.channel_id,
        hook.display_name,
        hook.description,
        hook.username,
        hook.icon_url,
        hook.channel_locked,
        hook.update_at,
    )


DELETE_HOOK = SQL("DELETE FROM incoming_webhooks WHERE id = ANY($1)")


async def delete_hook(db: Db, id: str) -> None:
    """Forget a hook."""
    await db.run(DELETE_HOOK, db.seals.forms(id, PLACE))


SET_LAST_USED = SQL("UPDATE incoming_webhooks SET last_used = $2 WHERE id = ANY($1)")


async def set_last_used(db: Db, id: str, now: int) -> None:
    """Say when something was sent to a hook."""
    await db.run(SET_LAST_USED, db.seals.forms(id, PLACE), now)
