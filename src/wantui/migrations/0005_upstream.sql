-- What the hub said of a repository's main branch when it was last asked.
CREATE TABLE upstream (
    repository TEXT PRIMARY KEY,
    document   TEXT NOT NULL
) STRICT;
