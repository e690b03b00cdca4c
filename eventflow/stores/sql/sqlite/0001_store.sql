-- The store on SQLite. Times are microseconds of the log clock; `no` is the run's place in the order of creation.
-- docs/reference/store.md tells the tables to people.

-- ------------------------------------------------------------------------------------------------- where the router is
CREATE TABLE partition (
  partition   INTEGER PRIMARY KEY,
  position    INTEGER NOT NULL,
  mark        BLOB    NOT NULL,
  memory_at   INTEGER NOT NULL,
  memory_mark BLOB    NOT NULL,
  last        TEXT    NOT NULL,
  catalogue   INTEGER NOT NULL,
  log_time    INTEGER NOT NULL
) STRICT;

CREATE TABLE memory (
  partition INTEGER NOT NULL,
  slot      TEXT    NOT NULL,
  value     BLOB    NOT NULL,
  PRIMARY KEY (partition, slot)
) STRICT, WITHOUT ROWID;

-- -------------------------------------------------------------------------------------------------------- definitions
CREATE TABLE definition (
  hash TEXT PRIMARY KEY,
  text BLOB NOT NULL
) STRICT;

CREATE TABLE catalogue (
  number INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL
) STRICT;

CREATE TABLE catalogue_entry (
  number     INTEGER NOT NULL REFERENCES catalogue (number),
  workflow   TEXT    NOT NULL,
  definition TEXT    NOT NULL REFERENCES definition (hash),
  PRIMARY KEY (number, workflow)
) STRICT, WITHOUT ROWID;

-- --------------------------------------------------------------------------------------------------------------- runs
-- What changes; what never changes is in run_fixed, so that a change of status rewrites few bytes.
CREATE TABLE run (
  no          INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL UNIQUE,
  workflow    TEXT    NOT NULL,
  number      INTEGER NOT NULL,
  definition  TEXT    NOT NULL,
  grp         TEXT    NOT NULL,
  places      INTEGER NOT NULL,
  status      TEXT    NOT NULL,
  reason      TEXT,
  created     INTEGER NOT NULL,
  started     INTEGER,
  ended       INTEGER,
  start_by    INTEGER,
  wake_at     INTEGER,
  parent      TEXT,
  inbox_last  INTEGER NOT NULL DEFAULT 0,
  inbox_seen  INTEGER NOT NULL DEFAULT 0,
  worker      TEXT,
  epoch       INTEGER NOT NULL DEFAULT 0,
  lease_until INTEGER NOT NULL DEFAULT 0,
  -- From when on somebody must take it, as far as time alone decides; a queued run also waits for room in its group.
  ready_at    INTEGER AS (
    CASE
      WHEN ended IS NOT NULL THEN NULL
      WHEN status = 'running' OR inbox_last > inbox_seen THEN lease_until
      WHEN status = 'queued' THEN nullif(lease_until, 0)
      WHEN wake_at IS NOT NULL THEN max(wake_at, lease_until)
    END
  ) VIRTUAL,
  -- The group in which it takes a place.
  occupies    TEXT    AS (CASE WHEN status = 'running' OR status = 'waiting' THEN grp END) VIRTUAL
) STRICT;

-- Predicates are written with `ended` where they can be: an index whose predicate names a column is rewritten whenever
-- that column changes. And with OR: a list of more than two makes SQLite build a table for each row it looks at.
CREATE INDEX run_workflow  ON run (workflow, no);
CREATE INDEX run_open      ON run (workflow, no, definition) WHERE ended IS NULL;
CREATE INDEX run_queued    ON run (grp, no)    WHERE status = 'queued';
CREATE INDEX run_occupying ON run (occupies, no) WHERE occupies IS NOT NULL;
CREATE INDEX run_unhappy   ON run (status, no) WHERE status = 'failed' OR status = 'cancelled' OR status = 'suppressed';
CREATE INDEX run_ready     ON run (ready_at)   WHERE ready_at IS NOT NULL;
CREATE INDEX run_start_by  ON run (start_by)   WHERE start_by IS NOT NULL AND started IS NULL AND status = 'queued';
CREATE INDEX run_parent    ON run (parent)     WHERE parent IS NOT NULL;
CREATE INDEX run_ended     ON run (ended)      WHERE ended IS NOT NULL;

CREATE TABLE run_fixed (
  no      INTEGER PRIMARY KEY,
  data    BLOB NOT NULL,
  outputs BLOB
) STRICT;

CREATE TABLE sequence (
  workflow TEXT PRIMARY KEY,
  number   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Runs that retention took: their ids stay known for longer than any dedup window (W13).
CREATE TABLE gone_run (
  id      TEXT PRIMARY KEY,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX gone_run_age ON gone_run (created);

-- Groups to look at: somebody is queued and there may be room. A hint, never an answer: room is counted.
CREATE TABLE vacancy (
  no  INTEGER PRIMARY KEY,
  grp TEXT NOT NULL UNIQUE
) STRICT;

CREATE TRIGGER run_queues AFTER INSERT ON run WHEN new.status = 'queued'
BEGIN
  INSERT INTO vacancy (grp) VALUES (new.grp) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER run_moves AFTER UPDATE OF status ON run
  WHEN new.status = 'queued' AND old.status <> 'queued'
  OR (new.ended IS NOT NULL OR new.status = 'paused') AND old.ended IS NULL
    AND EXISTS (SELECT 1 FROM run WHERE grp = new.grp AND status = 'queued')
BEGIN
  INSERT INTO vacancy (grp) VALUES (new.grp) ON CONFLICT DO NOTHING;
END;

-- How many runs have ended how: for people. Nothing is decided by it.
CREATE TABLE tally (
  workflow TEXT    NOT NULL,
  status   TEXT    NOT NULL,
  runs     INTEGER NOT NULL,
  PRIMARY KEY (workflow, status)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER run_born_ended AFTER INSERT ON run WHEN new.ended IS NOT NULL
BEGIN
  INSERT INTO tally VALUES (new.workflow, new.status, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
END;

CREATE TRIGGER run_ends AFTER UPDATE OF status ON run WHEN new.ended IS NOT NULL AND old.ended IS NULL
BEGIN
  INSERT INTO tally VALUES (new.workflow, new.status, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
END;

CREATE TRIGGER run_goes AFTER DELETE ON run WHEN old.ended IS NOT NULL
BEGIN
  UPDATE tally SET runs = runs - 1 WHERE workflow = old.workflow AND status = old.status;
END;

-- One copy per event, shared by the runs that it started.
CREATE TABLE event (
  id        INTEGER PRIMARY KEY,
  partition INTEGER NOT NULL,
  "offset"  INTEGER NOT NULL,
  digest    BLOB    NOT NULL,
  log_time  INTEGER NOT NULL,
  data      BLOB    NOT NULL,
  UNIQUE (partition, "offset", digest)
) STRICT;

CREATE TABLE run_event (
  run   INTEGER NOT NULL,
  place INTEGER NOT NULL,
  event INTEGER NOT NULL,
  PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_event_event ON run_event (event);

CREATE TABLE journal (
  run  INTEGER NOT NULL,
  seq  INTEGER NOT NULL,
  data BLOB    NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

-- ----------------------------------------------------------------------------------------------- what reaches runs
-- `run` is the id, not the number: something can be for a run that never was; it is kept as late.
CREATE TABLE inbox (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  run      TEXT    NOT NULL,
  identity TEXT    NOT NULL,
  late     INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  log_time INTEGER NOT NULL,
  payload  BLOB    NOT NULL,
  UNIQUE (run, identity)
) STRICT;

CREATE INDEX inbox_run ON inbox (run, id);
CREATE INDEX inbox_late ON inbox (log_time) WHERE late = 1;

CREATE TABLE wait (
  run        INTEGER NOT NULL,
  path       TEXT    NOT NULL,
  visit      INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  definition TEXT    NOT NULL,
  selector   TEXT    NOT NULL,
  key        TEXT,
  since      INTEGER NOT NULL,
  after      INTEGER NOT NULL,
  deadline   INTEGER,
  show       BLOB    NOT NULL,
  PRIMARY KEY (run, path, visit)
) STRICT, WITHOUT ROWID;

CREATE INDEX wait_event ON wait (definition, selector, key) WHERE kind = 'event';
CREATE INDEX wait_answer ON wait (run, path, visit) WHERE kind = 'answer';
CREATE INDEX wait_deadline ON wait (deadline) WHERE deadline IS NOT NULL;

CREATE TABLE arrival (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  definition TEXT    NOT NULL,
  selector   TEXT    NOT NULL,
  key        TEXT,
  partition  INTEGER NOT NULL,
  "offset"   INTEGER NOT NULL,
  log_time   INTEGER NOT NULL,
  data       BLOB    NOT NULL
) STRICT;

CREATE INDEX arrival_wait ON arrival (definition, selector, key, id);
CREATE INDEX arrival_age  ON arrival (definition, log_time);

-- ------------------------------------------------------------------------------------------------ what the engine says
CREATE TABLE outbox (
  id    INTEGER PRIMARY KEY AUTOINCREMENT,
  event BLOB NOT NULL
) STRICT;

CREATE TABLE outcome (
  id        INTEGER PRIMARY KEY,
  partition INTEGER NOT NULL,
  "offset"  INTEGER NOT NULL,
  log_time  INTEGER NOT NULL,
  data      BLOB    NOT NULL
) STRICT;

CREATE INDEX outcome_ref ON outcome (partition, "offset");
CREATE INDEX outcome_age ON outcome (log_time);

CREATE TABLE dead_letter (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  partition INTEGER NOT NULL,
  "offset"  INTEGER NOT NULL,
  log_time  INTEGER NOT NULL,
  workflow  TEXT    NOT NULL,
  trigger   TEXT    NOT NULL,
  error     TEXT    NOT NULL,
  data      BLOB    NOT NULL
) STRICT;

CREATE INDEX dead_letter_age ON dead_letter (log_time);

-- ---------------------------------------------------------------------------------------------------------- the house
CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
  name   TEXT PRIMARY KEY,
  worker TEXT    NOT NULL,
  until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
