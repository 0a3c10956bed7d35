-- Lists ask how large the props of a post are without reading them. That is known of what is stored as it is;
-- packed, a few thousand bytes may hold 800,000.

ALTER TABLE posts ALTER COLUMN props SET STORAGE EXTERNAL;
