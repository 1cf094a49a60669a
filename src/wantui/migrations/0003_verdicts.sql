-- What reading a file whole has shown, as long as its stat stays the same.
CREATE TABLE verdicts (
    device     INTEGER NOT NULL,
    inode      INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    mtime_ns   INTEGER NOT NULL,
    ctime_ns   INTEGER NOT NULL,
    outcome    TEXT    NOT NULL,
    digest     TEXT,
    problem    TEXT,
    checked_at REAL    NOT NULL,
    PRIMARY KEY (device, inode)
) STRICT;
-- A download may be a verification or a repair as well: `downloading` is called `running` now.
UPDATE downloads
SET state = 'running', document = json_set(document, '$.state', 'running')
WHERE state = 'downloading';
