"""A simulated process: bus and store, router, executor and outbox, started again whenever it dies.

An embedded node opens its own files and dies with its handles on them; the next life opens them afresh. A node of a
group shares a bus and a store that live elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import sink
from lines import BusLine, Line
from loop import Killed

from eventflow import ports
from eventflow.buses.memory import MemoryBus
from eventflow.buses.sqlite import SqliteBus
from eventflow.errors import Refused, StorageBusy, StorageError, StorageFull, StorageLost
from eventflow.execute.executor import Executor
from eventflow.ingest.gateway import Gateway
from eventflow.model.record import CONTROL
from eventflow.model.workflow import encode
from eventflow.observe.metrics import Metrics
from eventflow.plugin.one_series import find_detector
from eventflow.route.inputs import complete
from eventflow.route.outbox import Outbox
from eventflow.route.router import Router
from eventflow.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from group import Group
    from world import World

    from eventflow.model.record import Entry
    from eventflow.model.workflow import Workflow

LEASE = 5_000_000
"""How long an executor holds a run without renewing, in simulations: short, so that leases do run out."""

METRICS = Metrics()
DAY = 86_400 * ports.SECOND


class House:
    """Where a node's bus and store come from."""

    def __init__(self, world: World, *, partitions: int = 1, shared: bool = False, **bus: Any) -> None:
        self.world, self.partitions, self.shared = world, partitions, shared
        self._settings = bus
        self.broker = MemoryBus(partitions=partitions, **bus) if partitions != 1 or shared else None
        self.store_path = world.folder / "store" / "store.sqlite"
        self.bus_path = world.folder / "log"
        self.server = SqliteStore(self.store_path) if shared else None

    async def open(self) -> None:
        """Start what lives outside of the nodes."""
        if self.broker is not None:
            await self.broker.open()
        if self.server is not None:
            await self.server.open()

    def bus(self) -> Any:
        return self.broker if self.broker is not None else SqliteBus(self.bus_path, spare_bytes=0, **self._settings)

    def store(self) -> Any:
        return self.server if self.server is not None else SqliteStore(self.store_path)

    def close(self) -> None:
        if self.server is not None:
            abandon(self.server)


def abandon(store: Any) -> None:
    """Let go of a store's file as a dying process would."""
    store._database.abandon()
    store._hold.release()


class Node:
    """One process and its lives."""

    def __init__(self, world: World, name: str, house: House, files: dict[str, Workflow], group: Group | None = None):
        self.world, self.name, self.house, self.files, self.group = world, name, house, files, group
        self.life = 0
        self.died = asyncio.Event()
        self._opened = False
        self.lost = False
        """A sync has failed: bus and store take nothing any more."""
        self.drained = False
        self.bus: Any = None
        self.store: Any = None
        self.router: Router | None = None
        self.executor: Executor | None = None
        self.outbox: Outbox | None = None
        self.gateway: Gateway | None = None
        self._real: tuple[Any, Any] | None = None
        world.nodes[name] = self

    @property
    def id(self) -> str:
        return f"{self.name}#{self.life}"

    @property
    def is_open(self) -> bool:
        """Whether it runs and takes events."""
        loop = self.world.loop
        return self._opened and self.id not in loop.dead and self.id not in loop.frozen

    @property
    def worker(self) -> str:
        """The name under which it takes leases: the same in every life, or another each time."""
        return self.name if self.world.one_name else self.id.replace("#", "-")

    @property
    def partitions(self) -> int:
        return self.house.partitions

    async def supervise(self) -> None:
        """Start it again whenever it has died."""
        loop = self.world.loop
        while not self.drained:
            self.bury()
            self.life += 1
            self.died = asyncio.Event()
            self.lost = False
            self.world.note("start", node=self.id)
            main = loop.spawn(self.id, self._main(), f"{self.id} main")
            main.add_done_callback(self._ended)
            await self.died.wait()
            if not self.drained:
                await asyncio.sleep(0.05 + self.world.chance.random() * 0.5)

    def _ended(self, main: asyncio.Task[None]) -> None:
        """The process has come to its own end."""
        error = main.exception() if not main.cancelled() else None
        full = isinstance(error, (StorageFull, StorageBusy)) and not self._opened
        if error is not None and not full and not isinstance(error, (Killed, StorageLost)):
            self.world.wrong.append(f"{self.id} ended with {type(error).__name__}: {error}")
            self.world.trouble = error
        self.world.note("end", node=self.id, error=repr(error))
        self.world.causes.append((self.world.boot(), self.name, "end"))
        self.world.loop.dead.add(self.id)
        self.drained = error is None
        self.died.set()

    def bury(self) -> None:
        """What the system does with a dead process: its files are closed, its locks are gone."""
        self._opened = False
        if self._real is not None:
            bus, store = self._real
            if self.house.broker is None:
                bus.abandon()
            if self.house.server is None:
                abandon(store)
            self._real = None

    # --- inside the process ------------------------------------------------------------------------------------------

    async def _main(self) -> None:
        bus, store = self._real = (self.house.bus(), self.house.store())
        self.bus = BusLine(self, bus, far=self.house.broker is not None)
        self.store = Line(self, store, far=self.house.server is not None)
        if self.house.broker is None:
            await bus.open()
        if self.house.server is None:
            await store.open()
        await self._activate()
        self._routed = asyncio.Event()
        self.router = Router(self.bus, self.store, on_commit=self._committed, detectors=find_detector)
        self.outbox = Outbox(self.bus, self.store, worker=self.worker)
        self.executor = self._new_executor()
        self.gateway = Gateway(self.bus, metrics=METRICS, lost=lambda _: self.world.kill(self.name, "a sync failed"))
        self.sender = self.gateway.sender("shop")
        self._opened = True
        keeping = asyncio.get_running_loop().create_task(self._keep_house(), name="housekeeping")
        routing = asyncio.ensure_future(self.router.run())
        routing.add_done_callback(lambda _: self._routed.set())
        await asyncio.gather(routing, self.outbox.run(), self.executor.run())
        keeping.cancel()
        await self.executor.close()
        if self.house.broker is None:
            await self.bus.close()
        if self.house.server is None:
            await self.store.close()
        self._real = None

    def _new_executor(self) -> Executor:
        return Executor(
            self.store,
            sink.actions(self.world).__getitem__,
            now=self.bus.now,
            worker=self.worker,
            secret={}.__getitem__,
            workflow=self.files.get,
            complete=complete,
            said=self.outbox.wake,
            lease=LEASE,
        )

    def _committed(self, commit: Any, admitted: Any) -> None:
        self.executor.wake()
        self.outbox.wake()

    async def _activate(self) -> None:
        """Bring the files' catalogue into force, as the house does at its start and at a reload."""
        documents = {id_: encode(workflow) for id_, workflow in sorted(self.files.items())}
        await self.store.activate(documents, self.bus.now())

    async def drain(self) -> None:
        """SIGTERM: finish what is in hand and end."""
        self.router.drain()
        await self.executor.drain(5.0)
        await self._routed.wait()
        self.outbox.drain()

    async def _keep_house(self) -> None:
        """Retention, as the house does it, and more often."""
        while True:
            await ports.sleep(0.4 + ports.uniform())
            known = await self.store.partitions()
            keep = {partition: memory_at for partition, (_, memory_at, _) in known.items()}
            self.world.view.keep()
            await self.bus.retain(lambda partition, keep=keep: keep.get(partition, 0))
            now = self.bus.now()
            with contextlib.suppress(StorageFull, StorageBusy, StorageLost):
                await self.store.prune(now - DAY, now)

    async def reload(self) -> None:
        """The files have changed."""
        await self._activate()
        self.router.wake()

    async def accept(self, entry: Entry, answer: asyncio.Future[bool]) -> None:
        """Take an event from outside and answer when it is safe."""
        try:
            if entry.partition == CONTROL:
                await self.bus.publish([entry])
            else:
                await self.gateway.accept(self.sender, self.gateway.checker.check([entry.data]))
        except (Refused, StorageError):
            taken = False
        else:
            taken = True
        if not answer.done():
            answer.set_result(taken)
