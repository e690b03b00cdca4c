"""The store's rows as values, and values as rows: the only place that knows how a run lies in its two tables.

`Row` is what changes (`run`), `Fixed` is what was said at the start and never changes (`run_fixed.data`, JSON).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.errors import StorageDamaged
from eventflow.model.event import Micros
from eventflow.model.record import Ref
from eventflow.model.run import EventCopy, Firing, InboxItem, Parent, Run
from eventflow.model.workflow import Concurrency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.stores.sqlite.sql import Sql


class Row(msgspec.Struct):
    """The changing part of a run, in the order of the columns that `{row}` names."""

    no: int
    id: str
    workflow: str
    number: int
    definition: str
    grp: str
    places: int
    status: Any
    reason: str | None
    created: Micros
    started: Micros | None
    ended: Micros | None
    start_by: Micros | None
    wake_at: Micros | None
    parent: str | None
    inbox_last: int
    inbox_seen: int
    worker: str | None
    epoch: int
    lease_until: Micros
    lines: int | None = None
    """The number of the last journal line, where it was asked for; not a column."""


COLUMNS = Row.__struct_fields__[:-1]
WIDTH = len(COLUMNS)


class Fixed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a run that never changes."""

    trigger: str
    fired_at: Micros
    concurrency: Concurrency
    key: str | None = None
    generation: str = "0"
    events: tuple[Ref, ...] = ()
    inputs: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    chain: tuple[str, ...] = ()
    hops: int = 0
    parent: Parent | None = None
    by: str = ""
    rerun_of: str = ""
    from_step: str = ""


to_json = msgspec.json.Encoder().encode
read_fixed = msgspec.json.Decoder(Fixed).decode
read_object = msgspec.json.Decoder(dict[str, Any]).decode


def exactly(db: Sql, rows: int, what: str) -> None:
    """Check what the last statement touched. Raises `StorageDamaged` when it is another number of rows (W25)."""
    touched = db.changes()
    if touched != rows:
        message = f"{what}: {touched} rows were touched where it must be {rows}; the store is not what it was"
        raise StorageDamaged(message)


def fixed_of(firing: Firing) -> Fixed:
    """What of a firing never changes."""
    return Fixed(
        trigger=firing.trigger, fired_at=firing.fired_at, concurrency=firing.concurrency, key=firing.key,
        generation=firing.generation, events=tuple([copy.ref for copy in firing.events]), inputs=firing.inputs,
        facts=firing.facts, chain=firing.chain, hops=firing.hops, parent=firing.parent, by=firing.by,
        rerun_of=firing.rerun_of, from_step=firing.from_step,
    )  # fmt: skip


def run_of(row: Row, fixed: Fixed, outputs: bytes | dict[str, Any] | None = None) -> Run:
    """The run as everybody else sees it."""
    if isinstance(outputs, bytes):
        outputs = read_object(outputs)
    return Run(
        id=row.id, number=row.number, workflow=row.workflow, definition=row.definition, trigger=fixed.trigger,
        key=fixed.key, generation=fixed.generation, status=row.status, reason=row.reason, created=row.created,
        started=row.started, ended=row.ended, fired_at=fixed.fired_at, events=fixed.events, inputs=fixed.inputs,
        facts=fixed.facts, outputs=outputs or {}, group=row.grp, start_by=row.start_by, wake_at=row.wake_at,
        chain=fixed.chain, hops=fixed.hops, parent=fixed.parent, by=fixed.by, rerun_of=fixed.rerun_of,
        from_step=fixed.from_step,
    )  # fmt: skip


def run_in(columns: Sequence[Any]) -> Run:
    """A run from the columns of `{row}, run_fixed.data, run_fixed.outputs`."""
    return run_of(Row(*columns[:WIDTH]), read_fixed(columns[WIDTH]), columns[WIDTH + 1])


def item_in(columns: Sequence[Any]) -> InboxItem:
    """An inbox item from `id, kind, log_time, payload`."""
    id_, kind, log_time, payload = columns
    return InboxItem(id=id_, kind=kind, log_time=log_time, payload=read_object(payload))


def copy_in(columns: Sequence[Any]) -> EventCopy:
    """An event from `partition, offset, log_time, data`."""
    partition, offset, log_time, data = columns
    return EventCopy(Ref(partition, offset), log_time, data)
