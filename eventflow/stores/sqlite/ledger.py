"""The router's side: where partitions stand, their memory, and the commit that moves them (W10, W11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.errors import Fenced, NotFound, Outdated
from eventflow.model.commit import Recalled
from eventflow.model.record import Position
from eventflow.model.workflow import definition_hash
from eventflow.plugin.store import Admitted
from eventflow.stores.sqlite import admission, dead, inbox
from eventflow.stores.sqlite.rows import exactly, to_json
from eventflow.stores.sqlite.statements import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventflow.model.commit import Checkpoint, Commit
    from eventflow.model.event import Micros
    from eventflow.stores.sqlite.memo import Memo
    from eventflow.stores.sqlite.sql import Sql


SQL = load("ledger")


def recall(db: Sql, partition: int) -> Recalled:
    """See `Ledger.recall`."""
    found = db.execute(SQL.partition, (partition,)).fetchone()
    if found is None:
        nowhere = Position()
        return Recalled(position=nowhere, memory_at=nowhere, last="", catalogue=0, log_time=0, slots={})
    position, mark, memory_at, memory_mark, last, catalogue_, log_time = found
    return Recalled(
        position=Position(position, mark),
        memory_at=Position(memory_at, memory_mark),
        last=last,
        catalogue=catalogue_,
        log_time=log_time,
        slots=dict(db.execute(SQL.memory, (partition,)).fetchall()),
    )


def commit(db: Sql, it: Commit, memo: Memo, dead_letters: int) -> Admitted:
    """See `Ledger.commit`. The fence is looked at before anything is written."""
    found = db.execute(SQL.last, (it.partition,)).fetchone()
    last = "" if found is None else found[0]
    if last == it.id:
        return _again(db, it)
    if last != it.follows:
        message = (
            f"partition {it.partition} is at commit {last!r}, this one follows {it.follows!r}: "
            "another router has taken over; drop the memory and recall"
        )
        raise Fenced(message)
    wanted = db.execute(SQL.waits_wanted).get
    if it.waits < wanted:
        message = (
            f"partition {it.partition}: decided with the wait selectors of catalogue {it.waits}, those of {wanted} are "
            "in force; drop the memory, read the catalogue and recall"
        )
        raise Outdated(message)
    _advance(db, it, first=found is None)
    if it.checkpoint is not None:
        _checkpoint(db, it.partition, it.checkpoint)
    return _effects(db, it, memo, dead_letters)


def _again(db: Sql, it: Commit) -> Admitted:
    """The answer that the first try of this commit would have got."""
    runs: dict[str, str] = {}
    for run in (*(firing.run for firing in it.firings), *(wanted.run for wanted in it.reruns)):
        found = db.execute(SQL.admitted, (run,)).fetchone()
        if found is not None:
            runs[run] = "suppressed" if found[0] == "suppressed" else "queued"
    return Admitted(runs)


def _advance(db: Sql, it: Commit, *, first: bool) -> None:
    where = (it.partition, it.position.offset, it.position.mark, it.id, it.log_time)
    if first:
        db.execute(SQL.first_commit, where)
    else:
        db.execute(SQL.advance, (*where, it.follows))
    exactly(db, 1, f"position of partition {it.partition}")


def _checkpoint(db: Sql, partition: int, it: Checkpoint) -> None:
    db.execute(SQL.checkpoint, (it.catalogue, partition))
    exactly(db, 1, f"checkpoint of partition {partition}")
    kept = [(partition, slot, value) for slot, value in it.slots.items() if value is not None]
    gone = [(partition, slot) for slot, value in it.slots.items() if value is None]
    if kept:
        db.executemany(SQL.put_slot, kept)
    if gone:
        db.executemany(SQL.drop_slot, gone)


def _effects(db: Sql, it: Commit, memo: Memo, dead_letters: int) -> Admitted:
    runs: dict[str, str] = {}
    late = 0
    for firing in it.firings:
        runs.setdefault(firing.run, admission.admit(db, firing, it.log_time, memo))
    for wanted in it.reruns:
        status = admission.rerun(db, wanted, memo)
        if status is None:
            late += 1
        else:
            runs[wanted.run] = status
    for delivery in it.deliveries:
        late += inbox.deliver(db, delivery)
    for arrival in it.arrivals:
        inbox.arrive(db, arrival)
    if it.outbox:
        db.executemany(SQL.insert_outbox, [(event,) for event in it.outbox])
    for outcome in it.outcomes:
        ref = outcome.ref
        db.execute(SQL.insert_outcome, (ref.partition, ref.offset, outcome.log_time, to_json(outcome)))
    full = dead.bury(db, it, dead_letters)
    for one in full:
        db.execute(SQL.insert_outbox, (dead.told(it, one),))
    return Admitted(runs, late, tuple(full))


def partitions(db: Sql) -> dict[int, tuple[int, int, Micros]]:
    """See `Ledger.partitions`."""
    return {number: (position, memory_at, read) for number, position, memory_at, read in db.execute(SQL.partitions)}


def earliest_deadline(db: Sql) -> Micros | None:
    """See `Ledger.earliest_deadline`."""
    found: Micros | None = db.execute(SQL.earliest_deadline).get
    return found


def activate(db: Sql, definitions: Mapping[str, bytes], at: Micros) -> int:
    """See `Ledger.activate`."""
    hashes = {workflow: definition_hash(text) for workflow, text in definitions.items()}
    number = db.execute(SQL.newest_catalogue).get or 0
    if number and hashes == {workflow: hash_ for workflow, hash_, _ in db.execute(SQL.catalogue_entries, (number,))}:
        return int(number)
    number += 1
    db.execute(SQL.insert_catalogue, (number, at))
    for workflow, text in definitions.items():
        db.execute(SQL.insert_definition, (hashes[workflow], text))
        db.execute(SQL.insert_catalogue_entry, (number, workflow, hashes[workflow]))
    return int(number)


def catalogue(db: Sql, number: int | None) -> tuple[int, dict[str, bytes]]:
    """See `Ledger.catalogue`."""
    if number is None:
        number = db.execute(SQL.newest_catalogue).get or 0
    elif number and db.execute(SQL.catalogue_exists, (number,)).fetchone() is None:
        message = f"no catalogue {number} in the store; the newest is {db.execute(SQL.newest_catalogue).get or 0}"
        raise NotFound(message)
    return number, {workflow: text for workflow, _, text in db.execute(SQL.catalogue_entries, (number,))}


def definition(db: Sql, hash_: str) -> bytes:
    """See `Ledger.definition`."""
    found = db.execute(SQL.definition, (hash_,)).fetchone()
    if found is None:
        message = f"no definition {hash_!r} in the store"
        raise NotFound(message)
    text: bytes = found[0]
    return text


def open_definitions(db: Sql) -> dict[str, bytes]:
    """See `Ledger.open_definitions`."""
    return dict(db.execute(SQL.open_definitions).fetchall())


def outbox(db: Sql, limit: int) -> list[tuple[int, bytes]]:
    """See `Ledger.outbox`."""
    return db.execute(SQL.outbox, (limit,)).fetchall()


def outbox_done(db: Sql, ids: Sequence[int]) -> None:
    """See `Ledger.outbox_done`. A row that is gone already was published twice: that is no fault."""
    db.executemany(SQL.outbox_done, [(id_,) for id_ in ids])


def setting(db: Sql, name: str, value: str) -> str:
    """See `Ledger.setting`."""
    db.execute(SQL.put_setting, (name, value))
    kept: str = db.execute(SQL.setting, (name,)).get
    return kept


def lease(db: Sql, name: str, worker: str, ttl: Micros, now: Micros) -> bool:
    """See `Store.lease`."""
    db.execute(SQL.take_lease, (name, worker, now + ttl, now))
    return db.changes() == 1
