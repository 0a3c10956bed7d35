"""The table outgoing_webhooks, in which tokens are sealed."""

from msgspec.structs import replace

from server.db import SQL, Db
from server.features.webhooks.outgoing_models import OUTGOING_COLUMNS, OutgoingWebhook

MAX_HOOKS = 1000
"""Of one team; all of them are looked at for each post."""

FROM = "FROM outgoing_webhooks h LEFT JOIN channels c ON c.id = h.channel_id"

OUTGOING_BY_ID = SQL(f"SELECT {OUTGOING_COLUMNS} {FROM} WHERE h.id = $1")


def _place(hook_id: str) -> str:
    return f"outgoing_webhooks.token:{hook_id}"


def _opened(db: Db, hook: OutgoingWebhook) -> OutgoingWebhook:
    return replace(hook, token=db.seals.open(hook.token, _place(hook.id)))


async def outgoing_by_id(db: Db, id: str) -> OutgoingWebhook | None:
    """A hook."""
    hook = await db.one(OutgoingWebhook, OUTGOING_BY_ID, id)
    return _opened(db, hook) if hook is not None else None


LIST_OUTGOING = SQL(f"""
    SELECT {OUTGOING_COLUMNS}
      {FROM}
     WHERE ($1 = '' OR coalesce(c.team_id, h.team_id) = $1)
       AND ($2 = '' OR h.channel_id = $2)
       AND ($3 = '' OR h.creator_id = $3)
  ORDER BY h.create_at, h.id
    OFFSET $4 LIMIT $5
""")


async def list_outgoing(
    db: Db, *, team_id: str, channel_id: str, creator_id: str, page: int, per_page: int
) -> list[OutgoingWebhook]:
    """A page of hooks, the oldest first; "" for those of all teams, all channels, all creators."""
    found = await db.many(OutgoingWebhook, LIST_OUTGOING, team_id, channel_id, creator_id, page * per_page, per_page)
    return [_opened(db, hook) for hook in found]


# Both branches stand on an index; a hook of a channel that came from another team is found by its channel.
OUTGOING_OF_TEAM = SQL(f"""
    SELECT {OUTGOING_COLUMNS} {FROM} WHERE h.channel_id IS NULL AND h.team_id = $1
 UNION ALL
    SELECT {OUTGOING_COLUMNS}
      FROM channels c
      JOIN outgoing_webhooks h ON h.channel_id = c.id
     WHERE c.team_id = $1
  ORDER BY 3, 1
""")


async def outgoing_of_team(db: Db, team_id: str) -> list[OutgoingWebhook]:
    """All hooks of a team, the oldest first. Index: outgoing_webhooks_team_idx, outgoing_webhooks_channel_idx."""
    return [_opened(db, hook) for hook in await db.many(OutgoingWebhook, OUTGOING_OF_TEAM, team_id)]


INSERT_OUTGOING = SQL("""
    INSERT INTO outgoing_webhooks (id, token, create_at, update_at, creator_id, channel_id, team_id, trigger_words,
                                   trigger_when, callback_urls, display_name, description, content_type, username,
                                   icon_url)
    VALUES ($1, $2, $3, $4, $5, nullif($6, ''), $7, $8, $9, $10, $11, $12, $13, $14, $15)
""")


async def insert_outgoing(db: Db, hook: OutgoingWebhook) -> None:
    """Store a new hook."""
    await db.run(
        INSERT_OUTGOING,
        hook.id,
        db.seals.seal(hook.token, _place(hook.id)),
        hook.create_at,
        hook.update_at,
        hook.creator_id,
        hook.channel_id,
        hook.team_id,
        hook.trigger_words,
        hook.trigger_when,
        hook.callback_urls,
        hook.display_name,
        hook.description,
        hook.content_type,
        hook.username,
        hook.icon_url,
    )


UPDATE_OUTGOING = SQL("""
    UPDATE outgoing_webhooks
       SET channel_id = nullif($2, ''), trigger_words = $3, trigger_when = $4, callback_urls = $5, display_name = $6,
           description = $7, content_type = $8, username = $9, icon_url = $10, update_at = $11, team_id = $12
     WHERE id = $1
""")


async def update_outgoing(db: Db, hook: OutgoingWebhook) -> None:
    """Store a changed hook; its token and its creator stay."""
    await db.run(
        UPDATE_OUTGOING,
        hook.id,
        hook.channel_id,
        hook.trigger_words,
        hook.trigger_when,
        hook.callback_urls,
        hook.display_name,
        hook.description,
        hook.content_type,
        hook.username,
        hook.icon_url,
        hook.update_at,
        hook.team_id,
    )


SET_TOKEN = SQL("UPDATE outgoing_webhooks SET token = $2, update_at = $3 WHERE id = $1")


async def set_token(db: Db, id: str, token: str, now: int) -> None:
    """Give a hook another token."""
    await db.run(SET_TOKEN, id, db.seals.seal(token, _place(id)), now)


DELETE_OUTGOING = SQL("DELETE FROM outgoing_webhooks WHERE id = $1")


async def delete_outgoing(db: Db, id: str) -> None:
    """Forget a hook."""
    await db.run(DELETE_OUTGOING, id)


LOCK_TEAM = SQL("SELECT 1 FROM teams WHERE id = $1 FOR NO KEY UPDATE")


async def lock_team(db: Db, id: str) -> None:
    """Let nobody else change the hooks of a team until the transaction ends."""
    await db.run(LOCK_TEAM, id)
