"""Dead letters: so many are kept of each trigger and of records as a whole; what comes beyond is counted (G8).

Whoever floods the log with records that cannot be decided fills neither the disk nor the place of a letter that
somebody needs: the first ones are kept, since they say what is wrong, and each trigger has its own room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.model.control import DEAD_LETTERS_LIMIT, DeadLettersLimit
from eventflow.model.control import record as engine_record
from eventflow.model.outcome import DeadCount
from eventflow.stores.sqlite.rows import exactly
from eventflow.stores.sqlite.statements import load

if TYPE_CHECKING:
    from eventflow.model.commit import Commit
    from eventflow.model.outcome import DeadLetter
    from eventflow.stores.sqlite.sql import Sql

SQL = load("dead")
IN_ALL: Final = 10
"""So many times the bound of one trigger are kept in all."""
DATA: Final = 64 * 1024
"""Bytes of a record that a letter copies; a larger one is in the log only."""


def bury(db: Sql, it: Commit, limit: int) -> list[DeadLettersLimit]:
    """Keep or count the dead letters of a commit; of each trigger that has no room from now on, what is to be told."""
    rooms: dict[tuple[str, str], int] = {}
    over: dict[tuple[str, str], list[DeadLetter]] = {}
    left = IN_ALL * limit - int(db.execute(SQL.kept, (IN_ALL * limit,)).get) if it.dead else 0
    for letter in it.dead:
        name = (letter.workflow, letter.trigger)
        if name not in rooms:
            rooms[name] = limit - int(db.execute(SQL.kept_of, (*name, limit)).get)
        if letter.always or (left > 0 and rooms[name] > 0):
            _insert(db, letter)
            left, rooms[name] = left - 1, rooms[name] - 1
        else:
            over.setdefault(name, []).append(letter)
    return [DeadLettersLimit(*name, limit) for name, letters in over.items() if _count(db, name, letters)]


def told(it: Commit, full: DeadLettersLimit) -> bytes:
    """The engine event of it."""
    return engine_record(DEAD_LETTERS_LIMIT, f"{it.id}/dead/{full.workflow}/{full.trigger}", it.log_time, full)


def beyond(db: Sql) -> list[DeadCount]:
    """See `History.dead_beyond`."""
    return [DeadCount(*row) for row in db.execute(SQL.beyond)]


def _insert(db: Sql, letter: DeadLetter) -> None:
    error, data = letter.error, letter.data
    if len(data) > DATA:
        error, data = f"{error} (its {len(data):,} bytes are in the log only)", b""
    where = (letter.ref.partition, letter.ref.offset, letter.log_time)
    db.execute(SQL.insert, (*where, letter.workflow, letter.trigger, error, data))


def _count(db: Sql, name: tuple[str, str], letters: list[DeadLetter]) -> bool:
    """Count letters that are not kept; whether they are the first."""
    times = [letter.log_time for letter in letters]
    db.execute(SQL.count_on, (len(letters), max(times), *name))
    if db.changes():
        return False
    db.execute(SQL.begin_to_count, (len(letters), min(times), max(times), *name))
    exactly(db, 1, "count of dead letters")
    return True
