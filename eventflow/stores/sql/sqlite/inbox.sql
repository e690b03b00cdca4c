-- What reaches runs: items, arrivals, waits (W20).

-- name: receiver
SELECT no, ended FROM run WHERE id = ?;

-- name: insert_item
INSERT INTO inbox (run, identity, late, kind, log_time, payload) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (run, identity) DO NOTHING;

-- name: wake_receiver
UPDATE run SET inbox_last = ? WHERE no = ?;

-- name: open_of_workflow
SELECT id FROM run WHERE workflow = ? AND ended IS NULL ORDER BY no;

-- name: insert_arrival
INSERT INTO arrival (definition, selector, key, partition, "offset", log_time, data) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: waiting_for
SELECT run.id, wait.path, wait.visit FROM wait JOIN run ON run.no = wait.run
WHERE wait.kind = 'event' AND wait.definition = ? AND wait.selector = ? AND wait.key IS ? AND wait.since <= ?
ORDER BY wait.run, wait.path, wait.visit;

-- name: insert_wait
INSERT INTO wait (run, path, visit, kind, definition, selector, key, since, after, deadline, show)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: withdraw
DELETE FROM wait WHERE run = ? AND path = ? AND visit = ?;

-- name: arrived
SELECT id, partition, "offset", log_time, data FROM arrival
WHERE definition = ? AND selector = ? AND key IS ? AND id > ? AND log_time >= ?
ORDER BY id;
