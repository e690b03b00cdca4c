-- One segment of the log. A row is what one group commit appended to one partition: the offsets [base, base + count),
-- all of one log time (microseconds). `data` holds the lengths of the records, each four bytes, little-endian, and then
-- the records; `checksum` is the CRC-32 of `data`.
CREATE TABLE data (
  base INTEGER PRIMARY KEY, count INTEGER NOT NULL, log_time INTEGER NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE TABLE control (
  base INTEGER PRIMARY KEY, count INTEGER NOT NULL, log_time INTEGER NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
-- The last stamp given before this segment began: log time goes on from there when everything older is gone.
CREATE TABLE floor (log_time INTEGER NOT NULL) STRICT;
