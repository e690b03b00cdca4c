-- name: insert
INSERT INTO dead_letter (partition, "offset", log_time, workflow, trigger, error, data) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: kept_of
SELECT count(*) FROM (SELECT 1 FROM dead_letter WHERE workflow = ? AND trigger = ? LIMIT ?);

-- name: kept
SELECT count(*) FROM (SELECT 1 FROM dead_letter LIMIT ?);

-- name: count_on
UPDATE dead_beyond SET count = count + ?, last = max(last, ?) WHERE workflow = ? AND trigger = ?;

-- name: begin_to_count
INSERT INTO dead_beyond (count, first, last, workflow, trigger) VALUES (?, ?, ?, ?, ?);

-- name: beyond
SELECT workflow, trigger, count, first, last FROM dead_beyond ORDER BY workflow, trigger;
