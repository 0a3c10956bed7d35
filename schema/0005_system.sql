-- The settings that administrators edit: every version is kept, one is active.

CREATE TABLE configurations (
    id         text COLLATE "C" PRIMARY KEY,
    create_at  bigint NOT NULL,
    value      jsonb  NOT NULL,
    active     boolean NOT NULL
);

CREATE UNIQUE INDEX configurations_active_idx ON configurations (active) WHERE active;

-- Nodes say every few seconds that they live. Nothing is lost if this table is.
CREATE UNLOGGED TABLE nodes (
    id          text COLLATE "C" PRIMARY KEY,
    address     text   NOT NULL,
    version     text   NOT NULL,
    started_at  bigint NOT NULL,
    seen_at     bigint NOT NULL
);
