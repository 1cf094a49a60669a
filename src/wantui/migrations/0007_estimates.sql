-- What was estimated of a stage of a job, and what was measured of it: pure history. Null where
-- nothing was measured, or where the stage had nothing to do.
CREATE TABLE measurements (
    id              INTEGER PRIMARY KEY,
    at              REAL    NOT NULL,
    job             INTEGER NOT NULL,
    device          TEXT    NOT NULL,  -- its name
    model           TEXT    NOT NULL,
    stage           TEXT    NOT NULL,
    formula_bytes   REAL,              -- before what was learned until then
    estimated_bytes REAL,              -- as it was told
    measured_bytes  REAL,
    formula_s       REAL,
    estimated_s     REAL,
    measured_s      REAL
) STRICT;
CREATE INDEX measurements_by_kind ON measurements (device, model, stage, id);

-- How much, by its estimate, proved too much for a device: plans for the same stay below it.
CREATE TABLE too_much (
    device TEXT    NOT NULL,  -- a GPU's UUID, or cpu
    model  TEXT    NOT NULL,
    width  INTEGER NOT NULL,
    height INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    place  TEXT    NOT NULL,  -- a stage, or host
    bytes  REAL    NOT NULL,
    at     REAL    NOT NULL,
    PRIMARY KEY (device, model, width, height, frames, place)
) STRICT;
