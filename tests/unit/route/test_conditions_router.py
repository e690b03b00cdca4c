"""Condition triggers in the router's loop: a detector that raises, models that are late, ticks for `for`, reloads."""

from functools import partial

import msgspec

from tests.unit.route import house, judging
from tests.unit.route.judging import SECOND, condition
from tests.unit.route.test_conditions import Picky
from tests.unit.route.test_fitting import Slow
from tests.unit.route.test_router import routing, until

FIND = partial(judging.named, short=Picky)


async def test_a_detector_that_raises_costs_one_row_and_no_other_trigger():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(condition("t", "picky"), condition("other", fire_on="both")))
    values = [1, 20, 13, 2, 13, 3]
    async with routing(bus, ledger, detectors=FIND):
        await bus.emit(*(house.event(f"e{n}", v=value) for n, value in enumerate(values)))
        await until(lambda: 0 in ledger.rows and ledger.rows[0].position.offset == len(values))
        await bus.emit(house.event("last", v=30))
        await until(lambda: ledger.rows[0].position.offset == len(values) + 1)
    dead = [letter for commit in ledger.commits for letter in commit.dead]
    assert [(letter.trigger, letter.ref.offset) for letter in dead] == [("t", 2), ("t", 4)]
    fired = [firing.events[0].ref.offset for firing in ledger.runs.values()]
    assert fired == [1, 3, 4, 5, 6]
    again = judging.loaded(ledger.rows[0].slots)
    assert again.triggers["w", "t"].counts == {"learning": 5, "failed": 2}


async def test_both_edges_are_said_in_the_commit_of_their_record():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(condition()))
    async with routing(bus, ledger, detectors=FIND):
        await bus.emit(house.event("a", v=20), house.event("b", v=1))
        await until(lambda: ledger.runs)
    said = [msgspec.json.decode(event)["type"] for commit in ledger.commits for event in commit.outbox]
    assert said == ["detector.raised", "detector.cleared"]


async def test_an_idle_log_gets_a_tick_when_for_is_over():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(condition(for_=60 * SECOND)))
    async with routing(bus, ledger, detectors=FIND):
        await bus.emit(house.event("a", v=20))
        await until(lambda: ledger.rows.get(0) and ledger.rows[0].position.offset == 1)
        assert not ledger.runs
        bus.clock += 61 * SECOND
        await until(lambda: ledger.runs)
    (firing,) = ledger.runs.values()
    assert firing.events[0].ref.offset == 0
    assert firing.fired_at == bus.logs[0][0].log_time + 60 * SECOND


async def test_the_router_waits_for_a_model_that_is_due():
    bus, ledger, slow = house.MemoryBus(), house.MemoryLedger(), Slow()
    ledger.activate(house.workflow(judging.forest()))
    async with routing(bus, ledger, detectors=FIND, fitter=slow) as router:
        await bus.emit(*(house.event(f"e{n}", v=float(n % 7)) for n in range(40)))
        await until(lambda: slow.asked == 1)
        bus.clock += 600 * SECOND
        await bus.emit(house.event("late", v=3.0))
        await until(lambda: router.fits.waits)
        assert router.positions[0] == 40
        slow.go.set()
        await until(lambda: router.positions[0] == 41)
    assert router.fits.made >= 1


async def test_how_series_stand_is_told():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(condition(), condition("learns", "adaptive")))
    async with routing(bus, ledger, detectors=FIND) as router:
        await bus.emit(*(house.event(f"e{n}", key=f"k{n}", v=value) for n, value in enumerate([20, 1, 2])))
        await until(lambda: router.positions.get(0) == 3)
        found = {one.trigger: (one.type, one.learning, one.normal, one.alarms) for one in router.detectors()}
        assert found == {"t": ("threshold", 0, 2, 1), "learns": ("adaptive", 3, 0, 0)}
        assert router.verdicts("w", "t", "k0")[0][3:] == ("started", "fired")
