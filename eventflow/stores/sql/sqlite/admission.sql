-- Making runs: the only statements that write into run (W12).

-- name: known
SELECT status FROM run WHERE id = ?1 UNION ALL SELECT 'gone' FROM gone_run WHERE id = ?1 LIMIT 1;

-- name: occupancy
SELECT
  (SELECT count(*) FROM run WHERE grp = ?1 AND status = 'queued'),
  (SELECT count(*) FROM run WHERE occupies = ?1);

-- name: next_number
INSERT INTO sequence (workflow, number) VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1 RETURNING number;

-- name: insert_run
INSERT INTO run (id, workflow, number, definition, grp, places, status, reason, created, ended, start_by, parent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_fixed
INSERT INTO run_fixed (no, data) VALUES (?, ?);

-- name: find_event
SELECT id FROM event WHERE partition = ? AND "offset" = ? AND digest = ?;

-- name: insert_event
INSERT INTO event (partition, "offset", digest, log_time, data) VALUES (?, ?, ?, ?, ?);

-- name: insert_run_event
INSERT INTO run_event (run, place, event) VALUES (?, ?, ?);

-- name: events
SELECT partition, "offset", log_time, data FROM run_event JOIN event ON id = event WHERE run = ? ORDER BY place;

-- name: queued_of_group
SELECT {row} FROM run WHERE grp = ? AND status = 'queued' ORDER BY no;

-- name: occupying_of_group
SELECT id FROM run WHERE occupies = ? ORDER BY no;

-- name: first_of_group
SELECT coalesce(
  (SELECT id FROM run WHERE occupies = ?1 ORDER BY no LIMIT 1),
  (SELECT id FROM run WHERE grp = ?1 AND status = 'queued' ORDER BY no LIMIT 1)
);

-- name: run_with_fixed
SELECT {row}, run_fixed.data FROM run JOIN run_fixed USING (no) WHERE id = ?;

-- name: definition_known
SELECT 1 FROM definition WHERE hash = ?;
