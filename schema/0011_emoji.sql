-- Custom emojis. Their pictures lie in the store of files, under their ids.

CREATE TABLE custom_emojis (
    id          text COLLATE "C" PRIMARY KEY,
    create_at   bigint  NOT NULL,
    update_at   bigint  NOT NULL,
    delete_at   bigint  NOT NULL DEFAULT 0,
    creator_id  text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    animated    boolean NOT NULL DEFAULT false  -- the picture is a GIF, otherwise a PNG
);

-- The name of a deleted one is free again.
CREATE UNIQUE INDEX custom_emojis_name_idx ON custom_emojis (name) WHERE delete_at = 0;

-- What people have begun to write and not sent. Nobody but they may see it.
CREATE TABLE drafts (
    user_id     text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    channel_id  text COLLATE "C" NOT NULL REFERENCES channels ON DELETE CASCADE,
    root_id     text COLLATE "C" NOT NULL DEFAULT '',  -- '' for the channel itself
    create_at   bigint NOT NULL,
    update_at   bigint NOT NULL,
    message     text   NOT NULL,
    type        text   NOT NULL DEFAULT '',
    props       jsonb  NOT NULL DEFAULT '{}',
    file_ids    text[] NOT NULL DEFAULT '{}',  -- of the user's own; those that a post has taken are no longer shown
    priority    jsonb,
    PRIMARY KEY (user_id, channel_id, root_id)
) WITH (fillfactor = 80);

CREATE INDEX drafts_update_at_idx ON drafts (update_at);

-- Links and files that stand above a channel.
CREATE TABLE channel_bookmarks (
    id            text COLLATE "C" PRIMARY KEY,
    create_at     bigint  NOT NULL,
    update_at     bigint  NOT NULL,
    delete_at     bigint  NOT NULL DEFAULT 0,
    channel_id    text COLLATE "C" NOT NULL REFERENCES channels ON DELETE CASCADE,
    owner_id      text COLLATE "C" NOT NULL,
    file_id       text COLLATE "C" NOT NULL DEFAULT '',
    display_name  text    NOT NULL,
    sort_order    integer NOT NULL,
    link_url      text    NOT NULL DEFAULT '',
    image_url     text    NOT NULL DEFAULT '',
    emoji         text    NOT NULL DEFAULT '',
    type          text    NOT NULL,
    original_id   text COLLATE "C" NOT NULL DEFAULT '',  -- the bookmark that someone else changed into this one
    parent_id     text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE INDEX channel_bookmarks_channel_idx ON channel_bookmarks (channel_id, update_at);
CREATE INDEX channel_bookmarks_deleted_idx ON channel_bookmarks (delete_at) WHERE delete_at > 0;

-- A file is taken by a post or by a bookmark; readers of the channel may then read it.
ALTER TABLE files ADD COLUMN bookmark_id text COLLATE "C" NOT NULL DEFAULT '';
