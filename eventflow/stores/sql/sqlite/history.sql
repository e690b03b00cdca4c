-- The reader's side, and retention.

-- name: run
SELECT {row}, run_fixed.data, run_fixed.outputs FROM run JOIN run_fixed USING (no) WHERE id = ?;

-- name: runs
SELECT {row}, run_fixed.data, run_fixed.outputs FROM run JOIN run_fixed USING (no)
WHERE no < ?1 ORDER BY no DESC LIMIT ?2;

-- name: runs_of_workflow
SELECT {row}, run_fixed.data, run_fixed.outputs FROM run JOIN run_fixed USING (no)
WHERE workflow = ?3 AND no < ?1 ORDER BY no DESC LIMIT ?2;

-- name: runs_of_event
SELECT {row}, run_fixed.data, run_fixed.outputs FROM run JOIN run_fixed USING (no)
WHERE no IN (
  SELECT run FROM event JOIN run_event ON event = event.id WHERE partition = ?3 AND "offset" = ?4 AND run < ?1
) ORDER BY no DESC LIMIT ?2;

-- name: no_of
SELECT no FROM run WHERE id = ?;

-- name: all_items
SELECT id, kind, log_time, payload FROM inbox WHERE run = ? ORDER BY id;

-- name: questions
SELECT run.id, run.workflow, path, visit, kind, selector, key, since, after, deadline, show
FROM wait JOIN run ON run.no = wait.run
WHERE kind = 'answer' AND (wait.run, path, visit) > (?, ?, ?)
ORDER BY wait.run, path, visit LIMIT ?;

-- name: outcomes
SELECT data FROM outcome WHERE partition = ? AND "offset" = ? ORDER BY id;

-- name: dead
SELECT id, partition, "offset", log_time, workflow, trigger, error, data FROM dead_letter
WHERE id < ? ORDER BY id DESC LIMIT ?;

-- name: tally
SELECT workflow, status, runs FROM tally WHERE runs > 0;

-- name: count_open
SELECT workflow, status, count(*) FROM run
WHERE ended IS NULL GROUP BY workflow, status;

-- name: lines
SELECT seq, data FROM journal WHERE run = ? ORDER BY seq;

-- name: events
SELECT partition, "offset", log_time, data FROM run_event JOIN event ON id = event WHERE run = ? ORDER BY place;
