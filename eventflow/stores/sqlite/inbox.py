"""What reaches runs from outside: items in their inboxes, the waits they have open, the arrivals kept for waits (W20).

One function writes an item, whatever it is and whoever sends it; so lateness, uniqueness and waking are decided once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from eventflow.stores.sqlite.rows import Row, exactly, to_json
from eventflow.stores.sqlite.statements import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventflow.model.commit import Arrival, Delivery
    from eventflow.model.event import Micros
    from eventflow.model.run import InboxKind, Wait
    from eventflow.stores.sqlite.sql import Sql


SQL = load("inbox")


def put(
    db: Sql, run: str, kind: InboxKind, identity: str, log_time: Micros, payload: dict[str, Any]
) -> Literal["new", "late", "known"]:
    """Put one item into a run's inbox, once per identity; for a run that is over or never was it is kept as late."""
    receiver = db.execute(SQL.receiver, (run,)).fetchone()
    late = receiver is None or receiver[1] is not None
    db.execute(SQL.insert_item, (run, identity, late, kind, log_time, to_json(payload)))
    if not db.changes():
        return "known"
    if late:
        return "late"
    db.execute(SQL.wake_receiver, (db.last_insert_rowid(), receiver[0]))
    exactly(db, 1, f"inbox of {run}")
    return "new"


def deliver(db: Sql, delivery: Delivery) -> int:
    """Hand a delivery to its run, or to all open runs of its workflow; the number of late ones."""
    if delivery.run:
        targets: Iterable[str] = (delivery.run,)
    else:
        targets = [run for (run,) in db.execute(SQL.open_of_workflow, (delivery.workflow,))]
    late = 0
    for run in targets:
        done = put(db, run, delivery.kind, delivery.identity, delivery.log_time, delivery.payload)
        late += done == "late"
    return late


def arrive(db: Sql, arrival: Arrival) -> None:
    """Keep an arrival, and hand it to the runs that wait for it already."""
    place = (arrival.ref.partition, arrival.ref.offset, arrival.log_time, arrival.data)
    db.execute(SQL.insert_arrival, (arrival.definition, arrival.selector, arrival.key, *place))
    id_ = db.last_insert_rowid()
    sought = (arrival.definition, arrival.selector, arrival.key, arrival.log_time)
    for run, path, visit in db.execute(SQL.waiting_for, sought).fetchall():
        _hand(db, run, path, visit, (id_, *place))


def wait(db: Sql, row: Row, wanted: Wait) -> None:
    """Open a wait and hand it the arrivals that came before it."""
    key = (row.no, wanted.path, wanted.visit)
    what = (wanted.kind, row.definition, wanted.selector, wanted.key, wanted.since, wanted.after, wanted.deadline)
    db.execute(SQL.insert_wait, (*key, *what, to_json(wanted.show)))
    if wanted.kind == "event":
        sought = (row.definition, wanted.selector, wanted.key, wanted.after, wanted.since)
        for arrived in db.execute(SQL.arrived, sought).fetchall():
            _hand(db, row.id, wanted.path, wanted.visit, arrived)


def withdraw(db: Sql, row: Row, over: Iterable[tuple[str, int]]) -> None:
    """Close waits; one that is closed already stays so."""
    for path, visit in over:
        db.execute(SQL.withdraw, (row.no, path, visit))


def _hand(db: Sql, run: str, path: str, visit: int, arrived: tuple[Any, ...]) -> None:
    id_, partition, offset, log_time, data = arrived
    payload = {
        "wait": {"path": path, "visit": visit},
        "event": msgspec.Raw(data),
        "ref": {"partition": partition, "offset": offset},
        "arrival": id_,
    }
    put(db, run, "arrival", f"arrival/{id_}/{path}/{visit}", log_time, payload)
