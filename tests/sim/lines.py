"""What lies between a node and its bus and store: latency, refusals, and for servers elsewhere lost answers.

The doubles pass everything on to the real bus and store and raise only what the contracts allow: `StorageFull` and
`StorageBusy` before anything was written, `StorageLost` when nobody knows and the process must stop, `ConnectionError`
when a database server's answer to a commit got lost.
"""

from __future__ import annotations

import asyncio
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from eventflow.errors import StorageBusy, StorageFull, StorageLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node import Node
    from world import World

    from eventflow.model.record import Batch
    from eventflow.plugin.bus import Subscription

WRITES = frozenset(("publish", "commit", "append", "claim", "outbox_done", "renew", "lease", "setting", "release"))
"""Calls that may be refused."""
UNCLEAR = frozenset(("commit",))
"""Calls whose answer may get lost on the way from a server."""
SERVER = "server#0"
"""Where shared buses and stores live: a node that nobody kills."""


class Line:
    """A bus or store as one node sees it. `far`: it lives in another process and outlives this one."""

    def __init__(self, node: Node, target: Any, *, far: bool) -> None:
        self._node, self._world, self._target, self._far = node, node.world, target, far

    def __getattr__(self, name: str) -> Any:
        """The target's own, through the line if it is a call that waits."""
        found = getattr(self._target, name)
        if not iscoroutinefunction(found):
            return found
        call = partial(self._call, name, found)
        setattr(self, name, call)
        return call

    async def _call(self, name: str, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        world = self._world
        await self._travel()
        if name == "commit":
            world.commits.setdefault(args[0].partition, {})[args[0].id] = args[0]
        if name in WRITES and world.hits(world.faults.refuse):
            world.causes.append((world.boot(), self._node.name, f"refused {name}"))
            raise StorageFull("no room, says the simulation") if world.chance.random() < 0.5 else StorageBusy("locked")
        if name in WRITES and not self._far and (self._node.lost or world.hits(world.faults.lose)):
            await self._lose(method, *args, **named)
        result = await (self._there(method, *args, **named) if self._far else method(*args, **named))
        if name == "claim" and result:
            world.crowded += world.view.crowded()
        await self._travel()
        if self._far and name in UNCLEAR and world.hits(world.faults.cut):
            raise ConnectionError("the answer got lost, says the simulation")
        return result

    async def _lose(self, method: Callable[..., Any], *args: Any, **named: Any) -> None:
        """The sync fails: it was written or not, and from now on nothing is taken any more."""
        if not self._node.lost and self._world.chance.random() < 0.5:
            await method(*args, **named)
        self._node.lost = True
        raise StorageLost("the sync failed, says the simulation")

    async def _there(self, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Have the server do it; it does so whatever becomes of us."""
        return await asyncio.shield(self._world.loop.spawn(SERVER, method(*args, **named), "server"))

    async def _travel(self) -> None:
        if self._far or self._world.hits(self._world.faults.slow):
            await asyncio.sleep(self._world.chance.random() * (0.005 if self._world.healed else 0.05))


class BusLine(Line):
    """A bus whose reads come in pieces of any size, of the partitions that the group gives this node."""

    def subscribe(self, group: str, position: Callable[[int], int]) -> Subscription:
        return Reading(self._node, self._target.subscribe(group, position), self)


class Reading:
    """A subscription through a line."""

    def __init__(self, node: Node, inner: Subscription, line: Line) -> None:
        self._node, self._world, self._inner, self._line = node, node.world, inner, line

    @property
    def assigned(self) -> tuple[int, ...]:
        mine = self._node.assigned
        return self._inner.assigned if mine is None else tuple(p for p in self._inner.assigned if p in mine)

    @property
    def epoch(self) -> int:
        return self._inner.epoch

    async def read(self, limit: int, wait: float, *, partitions: Sequence[int] | None = None) -> Batch | None:
        if self._world.hits(0.2):
            limit = min(limit, 1 + int(self._world.chance.random() * 3))
        return await self._line._call("read", self._inner.read, limit, wait, partitions=partitions)

    def rewind(self, partition: int, offset: int) -> None:
        self._inner.rewind(partition, offset)

    async def close(self) -> None:
        await self._inner.close()


class Group:
    """The partitions of several nodes, as a broker hands them out: a node that is silent for too long loses its own."""

    def __init__(self, world: World, partitions: Sequence[int], *, patience: float = 3.0) -> None:
        self._world, self._partitions, self._patience = world, partitions, patience
        self._silent: dict[str, float] = {}
        self.of: dict[str, frozenset[int]] = {}

    async def watch(self) -> None:
        """Look who is there, for ever."""
        while True:
            self._share([name for name in self._world.nodes if self._is_there(name)])
            await asyncio.sleep(0.5)

    def _is_there(self, name: str) -> bool:
        node, loop = self._world.nodes[name], self._world.loop
        if node.id not in loop.dead and node.id not in loop.frozen:
            self._silent.pop(name, None)
            return True
        return loop.now - self._silent.setdefault(name, loop.now) < self._patience

    def _share(self, there: list[str]) -> None:
        """Each partition to one of those who are there, with as few moves as may be."""
        if not there:
            return
        owner = {p: name for name in there for p in self.of.get(name, ())}
        most = -(-len(self._partitions) // len(there))
        shares: dict[str, set[int]] = {name: set() for name in there}
        for partition in self._partitions:
            name = owner.get(partition)
            if name is None or len(shares[name]) >= most:
                name = min(there, key=lambda one: (len(shares[one]), one))
            shares[name].add(partition)
        self.of = {name: frozenset(share) for name, share in shares.items()}
