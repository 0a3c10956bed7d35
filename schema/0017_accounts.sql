-- Second factors, what happened to accounts, how much a sender may mail, and terms of service.

-- A secret that was generated waits apart until a first code proves that the app has it: an active one goes on
-- working meanwhile. A code stands for a step of 30 seconds; of these only later ones than the last used are taken.
ALTER TABLE credentials ADD COLUMN mfa_pending    text   NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN mfa_used_step  bigint NOT NULL DEFAULT 0;

-- Each row belongs to the account that it is about, and stays when that is gone.
CREATE TABLE audits (
    id          text COLLATE "C" PRIMARY KEY,
    create_at   bigint NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    action      text   NOT NULL,
    extra_info  text   NOT NULL DEFAULT '',
    ip_address  text   NOT NULL DEFAULT '',
    session_id  text   NOT NULL DEFAULT ''
);

CREATE INDEX audits_user_idx ON audits (user_id, create_at DESC, id DESC);
CREATE INDEX audits_create_at_idx ON audits (create_at DESC, id DESC);

-- How many invitations each sender has mailed in one hour; older hours don't count, and their rows go.
CREATE TABLE mail_quotas (
    user_id  text COLLATE "C" PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    hour     bigint  NOT NULL,  -- since the epoch
    sent     integer NOT NULL
);

CREATE INDEX mail_quotas_hour_idx ON mail_quotas (hour);

-- The newest text is the one in force.
CREATE TABLE terms_of_service (
    id         text COLLATE "C" PRIMARY KEY,
    create_at  bigint NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    text       text   NOT NULL
);

CREATE INDEX terms_of_service_create_at_idx ON terms_of_service (create_at DESC, id DESC);

CREATE TABLE user_terms_of_service (
    user_id              text COLLATE "C" PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    terms_of_service_id  text COLLATE "C" NOT NULL REFERENCES terms_of_service ON DELETE CASCADE,
    create_at            bigint NOT NULL
);
