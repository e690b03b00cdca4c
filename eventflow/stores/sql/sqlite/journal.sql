-- The executor's side.

-- name: expired
SELECT {row} FROM run
WHERE status = 'queued' AND started IS NULL AND start_by IS NOT NULL AND start_by < ?
ORDER BY start_by LIMIT ?;

-- name: ready
SELECT {row} FROM run WHERE ready_at <= ? ORDER BY ready_at LIMIT ?;

-- name: vacancies
SELECT no, grp FROM vacancy WHERE no > ? AND no <= ? ORDER BY no LIMIT 64;

-- name: last_vacancy
SELECT max(no) FROM vacancy;

-- name: drop_vacancy
DELETE FROM vacancy WHERE no = ?;

-- name: put_vacancy
INSERT INTO vacancy (grp) VALUES (?);

-- name: line_of_group
SELECT {row} FROM run WHERE grp = ? AND status = 'queued' ORDER BY no LIMIT ?;

-- name: head_of_group
SELECT min(no) FROM run WHERE grp = ? AND status = 'queued';

-- name: occupied
SELECT count(*) FROM run WHERE occupies = ?;

-- name: lease_run
UPDATE run SET worker = ?, epoch = ?, lease_until = ? WHERE no = ?;

-- name: start_run
UPDATE run SET worker = ?, epoch = ?, lease_until = ?, status = 'running', started = coalesce(started, ?), wake_at = NULL
WHERE no = ? AND status = 'queued';

-- name: fixed
SELECT data FROM run_fixed WHERE no = ?;

-- name: lines
SELECT seq, data FROM journal WHERE run = ? ORDER BY seq;

-- name: inbox
SELECT id, kind, log_time, payload FROM inbox WHERE run = ? AND id > ? AND late = 0 ORDER BY id;

-- name: events
SELECT partition, "offset", log_time, data FROM run_event JOIN event ON id = event WHERE run = ? ORDER BY place;

-- name: held
SELECT {row}, (SELECT max(seq) FROM journal WHERE journal.run = run.no) FROM run WHERE id = ?;

-- name: held_still
SELECT status, reason, started, wake_at, inbox_last, inbox_seen, worker, epoch, lease_until,
  (SELECT max(seq) FROM journal WHERE journal.run = run.no)
FROM run WHERE no = ? AND id = ? AND ended IS NULL;

-- name: insert_line
INSERT INTO journal (run, seq, data) VALUES (?, ?, ?);

-- name: update_run
UPDATE run
SET status = ?, reason = ?, wake_at = ?, inbox_seen = ?, worker = ?, lease_until = ?
WHERE no = ? AND epoch = ?;

-- name: renew
UPDATE run SET lease_until = ? WHERE id = ? AND worker = ? AND epoch = ? AND ended IS NULL;

-- name: leased_by
SELECT no FROM run WHERE worker = ? AND ended IS NULL;

-- name: release
UPDATE run SET worker = NULL, lease_until = 0 WHERE no = ?;

-- name: next_wake
SELECT min(t) FROM (
  SELECT (SELECT min(ready_at) FROM run WHERE ready_at IS NOT NULL AND ready_at > ?1) AS t
  UNION ALL
  SELECT (SELECT min(start_by) + 1 FROM run
    WHERE status = 'queued' AND started IS NULL AND start_by IS NOT NULL AND start_by >= ?1)
);

-- name: insert_outbox
INSERT INTO outbox (event) VALUES (?);

-- name: want_newest_waits
INSERT INTO setting (name, value) SELECT 'waits', CAST(ifnull(max(number), 0) AS TEXT) FROM catalogue WHERE true
ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value;
