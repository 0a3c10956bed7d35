-- Uploaded files and uploads that come in parts. What is in them lies in the store of files, under their ids.

CREATE TABLE files (
    id                 text COLLATE "C" PRIMARY KEY,
    user_id            text COLLATE "C" NOT NULL,
    post_id            text COLLATE "C" NOT NULL DEFAULT '',  -- '' until a post takes it
    channel_id         text COLLATE "C" NOT NULL,
    create_at          bigint  NOT NULL,
    update_at          bigint  NOT NULL,
    delete_at          bigint  NOT NULL DEFAULT 0,
    name               text    NOT NULL,
    extension          text    NOT NULL DEFAULT '',
    size               bigint  NOT NULL,
    mime_type          text    NOT NULL,
    width              integer NOT NULL DEFAULT 0,  -- pixels of a picture as it is seen, upright
    height             integer NOT NULL DEFAULT 0,
    has_preview_image  boolean NOT NULL DEFAULT false,
    mini_preview       text,                        -- a JPEG of 16x16 pixels in base 64
    remote_id          text    NOT NULL DEFAULT '',
    archived           boolean NOT NULL DEFAULT false,
    pictured           boolean NOT NULL DEFAULT false,  -- thumbnail and preview lie in the store
    erase_at           bigint  NOT NULL DEFAULT 0       -- since when row and contents wait to be removed, 0: they stay
);

CREATE INDEX files_post_idx ON files (post_id) WHERE post_id <> '';
CREATE INDEX files_channel_idx ON files (channel_id, delete_at, post_id);
CREATE INDEX files_erase_idx ON files (erase_at) WHERE erase_at > 0;

-- What clients are told of a file.
CREATE VIEW file_infos AS
    SELECT id, user_id, channel_id, create_at, update_at, delete_at, name, extension, size, mime_type, mini_preview,
           remote_id, archived, post_id, width, height, has_preview_image
      FROM files;

-- Uploads that are under way. Each part is stored on its own until the last one has come.
CREATE TABLE upload_sessions (
    id           text COLLATE "C" PRIMARY KEY,
    type         text   NOT NULL,
    create_at    bigint NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    channel_id   text COLLATE "C" NOT NULL,
    filename     text   NOT NULL,
    file_size    bigint NOT NULL,
    file_offset  bigint NOT NULL DEFAULT 0,
    remote_id    text   NOT NULL DEFAULT '',
    req_file_id  text   NOT NULL DEFAULT '',
    parts        text[] NOT NULL DEFAULT '{}'  -- where they lie in the store, in order
);

CREATE INDEX upload_sessions_user_idx ON upload_sessions (user_id, create_at);
CREATE INDEX upload_sessions_create_at_idx ON upload_sessions (create_at);
