-- Dead letters are bounded in number: beyond the bound they are counted, by trigger.
CREATE INDEX dead_letter_of ON dead_letter (workflow, trigger);

CREATE TABLE dead_beyond (
  workflow TEXT    NOT NULL,
  trigger  TEXT    NOT NULL,
  count    INTEGER NOT NULL,
  first    INTEGER NOT NULL,
  last     INTEGER NOT NULL,
  PRIMARY KEY (workflow, trigger)
) STRICT, WITHOUT ROWID;
