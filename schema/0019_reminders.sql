-- What users want to be reminded of, what they have acknowledged, and whom urgent posts go on calling.

CREATE TABLE post_reminders (
    user_id      text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    post_id      text COLLATE "C" NOT NULL,
    target_time  bigint  NOT NULL,              -- in seconds, as clients send it
    due_at       bigint  NOT NULL,              -- in milliseconds; later after a try that failed
    message_id   text COLLATE "C" NOT NULL,     -- of the message that it becomes, so that it can become only one
    attempts     integer NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, post_id)
);

CREATE INDEX post_reminders_due_idx ON post_reminders (due_at);
CREATE INDEX post_reminders_post_idx ON post_reminders (post_id);

CREATE TABLE post_acknowledgements (
    post_id          text COLLATE "C" NOT NULL REFERENCES posts ON DELETE CASCADE,
    user_id          text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    acknowledged_at  bigint NOT NULL,
    PRIMARY KEY (post_id, user_id)
);

-- Stored before its post, which may then turn out to be refused.
CREATE TABLE persistent_notifications (
    post_id       text COLLATE "C" PRIMARY KEY,
    create_at     bigint   NOT NULL,
    last_sent_at  bigint   NOT NULL,            -- at first when the post was written
    sent_count    smallint NOT NULL DEFAULT 0,
    receivers     text[]   NOT NULL
);

CREATE INDEX persistent_notifications_sent_idx ON persistent_notifications (last_sent_at);
