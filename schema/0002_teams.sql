-- Teams, who is in them, and the roles that say what members may do.

CREATE TABLE teams (
    id                     text COLLATE "C" PRIMARY KEY,
    create_at              bigint  NOT NULL,
    update_at              bigint  NOT NULL,
    delete_at              bigint  NOT NULL DEFAULT 0,
    display_name           text    NOT NULL,
    name                   text COLLATE "C" NOT NULL,
    description            text    NOT NULL DEFAULT '',
    email                  text    NOT NULL DEFAULT '',
    type                   text    NOT NULL,
    company_name           text    NOT NULL DEFAULT '',
    allowed_domains        text    NOT NULL DEFAULT '',
    invite_id              text COLLATE "C" NOT NULL,
    allow_open_invite      boolean NOT NULL DEFAULT false,
    last_team_icon_update  bigint  NOT NULL DEFAULT 0,
    scheme_id              text,
    group_constrained      boolean
);

CREATE UNIQUE INDEX teams_name_idx ON teams (name);
CREATE UNIQUE INDEX teams_invite_idx ON teams (invite_id);
CREATE INDEX teams_display_name_idx ON teams (display_name, id);
CREATE INDEX teams_search_idx ON teams USING gin ((lower(display_name) || ' ' || name) gin_trgm_ops);

CREATE TABLE team_members (
    team_id       text COLLATE "C" NOT NULL REFERENCES teams ON DELETE CASCADE,
    user_id       text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    roles         text    NOT NULL DEFAULT '',  -- explicit ones; the flags below add the scheme's
    delete_at     bigint  NOT NULL DEFAULT 0,
    scheme_guest  boolean NOT NULL DEFAULT false,
    scheme_user   boolean NOT NULL DEFAULT true,
    scheme_admin  boolean NOT NULL DEFAULT false,
    create_at     bigint  NOT NULL,
    PRIMARY KEY (team_id, user_id)
);

CREATE INDEX team_members_user_idx ON team_members (user_id, team_id);

CREATE TABLE roles (
    id              text COLLATE "C" PRIMARY KEY,
    name            text COLLATE "C" NOT NULL,
    display_name    text    NOT NULL DEFAULT '',
    description     text    NOT NULL DEFAULT '',
    create_at       bigint  NOT NULL,
    update_at       bigint  NOT NULL,
    delete_at       bigint  NOT NULL DEFAULT 0,
    permissions     text[]  NOT NULL DEFAULT '{}',
    scheme_managed  boolean NOT NULL DEFAULT false,
    built_in        boolean NOT NULL DEFAULT false
);

CREATE UNIQUE INDEX roles_name_idx ON roles (name);
