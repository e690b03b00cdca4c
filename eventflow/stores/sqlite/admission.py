"""The one place that creates runs, whatever fires them: a trigger, a person, a replay, a parent (W12, W13).

`judge` decides from counted occupancy and nothing else; the rest writes what it decided. Admission only puts a run
into its group's line or suppresses it; `journal.claim` starts it when there is room. The order in the line is the order
of creation (`run.no`), so a resumed run has its old place.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.errors import NotFound
from eventflow.model.run import Firing
from eventflow.stores.sqlite import ending, inbox
from eventflow.stores.sqlite.rows import WIDTH, Row, copy_in, fixed_of, read_fixed, run_of, to_json
from eventflow.stores.sqlite.statements import load

if TYPE_CHECKING:
    from eventflow.model.commit import Rerun
    from eventflow.model.event import Micros
    from eventflow.model.run import EventCopy, Status
    from eventflow.model.workflow import Concurrency
    from eventflow.stores.sqlite.memo import Memo
    from eventflow.stores.sqlite.sql import Sql


SQL = load("admission")


class Verdict(msgspec.Struct, frozen=True):
    """What admission says: a reason to suppress, or none; and what it means for the others of the group."""

    reason: str | None = None
    signal: bool = False
    supersede: bool = False


def places(concurrency: Concurrency) -> int:
    """How many runs of the group may occupy it: `max` in mode `parallel`, else one."""
    return concurrency.max if concurrency.mode == "parallel" else 1


def counts(concurrency: Concurrency) -> bool:
    """Whether the decision depends on who else is in the group."""
    return concurrency.mode == "single" or (concurrency.mode != "restart" and concurrency.queue_max is not None)


def judge(concurrency: Concurrency, queued: int, occupying: int) -> Verdict:
    """Decide about one more run, given how many of its group are queued and how many occupy it.

    `single`: only into an empty group. `restart`: always, the others make room. `queued` and `parallel`: unless more
    than `queue_max` would have to wait; a run that finds room does not wait.
    """
    if concurrency.mode == "single":
        taken = queued + occupying > 0
        return Verdict(reason="concurrency" if taken else None, signal=taken and concurrency.on_conflict == "signal")
    if concurrency.mode == "restart":
        return Verdict(supersede=True)
    if concurrency.queue_max is not None and queued + occupying + 1 - places(concurrency) > concurrency.queue_max:
        return Verdict(reason="concurrency")
    return Verdict()


def admit(db: Sql, firing: Firing, at: Micros, memo: Memo) -> str:
    """Make a run of a firing; the status it has now, "duplicate" when its id is taken."""
    if db.execute(SQL.known, (firing.run,)).fetchone() is not None:
        return "duplicate"
    _check_definition(db, firing.definition, memo)
    verdict = Verdict("shadow") if firing.shadow else _ask(db, firing)
    if verdict.signal:
        _signal(db, firing, at)
    if verdict.supersede:
        _supersede(db, firing, at)
    no = _insert(db, firing, at, verdict.reason)
    for place, copy in enumerate(firing.events):
        db.execute(SQL.insert_run_event, (no, place, _event(db, copy)))
    return "queued" if verdict.reason is None else "suppressed"


def rerun(db: Sql, wanted: Rerun, memo: Memo) -> str | None:
    """Run a run again: same definition, events, inputs and facts. None when there is no such run."""
    found = db.execute(SQL.run_with_fixed, (wanted.of,)).fetchone()
    if found is None:
        return None
    old, fixed = Row(*found[:WIDTH]), read_fixed(found[WIDTH])
    copies = tuple(copy_in(columns) for columns in db.execute(SQL.events, (old.no,)))
    again = Firing(
        run=wanted.run, workflow=old.workflow, definition=old.definition, trigger=fixed.trigger, key=fixed.key,
        generation=fixed.generation, fired_at=wanted.log_time, events=copies, inputs=fixed.inputs, facts=fixed.facts,
        group=old.grp, concurrency=fixed.concurrency, chain=fixed.chain, hops=fixed.hops, by=wanted.by,
        rerun_of=old.id, from_step=wanted.from_step,
    )  # fmt: skip
    return admit(db, again, wanted.log_time, memo)


def _check_definition(db: Sql, hash_: str, memo: Memo) -> None:
    if hash_ in memo.definitions:
        return
    if db.execute(SQL.definition_known, (hash_,)).fetchone() is None:
        message = f"no definition {hash_!r} in the store; a catalogue is made known by `activate` before it fires"
        raise NotFound(message)
    memo.definitions.add(hash_)


def _ask(db: Sql, firing: Firing) -> Verdict:
    if not counts(firing.concurrency):
        return judge(firing.concurrency, 0, 0)
    queued, occupying = db.execute(SQL.occupancy, (firing.group,)).fetchone()
    return judge(firing.concurrency, queued, occupying)


def _insert(db: Sql, firing: Firing, at: Micros, reason: str | None) -> int:
    status: Status = "queued" if reason is None else "suppressed"
    ended = None if reason is None else at
    number = db.execute(SQL.next_number, (firing.workflow,)).get
    parent = firing.parent.run if firing.parent is not None and firing.parent.wait else None
    size = places(firing.concurrency)
    db.execute(
        SQL.insert_run,
        (firing.run, firing.workflow, number, firing.definition, firing.group, size, status, reason, at, ended,
         firing.start_by, parent),
    )  # fmt: skip
    no = db.last_insert_rowid()
    fixed = fixed_of(firing)
    db.execute(SQL.insert_fixed, (no, to_json(fixed)))
    if reason is not None:
        row = Row(
            no, firing.run, firing.workflow, number, firing.definition, firing.group, size, status, reason, at,
            None, ended, firing.start_by, None, parent, 0, 0, None, 0, 0,
        )  # fmt: skip
        ending.announce(db, run_of(row, fixed), at)
    return no


def _event(db: Sql, copy: EventCopy) -> int:
    """The row of the copy that all runs of this event share; a replaced log may hold another event at the place."""
    digest = blake2b(copy.data, digest_size=16).digest()
    place = (copy.ref.partition, copy.ref.offset, digest)
    found = db.execute(SQL.find_event, place).fetchone()
    if found is not None:
        return int(found[0])
    db.execute(SQL.insert_event, (*place, copy.log_time, copy.data))
    return db.last_insert_rowid()


def _signal(db: Sql, firing: Firing, at: Micros) -> None:
    """`on_conflict: signal`: the run that has the group gets the events of the one that does not start."""
    receiver = db.execute(SQL.first_of_group, (firing.group,)).get
    for place, copy in enumerate(firing.events):
        payload: dict[str, Any] = {"event": msgspec.Raw(copy.data)}
        inbox.put(db, receiver, "signal", f"signal/{firing.run}/{place}", at, payload)


def _supersede(db: Sql, firing: Firing, at: Micros) -> None:
    """`restart`: what waits in line is over, what runs is told to cancel.

    A queued run that has run before (resumed) has things to clean up: it is told, too.
    """
    cancelled = [run for (run,) in db.execute(SQL.occupying_of_group, (firing.group,)).fetchall()]
    for columns in db.execute(SQL.queued_of_group, (firing.group,)).fetchall():
        row = Row(*columns)
        if row.started is None:
            ending.end(db, row, "suppressed", "superseded", at)
        else:
            cancelled.append(row.id)
    for run in cancelled:
        payload = {"by": "", "comment": "", "mode": "", "reason": "superseded"}
        inbox.put(db, run, "cancel", f"superseded/{firing.run}", at, payload)
