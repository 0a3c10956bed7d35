-- What is made once for an installation and never changes: its identifier, when it was made.

CREATE TABLE systems (
    name   text COLLATE "C" PRIMARY KEY,
    value  text NOT NULL
);
