-- Work that gives proven files names or takes names away, while it is under way. A name more or less
-- changes a file's ctime, and a verdict goes by that: where a kill leaves it untold, the file is read
-- again.
CREATE TABLE naming (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL
) STRICT;
