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
