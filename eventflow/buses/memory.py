"""A log in memory, with any number of partitions: for tests, simulations and what need not survive anything.

It keeps every obligation of the contract but survival. The object is the log: it holds its records for as long as it
lives, whoever opens and closes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow import ports
from eventflow.disk.clock import LogClock
from eventflow.disk.search import has_id
from eventflow.disk.tail import Tail
from eventflow.errors import StorageError, StorageFull
from eventflow.model.record import CONTROL, Bounds, Record, Ref
from eventflow.plugin.bus import Survives

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eventflow.model.event import Micros
    from eventflow.model.record import Entry
    from eventflow.plugin.bus import Subscription

DAY = 86_400.0


class MemoryBus:
    """The log as lists.

    `partitions`: N. `limit_bytes`, `max_age` (seconds): what retention allows; at 90 % of the size the oldest records
    go, at the whole of it events are refused. `reserve_bytes`: how far the engine's own records may go beyond.
    """

    name = "memory"
    survives = Survives.NOTHING

    def __init__(
        self,
        *,
        partitions: int = 1,
        limit_bytes: int = 256 << 20,
        max_age: float = 7 * DAY,
        reserve_bytes: int = 16 << 20,
    ) -> None:
        """An empty log."""
        if partitions < 1:
            raise ValueError(f"a bus has at least one data partition, not {partitions}")
        self._partitions = partitions
        self._limit, self._reserve = limit_bytes, reserve_bytes
        self._max_age = int(max_age * ports.SECOND)
        self._records: dict[int, list[Record]] = {number: [] for number in (CONTROL, *range(partitions))}
        self._starts = dict.fromkeys(self._records, 0)
        self._keep = dict.fromkeys(self._records, 0)
        self._size = 0
        self._clock = LogClock()
        self._tails: list[Tail] = []
        self._open = False
        self.resumed = False
        """Whether an earlier log of the same readers is gone: what they had to read again is not to be had."""

    @property
    def partitions(self) -> int:
        """N."""
        return self._partitions

    @property
    def full(self) -> str:
        """Why events from outside are refused now; empty while they are not."""
        return f"the log in memory has reached its limit of {self._limit} bytes" if self._size >= self._limit else ""

    async def open(self) -> None:
        """Take records."""
        self._open = True

    def resume(self, positions: Mapping[int, int]) -> None:
        """Begin an empty log where readers stopped in an earlier one, so that no offset is given twice (W10).

        For the start of a process only, before anything was published.
        """
        self.resumed = True
        for partition, position in positions.items():
            if partition in self._starts and not self._records[partition]:
                self._starts[partition] = max(self._starts[partition], position)

    async def close(self) -> None:
        """Take nothing more and end the subscriptions; what is there stays."""
        self._open = False
        for tail in list(self._tails):
            await tail.close()

    async def publish(self, entries: Sequence[Entry]) -> None:
        """Append all entries or none; see `eventflow.plugin.bus.Bus`."""
        if entries:
            self._append(entries)
            await ports.breathe()

    def subscribe(self, group: str, position: Callable[[int], int]) -> Subscription:
        """Read everything; every subscription is assigned all partitions."""
        tail = Tail(self, self._partitions, position, self._tails.remove)
        self._tails.append(tail)
        return tail

    async def fetch(self, refs: Sequence[Ref]) -> list[Record | None]:
        """Single records again, in the order asked."""
        found = [self.read(ref.partition, ref.offset, 1) if ref.partition in self._records else [] for ref in refs]
        return [records[0] if records else None for records in found]

    async def bounds(self, partition: int) -> Bounds:
        """What the partition holds now."""
        return self.range(partition)

    def now(self) -> Micros:
        """The log clock."""
        return self._clock.now()

    async def retain(self, keep: Callable[[int], int]) -> None:
        """Remove what is too old, or too much, and decided."""
        self._keep = {partition: keep(partition) for partition in self._records}
        self._forget()

    async def find(self, identity: str, limit: int) -> list[Ref]:
        """The newest places of events with this id."""
        found = [record for some in self._records.values() for record in some if has_id(record.data, identity)]
        found.sort(key=lambda record: (record.log_time, record.ref), reverse=True)
        return [record.ref for record in found[:limit]]

    # --- what a Tail reads -----------------------------------------------------------------------------------------

    def range(self, partition: int) -> Bounds:
        """What the partition holds now, without waiting."""
        start = self._starts[partition]
        return Bounds(start, start + len(self._records[partition]))

    def read(self, partition: int, start: int, limit: int) -> list[Record]:
        """At most `limit` records from `start` on, without waiting."""
        skip = start - self._starts[partition]
        return self._records[partition][skip : skip + limit] if skip >= 0 else []

    # --- inside ----------------------------------------------------------------------------------------------------

    def _append(self, entries: Sequence[Entry]) -> None:
        self._admit(entries)
        stamp = self._clock.stamp()
        for entry in entries:
            records = self._records[entry.partition]
            offset = self._starts[entry.partition] + len(records)
            records.append(Record(entry.partition, offset, stamp, entry.data))
            self._size += len(entry.data)
        for tail in self._tails:
            tail.wake()

    def _admit(self, entries: Sequence[Entry]) -> None:
        if not self._open:
            raise StorageError("the bus is not open: nothing is taken")
        unknown = {entry.partition for entry in entries} - self._records.keys()
        if unknown:
            raise ValueError(f"partition {min(unknown)} does not exist: there are {self._partitions} and control")
        needed = self._size + sum(len(entry.data) for entry in entries)
        own = all(entry.own or entry.partition == CONTROL for entry in entries)
        if needed > self._limit:
            needed -= self._forget()
        if needed > self._limit + (self._reserve if own else 0):
            raise StorageFull(f"{self.full or 'the log is full'}; nothing was written. It goes on when there is room")

    def _forget(self) -> int:
        """Remove what is allowed and decided; returns the bytes that became free."""
        before, most, size = self._clock.now() - self._max_age, self._limit * 9 // 10, self._size
        for partition in sorted(self._records, key=lambda number: (number == CONTROL, number)):
            self._forget_from(partition, before, most)
        return size - self._size

    def _forget_from(self, partition: int, before: Micros, most: int) -> None:
        records, start, gone = self._records[partition], self._starts[partition], 0
        for record in records[: max(0, self._keep[partition] - start)]:
            if record.log_time >= before and self._size <= most:
                break
            self._size -= len(record.data)
            gone += 1
        del records[:gone]
        self._starts[partition] = start + gone
