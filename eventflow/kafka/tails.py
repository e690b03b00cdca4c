"""Where partitions end, as far as this process knows: from its own writing, its reading, and by asking.

A reader that must not wait has to know whether there is anything to wait for; and a log that ends in a transaction's
marker has an end at which no record will ever be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow.model.record import Bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventflow.kafka.clock import BrokerClock
    from eventflow.kafka.lookup import Lookup
    from eventflow.kafka.publisher import Acknowledged
    from eventflow.model.record import Record, Ref


class Tails:
    """The ends of a bus's partitions."""

    def __init__(self, lookup: Lookup, clock: BrokerClock, place: Callable[[int], tuple[str, int]]) -> None:
        """Know nothing."""
        self._lookup, self._clock, self._place = lookup, clock, place
        self._ends: dict[int, int] = {}
        self._holes: dict[int, tuple[int, int]] = {}

    def tp(self, partition: int) -> Any:
        """Aiokafka's name of a partition."""
        from aiokafka import TopicPartition

        return TopicPartition(*self._place(partition))

    def acknowledged(self, written: Acknowledged) -> None:
        """We have written up to there."""
        self._ends[written.partition] = max(self._ends.get(written.partition, 0), written.end)
        if written.stamp:
            self._clock.acknowledged(written.stamp)

    def read(self, partition: int, end: int, stamp: int) -> None:
        """We have read up to there."""
        self._ends[partition] = max(self._ends.get(partition, 0), end)
        self._clock.seen(stamp)

    def end(self, partition: int) -> int:
        """At least so far it goes; 0 when nothing is known."""
        return self._ends.get(partition, 0)

    def hole(self, partition: int, start: int, end: int) -> None:
        """From `start` to `end` there is no record."""
        self._holes[partition] = (start, end)

    async def fetch(self, refs: Sequence[Ref]) -> dict[Ref, Record]:
        """Those of the records that are there. Raises `StorageBusy`."""
        return await self._lookup.fetch(refs) if refs else {}

    async def bounds(self, partitions: Sequence[int]) -> dict[int, Bounds]:
        """What the partitions hold, without a hole at the end. Raises `StorageBusy`."""
        before = {partition: self.end(partition) for partition in partitions}
        found = await self._lookup.bounds(partitions) if partitions else {}
        for partition, (start, end) in self._holes.items():
            known = found.get(partition)
            if known is not None and known.end == end and start >= known.start:
                found[partition] = Bounds(known.start, start)
        for partition, known in found.items():
            if known.end < before[partition]:  # and not only before what came while the answer was on its way
                self._ends[partition] = known.end  # the topic was made anew
        return found
