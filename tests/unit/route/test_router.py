"""The loop over a log and a ledger: what goes in comes out as firings, whatever happens to commits."""

import asyncio
import contextlib
from functools import partial

import msgspec
import pytest

from eventflow.errors import StorageFull
from eventflow.model.control import HALTED, LAG, Start
from eventflow.model.control import START as MANUAL_START
from eventflow.model.control import record as engine_record
from eventflow.model.record import CONTROL, Entry
from eventflow.route import held
from eventflow.route.patience import Patient
from eventflow.route.router import Router
from eventflow.route.ticks import Ticker
from tests.unit.route import house


@contextlib.asynccontextmanager
async def routing(bus, ledger, **options):
    router = Router(bus, ledger, **options)
    task = asyncio.get_running_loop().create_task(router.run())
    try:
        yield router
    finally:
        router.drain()
        await asyncio.wait_for(task, 20)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_an_event_becomes_a_firing():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(filter_="event.data.n > 1")))
    async with routing(bus, ledger) as router:
        await bus.emit(house.event("a", n=1), house.event("b", n=2))
        await until(lambda: ledger.runs)
        assert router.ready
    (firing,) = ledger.runs.values()
    assert (firing.workflow, firing.trigger, firing.events[0].ref.offset) == ("w", "t", 1)
    assert ledger.rows[0].position.offset == ledger.rows[0].memory_at.offset == 2


async def test_an_idle_router_writes_nothing_more():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger()))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        first = len(ledger.commits)
        await asyncio.sleep(0.6)
    assert len(ledger.commits) == first
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
    assert len(ledger.commits) == first


async def test_a_person_starts_a_workflow():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow())
    async with routing(bus, ledger):
        await bus.publish([Entry(CONTROL, engine_record(MANUAL_START, "one", house.START, Start("w", by="ann")))])
        await until(lambda: ledger.runs)
    (firing,) = ledger.runs.values()
    assert (firing.trigger, firing.by) == ("manual", "ann")


async def test_an_unclear_commit_is_repeated_and_counts_once():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger()))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        ledger.unclear, recalls = 1, ledger.recalls
        await bus.emit(house.event("a"))
        await until(lambda: ledger.runs and not router.trouble)
        await bus.emit(house.event("b"))
        await until(lambda: len(ledger.runs) == 2)
        assert ledger.recalls == recalls
    assert sum(len(commit.firings) for commit in ledger.commits) == 2


async def test_a_full_disk_is_waited_out():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger()))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        ledger.fail = [StorageFull("no room"), StorageFull("no room")]
        await bus.emit(house.event("a"))
        await until(lambda: not router.ready)
        assert "no room" in router.trouble
        await until(lambda: ledger.runs)
        assert router.ready


@pytest.mark.parametrize("stays", [0, 1])
async def test_two_routers_of_one_partition_fire_once_and_either_goes_on(stays):
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(key="event.data.key", cooldown=60 * house.SECOND)))
    async with contextlib.AsyncExitStack() as one, contextlib.AsyncExitStack() as two:
        for stack in (one, two):
            router = await stack.enter_async_context(routing(bus, ledger))
            await until(partial(_ready, router))
        for n in range(20):
            await bus.emit(house.event(str(n), key=str(n % 4)))
        await until(lambda: len(ledger.runs) == 4 and ledger.rows[0].position.offset == 20)
        await (one, two)[1 - stays].aclose()
        await bus.emit(house.event("later", key="another"))
        await until(lambda: len(ledger.runs) == 5)
    assert sum(len(commit.firings) for commit in ledger.commits) == 5


def _ready(router):
    return router.ready


async def test_a_reload_is_one_commit_and_later_events_meet_the_new_rule():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(filter_="event.data.n == 1")))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        await bus.emit(house.event("a", n=1), house.event("b", n=2))
        await until(lambda: ledger.runs)
        number = ledger.activate(house.workflow(house.trigger(filter_="event.data.n == 2")))
        router.wake()
        await until(lambda: router.catalogue == number)
        await bus.emit(house.event("c", n=1), house.event("d", n=2))
        await until(lambda: len(ledger.runs) == 2)
    assert sorted(firing.events[0].ref.offset for firing in ledger.runs.values()) == [0, 3]


async def test_ticks_come_for_timers_and_for_deadlines_only():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(schedule=house.Schedule(every=house.SECOND))))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        await asyncio.sleep(0.3)
        assert not bus.logs[0]
        bus.clock += 5 * house.SECOND
        await until(lambda: ledger.runs)
        assert len(bus.logs[0]) == 1
        assert not bus.logs[CONTROL]
        ledger.deadline = bus.clock
        bus.clock += 1
        await until(lambda: ledger.rows[CONTROL].log_time > ledger.deadline)
        ledger.deadline = None


@pytest.mark.parametrize("partitions", [1, 3])
async def test_forwards_reach_the_owner_before_the_position_passes(partitions):
    bus, ledger = house.MemoryBus(partitions), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(key="event.data.n", cooldown=60 * house.SECOND)))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        for n in range(60):
            await bus.emit(house.event(str(n), key=str(n % 7), n=str(n % 5)))
        await until(lambda: len(ledger.runs) == 5)
        await until(lambda: all(router.positions[p] == len(bus.logs[p]) for p in bus.logs))
        counts = router.counts()
    assert counts["w", "t", "fired"] == 5
    assert counts["w", "t", "cooldown"] == 55


class Death(BaseException):
    """The process is gone."""


async def test_a_record_that_kills_the_process_is_buried_and_the_partition_goes_on(monkeypatch):
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger("t", key="event.data.key", cooldown=house.SECOND)))
    await bus.emit(*(house.event(str(n), key=str(n)) for n in range(10)))
    real, deaths = held.decide, []

    def deadly(records, *args, **options):
        if any(record.offset == 6 for record in records):
            deaths.append(len(records))
            raise Death
        return real(records, *args, **options)

    monkeypatch.setattr(held, "decide", deadly)
    for _ in range(10):
        router = Router(bus, ledger)
        task = asyncio.get_running_loop().create_task(_survive(router))
        await until(partial(_over, task, router))
        router.drain()
        if await task:
            break
    assert len(ledger.runs) == 9
    assert [letter.ref.offset for commit in ledger.commits for letter in commit.dead] == [6]
    assert deaths == [10, 10, 1, 1, 1]


def _over(task, router):
    return task.done() or router.positions.get(0) == 10


async def _survive(router):
    try:
        await router.run()
    except Death:
        return False
    return True


async def test_a_process_killed_now_and_then_buries_nothing():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger("t", key="event.data.key", cooldown=house.SECOND)))
    await bus.emit(*(house.event(str(n), key=str(n)) for n in range(30)))
    for round_ in range(12):
        task = asyncio.get_running_loop().create_task(Router(bus, ledger).run())
        for _ in range(20 + 7 * round_):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    async with routing(bus, ledger) as router:
        await until(lambda: router.positions.get(0) == 30)
    assert len(ledger.runs) == 30
    assert not any(commit.dead for commit in ledger.commits)


@pytest.mark.parametrize("harm", ["cut", "replaced"])
async def test_a_replaced_or_shortened_log_halts_its_partition_and_says_so(harm):
    bus, ledger = house.MemoryBus(2), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger()), house.workflow(house.trigger(event_=HALTED), id_="alarm"))
    events = [house.event(str(n), key=str(n)) for n in range(20)]
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        await bus.emit(*events)
        await until(lambda: len(ledger.runs) == 20)
    if harm == "cut":
        bus.logs[1].pop()
    else:
        bus.logs[1][-1] = msgspec.structs.replace(bus.logs[1][-1], data=house.event("x"))
    async with routing(bus, ledger) as router:
        await until(lambda: len(ledger.runs) == 21)
        assert list(router.halted) == [1]
        assert "partition 1 stands at" in router.trouble
        assert not router.ready
        await bus.emit(*(house.event(f"new{n}", key=str(n)) for n in range(20)))
        await until(lambda: router.positions[0] == len(bus.logs[0]))
    assert any(firing.workflow == "alarm" for firing in ledger.runs.values())


async def test_recovery_decides_by_the_catalogue_that_was_in_force():
    """Two routers die between checkpoints; the rule is edited while nobody runs."""
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(key="event.data.key", cooldown=3600 * house.SECOND)))
    await _die_after(bus, ledger, [house.event("a", key="a")], runs=1)
    assert ledger.rows[0].memory_at.offset == 0 < ledger.rows[0].position.offset
    ledger.activate(house.workflow(house.trigger(key="event.data.key", cooldown=3600 * house.SECOND, enabled=False)))
    ledger.activate(house.workflow(house.trigger(key="event.data.key", cooldown=7200 * house.SECOND)))
    async with routing(bus, ledger) as router:
        await until(lambda: router.catalogue == 3)
        await bus.emit(house.event("b", key="a"))
        await until(lambda: router.counts().get(("w", "t", "cooldown")) == 1)
    assert len(ledger.runs) == 1


async def test_recovery_ends_exactly_at_the_position():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(key="event.data.key", cooldown=3600 * house.SECOND)))
    await _die_after(bus, ledger, [house.event("a", key="a")], runs=1)
    await bus.emit(house.event("b", key="b"), house.event("c", key="a"))
    async with routing(bus, ledger) as router:
        await until(lambda: router.positions.get(0) == 3)
        assert router.counts()["w", "t", "fired"] == 2
    assert len(ledger.runs) == 2


async def _die_after(bus, ledger, events, runs):
    router = Router(bus, ledger)
    task = asyncio.get_running_loop().create_task(router.run())
    await until(lambda: router.ready)
    await bus.emit(*events)
    await until(lambda: len(ledger.runs) == runs)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_partition_far_behind_raises_an_alarm_on_control_and_once_a_minute():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    front = house.front(house.workflow(house.trigger()))
    await bus.emit(*(house.event(str(n)) for n in range(3)))
    behind = held.Held(0, 1, await ledger.recall(0), house.fresh(front), front)
    behind.decide(bus.logs[0][:1])
    ticker = Ticker(bus, Patient(bus, ledger))
    await ticker.watch([behind])
    assert not bus.logs[CONTROL]
    bus.clock += 90 * house.SECOND
    for _ in range(2):
        await ticker.watch([behind])
    (alarm,) = bus.logs[CONTROL]
    data = msgspec.json.decode(alarm.data)
    assert (data["type"], data["data"]["records"]) == (LAG, 2)
    assert data["data"]["waited"] >= 90 * house.SECOND
