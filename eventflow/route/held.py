"""One partition in the router's hands: where it stands, what it remembers, what waits to be committed (W10).

Effects are gathered here from batch to batch; `commit` makes of them the one transaction that covers everything since
the stored position. Nothing here waits or writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.model.commit import Checkpoint, Commit
from eventflow.model.outcome import DeadLetter
from eventflow.model.record import Position, Ref, mark_of
from eventflow.route.decide import decide
from eventflow.route.effects import Effects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.model.commit import Recalled
    from eventflow.model.event import Micros
    from eventflow.model.record import Record
    from eventflow.route.memory import Memory
    from eventflow.route.rules import Front


class Held:
    """A partition that this router decides."""

    def __init__(self, partition: int, partitions: int, recalled: Recalled, memory: Memory, front: Front) -> None:
        """Continue from what the store recalled; `memory` is already that of `recalled.position`."""
        self.partition = partition
        self.partitions = partitions
        self.memory = memory
        self.front = front
        self.last = recalled.last
        self.stored = recalled.position
        self.stored_log_time: Micros = recalled.log_time
        self.memory_at = recalled.memory_at
        self.effects = Effects()
        self._waits: int | None = None
        self.checkpoint_boot: Micros = 0
        """When memory was last written, on the boot clock."""
        self.checkpoint_log: Micros = recalled.log_time
        self.careful_until = 0
        """Below this offset records are taken one at a time (W17)."""
        self.tick_boot: Micros = 0
        """When a tick was last appended, on the boot clock."""

    @property
    def offset(self) -> int:
        """Where the next record to decide begins."""
        return self.effects.last.offset + 1 if self.effects.last is not None else self.stored.offset

    @property
    def next_ref(self) -> Ref:
        """The place of the next record, where the log has no gap."""
        return Ref(self.partition, self.offset)

    @property
    def position(self) -> Position:
        """Everything below it is decided."""
        last = self.effects.last
        return Position(last.offset + 1, mark_of(last)) if last is not None else self.stored

    @property
    def log_time(self) -> Micros:
        """How far the partition was read."""
        return max(self.stored_log_time, self.effects.log_time)

    @property
    def moved(self) -> bool:
        """Whether anything was decided that no checkpoint holds."""
        return self.offset > self.memory_at.offset

    def decide(self, records: Sequence[Record]) -> None:
        """Decide the next records."""
        if self._waits is None:
            self._waits = self.front.waits.number
        self.effects.add(decide(records, self.memory, self.front, partition=self.partition, partitions=self.partitions))

    def bury(self, record: Record, error: str) -> None:
        """Give a record up as a dead letter without deciding it (W17)."""
        letter = DeadLetter(ref=record.ref, log_time=record.log_time, error=error, data=record.data)
        self.effects.dead.append(letter)
        self.effects.last = record

    def commit(self, id_: str, *, checkpoint: bool) -> Commit:
        """Everything since the stored position."""
        effects = self.effects
        return Commit(
            id=id_,
            follows=self.last,
            partition=self.partition,
            position=self.position,
            log_time=self.log_time,
            waits=self.front.waits.number if self._waits is None else self._waits,
            checkpoint=Checkpoint(self.memory.dump(), self.front.rules.number) if checkpoint else None,
            firings=tuple(effects.firings),
            reruns=tuple(effects.reruns),
            deliveries=tuple(effects.deliveries),
            arrivals=tuple(effects.arrivals),
            outbox=tuple(effects.outbox),
            outcomes=tuple(effects.outcomes),
            dead=tuple(effects.dead),
        )

    def committed(self, commit: Commit, boot: Micros) -> None:
        """The store has it: begin anew."""
        self.last = commit.id
        self.stored = commit.position
        self.stored_log_time = commit.log_time
        self.effects = Effects()
        self._waits = None
        if commit.checkpoint is not None:
            self.memory_at = commit.position
            self.checkpoint_boot = boot
            self.checkpoint_log = commit.log_time
