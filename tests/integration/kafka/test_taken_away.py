"""A rebalance in the middle of a recovery: what is another's when the store answers is let go, not waited for."""

import asyncio
import json

import pytest

from eventflow import ports, settings
from eventflow.app.workflows import Workflows
from eventflow.buses.kafka import KafkaBus
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import Wanted
from eventflow.model.record import CONTROL, Entry
from eventflow.route.router import Router
from eventflow.stores.sqlite import SqliteStore

PARTITIONS = 4
EACH = """
metadata: {name: each}
triggers: [{id: t, type: event, config: {event: load.event}}]
concurrency: {mode: parallel, max: 64}
steps: [{name: note, uses: run.annotate, with: {text: came}}]
"""


class Slow:
    """A store whose answer to a recovery waits until it is let go."""

    def __init__(self, store):
        self._store, self._asked = store, 0
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def recall(self, partition):
        found = await self._store.recall(partition)
        self._asked += 1
        if self._asked > PARTITIONS + 1:  # before that it asks where to begin
            self.reached.set()
            await self.go.wait()
        return found


@pytest.fixture
async def store(tmp_path):
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "each.yaml").write_text(EACH)
    given = settings.given({"data_dir": str(tmp_path), "workflows": str(tmp_path / "documents")})
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    await Workflows(given).activate(store, ports.wall())
    yield store
    await store.close()


@pytest.fixture
async def make_bus(kafka, topic):
    made = []

    async def make():
        bus = KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, PARTITIONS), shared=True, session=3.0)
        await bus.open()
        made.append(bus)
        return bus

    yield make
    for bus in made:
        await bus.close()


async def until(true, within=30.0):
    async with asyncio.timeout(within):
        while not await true():
            await asyncio.sleep(0.05)


async def leave_memory_behind(bus, store):
    """A router that ends without a word: every partition stands beyond its memory."""
    number = 0

    async def behind():
        nonlocal number
        number += 1
        line = {"specversion": "1.0", "id": f"{number}", "source": "load", "type": "load.event", "data": {}}
        await bus.publish([Entry(partition, json.dumps(line).encode()) for partition in range(PARTITIONS)])
        known = await store.partitions()
        return all(known[p][0] > known[p][1] for p in range(PARTITIONS) if p in known) and len(known) > PARTITIONS

    running = asyncio.ensure_future(Router(bus, store).run())
    await until(behind)
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.timeout(120)
async def test_a_partition_that_is_taken_during_its_recovery_is_let_go(store, make_bus):
    await leave_memory_behind(await make_bus(), store)
    slow = Slow(store)
    router = Router(await make_bus(), slow)
    running = asyncio.ensure_future(router.run())
    await asyncio.wait_for(slow.reached.wait(), 30)
    other = (await make_bus()).subscribe("router", lambda _: 0)

    async def other_has_some():
        return any(partition != CONTROL for partition in other.assigned)

    await until(other_has_some)
    slow.go.set()

    async def the_rest_goes_on():
        mine = [p for p in (CONTROL, *range(PARTITIONS)) if p not in other.assigned]
        return bool(mine) and set(router.positions) == set(mine)

    await until(the_rest_goes_on)
    router.drain()
    await asyncio.wait_for(running, 30)
    await other.close()
    assert not router.halted
