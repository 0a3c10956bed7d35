-- Groups: people who are called together by one @name.

CREATE TABLE groups (
    id               text COLLATE "C" PRIMARY KEY,
    name             text COLLATE "C",  -- what calls them; none for a group that can't be called
    display_name     text    NOT NULL,
    description      text    NOT NULL DEFAULT '',
    source           text    NOT NULL DEFAULT 'custom',
    create_at        bigint  NOT NULL,
    update_at        bigint  NOT NULL,
    delete_at        bigint  NOT NULL DEFAULT 0,
    allow_reference  boolean NOT NULL DEFAULT true
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX groups_name_idx ON groups (name) WHERE name IS NOT NULL;
CREATE INDEX groups_update_at_idx ON groups (update_at);

CREATE TABLE group_members (
    group_id   text COLLATE "C" NOT NULL REFERENCES groups ON DELETE CASCADE,
    user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    create_at  bigint NOT NULL,
    PRIMARY KEY (group_id, user_id)
);

CREATE INDEX group_members_user_idx ON group_members (user_id);
