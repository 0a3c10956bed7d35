-- Posts, threads and reactions.

CREATE TABLE posts (
    id             text COLLATE "C" PRIMARY KEY,
    create_at      bigint  NOT NULL,
    update_at      bigint  NOT NULL,
    edit_at        bigint  NOT NULL DEFAULT 0,
    delete_at      bigint  NOT NULL DEFAULT 0,
    is_pinned      boolean NOT NULL DEFAULT false,
    user_id        text COLLATE "C" NOT NULL,
    channel_id     text COLLATE "C" NOT NULL,
    root_id        text COLLATE "C" NOT NULL DEFAULT '',
    original_id    text COLLATE "C" NOT NULL DEFAULT '',  -- of an old version: the live post's id
    message        text    NOT NULL DEFAULT '',
    type           text    NOT NULL DEFAULT '',
    props          jsonb   NOT NULL DEFAULT '{}',
    hashtags       text    NOT NULL DEFAULT '',
    file_ids       text[]  NOT NULL DEFAULT '{}',
    has_reactions  boolean NOT NULL DEFAULT false,
    remote_id      text,
    priority       jsonb,  -- {priority, requested_ack, persistent_notifications} of a root post
    reply_count    integer NOT NULL DEFAULT 0,    -- of a root post: its live replies
    mentions       text[]  NOT NULL DEFAULT '{}'  -- ids of the users mentioned when it was written; '*' for @channel
) WITH (fillfactor = 90);

-- The page of a channel: live posts, newest first.
CREATE INDEX posts_channel_idx ON posts (channel_id, create_at DESC, id DESC) WHERE delete_at = 0;
-- Deleted ones, for administrators who read them too.
CREATE INDEX posts_deleted_idx ON posts (channel_id, create_at DESC, id DESC) WHERE delete_at > 0 AND original_id = '';
-- The page of a channel with collapsed threads: roots only.
CREATE INDEX posts_channel_root_idx ON posts (channel_id, create_at DESC, id DESC) WHERE delete_at = 0 AND root_id = '';
-- What changed since, deleted ones too; old versions (original_id) stay out.
CREATE INDEX posts_since_idx ON posts (channel_id, update_at) WHERE original_id = '';
CREATE INDEX posts_thread_idx ON posts (root_id, create_at, id) WHERE root_id <> '';
CREATE INDEX posts_pinned_idx ON posts (channel_id, create_at DESC) WHERE is_pinned AND delete_at = 0;
CREATE INDEX posts_history_idx ON posts (original_id, update_at DESC) WHERE original_id <> '';

-- Makes POST /posts repeatable for a short while, on any node. Rows older than a few minutes are swept.
CREATE TABLE pending_posts (
    user_id          text COLLATE "C" NOT NULL,
    pending_post_id  text COLLATE "C" NOT NULL,
    post_id          text COLLATE "C" NOT NULL,
    create_at        bigint NOT NULL,
    PRIMARY KEY (user_id, pending_post_id)
);

CREATE INDEX pending_posts_create_at_idx ON pending_posts (create_at);

-- One row per root post that has had a reply; how many there are stands in posts.reply_count.
CREATE TABLE threads (
    post_id        text COLLATE "C" PRIMARY KEY REFERENCES posts ON DELETE CASCADE,
    channel_id     text COLLATE "C" NOT NULL REFERENCES channels ON DELETE CASCADE,
    last_reply_at  bigint NOT NULL DEFAULT 0,
    participants   text[] NOT NULL DEFAULT '{}',  -- author of the root and of replies, who wrote last comes last
    delete_at      bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);

CREATE INDEX threads_channel_idx ON threads (channel_id, last_reply_at DESC);

-- Followers; also of a root post that has no reply yet.
CREATE TABLE thread_memberships (
    post_id          text COLLATE "C" NOT NULL REFERENCES posts ON DELETE CASCADE,
    user_id          text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    following        boolean NOT NULL DEFAULT true,
    last_viewed      bigint  NOT NULL DEFAULT 0,
    last_updated     bigint  NOT NULL DEFAULT 0,  -- 0: follows for no other reason than the root post
    unread_mentions  bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (post_id, user_id)
) WITH (fillfactor = 80);

CREATE INDEX thread_memberships_user_idx ON thread_memberships (user_id, following);

CREATE TABLE reactions (
    post_id     text COLLATE "C" NOT NULL REFERENCES posts ON DELETE CASCADE,
    user_id     text COLLATE "C" NOT NULL,
    emoji_name  text COLLATE "C" NOT NULL,
    create_at   bigint NOT NULL,
    update_at   bigint NOT NULL,
    delete_at   bigint NOT NULL DEFAULT 0,
    remote_id   text   NOT NULL DEFAULT '',
    channel_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (post_id, user_id, emoji_name)
);
