-- Programs that take part: bots, the access tokens that people and bots let them use, and incoming webhooks.

-- A bot is a user with this row beside it. Name, picture and whether it is switched off are the user's.
-- The owner is a user or the id of a plugin, and may be gone.
CREATE TABLE bots (
    user_id    text COLLATE "C" PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    owner_id   text COLLATE "C" NOT NULL,
    create_at  bigint NOT NULL,
    update_at  bigint NOT NULL
);

CREATE INDEX bots_owner_idx ON bots (owner_id);

-- They stand with the user since profiles show them.
ALTER TABLE users ADD COLUMN bot_description text NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN bot_last_icon_update bigint NOT NULL DEFAULT 0;

-- Each is a session of its own as long as it is active; the secret itself is with its owner only.
CREATE TABLE user_access_tokens (
    id           text COLLATE "C" PRIMARY KEY,
    token_hash   bytea   NOT NULL,
    user_id      text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    description  text    NOT NULL,
    is_active    boolean NOT NULL DEFAULT true,
    create_at    bigint  NOT NULL,
    expires_at   bigint  NOT NULL DEFAULT 0  -- 0: never
);

CREATE UNIQUE INDEX user_access_tokens_hash_idx ON user_access_tokens (token_hash);
CREATE INDEX user_access_tokens_user_idx ON user_access_tokens (user_id, id);

-- The id is the secret: who knows it may post.
CREATE TABLE incoming_webhooks (
    id              text COLLATE "C" PRIMARY KEY,
    create_at       bigint  NOT NULL,
    update_at       bigint  NOT NULL,
    delete_at       bigint  NOT NULL DEFAULT 0,
    user_id         text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    channel_id      text COLLATE "C" NOT NULL REFERENCES channels ON DELETE CASCADE,
    display_name    text    NOT NULL DEFAULT '',
    description     text    NOT NULL DEFAULT '',
    username        text    NOT NULL DEFAULT '',
    icon_url        text    NOT NULL DEFAULT '',
    channel_locked  boolean NOT NULL DEFAULT false,
    last_used       bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 90);

CREATE INDEX incoming_webhooks_channel_idx ON incoming_webhooks (channel_id);
CREATE INDEX incoming_webhooks_user_idx ON incoming_webhooks (user_id);
