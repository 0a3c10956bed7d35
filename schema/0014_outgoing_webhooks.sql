-- Outgoing webhooks: programs that are called when somebody writes certain words into open channels of a team.

CREATE TABLE outgoing_webhooks (
    id             text COLLATE "C" PRIMARY KEY,
    token          text    NOT NULL,  -- shown to those who may manage the hook, and to the program with every call
    create_at      bigint  NOT NULL,
    update_at      bigint  NOT NULL,
    delete_at      bigint  NOT NULL DEFAULT 0,
    creator_id     text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    channel_id     text COLLATE "C" REFERENCES channels ON DELETE CASCADE,  -- NULL: all open channels of the team
    team_id        text COLLATE "C" NOT NULL REFERENCES teams ON DELETE CASCADE,
    trigger_words  text[]  NOT NULL,
    trigger_when   integer NOT NULL DEFAULT 0,  -- 0: the first word is one of them, 1: it begins with one
    callback_urls  text[]  NOT NULL,
    display_name   text    NOT NULL DEFAULT '',
    description    text    NOT NULL DEFAULT '',
    content_type   text    NOT NULL,
    username       text    NOT NULL DEFAULT '',
    icon_url       text    NOT NULL DEFAULT ''
);

CREATE INDEX outgoing_webhooks_team_idx ON outgoing_webhooks (team_id, create_at, id);
CREATE INDEX outgoing_webhooks_channel_idx ON outgoing_webhooks (channel_id) WHERE channel_id IS NOT NULL;
CREATE INDEX outgoing_webhooks_creator_idx ON outgoing_webhooks (creator_id);
