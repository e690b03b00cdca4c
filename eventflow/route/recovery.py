"""Taking a partition in hand: recall it, see that the log is still the same, bring memory up to the position (W6, W10).

Between `memory_at` and `position` records are decided again for memory only: their effects are in the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from eventflow.errors import Fenced, PartitionHalted
from eventflow.model.record import Position
from eventflow.route.decide import decide
from eventflow.route.fitting import pieces
from eventflow.route.held import Held
from eventflow.route.loss import find

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from eventflow.model.commit import Recalled
    from eventflow.model.record import Bounds, Record, Ref
    from eventflow.plugin.bus import Subscription
    from eventflow.route.fitting import Fits
    from eventflow.route.memory import Memory
    from eventflow.route.rules import Front


class Readable(Protocol):
    """A bus as far as it is read here; one that waits for an answer instead of failing."""

    @property
    def partitions(self) -> int:
        """N."""
        ...

    @property
    def resumed(self) -> bool:
        """Whether an earlier log of the same readers is gone, as that bus declares."""
        ...

    async def bounds(self, partition: int) -> Bounds:
        """What the partition holds."""
        ...

    async def fetch(self, refs: Sequence[Ref]) -> list[Record | None]:
        """Single records again."""
        ...


async def recover(
    bus: Readable,
    subscription: Subscription,
    recalled: Recalled,
    partition: int,
    front_of: Callable[[int], Awaitable[Front]],
    fits: Fits,
    memory: Memory,
) -> Held:
    """The partition with the memory of its position, in an empty `memory`; the subscription stands there.

    Raises `PartitionHalted`, `Fenced` when it was taken from us meanwhile, `NotFound` when its catalogue is gone, and
    `Spoiled` for a detector that memory is to guard.
    """
    recalled = await _verified(bus, recalled, partition)
    front = await front_of(recalled.catalogue)
    memory.load(recalled.slots)
    held = Held(partition, bus.partitions, recalled, memory, front)
    await _catch_up(bus, subscription, held, recalled.memory_at.offset, fits)
    subscription.rewind(partition, held.stored.offset)
    return held


async def _verified(bus: Readable, recalled: Recalled, partition: int) -> Recalled:
    """The same, when the log still is the one that was decided. A log found at the first start may begin anywhere."""
    bounds = await bus.bounds(partition)
    position = recalled.position
    if not recalled.last:
        return _moved(recalled, bounds.start)
    if bus.resumed and recalled.memory_at.offset < bounds.start <= position.offset:
        return msgspec.structs.replace(recalled, memory_at=position)  # the log before is gone, as that bus declares
    if (loss := await find(bus, recalled, partition)) is not None:
        raise PartitionHalted(f"{loss.sentence}; restore it, or go on without: eventflow partition list")
    return recalled


def _moved(recalled: Recalled, start: int) -> Recalled:
    return msgspec.structs.replace(recalled, position=Position(start), memory_at=Position(start))


async def _catch_up(bus: Readable, subscription: Subscription, held: Held, at: int, fits: Fits) -> None:
    """Decide from `at` to the position for memory only, cutting exactly there."""
    end, partition = held.stored.offset, held.partition
    if at >= end:
        return
    subscription.rewind(partition, at)
    epoch = subscription.epoch
    while at < end:
        if partition not in subscription.assigned or subscription.epoch != epoch:
            raise Fenced(f"router[{partition}]: the partition was taken away while it was recovered")
        batch = await subscription.read(1000, 1.0, partitions=[partition])
        if subscription.epoch != epoch:
            continue
        if batch is None:
            bounds = await bus.bounds(partition)
            if bounds.end >= end:
                continue
            raise PartitionHalted(
                f"router[{partition}] must read {at} to {end} again, but the log ends at {bounds.end}; restore it"
            )
        records = [record for record in batch.records if record.offset < end]
        for piece in pieces(records, held.front.rules):
            await fits.ready(partition, held.memory, held.front.rules, piece)
            decide(piece, held.memory, held.front, partition=partition, partitions=held.partitions)
        at = batch.end
