-- Retention: what is over and old, and what nothing points at any more.

-- name: ended_before
SELECT no, id, created FROM run WHERE ended IS NOT NULL AND ended < ? ORDER BY ended LIMIT ?;

-- name: remember_id
INSERT INTO gone_run (id, created) VALUES (?, ?);

-- name: forget_ids
DELETE FROM gone_run WHERE id IN (SELECT id FROM gone_run WHERE created < ? LIMIT ?);

-- name: delete_run
DELETE FROM run WHERE no = ?;

-- name: delete_fixed
DELETE FROM run_fixed WHERE no = ?;

-- name: delete_journal
DELETE FROM journal WHERE run = ?;

-- name: delete_items
DELETE FROM inbox WHERE run = ?;

-- name: events_of
SELECT event FROM run_event WHERE run = ?;

-- name: delete_run_events
DELETE FROM run_event WHERE run = ?;

-- name: delete_orphan
DELETE FROM event WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM run_event WHERE event = ?1);

-- name: delete_strays
DELETE FROM inbox WHERE id IN (
  SELECT id FROM inbox
  WHERE late = 1 AND log_time < ? AND NOT EXISTS (SELECT 1 FROM run WHERE run.id = inbox.run) LIMIT ?
);

-- name: delete_outcomes
DELETE FROM outcome WHERE id IN (SELECT id FROM outcome WHERE log_time < ? LIMIT ?);

-- name: delete_dead
DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE log_time < ? LIMIT ?);

-- name: forget_beyond
DELETE FROM dead_beyond WHERE last < ?;

-- name: arrival_definitions
SELECT definition, min(log_time) FROM arrival GROUP BY definition;

-- name: oldest_own_event
SELECT min(coalesce(event.log_time, run.created))
FROM run LEFT JOIN run_event ON run_event.run = run.no LEFT JOIN event ON event.id = run_event.event
WHERE run.definition = ? AND run.ended IS NULL;

-- name: read_past
SELECT min(log_time) FROM partition;

-- name: delete_arrivals
DELETE FROM arrival WHERE id IN (SELECT id FROM arrival WHERE definition = ? AND log_time < ? LIMIT ?);

-- name: delete_entries
DELETE FROM catalogue_entry
WHERE number < (SELECT max(number) FROM catalogue) AND number < (SELECT min(catalogue) FROM partition);

-- name: delete_catalogues
DELETE FROM catalogue
WHERE number < (SELECT max(number) FROM catalogue) AND number < (SELECT min(catalogue) FROM partition);

-- name: delete_definitions
DELETE FROM definition
WHERE hash NOT IN (SELECT definition FROM catalogue_entry) AND hash NOT IN (SELECT definition FROM run)
RETURNING hash;
