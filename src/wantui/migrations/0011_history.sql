-- What became of a job, and when: one row a change of its state, and what goes with one. A claim that
-- came to nothing leaves none.
CREATE TABLE job_history (
    id      INTEGER PRIMARY KEY,
    job     INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    at      REAL    NOT NULL,
    what    TEXT    NOT NULL,
    attempt INTEGER,
    note    TEXT
) STRICT;
CREATE INDEX job_history_by_job ON job_history (job, id);
INSERT INTO job_history (job, at, what)
SELECT id, created_at, 'accepted' FROM jobs;
INSERT INTO job_history (job, at, what)
SELECT id, document ->> '$.finished_at', state
FROM jobs WHERE json_valid(document) AND document ->> '$.finished_at' IS NOT NULL;
