"""Taking a partition in hand: recall it, see that the log is still the same, bring memory up to the position (W6, W10).

Between `memory_at` and `position` records are decided again for memory only: their effects are in the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from eventflow.errors import PartitionHalted
from eventflow.model.record import Position, Ref, mark_of
from eventflow.route.decide import decide
from eventflow.route.fitting import pieces
from eventflow.route.held import Held
from eventflow.route.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from eventflow.model.commit import Recalled
    from eventflow.plugin.bus import Bus, Subscription
    from eventflow.route.fitting import Fits
    from eventflow.route.rules import Front


async def recover(
    bus: Bus,
    subscription: Subscription,
    recalled: Recalled,
    partition: int,
    front_of: Callable[[int], Awaitable[Front]],
    fits: Fits,
    guarded: frozenset[tuple[str, str]] = frozenset(),
) -> Held:
    """The partition with the memory of its position; the subscription stands there.

    Raises `PartitionHalted`, and `Spoiled` for a detector that is to be `guarded`.
    """
    recalled = await _verified(bus, recalled, partition)
    front = await front_of(recalled.catalogue)
    memory = Memory(guarded=guarded)
    memory.load(recalled.slots)
    held = Held(partition, bus.partitions, recalled, memory, front)
    await _catch_up(bus, subscription, held, recalled.memory_at.offset, fits)
    subscription.rewind(partition, held.stored.offset)
    return held


async def _verified(bus: Bus, recalled: Recalled, partition: int) -> Recalled:
    """The same, when the log still is the one that was decided. A log found at the first start may begin anywhere."""
    bounds = await bus.bounds(partition)
    position = recalled.position
    if not recalled.last:
        return _moved(recalled, bounds.start)
    if getattr(bus, "resumed", False) and recalled.memory_at.offset < bounds.start <= position.offset:
        return msgspec.structs.replace(recalled, memory_at=position)  # the log before is gone, as that bus declares
    if recalled.memory_at.offset < bounds.start or position.offset > bounds.end:
        raise PartitionHalted(
            f"router[{partition}] stands at {position.offset} with memory of {recalled.memory_at.offset}, but the log "
            f"holds {bounds.start} to {bounds.end}: the log was cut or replaced; restore it, or start with a new store"
        )
    if position.offset > bounds.start:
        (before,) = await bus.fetch([Ref(partition, position.offset - 1)])
        if before is not None and mark_of(before) != position.mark:
            raise PartitionHalted(
                f"router[{partition}]: record {position.offset - 1} is not the one that was decided: "
                "the log was replaced; restore it, or start with a new store"
            )
    return recalled


def _moved(recalled: Recalled, start: int) -> Recalled:
    return msgspec.structs.replace(recalled, position=Position(start), memory_at=Position(start))


async def _catch_up(bus: Bus, subscription: Subscription, held: Held, at: int, fits: Fits) -> None:
    """Decide from `at` to the position for memory only, cutting exactly there."""
    end, partition = held.stored.offset, held.partition
    if at >= end:
        return
    subscription.rewind(partition, at)
    while at < end:
        batch = await subscription.read(1000, 1.0, partitions=[partition])
        if batch is None:
            bounds = await bus.bounds(partition)
            raise PartitionHalted(
                f"router[{partition}] must read {at} to {end} again, but the log ends at {bounds.end}; restore it"
            )
        records = [record for record in batch.records if record.offset < end]
        for piece in pieces(records, held.front.rules):
            if piece and held.front.rules.trained:
                await fits.ready(partition, held.memory, held.front.rules, piece[-1].log_time)
            decide(piece, held.memory, held.front, partition=partition, partitions=held.partitions)
        at = batch.end
