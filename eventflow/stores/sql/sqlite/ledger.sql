-- The router's side.

-- name: partition
SELECT position, mark, memory_at, memory_mark, last, catalogue, log_time FROM partition WHERE partition = ?;

-- name: memory
SELECT slot, value FROM memory WHERE partition = ?;

-- name: last
SELECT last FROM partition WHERE partition = ?;

-- name: waits_wanted
SELECT max((SELECT ifnull(max(catalogue), 0) FROM partition),
           ifnull((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'waits'), 0));

-- name: first_commit
INSERT INTO partition (partition, position, mark, memory_at, memory_mark, last, catalogue, log_time)
VALUES (?1, ?2, ?3, 0, x'', ?4, 0, ?5);

-- name: advance
UPDATE partition SET position = ?2, mark = ?3, last = ?4, log_time = max(log_time, ?5)
WHERE partition = ?1 AND last = ?6;

-- name: checkpoint
UPDATE partition SET memory_at = position, memory_mark = mark, catalogue = ? WHERE partition = ?;

-- name: put_slot
INSERT INTO memory (partition, slot, value) VALUES (?, ?, ?)
ON CONFLICT (partition, slot) DO UPDATE SET value = excluded.value;

-- name: drop_slot
DELETE FROM memory WHERE partition = ? AND slot = ?;

-- name: insert_outcome
INSERT INTO outcome (partition, "offset", log_time, data) VALUES (?, ?, ?, ?);

-- name: partitions
SELECT partition, position, memory_at, log_time FROM partition;

-- name: earliest_deadline
SELECT min(t) FROM (
  SELECT (SELECT min(deadline) FROM wait WHERE deadline IS NOT NULL) AS t
  UNION ALL
  SELECT (SELECT min(start_by) FROM run WHERE status = 'queued' AND started IS NULL AND start_by IS NOT NULL)
);

-- name: newest_catalogue
SELECT max(number) FROM catalogue;

-- name: catalogue_exists
SELECT 1 FROM catalogue WHERE number = ?;

-- name: catalogue_entries
SELECT workflow, hash, text FROM catalogue_entry JOIN definition ON hash = definition WHERE number = ?;

-- name: insert_catalogue
INSERT INTO catalogue (number, at) VALUES (?, ?);

-- name: insert_definition
INSERT INTO definition (hash, text) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: insert_catalogue_entry
INSERT INTO catalogue_entry (number, workflow, definition) VALUES (?, ?, ?);

-- name: open_definitions
SELECT hash, text FROM definition
WHERE hash IN (SELECT definition FROM run WHERE ended IS NULL);

-- name: definition
SELECT text FROM definition WHERE hash = ?;

-- name: outbox
SELECT id, event FROM outbox ORDER BY id LIMIT ?;

-- name: outbox_done
DELETE FROM outbox WHERE id = ?;

-- name: put_setting
INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: setting
SELECT value FROM setting WHERE name = ?;

-- name: take_lease
INSERT INTO lease (name, worker, until) VALUES (?1, ?2, ?3)
ON CONFLICT DO UPDATE SET worker = excluded.worker, until = excluded.until
WHERE lease.worker = excluded.worker OR lease.until <= ?4;

-- name: admitted
SELECT status FROM run WHERE id = ?;

-- name: insert_outbox
INSERT INTO outbox (event) VALUES (?);
