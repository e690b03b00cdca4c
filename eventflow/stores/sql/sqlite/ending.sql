-- The end of a run and what reaches others by it (W22).

-- name: end_run
UPDATE run
SET status = ?, reason = ?, ended = ?, inbox_seen = max(inbox_seen, ?), wake_at = NULL, worker = NULL, lease_until = 0
WHERE no = ? AND ended IS NULL;

-- name: set_outputs
UPDATE run_fixed SET outputs = ? WHERE no = ?;

-- name: fixed
SELECT data FROM run_fixed WHERE no = ?;

-- name: withdraw_all
DELETE FROM wait WHERE run = ?;

-- name: open_children
SELECT id FROM run WHERE parent = ? AND ended IS NULL ORDER BY no;

-- name: insert_outbox
INSERT INTO outbox (event) VALUES (?);
