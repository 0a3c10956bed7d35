-- OAuth 2: programs that people let act for them. Secrets, codes and refresh tokens are kept as their SHA-256.

CREATE TABLE oauth_apps (
    id             text COLLATE "C" PRIMARY KEY,
    creator_id     text COLLATE "C" NOT NULL,  -- '' for one that registered itself
    create_at      bigint  NOT NULL,
    update_at      bigint  NOT NULL,
    secret_hash    bytea,                      -- none: a public client, which must use PKCE
    name           text    NOT NULL,
    description    text    NOT NULL DEFAULT '',
    icon_url       text    NOT NULL DEFAULT '',
    callback_urls  text[]  NOT NULL,
    homepage       text    NOT NULL DEFAULT '',
    is_trusted     boolean NOT NULL DEFAULT false,
    is_dynamic     boolean NOT NULL DEFAULT false
);

CREATE INDEX oauth_apps_creator_idx ON oauth_apps (creator_id, id);

-- Who let which app in, until they take it back.
CREATE TABLE oauth_authorizations (
    user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    app_id     text COLLATE "C" NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    scope      text   NOT NULL,
    create_at  bigint NOT NULL,
    PRIMARY KEY (user_id, app_id)
);

CREATE INDEX oauth_authorizations_app_idx ON oauth_authorizations (app_id);

-- A grant is what came of one authorisation: first a code that is good once, then an access token, which is a session,
-- and a refresh token that is replaced each time it is used. Who shows an old one ends the grant.
CREATE TABLE oauth_grants (
    id              text COLLATE "C" PRIMARY KEY,
    app_id          text COLLATE "C" NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    user_id         text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    create_at       bigint NOT NULL,
    expires_at      bigint NOT NULL,           -- of the code, later of the refresh token
    code_hash       bytea  NOT NULL,
    code_used       boolean NOT NULL DEFAULT false,
    redirect_uri    text   NOT NULL,
    scope           text   NOT NULL,
    code_challenge  text   NOT NULL DEFAULT '',
    resource        text   NOT NULL DEFAULT '',
    session_id      text COLLATE "C" NOT NULL DEFAULT '',
    session_until   bigint NOT NULL DEFAULT 0, -- 0: for ever
    refresh_hash    bytea,
    replaced_hash   bytea                      -- of the refresh token before
);

CREATE UNIQUE INDEX oauth_grants_code_idx ON oauth_grants (code_hash);
CREATE UNIQUE INDEX oauth_grants_refresh_idx ON oauth_grants (refresh_hash) WHERE refresh_hash IS NOT NULL;
CREATE INDEX oauth_grants_replaced_idx ON oauth_grants (replaced_hash) WHERE replaced_hash IS NOT NULL;
CREATE INDEX oauth_grants_user_idx ON oauth_grants (user_id, app_id);
CREATE INDEX oauth_grants_app_idx ON oauth_grants (app_id);
CREATE INDEX oauth_grants_expires_idx ON oauth_grants (expires_at);

CREATE INDEX sessions_app_idx ON sessions ((props ->> 'oauth_app_id')) WHERE is_oauth;
