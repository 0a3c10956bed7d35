-- Mails about posts that wait for the next digest of their receiver.
CREATE TABLE batched_mails (
    user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    post_id    text COLLATE "C" NOT NULL REFERENCES posts ON DELETE CASCADE,
    reason     text   NOT NULL,  -- why the user is told: direct, group, mention, everyone, comment, thread, all
    create_at  bigint NOT NULL,
    PRIMARY KEY (user_id, post_id)
);

CREATE INDEX batched_mails_create_at_idx ON batched_mails (create_at);
CREATE INDEX batched_mails_post_idx ON batched_mails (post_id);

-- Whom to tell of the end of a session: few sessions belong to phones.
CREATE INDEX sessions_device_idx ON sessions (user_id) WHERE device_id <> '';
