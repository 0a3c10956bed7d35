-- Posts that wait for their time, and those that could not be sent.

CREATE TABLE scheduled_posts (
    id            text COLLATE "C" PRIMARY KEY,
    create_at     bigint  NOT NULL,
    update_at     bigint  NOT NULL,
    user_id       text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    channel_id    text COLLATE "C" NOT NULL,  -- may be gone when the time comes
    root_id       text COLLATE "C" NOT NULL DEFAULT '',
    message       text    NOT NULL DEFAULT '',
    props         jsonb   NOT NULL DEFAULT '{}',
    file_ids      text[]  NOT NULL DEFAULT '{}',
    priority      jsonb,
    scheduled_at  bigint  NOT NULL,
    processed_at  bigint  NOT NULL DEFAULT 0,  -- since when it will not be sent any more, 0: it waits
    error_code    text    NOT NULL DEFAULT '',
    post_id       text COLLATE "C" NOT NULL,   -- of the post that it becomes, so that it can become only one
    due_at        bigint  NOT NULL,            -- scheduled_at, later after a try that failed
    attempts      integer NOT NULL DEFAULT 0
);

CREATE INDEX scheduled_posts_due_idx ON scheduled_posts (due_at, id) WHERE processed_at = 0;
CREATE INDEX scheduled_posts_user_idx ON scheduled_posts (user_id, due_at, id);
