-- Slash commands that call a program outside, and where such a program may answer later.

-- The token goes to the program with every call, so it is kept as it is.
CREATE TABLE commands (
    id                  text COLLATE "C" PRIMARY KEY,
    token               text    NOT NULL,
    create_at           bigint  NOT NULL,
    update_at           bigint  NOT NULL,
    creator_id          text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    team_id             text COLLATE "C" NOT NULL REFERENCES teams ON DELETE CASCADE,
    trigger             text COLLATE "C" NOT NULL,
    method              text    NOT NULL,
    username            text    NOT NULL DEFAULT '',
    icon_url            text    NOT NULL DEFAULT '',
    auto_complete       boolean NOT NULL DEFAULT false,
    auto_complete_desc  text    NOT NULL DEFAULT '',
    auto_complete_hint  text    NOT NULL DEFAULT '',
    display_name        text    NOT NULL DEFAULT '',
    description         text    NOT NULL DEFAULT '',
    url                 text    NOT NULL
);

CREATE UNIQUE INDEX commands_trigger_idx ON commands (team_id, trigger);
CREATE INDEX commands_creator_idx ON commands (creator_id);

-- The id is the secret part of a response_url. Rows live for half an hour, and only the newest of each user.
CREATE TABLE command_responses (
    id          text COLLATE "C" PRIMARY KEY,
    create_at   bigint   NOT NULL,
    command_id  text COLLATE "C" NOT NULL REFERENCES commands ON DELETE CASCADE,
    user_id     text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    channel_id  text COLLATE "C" NOT NULL REFERENCES channels ON DELETE CASCADE,
    root_id     text COLLATE "C" NOT NULL DEFAULT '',
    uses        smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);

CREATE INDEX command_responses_create_at_idx ON command_responses (create_at);
CREATE INDEX command_responses_command_idx ON command_responses (command_id);
CREATE INDEX command_responses_user_idx ON command_responses (user_id, create_at);
CREATE INDEX command_responses_channel_idx ON command_responses (channel_id);
