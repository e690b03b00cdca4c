"""The router between the real embedded log and store."""

import asyncio
import contextlib

from eventflow import ports
from eventflow.buses.sqlite import SqliteBus
from eventflow.model.control import START, Start
from eventflow.model.control import record as engine_record
from eventflow.model.record import CONTROL, Entry
from eventflow.model.workflow import Concurrency
from eventflow.route.outbox import Outbox
from eventflow.route.router import Router
from eventflow.stores.sqlite.store import SqliteStore
from tests.unit.route import house


@contextlib.asynccontextmanager
async def opened(folder):
    folder.mkdir(exist_ok=True)
    bus, store = SqliteBus(folder / "log"), SqliteStore(folder / "store.db")
    await bus.open()
    await store.open()
    router, outbox = Router(bus, store), Outbox(bus, store, worker="me")
    tasks = ports.Tasks()
    running = [tasks.spawn(router.run(), "router"), tasks.spawn(outbox.run(), "outbox")]
    try:
        yield bus, store, router
    finally:
        router.drain()
        outbox.drain()
        async with asyncio.timeout(20):
            await asyncio.gather(*running)
        await store.close()
        await bus.close()


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_events_become_runs_once_over_restarts(tmp_path):
    flow = house.workflow(
        house.trigger("each", filter_="event.data.n > 0"),
        house.trigger("calm", key="event.data.key", cooldown=3600 * house.SECOND),
    )
    for round_ in range(3):
        async with opened(tmp_path / "data") as (bus, store, router):
            await store.activate({"w": house.encode(flow)}, bus.now())
            router.wake()
            await until(lambda router=router: _is(router.catalogue == 1))
            again = [house.event(str(n), n=n) for n in range(4)]
            await bus.publish([Entry(0, data) for data in again])
            await until(lambda router=router, round_=round_: _is(router.positions[0] >= 4 * (round_ + 1)))
            runs = await store.runs(100)
            assert router.counts()["w", "each", "fired"] == 3 * (round_ + 1)
    assert sorted(run.trigger for run in runs) == ["calm", "each", "each", "each"]


async def test_a_suppressed_run_comes_back_as_an_event_through_the_outbox(tmp_path):
    one = house.workflow(id_="one", concurrency=Concurrency(mode="single"))
    two = house.workflow(house.trigger(event_="eventflow.run.suppressed"), id_="two")
    async with opened(tmp_path / "data") as (bus, store, router):
        await store.activate({flow.id: house.encode(flow) for flow in (one, two)}, bus.now())
        router.wake()
        for id_ in "ab":
            await bus.publish([Entry(CONTROL, engine_record(START, id_, bus.now(), Start("one")))])
        await until(lambda: _some(store, "two"))
        (run,) = await store.runs(10, workflow="two")
        assert run.chain == ("one",)


async def _is(value):
    return value


async def _some(store, workflow):
    return await store.runs(1, workflow=workflow)
