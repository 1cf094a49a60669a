-- What jobs are found by, apart from their documents: a search reads no document that it does not
-- give out.
CREATE TABLE job_words (
    id    INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    owner INTEGER NOT NULL,
    label TEXT,
    words TEXT    NOT NULL  -- prompt and label, without regard to case
) STRICT;
INSERT INTO job_words (id, owner, words)
SELECT
    id,
    coalesce(document ->> '$.owner', 0),
    casefold(coalesce(document ->> '$.params.prompt', '') || char(10))
FROM jobs WHERE json_valid(document);

-- Whose job was started when: the numbers only rise, and the lowest is whose turn is next.
CREATE TABLE turns (
    owner  INTEGER PRIMARY KEY,
    served INTEGER NOT NULL
) STRICT;

-- What was sent under which key, and became which jobs: sent again, it is the same jobs.
CREATE TABLE submissions (
    owner      INTEGER NOT NULL,
    key        TEXT    NOT NULL,
    digest     TEXT    NOT NULL,  -- of the request
    jobs       TEXT    NOT NULL,  -- ids, a JSON array
    created_at REAL    NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;
CREATE INDEX submissions_by_age ON submissions (created_at);
