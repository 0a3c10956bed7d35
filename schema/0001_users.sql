-- People and bots, what proves who they are, and their sessions.
-- Ids are 26 characters that sort by time; COLLATE "C" keeps that order in every index. Times are milliseconds.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE users (
    id                    text COLLATE "C" PRIMARY KEY,
    create_at             bigint  NOT NULL,
    update_at             bigint  NOT NULL,
    delete_at             bigint  NOT NULL DEFAULT 0,
    username              text COLLATE "C" NOT NULL,
    auth_data             text,
    auth_service          text    NOT NULL DEFAULT '',
    email                 text COLLATE "C" NOT NULL,
    email_verified        boolean NOT NULL DEFAULT false,
    nickname              text    NOT NULL DEFAULT '',
    first_name            text    NOT NULL DEFAULT '',
    last_name             text    NOT NULL DEFAULT '',
    position              text    NOT NULL DEFAULT '',
    roles                 text    NOT NULL,
    allow_marketing       boolean NOT NULL DEFAULT false,
    props                 jsonb   NOT NULL DEFAULT '{}',
    notify_props          jsonb   NOT NULL DEFAULT '{}',
    last_password_update  bigint  NOT NULL DEFAULT 0,
    last_picture_update   bigint  NOT NULL DEFAULT 0,
    failed_attempts       integer NOT NULL DEFAULT 0,
    locale                text    NOT NULL DEFAULT 'en',
    timezone              jsonb   NOT NULL DEFAULT '{}',
    mfa_active            boolean NOT NULL DEFAULT false,
    remote_id             text,
    is_bot                boolean NOT NULL DEFAULT false,
    -- What searches look through: name, nickname and full name in lower case, a blank before every word, so that
    -- LIKE '% ad%' finds words that begin with it.
    search_text           text GENERATED ALWAYS AS
        (lower(' ' || username || ' ' || nickname || ' ' || first_name || ' ' || last_name)) STORED
) WITH (fillfactor = 85);

CREATE UNIQUE INDEX users_username_idx ON users (username);
CREATE UNIQUE INDEX users_email_idx ON users (email);
CREATE UNIQUE INDEX users_auth_idx ON users (auth_service, auth_data) WHERE auth_data IS NOT NULL;
CREATE INDEX users_create_at_idx ON users (create_at, id);
CREATE INDEX users_update_at_idx ON users (update_at);
CREATE INDEX users_search_idx ON users USING gin (search_text gin_trgm_ops);
CREATE INDEX users_email_search_idx ON users USING gin (email gin_trgm_ops);
CREATE INDEX users_roles_idx ON users USING gin (string_to_array(roles, ' '));

-- Secrets live apart, so that no list of users can carry them.
CREATE TABLE credentials (
    user_id     text COLLATE "C" PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    password    text NOT NULL DEFAULT '',
    mfa_secret  text NOT NULL DEFAULT ''
);

CREATE TABLE sessions (
    id                text COLLATE "C" PRIMARY KEY,
    token_hash        bytea   NOT NULL,
    create_at         bigint  NOT NULL,
    expires_at        bigint  NOT NULL,
    last_activity_at  bigint  NOT NULL,
    user_id           text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    device_id         text    NOT NULL DEFAULT '',
    roles             text    NOT NULL,
    is_oauth          boolean NOT NULL DEFAULT false,
    expired_notify    boolean NOT NULL DEFAULT false,
    props             jsonb   NOT NULL DEFAULT '{}'
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX sessions_token_idx ON sessions (token_hash);
CREATE INDEX sessions_user_idx ON sessions (user_id, last_activity_at);
CREATE INDEX sessions_expires_idx ON sessions (expires_at) WHERE expires_at > 0;

-- Single-use secrets sent by mail: password_recovery, verify_email, team_invitation, guest_invitation.
CREATE TABLE mail_tokens (
    token_hash  bytea  PRIMARY KEY,
    create_at   bigint NOT NULL,
    type        text   NOT NULL,
    extra       jsonb  NOT NULL DEFAULT '{}'
);

CREATE INDEX mail_tokens_create_at_idx ON mail_tokens (create_at);
CREATE INDEX mail_tokens_user_idx ON mail_tokens (type, (extra ->> 'user_id'));
CREATE INDEX mail_tokens_email_idx ON mail_tokens (type, (extra ->> 'email'));

CREATE TABLE status (
    user_id           text COLLATE "C" PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    status            text    NOT NULL DEFAULT 'offline',
    manual            boolean NOT NULL DEFAULT false,
    last_activity_at  bigint  NOT NULL DEFAULT 0,
    dnd_end_time      bigint  NOT NULL DEFAULT 0,  -- seconds; then the previous status comes back
    prev_status       text    NOT NULL DEFAULT '',
    prev_manual       boolean NOT NULL DEFAULT false,
    version           bigint  NOT NULL DEFAULT 1   -- rises with every change: of two messages about it the newer counts
) WITH (fillfactor = 70);

CREATE INDEX status_dnd_idx ON status (dnd_end_time) WHERE dnd_end_time > 0;
CREATE INDEX status_live_idx ON status (user_id) WHERE status <> 'offline';

CREATE TABLE preferences (
    user_id   text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    category  text COLLATE "C" NOT NULL,
    name      text COLLATE "C" NOT NULL,
    value     text NOT NULL,
    PRIMARY KEY (user_id, category, name)
);

CREATE INDEX preferences_category_idx ON preferences (category, name);
