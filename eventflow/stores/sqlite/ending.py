"""The end of a run, the same for every way to get there: what is withdrawn, who is told, what is said aloud (W22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow.model.run import run_event
from eventflow.stores.sqlite import inbox
from eventflow.stores.sqlite.rows import Fixed, Row, exactly, read_fixed, run_of, to_json
from eventflow.stores.sqlite.statements import load

if TYPE_CHECKING:
    from eventflow.model.event import Micros
    from eventflow.model.run import Run, Status
    from eventflow.stores.sqlite.sql import Sql


SQL = load("ending")


def end(
    db: Sql,
    row: Row,
    status: Status,
    reason: str | None,
    at: Micros,
    *,
    seen: int = 0,
    outputs: dict[str, Any] | None = None,
    fixed: Fixed | None = None,
) -> None:
    """End an open run: its place is free, its waits are withdrawn, its children told to cancel, its end announced."""
    db.execute(SQL.end_run, (status, reason, at, seen, row.no))
    exactly(db, 1, f"end of {row.id}")
    if outputs:
        db.execute(SQL.set_outputs, (to_json(outputs), row.no))
        exactly(db, 1, f"outputs of {row.id}")
    db.execute(SQL.withdraw_all, (row.no,))
    if fixed is None:
        fixed = read_fixed(db.execute(SQL.fixed, (row.no,)).get)
    row.status, row.reason, row.ended, row.wake_at = status, reason, at, None
    announce(db, run_of(row, fixed, outputs), at)
    for (child,) in db.execute(SQL.open_children, (row.id,)).fetchall():
        inbox.put(
            db, child, "cancel", f"parent/{row.id}", at, {"by": "", "comment": "", "mode": "", "reason": "parent"}
        )


def announce(db: Sql, run: Run, at: Micros) -> None:
    """Say that a run is over: to the world by the outbox, to a waiting parent by its inbox."""
    db.execute(SQL.insert_outbox, (run_event(run, at),))
    parent = run.parent
    if parent is None or not parent.wait:
        return
    payload = {
        "path": parent.path, "visit": parent.visit, "attempt": parent.attempt,
        "run": run.id, "status": run.status, "reason": run.reason, "outputs": run.outputs,
    }  # fmt: skip
    inbox.put(db, parent.run, "child", f"child/{run.id}", at, payload)
