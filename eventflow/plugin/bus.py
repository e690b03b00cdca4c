"""The contract of a bus: the ordered, durable log of events.

Held by `eventflow.testing.BusContract`; every bus passes it unchanged, and what a bus lacks it declares.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventflow.model.event import Micros
    from eventflow.model.record import Batch, Bounds, Entry, Record, Ref


class Survives(StrEnum):
    """What an acknowledged event survives."""

    NOTHING = "nothing"
    PROCESS = "process"
    POWER = "power"


class Subscription(Protocol):
    """One reader of some partitions. Not for several tasks at once."""

    @property
    def assigned(self) -> tuple[int, ...]:
        """The partitions it reads now, `CONTROL` among them; may change between reads (Kafka)."""
        ...

    @property
    def epoch(self) -> int:
        """Rises when partitions were taken or given: what is held of any of them may be out of date."""
        ...

    async def read(self, limit: int, wait: float, *, partitions: Sequence[int] | None = None) -> Batch | None:
        """The next records of one partition, at most `limit`, in offset order; None when none came in `wait` seconds.

        Control goes first: while the control partition (if assigned) has unread records, they are returned before any
        data (W5). With `partitions` only those are looked at (a data partition whose router is not ready is left out).
        No partition starves. Raises `PartitionHalted` once for a partition whose log no longer holds its position.
        """
        ...

    def rewind(self, partition: int, offset: int) -> None:
        """Read the partition from `offset` on, as after a fresh assignment."""
        ...

    async def close(self) -> None:
        """Stop reading."""
        ...


@runtime_checkable
class Bus(Protocol):
    """The log: one control partition (`CONTROL`) and `partitions` data partitions, numbered from 0 (W1)."""

    @property
    def survives(self) -> Survives:
        """What an event survives once `publish` has returned."""
        ...

    @property
    def partitions(self) -> int:
        """N, the number of data partitions that own keys; fixed at the first start."""
        ...

    async def open(self) -> None:
        """Be ready. Raises `StorageHeld` when another process has it, `StorageDamaged` when it can't be trusted."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go. Publishes that wait are completed or fail; safe to call twice."""
        ...

    async def publish(self, entries: Sequence[Entry]) -> None:
        """Append all entries; return once all of them would survive what the bus declares.

        All or nothing where the bus can (SQLite, memory); entries of one call keep their order within a partition, and
        calls of one task keep theirs. Raises `StorageFull`, `StorageBusy` (nothing was appended), `Overloaded` (shed
        before anything was tried), `StorageUnclear` (unknown, may be sent again), `StorageLost` (unknown; the bus
        takes nothing more). Cancelling the caller does not
        take the entries back.
        """
        ...

    def subscribe(self, group: str, position: Callable[[int], int]) -> Subscription:
        """Read; `position(partition)` is asked for the first offset at each assignment. The bus keeps no positions."""
        ...

    async def fetch(self, refs: Sequence[Ref]) -> list[Record | None]:
        """Single records again, in the order asked; None for what retention took or what never was."""
        ...

    async def bounds(self, partition: int) -> Bounds:
        """What the partition holds now."""
        ...

    def now(self) -> Micros:
        """The log clock: never less than any stamp given so far, never going back, never standing still (W4)."""
        ...

    async def retain(self, keep: Callable[[int], int]) -> None:
        """Remove what settings allow, and nothing at or above `keep(partition)`, the undecided (W6)."""
        ...

    async def find(self, identity: str, limit: int) -> list[Ref]:
        """The newest places (at most `limit`, newest first) of events with this id; may scan. For people only."""
        ...
