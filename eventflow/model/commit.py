"""What one batch changes: everything the router tells the store, in one transaction (W10).

A commit names the commit it follows; the store refuses it (`Fenced`) when another came between. It covers everything
since the stored position, batches without effects included.
"""

from __future__ import annotations

from typing import Any

import msgspec

from eventflow.model.event import Micros
from eventflow.model.outcome import DeadLetter, Outcome
from eventflow.model.record import Position, Ref
from eventflow.model.run import Firing, InboxKind


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Something for runs: one run by id, or all open runs of a workflow.

    `identity` is unique per record and target, so deciding again delivers once. A delivery to a run that is over, or
    that never was, is kept as a late one and counted.
    """

    kind: InboxKind
    identity: str
    log_time: Micros
    run: str = ""
    workflow: str = ""
    payload: dict[str, Any] = {}


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a wait selector chose (W20): kept for runs of `definition`, whose step `selector` may take it."""

    definition: str
    selector: str
    key: str | None
    ref: Ref
    log_time: Micros
    data: bytes


class Rerun(msgspec.Struct, frozen=True, kw_only=True):
    """Run a run again: a new run with the same workflow definition, events, inputs and facts."""

    run: str
    of: str
    from_step: str = ""
    by: str = ""
    log_time: Micros


class Checkpoint(msgspec.Struct, frozen=True):
    """Memory as of the commit's position: the slots that changed since the last checkpoint; None deletes one."""

    slots: dict[str, bytes | None]
    catalogue: int


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """All effects of the records of `partition` between the stored position and `position`."""

    id: str
    follows: str
    partition: int
    position: Position
    log_time: Micros
    """The log time of the last record before `position`: how far this partition has been read (W21)."""
    waits: int
    """The newest catalogue whose wait selectors were in force for all of these records (W11)."""
    checkpoint: Checkpoint | None = None
    firings: tuple[Firing, ...] = ()
    reruns: tuple[Rerun, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    outbox: tuple[bytes, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    dead: tuple[DeadLetter, ...] = ()


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of one partition: where it stands and its memory, as of `memory_at` (W10)."""

    position: Position
    memory_at: Position
    last: str
    catalogue: int
    log_time: Micros
    slots: dict[str, bytes]
