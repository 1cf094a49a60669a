-- How jobs that ran have ended. Kept when the job itself goes, and counted without reading it.
CREATE TABLE generations (
    job       INTEGER NOT NULL,
    model     TEXT    NOT NULL,
    ended_at  REAL    NOT NULL,
    succeeded INTEGER NOT NULL,
    seconds   REAL    NOT NULL,  -- that a worker was at it, all attempts together
    PRIMARY KEY (ended_at, job)
) STRICT, WITHOUT ROWID;

INSERT INTO generations (job, model, ended_at, succeeded, seconds)
SELECT
    id,
    model,
    document ->> '$.finished_at',
    state = 'completed',
    (
        SELECT total(max((value ->> '$.finished_at') - (value ->> '$.started_at'), 0))
        FROM json_each(document, '$.attempts')
    )
FROM jobs
WHERE state IN ('completed', 'failed')
    AND json_array_length(document, '$.attempts') > 0
    AND document ->> '$.finished_at' IS NOT NULL;
