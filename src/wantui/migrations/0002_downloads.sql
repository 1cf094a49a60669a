-- What was asked to be pulled, so that it goes on after a restart.
CREATE TABLE downloads (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    state    TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
