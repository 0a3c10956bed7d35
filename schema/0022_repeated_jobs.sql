-- A job that waits once only may be asked for again while somebody runs it, who may have read what has changed since.

ALTER TABLE jobs ADD COLUMN again boolean NOT NULL DEFAULT false;
