"""What is read to tell people of posts, and the table `batched_mails`."""

from collections.abc import Sequence

from server.db import SQL, Db
from server.features.notifications.models import Batched, Candidate, Device, PostNotice, Reason
from server.features.posts.models import CHANNEL_WIDE

POST_NOTICE = SQL("""
    SELECT p.id, p.create_at, p.root_id, p.user_id, p.message, p.type, p.props, p.mentions,
           ARRAY(SELECT f.name FROM files f
                  WHERE f.id = ANY(p.file_ids) AND f.delete_at = 0 ORDER BY array_position(p.file_ids, f.id)),
           c.id, c.type, c.name, c.display_name, c.team_id, coalesce(t.name, ''), coalesce(t.display_name, ''),
           coalesce(u.username, ''), coalesce(u.nickname, ''), coalesce(u.first_name, ''), coalesce(u.last_name, '')
      FROM posts p
      JOIN channels c ON c.id = p.channel_id AND c.delete_at = 0
 LEFT JOIN teams t ON t.id = c.team_id
 LEFT JOIN users u ON u.id = p.user_id
     WHERE p.id = ANY($1) AND p.delete_at = 0 AND p.original_id = ''
  ORDER BY p.create_at, p.id
""")


async def post_notices(db: Db, post_ids: Sequence[str]) -> list[PostNotice]:
    """Live posts in live channels, oldest first. Index: posts_pkey."""
    return await db.many(PostNotice, POST_NOTICE, post_ids)


async def post_notice(db: Db, post_id: str) -> PostNotice | None:
    """A live post in a live channel."""
    found = await post_notices(db, [post_id])
    return found[0] if found else None


# $2: what counts as the choice of who made none about collapsed threads, $3: whether choices count at all.
_CANDIDATE = """
    SELECT u.id, u.username, u.email, u.email_verified, u.timezone, u.notify_props, m.notify_props,
           m.last_viewed_at, coalesce(followed.last_viewed, 0), followed.user_id IS NOT NULL,
           coalesce(CASE WHEN $3 THEN threads.value END, $2) = 'on',
           coalesce(mails.value, ''), coalesce(names.value, '')
      FROM posts p
      JOIN channel_members m ON m.channel_id = p.channel_id
      JOIN users u ON u.id = m.user_id AND u.delete_at = 0 AND NOT u.is_bot
 LEFT JOIN thread_memberships followed
        ON followed.post_id = p.root_id AND followed.user_id = u.id AND followed.following
 LEFT JOIN preferences threads
        ON threads.user_id = u.id AND threads.category = 'display_settings' AND threads.name = 'collapsed_reply_threads'
 LEFT JOIN preferences mails
        ON mails.user_id = u.id AND mails.category = 'notifications' AND mails.name = 'email_interval'
 LEFT JOIN preferences names
        ON names.user_id = u.id AND names.category = 'display_settings' AND names.name = 'name_format'
"""

# Those that the rules can't let pass are left out: $4 is whether those who want all posts on their phones count.
PUSHED_EVERYTHING = """(
    coalesce(m.notify_props ->> 'mark_unread', 'all') <> 'mention'
    AND CASE coalesce(nullif(m.notify_props ->> 'push', ''), 'default')
        WHEN 'all' THEN true
        WHEN 'default' THEN u.notify_props ->> 'push' = 'all'
        ELSE false END)"""

CANDIDATES = SQL(f"""
    {_CANDIDATE}
     WHERE p.id = $1
       AND (u.id = ANY(p.mentions)
            OR u.id <> p.user_id
               AND ('{CHANNEL_WIDE}' = ANY(p.mentions) OR followed.user_id IS NOT NULL OR $4 AND {PUSHED_EVERYTHING}))
""")

CANDIDATE = SQL(f"{_CANDIDATE} WHERE p.id = $1 AND u.id = $4")


async def candidates(
    db: Db, post_id: str, *, collapsed_default: str, collapsed_chosen: bool, pushes: bool
) -> list[Candidate]:
    """Members of its channel who may have to be told of a post. Index: channel_members_pkey."""
    return await db.many(Candidate, CANDIDATES, post_id, collapsed_default, collapsed_chosen, pushes)


async def candidate(
    db: Db, post_id: str, user_id: str, *, collapsed_default: str, collapsed_chosen: bool
) -> Candidate | None:
    """One of them, None for who is no active member of the channel any more."""
    return await db.one(Candidate, CANDIDATE, post_id, collapsed_default, collapsed_chosen, user_id)


WANTS_EVERYTHING = SQL(f"""
    SELECT EXISTS (SELECT FROM channel_members m
                     JOIN users u ON u.id = m.user_id AND u.delete_at = 0 AND NOT u.is_bot
                    WHERE m.channel_id = $1 AND {PUSHED_EVERYTHING})
""")


async def wants_everything(db: Db, channel_id: str) -> bool:
    """Whether a member of a channel wants every post of it pushed. Index: channel_members_pkey."""
    return bool(await db.value(WANTS_EVERYTHING, channel_id))


_ON = """
     WHERE s.device_id <> '' AND (s.expires_at = 0 OR s.expires_at > $2)
       AND coalesce(s.props ->> 'device_notification_disabled', '') <> 'true'"""

DEVICES_OF = SQL(f"""
    SELECT DISTINCT ON (s.user_id, s.device_id) s.id, s.user_id, s.device_id
      FROM sessions s
    {_ON} AND s.user_id = ANY($1)
  ORDER BY s.user_id, s.device_id, s.last_activity_at DESC
""")

DEVICE = SQL(f"SELECT s.id, s.user_id, s.device_id FROM sessions s {_ON} AND s.id = $1")


async def devices_of(db: Db, user_ids: Sequence[str], now: int) -> list[Device]:
    """The phones of users that want notifications. Index: sessions_device_idx."""
    return await db.many(Device, DEVICES_OF, user_ids, now)


async def device(db: Db, session_id: str, now: int) -> Device | None:
    """The phone of a session, None when it has none or wants no notifications."""
    return await db.one(Device, DEVICE, session_id, now)


DETACH = SQL("UPDATE sessions SET device_id = '' WHERE user_id = $1 AND device_id = $2 RETURNING id")


async def detach(db: Db, user_id: str, device_id: str) -> list[str]:
    """Forget a phone that does not exist any more; the ids of its sessions, which go on without."""
    return await db.values(DETACH, user_id, device_id)


ENDED_ON_DEVICES = SQL("""
    UPDATE sessions
       SET expired_notify = true
     WHERE id IN (SELECT id FROM sessions
                   WHERE expires_at > 0 AND expires_at <= $1 AND device_id <> '' AND NOT expired_notify
                   LIMIT $2)
 RETURNING id
""")


async def ended_on_devices(db: Db, now: int, limit: int) -> list[str]:
    """Sessions of phones that have ended by then, each given once only. Index: sessions_expires_idx."""
    return await db.values(ENDED_ON_DEVICES, now, limit)


ANY_DEVICE = SQL("SELECT s.id, s.user_id, s.device_id FROM sessions s WHERE s.id = $1 AND s.device_id <> ''")


async def any_device(db: Db, session_id: str) -> Device | None:
    """The phone of a session, whether it has ended or not."""
    return await db.one(Device, ANY_DEVICE, session_id)


BADGE = SQL("""
    SELECT (SELECT coalesce(sum(CASE WHEN $2 THEN m.mention_count_root ELSE m.mention_count END), 0)
              FROM channel_members m
              JOIN channels c ON c.id = m.channel_id AND c.delete_at = 0
             WHERE m.user_id = $1)
         + CASE WHEN $2 THEN
               (SELECT coalesce(sum(f.unread_mentions), 0)
                  FROM thread_memberships f
                  JOIN threads t ON t.post_id = f.post_id AND t.delete_at = 0
                  JOIN channel_members m ON m.channel_id = t.channel_id AND m.user_id = f.user_id
                 WHERE f.user_id = $1 AND f.following)
           ELSE 0 END
""")


async def badge(db: Db, user_id: str, *, collapsed: bool) -> int:
    """How many unread mentions a user has. Indexes: channel_members_user_idx, thread_memberships_user_idx."""
    return int(await db.value(BADGE, user_id, collapsed))


ADD_BATCHED = SQL("""
    INSERT INTO batched_mails (user_id, post_id, reason, create_at)
    SELECT u.id, $2, given.reason, $4
      FROM unnest($1::text[], $3::text[]) AS given (user_id, reason)
      JOIN users u ON u.id = given.user_id
     WHERE (SELECT count(*) FROM batched_mails b WHERE b.user_id = u.id) < $5
        ON CONFLICT DO NOTHING
""")


async def add_batched(db: Db, post_id: str, receivers: Sequence[tuple[str, Reason]], now: int, *, most: int) -> None:
    """Let a post wait for the digests of users who have less than `most` waiting."""
    await db.run(
        ADD_BATCHED,
        [user_id for user_id, _ in receivers],
        post_id,
        [reason for _, reason in receivers],
        now,
        most,
    )


# Whoever made no choice gets a digest in the default interval ($2, ms); nobody more often than all $3 ms.
DUE = SQL("""
    SELECT b.user_id
      FROM batched_mails b
 LEFT JOIN preferences p ON p.user_id = b.user_id AND p.category = 'notifications' AND p.name = 'email_interval'
  GROUP BY b.user_id, p.value
    HAVING min(b.create_at) + greatest($3::bigint, CASE WHEN p.value ~ '^[0-9]{1,7}$' THEN p.value::bigint * 1000
                                                        ELSE $2::bigint END) <= $1
  ORDER BY min(b.create_at)
     LIMIT $4
""")


async def due_digests(db: Db, now: int, *, default: int, least: int, limit: int) -> list[str]:
    """Users whose oldest waiting post has waited long enough."""
    return await db.values(DUE, now, default, least, limit)


BATCHED_OF = SQL("SELECT post_id, reason, create_at FROM batched_mails WHERE user_id = $1 ORDER BY create_at, post_id")


async def batched_of(db: Db, user_id: str) -> list[Batched]:
    """What waits for the digest of a user, oldest first. Index: batched_mails_pkey."""
    return await db.many(Batched, BATCHED_OF, user_id)


DELETE_BATCHED = SQL("DELETE FROM batched_mails WHERE user_id = $1 AND post_id = ANY($2)")


async def delete_batched(db: Db, user_id: str, post_ids: Sequence[str]) -> None:
    """Forget what has been told, or need not be told any more."""
    await db.run(DELETE_BATCHED, user_id, post_ids)


# Of the posts $2 those that the user has not read and may still read.
UNREAD_OF = SQL("""
    SELECT p.id
      FROM posts p
      JOIN channel_members m ON m.channel_id = p.channel_id AND m.user_id = $1
 LEFT JOIN thread_memberships f ON f.post_id = p.root_id AND f.user_id = $1 AND f.following
     WHERE p.id = ANY($2)
       AND p.create_at > CASE WHEN $3 AND p.root_id <> '' THEN coalesce(f.last_viewed, 0) ELSE m.last_viewed_at END
""")


async def unread_of(db: Db, user_id: str, post_ids: Sequence[str], *, collapsed: bool) -> set[str]:
    """Which of these posts a user has not read yet, in channels that the user is still in. Index: posts_pkey."""
    return set(await db.values(UNREAD_OF, user_id, post_ids, collapsed))


REPLIED_SINCE = SQL("""
    SELECT EXISTS (SELECT FROM posts
                    WHERE channel_id = $1 AND user_id = $2 AND type = 'system_auto_responder'
                      AND create_at >= $3 AND delete_at = 0)
""")


async def replied_since(db: Db, channel_id: str, user_id: str, since: int) -> bool:
    """Whether a user has replied automatically in a channel since then. Index: posts_channel_idx."""
    return bool(await db.value(REPLIED_SINCE, channel_id, user_id, since))
