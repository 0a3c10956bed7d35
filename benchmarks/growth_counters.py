"""Whether the counters of a database are what its posts say: python -m benchmarks.growth_counters [DSN]

Counts again what is stored beside posts, for a database in which nothing was deleted or marked as unread, as one that
`hubbub seed` has made. Without an address it takes that of MM_SQLSETTINGS_DATASOURCE.
"""

import asyncio
import os
import sys
import time

import asyncpg

WRONG = {
    "channels": """
    SELECT count(*)
      FROM channels AS c
 LEFT JOIN (SELECT channel_id, count(*) AS posts, count(*) FILTER (WHERE root_id = '') AS roots,
                   max(create_at) AS last_post_at, max(create_at) FILTER (WHERE root_id = '') AS last_root_at
              FROM posts GROUP BY channel_id) AS p ON p.channel_id = c.id
     WHERE (c.total_msg_count, c.total_msg_count_root, c.last_post_at, c.last_root_post_at)
           IS DISTINCT FROM
           (coalesce(posts, 0), coalesce(roots, 0), coalesce(p.last_post_at, 0), coalesce(last_root_at, 0))
    """,
    "what members have read": """
      WITH counted AS (
           SELECT channel_id, create_at, row_number() OVER earlier AS posts,
                  count(*) FILTER (WHERE root_id = '') OVER earlier AS roots
             FROM posts
           WINDOW earlier AS (PARTITION BY channel_id ORDER BY create_at ROWS UNBOUNDED PRECEDING))
    SELECT count(*)
      FROM channel_members AS m
 LEFT JOIN counted AS read ON read.channel_id = m.channel_id AND read.create_at = m.last_viewed_at
     WHERE (m.msg_count, m.msg_count_root) IS DISTINCT FROM (coalesce(read.posts, 0), coalesce(read.roots, 0))
        OR read.posts IS NULL AND m.last_viewed_at > 0
    """,
    "mentions in channels": """
      WITH calls AS (
           SELECT p.channel_id, called.user_id, count(*) AS posts, count(*) FILTER (WHERE root_id = '') AS roots
             FROM posts AS p
       CROSS JOIN unnest(p.mentions) AS called (user_id)
             JOIN channel_members AS m ON m.channel_id = p.channel_id AND m.user_id = called.user_id
            WHERE p.create_at > m.last_viewed_at AND p.user_id <> called.user_id
         GROUP BY 1, 2)
    SELECT count(*)
      FROM channel_members AS m
 LEFT JOIN calls ON calls.channel_id = m.channel_id AND calls.user_id = m.user_id
     WHERE (m.mention_count, m.mention_count_root) IS DISTINCT FROM (coalesce(calls.posts, 0), coalesce(calls.roots, 0))
    """,
    "threads": """
    SELECT count(*)
      FROM posts AS root
 LEFT JOIN (SELECT root_id, count(*) AS replies, max(create_at) AS last_at, array_agg(DISTINCT user_id) AS authors
              FROM posts WHERE root_id <> '' GROUP BY root_id) AS r ON r.root_id = root.id
 LEFT JOIN threads AS t ON t.post_id = root.id
     WHERE root.reply_count <> coalesce(replies, 0)
        OR root.update_at < greatest(last_at, root.create_at)
        OR coalesce(t.last_reply_at, 0) <> coalesce(last_at, 0)
        OR cardinality(authors) < 50 AND NOT authors <@ t.participants
        OR root.root_id <> '' AND root.reply_count > 0
    """,
    "what followers of threads have read": """
    SELECT count(*)
      FROM thread_memberships AS m
 LEFT JOIN threads AS t ON t.post_id = m.post_id
 LEFT JOIN channel_members AS c ON c.channel_id = t.channel_id AND c.user_id = m.user_id
     WHERE c.user_id IS NULL
        OR m.unread_mentions <> (SELECT count(*) FROM posts AS r
                                  WHERE r.root_id = m.post_id AND r.root_id <> '' AND r.create_at > m.last_viewed
                                    AND r.user_id <> m.user_id AND m.user_id = ANY(r.mentions))
    """,
    "writers in threads who don't follow them": """
    SELECT count(*)
      FROM posts AS r
     WHERE r.root_id <> ''
       AND NOT EXISTS (SELECT FROM thread_memberships AS m WHERE m.post_id = r.root_id AND m.user_id = r.user_id
                                                             AND m.last_updated >= r.create_at)
    """,
    "posts that nobody could have written, and such that can't be found": """
    SELECT count(*)
      FROM posts AS p
 LEFT JOIN channel_members AS m ON m.channel_id = p.channel_id AND m.user_id = p.user_id
 LEFT JOIN post_terms AS t ON t.channel_id = p.channel_id AND t.create_at = p.create_at AND t.id = p.id
 LEFT JOIN posts AS root ON root.id = p.root_id
     WHERE m.user_id IS NULL OR m.last_viewed_at < p.create_at OR t.id IS NULL OR root.channel_id <> p.channel_id
        OR root.create_at >= p.create_at
    """,
    "marks of reactions": """
    SELECT count(*)
      FROM posts AS p
 LEFT JOIN (SELECT post_id, max(create_at) AS last_at FROM reactions GROUP BY post_id) AS r ON r.post_id = p.id
     WHERE p.has_reactions <> (r.post_id IS NOT NULL) OR p.update_at < coalesce(last_at, 0)
    """,
    "members of channels who are not in their team": """
    SELECT count(*)
      FROM channel_members AS m
      JOIN channels AS c ON c.id = m.channel_id AND c.team_id <> ''
 LEFT JOIN team_members AS t ON t.team_id = c.team_id AND t.user_id = m.user_id
     WHERE t.user_id IS NULL
    """,
}
"""Statements that count rows which are wrong."""


async def check(dsn: str) -> bool:
    """Count, print, and tell whether all is right."""
    connection = await asyncpg.connect(dsn)
    right = True
    try:
        for title, statement in WRONG.items():
            started = time.monotonic()
            wrong = await connection.fetchval(statement, timeout=3600)
            print(f"{wrong:>10,} wrong  {title} ({time.monotonic() - started:.1f} s)", flush=True)
            right = right and wrong == 0
    finally:
        await connection.close()
    return right


if __name__ == "__main__":
    raise SystemExit(not asyncio.run(check(sys.argv[1] if sys.argv[1:] else os.environ["MM_SQLSETTINGS_DATASOURCE"])))
