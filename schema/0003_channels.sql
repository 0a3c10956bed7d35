-- Channels of all four kinds, their members with counters, and how each user sorts them.

CREATE TABLE channels (
    id                    text COLLATE "C" PRIMARY KEY,
    create_at             bigint  NOT NULL,
    update_at             bigint  NOT NULL,
    delete_at             bigint  NOT NULL DEFAULT 0,
    team_id               text COLLATE "C" NOT NULL DEFAULT '',  -- '' for D and G
    type                  text COLLATE "C" NOT NULL,
    display_name          text    NOT NULL DEFAULT '',
    name                  text COLLATE "C" NOT NULL,
    header                text    NOT NULL DEFAULT '',
    purpose               text    NOT NULL DEFAULT '',
    last_post_at          bigint  NOT NULL DEFAULT 0,
    total_msg_count       bigint  NOT NULL DEFAULT 0,
    creator_id            text COLLATE "C" NOT NULL DEFAULT '',
    scheme_id             text,
    props                 jsonb,
    group_constrained     boolean,
    shared                boolean,
    total_msg_count_root  bigint  NOT NULL DEFAULT 0,
    last_root_post_at     bigint  NOT NULL DEFAULT 0,
    banner_info           jsonb,
    default_category_name text    NOT NULL DEFAULT ''
) WITH (fillfactor = 70);  -- counters move with every post: leave room for updates within the page

CREATE UNIQUE INDEX channels_name_idx ON channels (team_id, name);
CREATE INDEX channels_team_idx ON channels (team_id, type, display_name, id);
-- The channels of all teams, for administrators.
CREATE INDEX channels_display_name_idx ON channels (display_name, id) WHERE team_id <> '';
CREATE INDEX channels_search_idx ON channels USING gin (lower(name || ' ' || display_name || ' ' || purpose) gin_trgm_ops);

CREATE TABLE channel_members (
    channel_id            text COLLATE "C" NOT NULL REFERENCES channels ON DELETE CASCADE,
    user_id               text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    roles                 text    NOT NULL DEFAULT '',  -- explicit ones; the flags below add the scheme's
    last_viewed_at        bigint  NOT NULL DEFAULT 0,
    msg_count             bigint  NOT NULL DEFAULT 0,
    mention_count         bigint  NOT NULL DEFAULT 0,
    mention_count_root    bigint  NOT NULL DEFAULT 0,
    urgent_mention_count  bigint  NOT NULL DEFAULT 0,
    msg_count_root        bigint  NOT NULL DEFAULT 0,
    notify_props          jsonb   NOT NULL DEFAULT '{}',
    last_update_at        bigint  NOT NULL,
    scheme_guest          boolean NOT NULL DEFAULT false,
    scheme_user           boolean NOT NULL DEFAULT true,
    scheme_admin          boolean NOT NULL DEFAULT false,
    PRIMARY KEY (channel_id, user_id)
) WITH (fillfactor = 70);

CREATE INDEX channel_members_user_idx ON channel_members (user_id, channel_id);

CREATE TABLE sidebar_categories (
    id            text COLLATE "C" PRIMARY KEY,
    user_id       text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    team_id       text COLLATE "C" NOT NULL,
    sort_order    bigint  NOT NULL,
    sorting       text    NOT NULL DEFAULT '',
    type          text    NOT NULL,
    display_name  text    NOT NULL,
    muted         boolean NOT NULL DEFAULT false,
    collapsed     boolean NOT NULL DEFAULT false
);

CREATE INDEX sidebar_categories_user_idx ON sidebar_categories (user_id, team_id, sort_order);

CREATE TABLE sidebar_channels (
    user_id      text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    team_id      text COLLATE "C" NOT NULL,
    channel_id   text COLLATE "C" NOT NULL REFERENCES channels ON DELETE CASCADE,
    category_id  text COLLATE "C" NOT NULL REFERENCES sidebar_categories ON DELETE CASCADE,
    sort_order   bigint NOT NULL,
    PRIMARY KEY (user_id, team_id, channel_id)
);

CREATE INDEX sidebar_channels_category_idx ON sidebar_channels (category_id, sort_order);
CREATE INDEX sidebar_channels_channel_idx ON sidebar_channels (channel_id);
