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

from group import Member

from eventflow.errors import StorageBusy, StorageFull, StorageLost
from eventflow.model.workflow import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node import Node

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
        if name == "activate":
            method = partial(self._activate, method)
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

    async def _activate(self, method: Callable[..., Any], documents: dict[str, bytes], at: int) -> int:
        """Remember what comes into force, also when nobody lives to hear its number."""
        number: int = await method(documents, at)
        files = {id_: decode(document) for id_, document in documents.items()}
        self._world.catalogues.setdefault(number, files)
        return number

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
        reading = Reading(self._target.subscribe(group, position), self)
        mine = self._node.group
        return reading if mine is None else Member(self._node, mine, reading, position)


class Reading:
    """A subscription through a line."""

    def __init__(self, inner: Subscription, line: Line) -> None:
        self._inner, self._line = inner, line

    @property
    def assigned(self) -> tuple[int, ...]:
        return self._inner.assigned

    @property
    def epoch(self) -> int:
        return self._inner.epoch

    async def read(self, limit: int, wait: float, *, partitions: Sequence[int] | None = None) -> Batch | None:
        world = self._line._world
        if world.hits(0.2):
            limit = min(limit, 1 + int(world.chance.random() * 3))
        return await self._line._call("read", self._inner.read, limit, wait, partitions=partitions)

    def rewind(self, partition: int, offset: int) -> None:
        self._inner.rewind(partition, offset)

    async def close(self) -> None:
        await self._inner.close()
