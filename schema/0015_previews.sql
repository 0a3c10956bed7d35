-- What stands behind links: pages and pictures that were fetched, and what of them is shown below posts.

-- {embeds: [{type, url, data}], images: {url: {width, height, format, frame_count}}}; null for most posts.
ALTER TABLE posts ADD COLUMN preview jsonb;

-- What addresses gave, also that they gave nothing. A cache: rows are swept when they are old or too many.
CREATE TABLE link_previews (
    hash       bytea  PRIMARY KEY,  -- SHA-256 of the address
    url        text   NOT NULL,
    found      jsonb  NOT NULL,     -- {kind, page, image}
    expire_at  bigint NOT NULL
);

CREATE INDEX link_previews_expire_at_idx ON link_previews (expire_at);
