-- Background work: a row waits from run_at on; who takes it moves run_at ahead, so that a job whose node died comes back.

CREATE TABLE jobs (
    id         text COLLATE "C" PRIMARY KEY,
    name       text    NOT NULL,
    payload    jsonb   NOT NULL,
    key        text,   -- of jobs that wait once only
    create_at  bigint  NOT NULL,
    run_at     bigint  NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    failed_at  bigint  NOT NULL DEFAULT 0,  -- given up; kept for a while to be looked at
    error      text    NOT NULL DEFAULT ''
) WITH (fillfactor = 80);

CREATE INDEX jobs_run_at_idx ON jobs (run_at) WHERE failed_at = 0;
CREATE UNIQUE INDEX jobs_key_idx ON jobs (key) WHERE key IS NOT NULL AND failed_at = 0;
CREATE INDEX jobs_failed_at_idx ON jobs (failed_at) WHERE failed_at > 0;
