"""Retention: removes runs that ended long ago and everything that only they needed (W6, W13, W20).

Never an open run, never an arrival that an open run or an unread partition may still need, never a definition that a
kept run or a partition's memory was decided by. The ids of removed runs stay known for longer than any dedup window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.stores.sqlite.rows import exactly
from eventflow.stores.sqlite.statements import load

if TYPE_CHECKING:
    from eventflow.model.event import Micros
    from eventflow.stores.sqlite.memo import Memo
    from eventflow.stores.sqlite.sql import Sql


SQL = load("retention")

DAY: Micros = 86_400_000_000
KEEP_IDS: Micros = 30 * DAY
"""How long the id of a run is known after its creation (W13)."""
LOOKBACK: Micros = DAY
"""How long an arrival is kept at least: no wait may look back further."""
AT_ONCE = 500
"""How many rows of a kind go in one transaction, so that none is long."""


def prune(db: Sql, runs_before: Micros, now: Micros, memo: Memo) -> int:
    """One portion of `Ledger.prune`; 0 when nothing is left to remove."""
    removed = 0
    for no, id_, created in db.execute(SQL.ended_before, (runs_before, AT_ONCE)).fetchall():
        _remove(db, no, id_)
        removed += 1
        if created >= now - KEEP_IDS:
            db.execute(SQL.remember_id, (id_, created))
    removed += _many(db, SQL.forget_ids, now - KEEP_IDS)
    for statement in (SQL.delete_strays, SQL.delete_outcomes, SQL.delete_dead):
        removed += _many(db, statement, runs_before)
    db.execute(SQL.forget_beyond, (runs_before,))
    removed += db.changes() + _arrivals(db, now)
    # Catalogues go below the lowest one in force only: a router may just be taking over one that is not the newest.
    for statement in (SQL.delete_entries, SQL.delete_catalogues, SQL.delete_definitions):
        db.execute(statement)
        removed += db.changes()
    memo.clear()
    return removed


def _remove(db: Sql, no: int, id_: str) -> None:
    events = db.execute(SQL.events_of, (no,)).fetchall()
    db.execute(SQL.delete_run_events, (no,))
    db.execute(SQL.delete_journal, (no,))
    db.execute(SQL.delete_items, (id_,))
    for event in events:
        db.execute(SQL.delete_orphan, event)
    db.execute(SQL.delete_fixed, (no,))
    exactly(db, 1, f"fixed part of {id_}")
    db.execute(SQL.delete_run, (no,))
    exactly(db, 1, f"removal of {id_}")


def _many(db: Sql, statement: str, before: Micros) -> int:
    db.execute(statement, (before, AT_ONCE))
    return db.changes()


def _arrivals(db: Sql, now: Micros) -> int:
    """An arrival goes when it is older than any lookback, than the own event of each open run, and read past."""
    read_past = db.execute(SQL.read_past).get
    if read_past is None:
        return 0
    removed = 0
    for definition, _ in db.execute(SQL.arrival_definitions).fetchall():
        own = db.execute(SQL.oldest_own_event, (definition,)).get
        before = min(now - LOOKBACK, read_past, now if own is None else own - LOOKBACK)
        db.execute(SQL.delete_arrivals, (definition, before, AT_ONCE))
        removed += db.changes()
    return removed
