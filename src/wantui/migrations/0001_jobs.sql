-- A job is its own columns, by which it is found and ordered, and the rest as one JSON document.
CREATE TABLE jobs (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,  -- short, and never reused
    state            TEXT    NOT NULL,
    model            TEXT    NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    rev              INTEGER NOT NULL,
    created_at       REAL    NOT NULL,
    document         TEXT    NOT NULL
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, id);

-- One row: whether the queue hands out jobs.
CREATE TABLE queue (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    paused INTEGER NOT NULL
) STRICT;
INSERT INTO queue (one, paused) VALUES (1, 0);
