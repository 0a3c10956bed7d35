-- What is found by words: the terms of posts and of files, apart from both, so that counters that move in posts
-- don't touch the index, and lists of posts don't read it.
-- The terms are made by features/search/terms.py, alike on every machine, whatever locale its database has.

CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Live posts of people and programs; those of the server itself are not found.
CREATE TABLE post_terms (
    channel_id  text COLLATE "C" NOT NULL,
    create_at   bigint   NOT NULL,
    id          text COLLATE "C" NOT NULL,  -- of the post
    user_id     text COLLATE "C" NOT NULL,
    terms       tsvector NOT NULL,
    PRIMARY KEY (channel_id, create_at, id)
);

-- New entries wait in a list, which a sweep takes into the index; searches read the list too, so it must stay short.
CREATE INDEX post_terms_idx ON post_terms USING gin (channel_id, user_id, terms)
  WITH (fastupdate = on, gin_pending_list_limit = 1024);
-- From its first day on such a table is only written at its end: old pages are frozen soon and not looked at again.
ALTER TABLE post_terms SET (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- Files that were uploaded; found once a post has them. The terms are those of the name and of the text in the file.
CREATE TABLE file_terms (
    channel_id  text COLLATE "C" NOT NULL,
    create_at   bigint   NOT NULL,
    id          text COLLATE "C" NOT NULL REFERENCES files ON DELETE CASCADE,
    user_id     text COLLATE "C" NOT NULL,
    extension   text COLLATE "C" NOT NULL,
    terms       tsvector NOT NULL,
    PRIMARY KEY (channel_id, create_at, id)
);

CREATE UNIQUE INDEX file_terms_id_idx ON file_terms (id);
CREATE INDEX file_terms_idx ON file_terms USING gin (channel_id, user_id, extension, terms)
  WITH (fastupdate = on, gin_pending_list_limit = 1024);

-- Up to which post the older ones are noted that were written without terms, and before which time such may be written:
-- by nodes of an older version, for a while after this file. No row when all is done.
CREATE TABLE posts_to_note (
    after_id  text COLLATE "C" NOT NULL,
    until     bigint NOT NULL
);

INSERT INTO posts_to_note VALUES ('', (extract(epoch FROM now()) * 1000)::bigint + 3600000);

-- Whatever takes a post away takes its terms away, and a post that is moved is found where it is.
CREATE FUNCTION forget_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM post_terms USING gone
     WHERE post_terms.channel_id = gone.channel_id AND post_terms.create_at = gone.create_at AND post_terms.id = gone.id;
    RETURN NULL;
END $$;

CREATE TRIGGER posts_forget_terms AFTER DELETE ON posts
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION forget_terms();

CREATE FUNCTION move_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.delete_at > 0 THEN
        DELETE FROM post_terms WHERE channel_id = OLD.channel_id AND create_at = OLD.create_at AND id = OLD.id;
    ELSE
        UPDATE post_terms SET channel_id = NEW.channel_id, create_at = NEW.create_at, user_id = NEW.user_id
         WHERE channel_id = OLD.channel_id AND create_at = OLD.create_at AND id = OLD.id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER posts_move_terms AFTER UPDATE OF delete_at, channel_id, create_at, user_id ON posts
    FOR EACH ROW
    WHEN ((OLD.delete_at = 0 AND NEW.delete_at > 0) OR OLD.channel_id <> NEW.channel_id
          OR OLD.create_at <> NEW.create_at OR OLD.user_id <> NEW.user_id)
    EXECUTE FUNCTION move_terms();

CREATE FUNCTION move_file_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE file_terms SET channel_id = NEW.channel_id WHERE id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER files_move_terms AFTER UPDATE OF channel_id ON files
    FOR EACH ROW WHEN (OLD.channel_id <> NEW.channel_id) EXECUTE FUNCTION move_file_terms();
