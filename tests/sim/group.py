"""A consumer group, as a broker keeps it and as its members come to know of it.

What `eventflow.kafka` tells a router in a group is told here too, on virtual time: a rebalance takes everything from
everybody before it gives anything, each member hears of that a while later than the others, positions are asked for
anew, and what a member does with a partition that is no longer its own is left undone. Held against the real thing by
`tests/integration/kafka/test_group.py`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from node import Node
    from world import World

    from eventflow.model.record import Batch
    from eventflow.plugin.bus import Subscription

SLICE = 0.2
"""So long a read waits before it looks again whether it still may."""


class Group:
    """Which partitions are whose: one silent for too long loses its own, and now and then all are dealt anew."""

    def __init__(self, world: World, partitions: Sequence[int], *, patience: float = 3.0) -> None:
        self._world, self._partitions, self._patience = world, partitions, patience
        self._silent: dict[str, float] = {}
        self.of: Mapping[str, frozenset[int]] = {}
        self.epoch = 0

    async def watch(self) -> None:
        """Look who is there, for ever."""
        while True:
            there = [name for name in self._world.nodes if self._is_there(name)]
            if there and self._world.hits(self._world.faults.deal):
                await self._rebalance(self._dealt(there))
            elif there and (shares := self._shared(there)) != self.of:
                await self._rebalance(shares)
            await asyncio.sleep(0.5)

    def _is_there(self, name: str) -> bool:
        node, loop = self._world.nodes[name], self._world.loop
        if node.id not in loop.dead and node.id not in loop.frozen:
            self._silent.pop(name, None)
            return True
        return loop.now - self._silent.setdefault(name, loop.now) < self._patience

    async def _rebalance(self, shares: Mapping[str, frozenset[int]]) -> None:
        self.of, self.epoch = {}, self.epoch + 1
        await asyncio.sleep(self._world.chance.random() * 0.5)
        self.of, self.epoch = shares, self.epoch + 1

    def _shared(self, there: Sequence[str]) -> dict[str, frozenset[int]]:
        """Each partition to one of those who are there, with as few moves as may be."""
        owner = {p: name for name in there for p in self.of.get(name, ())}
        most = -(-len(self._partitions) // len(there))
        shares: dict[str, set[int]] = {name: set() for name in there}
        for partition in self._partitions:
            name = owner.get(partition)
            if name is None or len(shares[name]) >= most:
                name = min(there, key=lambda one: (len(shares[one]), one))
            shares[name].add(partition)
        return {name: frozenset(share) for name, share in shares.items()}

    def _dealt(self, there: Sequence[str]) -> dict[str, frozenset[int]]:
        """Each partition to anybody; some get nothing."""
        owners = {partition: self._world.chance.choice(there) for partition in self._partitions}
        return {name: frozenset(p for p, owner in owners.items() if owner == name) for name in there}


class Member:
    """A subscription of one node to what its group gives it."""

    def __init__(self, node: Node, group: Group, inner: Subscription, position: Callable[[int], int]) -> None:
        self._world, self._name, self._group = node.world, node.name, group
        self._inner, self._position = inner, position
        self._epoch, self._mine, self._hears = 0, (), 0.0

    @property
    def assigned(self) -> tuple[int, ...]:
        self._follow()
        return self._mine

    @property
    def epoch(self) -> int:
        self._follow()
        return self._epoch

    async def read(self, limit: int, wait: float, *, partitions: Sequence[int] | None = None) -> Batch | None:
        known, loop = self._epoch, self._world.loop
        end = loop.now + wait
        while True:
            self._follow()
            if self._epoch != known:
                return None
            looked = [p for p in self._mine if partitions is None or p in partitions]
            left = max(0.0, min(SLICE, end - loop.now))
            if looked:
                batch = await self._inner.read(limit, left, partitions=looked)
                self._follow()
                if batch is not None and self._epoch == known:
                    return batch
            else:
                await asyncio.sleep(left)
            if loop.now >= end:
                return None

    def rewind(self, partition: int, offset: int) -> None:
        self._follow()
        if partition in self._mine:
            self._inner.rewind(partition, offset)

    async def close(self) -> None:
        await self._inner.close()

    def _follow(self) -> None:
        """Hear what has become of the group, if it is time to; then nothing that was held is certain any more."""
        if self._world.loop.now < self._hears:
            return
        self._hears = self._world.loop.now + self._world.chance.random() ** 3 * 0.5  # mostly at once
        if self._group.epoch != self._epoch:
            self._epoch = self._group.epoch
            self._mine = tuple(sorted(self._group.of.get(self._name, ())))
            for partition in self._mine:
                self._inner.rewind(partition, self._position(partition))
