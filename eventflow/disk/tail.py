"""Reading a log that lies in this process: control first, no partition starves, nobody waits longer than needed.

A thing of its own because memory and SQLite owe their readers the same and differ only in where records lie.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from eventflow import ports
from eventflow.errors import PartitionHalted, StorageError
from eventflow.model.record import CONTROL, Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventflow.model.record import Bounds, Record


class Readable(Protocol):
    """A log whose records can be had without waiting."""

    def range(self, partition: int) -> Bounds:
        """What the partition holds now."""
        ...

    def read(self, partition: int, start: int, limit: int) -> list[Record]:
        """At least one record from `start` on if there is any, at most `limit`."""
        ...


class Tail:
    """A `Subscription` of all partitions of a log in this process."""

    def __init__(
        self, log: Readable, partitions: int, position: Callable[[int], int], leave: Callable[[Tail], None]
    ) -> None:
        """Ask `position` where to begin; `leave` is called at the end."""
        self._log = log
        self._assigned = (CONTROL, *range(partitions))
        self._positions = {partition: position(partition) for partition in self._assigned}
        self._halted: set[int] = set()
        self._leave = leave
        self._last = CONTROL
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def assigned(self) -> tuple[int, ...]:
        """All partitions, for as long as it lives."""
        return self._assigned

    @property
    def epoch(self) -> int:
        """Never changes: nobody else reads."""
        return 0

    async def read(self, limit: int, wait: float, *, partitions: Sequence[int] | None = None) -> Batch | None:
        """The next records of one partition; see `eventflow.plugin.bus.Subscription`."""
        await ports.breathe()  # whoever only ever reads must not keep the loop from everybody else
        if (batch := self._next(limit, partitions)) is not None or wait <= 0:
            return batch
        try:
            async with ports.deadline(wait):
                while (batch := self._next(limit, partitions)) is None:
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        except TimeoutError:
            return None
        finally:
            self._waiter = None
        return batch

    def rewind(self, partition: int, offset: int) -> None:
        """Read the partition from `offset` on."""
        if partition not in self._positions:
            raise ValueError(f"partition {partition} is not one of {self._assigned}")
        self._positions[partition] = offset
        self._halted.discard(partition)
        self.wake()

    async def close(self) -> None:
        """Stop reading; a read that waits raises `StorageError`."""
        if not self._closed:
            self._closed = True
            self._leave(self)
            self.wake()

    def wake(self) -> None:
        """Something may have come: look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _next(self, limit: int, partitions: Sequence[int] | None) -> Batch | None:
        if self._closed:
            raise StorageError("the subscription is closed")
        looked = self._assigned if partitions is None else [p for p in self._assigned if p in partitions]
        for partition in self._order(looked):
            if partition in self._halted or not self._unread(partition):
                continue
            start = self._positions[partition]
            records = self._log.read(partition, start, limit)
            if not records:
                continue
            end = self._positions[partition] = records[-1].offset + 1
            if partition != CONTROL:
                self._last = partition
            return Batch(partition, start, end, records)
        return None

    def _order(self, looked: Sequence[int]) -> list[int]:
        """Control, then the data partitions that come after the one read last, in a circle."""
        return sorted(looked, key=lambda partition: (partition != CONTROL, partition <= self._last, partition))

    def _unread(self, partition: int) -> bool:
        """Whether there is more. Raises `PartitionHalted`, once, when the log does not hold the position."""
        bounds, position = self._log.range(partition), self._positions[partition]
        if bounds.start <= position <= bounds.end:
            return position < bounds.end
        self._halted.add(partition)
        name = "control" if partition == CONTROL else str(partition)
        if position > bounds.end:
            raise PartitionHalted(
                f"partition {name} is to be read from {position}, but its log ends at {bounds.end}: the log was "
                "replaced or restored from an older backup; restore the store of the same time, or see eventflow "
                "partition list",
                partition=partition,
            )
        raise PartitionHalted(
            f"partition {name} is to be read from {position}, but its log begins at {bounds.start}: "
            f"{bounds.start - position} records are gone; see eventflow partition list",
            partition=partition,
        )
