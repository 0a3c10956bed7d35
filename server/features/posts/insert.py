"""The statement that writes posts: a whole group at once, with every counter that moves with them.

It writes posts and pending_posts, and also channels, channel_members, threads, thread_memberships, files, post_terms
and jobs, each of which would cost a statement of its own.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from server.db import SQL, columns
from server.features.files.models import FileInfo
from server.features.posts.followups import encoded
from server.features.posts.models import SYSTEM_PREFIX, Priority
from server.features.search.terms import terms_of
from server.jobs.job import CHANNEL, JOB_NAMES, ONCE, Job

DATABASE_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The time by the clock that all nodes share, for theirs may differ."""

REPEAT_MS = 300_000
"""For how long a pending_post_id stands for the post that was written under it: longer than outages that clients wait
out, for a post that was stored and not answered must not be stored again when they try once more."""

MAX_PARTICIPANTS = 50
"""How many authors a thread remembers, those who wrote last."""

_json = msgspec.json.Encoder().encode


class Draft(Struct, kw_only=True):
    """A post as it goes to the database."""

    id: str
    user_id: str
    channel_id: str
    root_id: str = ""
    message: str = ""
    type: str = ""
    props_json: str = "{}"
    hashtags: str = ""
    file_ids: Sequence[str] = ()
    is_pinned: bool = False
    priority: Priority | None = None
    pending_post_id: str = ""
    now: int
    """The earliest create_at; it moves on when the channel has a post of that time already."""
    dated: int = 0
    """A create_at to be taken as it is, 0 for none."""
    counts: bool = True
    """Whether it makes the channel unread."""
    views: bool = True
    """Whether it shows that its author has read the channel."""
    anyway: bool = False
    """Also into an archived channel."""
    mentions: Sequence[str] = ()
    """What is kept with the post: users, and CHANNEL_WIDE; those whom a reply calls by being one come on top."""
    notified: Sequence[str] = ()
    """All users whose mention counts rise."""
    comments_any: Sequence[str] = ()
    """Members who are mentioned by any reply in a thread they wrote in or began."""
    comments_root: Sequence[str] = ()
    """Members who are mentioned by any reply in a thread they began."""
    also_follow: Sequence[str] = ()
    """Members who follow every thread of the channel that they don't leave."""
    auto_follow: bool = True
    """Whether authors and mentioned users become followers of the thread."""
    jobs: Sequence[Job] = ()
    """What is to be done once it is written."""

    @property
    def terms(self) -> str | None:
        """What it is found by; None for posts of the server, which are not found."""
        return None if self.type.startswith(SYSTEM_PREFIX) else terms_of(self.message)


class Written(Struct):
    """What became of a draft."""

    id: str
    create_at: int
    reply_count: int
    """Of its thread, itself included; 0 for a root post."""
    followers: list[str]
    """Of its thread, some of them twice."""
    commented: list[str]
    """Users whom it mentions by being a reply to them."""
    before: int
    """create_at of the newest post that the channel had before it, 0 if it had none."""
    files: list[dict[str, Any]] | None = None
    """Those of the draft that were its author's, for the channel, and in no post before: as `FileInfo`."""


WRITTEN = len(Written.__struct_fields__)
"""Columns of the result that make a `Written`."""

_INCOMING = """
    incoming AS MATERIALIZED (
        SELECT *
          FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                      $10::text[], $11::boolean[], $12::text[], $13::text[], $14::bigint[], $15::bigint[],
                      $16::boolean[], $17::boolean[], $18::boolean[], $19::text[], $20::text[], $21::boolean[],
                      $22::text[], $23::text[], $24::text[], $25::boolean[], $26::text[])
               WITH ORDINALITY
            AS given (id, user_id, channel_id, root_id, message, type, props, hashtags, file_ids, is_pinned, priority,
                      pending_post_id, now, dated, counts, views, anyway, mentions, notified, urgent,
                      any_reply, to_root, also_follow, auto_follow, terms, n)
    ), places AS MATERIALIZED (
        -- Nobody else writes into these channels now. In the order of ids, so that groups don't block each other.
        SELECT id, delete_at, last_post_at, total_msg_count, total_msg_count_root
          FROM channels
         WHERE id = ANY($1::text[])
      ORDER BY id
           FOR NO KEY UPDATE
    )"""

_ACCEPTED = f"""
    claimed AS (
        INSERT INTO pending_posts (user_id, pending_post_id, post_id, create_at)
        SELECT user_id, pending_post_id, id, {DATABASE_MS}
          FROM valid
         WHERE pending_post_id <> ''
      ORDER BY user_id, pending_post_id
            ON CONFLICT (user_id, pending_post_id) DO UPDATE
           SET post_id = excluded.post_id, create_at = excluded.create_at
         WHERE pending_posts.create_at <= excluded.create_at - {REPEAT_MS}
     RETURNING post_id
    ), numbered AS (
        SELECT valid.*,
               row_number() OVER earlier AS place,
               total_msg_count + count(*) FILTER (WHERE counts) OVER earlier AS seen,
               total_msg_count_root + count(*) FILTER (WHERE counts AND root_id = '') OVER earlier AS seen_root
          FROM valid
         WHERE pending_post_id = '' OR id IN (SELECT post_id FROM claimed)
        WINDOW earlier AS (PARTITION BY channel_id ORDER BY n)
    ), accepted AS MATERIALIZED (
        SELECT numbered.*,
               CASE WHEN dated > 0 THEN dated
                    ELSE place + max(CASE WHEN dated > 0 THEN 0 ELSE greatest(now, last_post_at + 1) END - place)
                                 OVER (PARTITION BY channel_id ORDER BY n) END AS create_at
          FROM numbered
    ), channels_moved AS (
        UPDATE channels
           SET total_msg_count = channels.total_msg_count + moved.posts,
               total_msg_count_root = channels.total_msg_count_root + moved.roots,
               last_post_at = greatest(channels.last_post_at, moved.last_post_at),
               last_root_post_at = greatest(channels.last_root_post_at, moved.last_root_post_at)
          FROM (SELECT channel_id,
                       count(*) FILTER (WHERE counts) AS posts,
                       count(*) FILTER (WHERE counts AND root_id = '') AS roots,
                       max(create_at) AS last_post_at,
                       coalesce(max(create_at) FILTER (WHERE root_id = ''), 0) AS last_root_post_at
                  FROM accepted
              GROUP BY channel_id) AS moved
         WHERE channels.id = moved.channel_id
    )"""

# Only in groups with posts that have files.
_ATTACHED = f"""
    wanted AS MATERIALIZED (
        SELECT accepted.id AS post_id, user_id, channel_id, create_at, file_id, turn
          FROM accepted, unnest(string_to_array(file_ids, ',')) WITH ORDINALITY AS file (file_id, turn)
         WHERE file_ids <> ''
      ORDER BY file_id
    ), attached AS (
        UPDATE files
           SET post_id = wanted.post_id, update_at = wanted.create_at
          FROM wanted
         WHERE files.id = wanted.file_id AND files.user_id = wanted.user_id AND files.channel_id = wanted.channel_id
           AND files.post_id = '' AND files.bookmark_id = '' AND files.delete_at = 0
     RETURNING {columns(FileInfo, "files")}, turn
    ),"""
_FILE_IDS = "ARRAY(SELECT attached.id FROM attached WHERE attached.post_id = accepted.id ORDER BY turn)"
_FILES = """(SELECT jsonb_agg(to_jsonb(attached) - 'turn' ORDER BY turn)
                      FROM attached WHERE attached.post_id = accepted.id)"""

# Only in groups with posts that cause jobs; they are the argument %d.
_FOLLOWED = f"""
    stored AS (
        INSERT INTO jobs (id, name, payload, key, create_at, run_at)
        SELECT DISTINCT ON (coalesce(nullif(job.key, ''), job.id))
               job.id, job.name, job.payload, nullif(job.key, ''), accepted.now, accepted.now + job.delay
          FROM jsonb_to_recordset($%d::text::jsonb)
            AS job (post_id text, id text, name text, payload jsonb, key text, delay bigint)
          JOIN accepted ON accepted.id = job.post_id
      ORDER BY coalesce(nullif(job.key, ''), job.id), accepted.n DESC
            {ONCE}
     RETURNING name
    ),"""
_TOLD = (
    f"(SELECT pg_notify('{CHANNEL}', names) FROM (SELECT {JOB_NAMES} AS names FROM stored) AS told WHERE names <> '')"
)

_INSERTED = """
    {attached}{followed} inserted AS (
        INSERT INTO posts (id, create_at, update_at, is_pinned, user_id, channel_id, root_id, message, type, props,
                           hashtags, file_ids, priority, mentions)
        SELECT id, create_at, create_at, is_pinned, user_id, channel_id, root_id, message, type, props::jsonb,
               hashtags, {file_ids}, priority::jsonb, {mentions}
          FROM accepted
    ), found_by AS (
        INSERT INTO post_terms (channel_id, create_at, id, user_id, terms)
        SELECT channel_id, create_at, id, user_id, terms::tsvector
          FROM accepted
         WHERE terms IS NOT NULL
    )"""
_MENTIONS = "string_to_array(mentions, ',')"
_ALL_MENTIONS = f"{_MENTIONS} || ARRAY(SELECT user_id FROM commented WHERE n = accepted.n)"

_MEMBERS = """
    noted AS (
        -- A line for each look of an author and for each mention; what comes before an author's own look is read.
        SELECT channel_id, user_id, n, true AS look, create_at, seen, seen_root, root_id = '' AS root, urgent
          FROM accepted
         WHERE views
     UNION ALL
        SELECT channel_id, user_id, n, false, 0, 0, 0, root_id = '', urgent FROM called
    ), members_moved AS (
        UPDATE channel_members
           SET last_viewed_at = greatest(channel_members.last_viewed_at, moved.create_at),
               msg_count = CASE WHEN looked THEN moved.seen ELSE channel_members.msg_count END,
               msg_count_root = CASE WHEN looked THEN moved.seen_root ELSE channel_members.msg_count_root END,
               mention_count = CASE WHEN looked THEN 0 ELSE channel_members.mention_count END + moved.mentions,
               mention_count_root = CASE WHEN looked THEN 0 ELSE channel_members.mention_count_root END
                                    + moved.root_mentions,
               urgent_mention_count = CASE WHEN looked THEN 0 ELSE channel_members.urgent_mention_count END
                                    + moved.urgent_mentions
          FROM (SELECT channel_id, user_id,
                       bool_or(look) AS looked,
                       max(create_at) AS create_at,
                       max(seen) AS seen,
                       max(seen_root) AS seen_root,
                       count(*) FILTER (WHERE fresh) AS mentions,
                       count(*) FILTER (WHERE fresh AND root) AS root_mentions,
                       count(*) FILTER (WHERE fresh AND urgent) AS urgent_mentions
                  FROM (SELECT *,
                               NOT look AND n > coalesce(max(n) FILTER (WHERE look)
                                                         OVER (PARTITION BY channel_id, user_id), 0) AS fresh
                          FROM noted) AS lines
              GROUP BY channel_id, user_id) AS moved
         WHERE channel_members.channel_id = moved.channel_id AND channel_members.user_id = moved.user_id
    )"""


class _Kind(Struct, frozen=True):
    """What a group of posts has, so that the others don't pay for it."""

    attach: bool
    """Files."""
    follow: bool
    """Jobs."""

    def inserted(self, mentions: str, jobs: int) -> str:
        """The parts that insert; `jobs` is the number of the argument that holds the jobs."""
        return _INSERTED.format(
            mentions=mentions,
            attached=_ATTACHED if self.attach else "",
            followed=_FOLLOWED % jobs if self.follow else "",
            file_ids=_FILE_IDS if self.attach else "'{}'::text[]",
        )

    @property
    def given(self) -> str:
        """The last columns of the result."""
        return f"{_FILES if self.attach else 'NULL'}{f', {_TOLD}' if self.follow else ''}"


def _insert_roots(kind: _Kind) -> SQL:
    """Only root posts; $27 are the jobs."""
    return SQL(f"""
    WITH {_INCOMING}, valid AS MATERIALIZED (
        SELECT incoming.*, places.last_post_at, places.total_msg_count, places.total_msg_count_root
          FROM incoming
          JOIN places ON places.id = incoming.channel_id
         WHERE places.delete_at = 0 OR anyway
    ), {_ACCEPTED}, {kind.inserted(_MENTIONS, 27)}, called AS MATERIALIZED (
        SELECT channel_id, root_id, urgent, n, mentioned.user_id
          FROM accepted, unnest(string_to_array(notified, ',')) AS mentioned (user_id)
         WHERE notified <> ''
    ), {_MEMBERS}
    SELECT id, create_at, 0, '{{}}'::text[], '{{}}'::text[], last_post_at, {kind.given} FROM accepted ORDER BY n
    """)


def _insert_posts(kind: _Kind) -> SQL:
    """Root posts and replies; $27 are the roots, $28 the jobs."""
    return SQL(f"""
    WITH {_INCOMING}, roots AS MATERIALIZED (
        -- After the channels; by id alone, so that no other index than that of the ids comes into question.
        SELECT id, channel_id, user_id, reply_count, mentions,
               root_id = '' AND original_id = '' AND delete_at = 0 AS good
          FROM posts
         WHERE id = ANY($27::text[]) AND (SELECT count(*) FROM places) > 0
      ORDER BY id
           FOR NO KEY UPDATE
    ), valid AS MATERIALIZED (
        SELECT incoming.*, places.last_post_at, places.total_msg_count, places.total_msg_count_root
          FROM incoming
          JOIN places ON places.id = incoming.channel_id
     LEFT JOIN roots ON roots.id = incoming.root_id AND roots.channel_id = incoming.channel_id AND roots.good
         WHERE (places.delete_at = 0 OR anyway) AND (incoming.root_id = '' OR roots.id IS NOT NULL)
    ), {_ACCEPTED}, commented AS MATERIALIZED (
        -- Who wrote in the thread, or began it, and wants to hear of replies.
        SELECT accepted.n, writer.user_id
          FROM accepted
          JOIN roots ON roots.id = accepted.root_id
    CROSS JOIN LATERAL (
               SELECT replies.user_id
                 FROM posts AS replies
                WHERE replies.root_id = accepted.root_id AND replies.delete_at = 0
                  AND replies.user_id = ANY(string_to_array(accepted.any_reply, ','))
                UNION
               SELECT roots.user_id
                WHERE roots.user_id = ANY(string_to_array(accepted.any_reply || ',' || accepted.to_root, ','))
               ) AS writer
         WHERE (accepted.any_reply <> '' OR accepted.to_root <> '') AND writer.user_id <> accepted.user_id
    ), {kind.inserted(_ALL_MENTIONS, 28)}, called AS MATERIALIZED (
        SELECT channel_id, root_id, urgent, accepted.n, mentioned.user_id
          FROM accepted
    CROSS JOIN LATERAL (
               SELECT unnest(string_to_array(notified, ',')) AS user_id
                UNION
               SELECT commented.user_id FROM commented WHERE commented.n = accepted.n) AS mentioned
         WHERE notified <> '' OR any_reply <> '' OR to_root <> ''
    ), {_MEMBERS}, authors AS MATERIALIZED (
        SELECT root_id, channel_id, user_id, max(n) AS n, max(create_at) AS create_at, count(*) AS replies
          FROM accepted
         WHERE root_id <> ''
      GROUP BY root_id, channel_id, user_id
    ), replied AS MATERIALIZED (
        SELECT authors.root_id, authors.channel_id, max(authors.create_at) AS create_at, sum(replies) AS replies,
               array_agg(authors.user_id ORDER BY n) AS user_ids
          FROM authors
      GROUP BY authors.root_id, authors.channel_id
    ), roots_moved AS (
        UPDATE posts
           SET reply_count = posts.reply_count + replied.replies,
               update_at = greatest(posts.update_at, replied.create_at)
          FROM replied
         WHERE posts.id = replied.root_id
     RETURNING posts.id, posts.reply_count
    ), threads_moved AS (
        INSERT INTO threads (post_id, channel_id, last_reply_at, participants)
        SELECT root_id, replied.channel_id, create_at,
               CASE WHEN roots.user_id = ANY(user_ids) THEN user_ids ELSE roots.user_id || user_ids END
          FROM replied
          JOIN roots ON roots.id = replied.root_id
            ON CONFLICT (post_id) DO UPDATE
           SET last_reply_at = greatest(threads.last_reply_at, excluded.last_reply_at),
               participants = (
                   SELECT (array_agg(writer.user_id ORDER BY writer.turn))
                          [greatest(1, count(*) - {MAX_PARTICIPANTS - 1}):]
                     FROM replied
               CROSS JOIN LATERAL (
                          SELECT user_id, turn
                            FROM unnest(threads.participants) WITH ORDINALITY AS before (user_id, turn)
                           WHERE user_id <> ALL(replied.user_ids)
                       UNION ALL
                          SELECT user_id, 1000000 + turn
                            FROM unnest(replied.user_ids) WITH ORDINALITY AS after (user_id, turn)) AS writer
                    WHERE replied.root_id = threads.post_id)
    ), following AS MATERIALIZED (
        -- Who writes and who is mentioned follows. Unless they left the thread also who began it, who was mentioned
        -- there, and who follows all of the channel.
        SELECT root_id, user_id, n, create_at AS replied_at, 0 AS mentions, true AS explicit FROM authors
     UNION ALL
        SELECT root_id, user_id, n, 0, 1, true FROM called WHERE root_id <> ''
     UNION ALL
        SELECT replied.root_id, roots.user_id, 0, 0, 0, false FROM replied JOIN roots ON roots.id = replied.root_id
     UNION ALL
        SELECT replied.root_id, unnest(roots.mentions), 0, 0, 0, false
          FROM replied
          JOIN roots ON roots.id = replied.root_id
         WHERE roots.reply_count = 0
     UNION ALL
        SELECT root_id, follower.user_id, 0, 0, 0, false
          FROM accepted, unnest(string_to_array(also_follow, ',')) AS follower (user_id)
         WHERE also_follow <> '' AND root_id <> ''
           AND NOT EXISTS (SELECT FROM thread_memberships AS known
                            WHERE known.post_id = root_id AND known.user_id = follower.user_id)
    ), memberships_moved AS (
        INSERT INTO thread_memberships (post_id, user_id, last_viewed, last_updated, unread_mentions)
        SELECT moved.root_id, moved.user_id, moved.replied_at, CASE WHEN explicit THEN now ELSE 0 END, mentions
          FROM (SELECT root_id, user_id,
                       max(replied_at) AS replied_at,
                       bool_or(explicit) AS explicit,
                       count(*) FILTER (WHERE mentions = 1 AND n > own) AS mentions
                  FROM (SELECT *, coalesce(max(n) FILTER (WHERE replied_at > 0)
                                           OVER (PARTITION BY root_id, user_id), 0) AS own
                          FROM following) AS lines
              GROUP BY root_id, user_id) AS moved
          JOIN (SELECT root_id, channel_id, max(now) AS now, bool_or(auto_follow) AS auto_follow
                  FROM accepted WHERE root_id <> '' GROUP BY root_id, channel_id) AS thread
            ON thread.root_id = moved.root_id
         WHERE EXISTS (SELECT FROM channel_members AS member
                        WHERE member.channel_id = thread.channel_id AND member.user_id = moved.user_id)
           AND (auto_follow OR EXISTS (SELECT FROM thread_memberships AS old
                                        WHERE old.post_id = moved.root_id AND old.user_id = moved.user_id))
            ON CONFLICT (post_id, user_id) DO UPDATE
           SET following = thread_memberships.following OR excluded.last_updated > 0,
               last_viewed = greatest(thread_memberships.last_viewed, excluded.last_viewed),
               last_updated = greatest(thread_memberships.last_updated, excluded.last_updated),
               unread_mentions = excluded.unread_mentions
                   + CASE WHEN excluded.last_viewed > 0 THEN 0 ELSE thread_memberships.unread_mentions END
     RETURNING post_id, user_id, following
    )
    SELECT accepted.id, accepted.create_at, coalesce(roots_moved.reply_count, 0),
           CASE WHEN accepted.root_id <> '' THEN
               ARRAY(SELECT user_id FROM thread_memberships WHERE post_id = accepted.root_id AND following)
               || ARRAY(SELECT user_id FROM memberships_moved WHERE post_id = accepted.root_id AND following)
           ELSE '{{}}' END,
           ARRAY(SELECT user_id FROM commented WHERE commented.n = accepted.n),
           accepted.last_post_at,
           {kind.given}
      FROM accepted
 LEFT JOIN roots_moved ON roots_moved.id = accepted.root_id
  ORDER BY accepted.n
    """)


_KINDS = [_Kind(attach, follow) for attach in (False, True) for follow in (False, True)]
INSERT_ROOTS = {kind: _insert_roots(kind) for kind in _KINDS}
INSERT_POSTS = {kind: _insert_posts(kind) for kind in _KINDS}


def statement_for(drafts: Sequence[Draft]) -> tuple[SQL, list[Any]]:
    """The statement that writes these drafts, no two of one author and pending_post_id, and its arguments.

    `written_of` reads its rows; drafts that were refused or written before are not among them.
    """
    columns = [
        [draft.id for draft in drafts],
        [draft.user_id for draft in drafts],
        [draft.channel_id for draft in drafts],
        [draft.root_id for draft in drafts],
        [draft.message for draft in drafts],
        [draft.type for draft in drafts],
        [draft.props_json for draft in drafts],
        [draft.hashtags for draft in drafts],
        [",".join(draft.file_ids) for draft in drafts],
        [draft.is_pinned for draft in drafts],
        [_json(draft.priority).decode() if draft.priority else None for draft in drafts],
        [draft.pending_post_id for draft in drafts],
        [draft.now for draft in drafts],
        [draft.dated for draft in drafts],
        [draft.counts for draft in drafts],
        [draft.views for draft in drafts],
        [draft.anyway for draft in drafts],
        [",".join(draft.mentions) for draft in drafts],
        [",".join(draft.notified) for draft in drafts],
        [draft.priority is not None and draft.priority.priority == "urgent" for draft in drafts],
        [",".join(draft.comments_any) for draft in drafts],
        [",".join(draft.comments_root) for draft in drafts],
        [",".join(draft.also_follow) for draft in drafts],
        [draft.auto_follow for draft in drafts],
        [draft.terms for draft in drafts],
    ]
    arguments: list[Any] = [sorted({draft.channel_id for draft in drafts}), *columns]
    roots = sorted({draft.root_id for draft in drafts if draft.root_id})
    if roots:
        arguments.append(roots)
    jobs = [job for draft in drafts if draft.jobs for job in encoded(draft.id, draft.jobs)]
    if jobs:
        arguments.append(_json(jobs).decode())
    kind = _Kind(attach=any(draft.file_ids for draft in drafts), follow=bool(jobs))
    return (INSERT_POSTS if roots else INSERT_ROOTS)[kind], arguments


def written_of(drafts: Sequence[Draft], rows: Sequence[Sequence[Any]]) -> dict[str, Written]:
    """What became of drafts, by their ids, from the rows of the statement that wrote them."""
    channels = {draft.id: draft.channel_id for draft in drafts}
    newest: dict[str, int] = {}
    found: dict[str, Written] = {}
    for row in rows:
        found[row[0]] = written = Written(*row[:WRITTEN])
        channel_id = channels[written.id]
        written.before = newest.get(channel_id, written.before)  # rows tell what was there before all of them
        newest[channel_id] = max(written.before, written.create_at)
    return found
