"""What a partition has lost, where it goes on, and that going on is one commit in the chain."""

import asyncio
import bisect

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.errors import Conflict
from eventflow.model.commit import Recalled
from eventflow.model.control import FORWARD, LOSS_ACCEPTED, START, Start
from eventflow.model.control import record as engine_record
from eventflow.model.loss import ERA, accepted_in
from eventflow.model.record import CONTROL, Bounds, Entry, Position, Record, Ref, mark_of
from eventflow.route import standing
from eventflow.route.loss import accepted, find
from tests.unit.route import house
from tests.unit.route.test_router import routing, until

LOSS = {"id_": "jump", "by": "ann", "now": 77, "wall": 88, "waits": 5}


class Log:
    """The records of one partition, with gaps where an offset has none."""

    def __init__(self, start, end, times, word="old"):
        self.held = Bounds(start, end)
        self.records = {
            offset: Record(2, offset, time, b"%s %d" % (word.encode(), offset)) for offset, time in times.items()
        }

    async def bounds(self, partition):
        assert partition == 2
        return self.held

    async def fetch(self, refs):
        return [self.records.get(ref.offset) for ref in refs]


def log_of(start, end, word="old", first=1000):
    """One record at each offset, one tick of the clock apart."""
    return Log(start, end, {offset: first + offset for offset in range(start, end)}, word)


def at(position, memory_at, log_time=None, last="before", **slots):
    """What the store holds of a partition that has decided `log_of` up to there."""
    mark = mark_of(Record(2, position - 1, 0, b"old %d" % (position - 1)))
    return Recalled(
        position=Position(position, mark), memory_at=Position(memory_at), last=last, catalogue=3,
        log_time=1000 + position - 1 if log_time is None else log_time, slots=slots,
    )  # fmt: skip


async def test_a_log_that_holds_what_is_needed_has_lost_nothing():
    assert await find(log_of(0, 50), at(20, 18), 2) is None
    assert await find(log_of(20, 50), at(20, 20), 2) is None
    assert await find(log_of(0, 20), at(20, 20), 2) is None
    assert await find(log_of(40, 50, "new"), at(20, 20, last=""), 2) is None


async def test_retention_that_passed_the_position():
    loss = await find(log_of(45, 50), at(20, 18), 2)
    assert (loss.reason, loss.lost, loss.gap, loss.to) == ("retention", 25, 2, Position(45))
    assert loss.sentence == (
        "partition 2 stands at 20, and its log holds 45 to 50: the log was cut, 25 records that were not decided are "
        "gone; of what was decided, memory lacks 2 records"
    )
    assert loss.outlook == "it goes on at 45 with the memory it has, 5 records to decide"


async def test_retention_that_passed_memory_alone_moves_no_position():
    for start in (19, 20):
        loss = await find(log_of(start, 50), at(20, 18), 2)
        assert (loss.reason, loss.lost, loss.gap, loss.to) == ("retention", 0, 2, at(20, 18).position)


@pytest.mark.parametrize("end", [5, 50])
async def test_a_log_made_anew_is_decided_from_its_start(end):
    loss = await find(log_of(0, end, "new", first=9000), at(20, 20), 2)
    assert (loss.reason, loss.lost, loss.gap, loss.to) == ("replaced", None, 0, Position(0))
    assert "nobody can tell" in loss.sentence
    assert loss.outlook == f"it goes on at 0 with the memory it has, {end} records to decide"


async def test_a_log_that_was_cut_short_is_not_decided_again():
    """A copy from before: all that it holds is decided, and what comes now has numbers that were there before."""
    log = log_of(0, 5)
    loss = await find(log, at(20, 20), 2)
    assert (loss.reason, loss.lost, loss.to) == ("replaced", None, Position(5, mark_of(log.records[4])))
    assert "5 records before it are older than what was decided last and count as decided" in loss.outlook


@given(st.data())
async def test_it_goes_on_with_the_first_record_later_than_what_was_decided(data):
    start = data.draw(st.integers(0, 100))
    times = data.draw(st.lists(st.integers(1, 60), max_size=80).map(sorted))
    gaps = data.draw(st.lists(st.integers(1, 70), min_size=len(times), max_size=len(times)))
    offsets = [start + sum(gaps[: n + 1]) for n in range(len(gaps))]
    end = (offsets[-1] if offsets else start) + data.draw(st.integers(1, 50))
    log = Log(start, end, dict(zip(offsets, times, strict=True)), "new")
    known = data.draw(st.integers(0, 61))
    loss = await find(log, at(end + 1, end + 1, log_time=known), 2)
    assert [o for o in offsets if o >= loss.to.offset] == offsets[bisect.bisect_right(times, known) :]
    assert start <= loss.to.offset <= end


async def test_the_commit_that_goes_on():
    """It follows the one that stood there, moves position and memory at once, and says what was lost, when, by whom."""
    recalled = at(20, 18, k=b"v")
    loss = await find(log_of(45, 50), recalled, 2)
    made = accepted(loss, recalled, **LOSS)
    assert (made.id, made.follows, made.partition) == ("jump", "before", 2)
    assert (made.position, made.log_time, made.waits) == (Position(45), recalled.log_time, 5)
    assert (made.checkpoint.slots, made.checkpoint.catalogue) == ({}, 3)
    (event,), (letter,) = made.outbox, made.dead
    assert msgspec.json.decode(event)["type"] == LOSS_ACCEPTED
    said = accepted_in(letter.data)
    assert (said.lost, said.gap, said.position, said.to, said.by, said.at) == (25, 2, 20, 45, "ann", 88)
    assert (letter.ref, letter.log_time, letter.workflow) == (Ref(2, 20), 77, "")
    assert letter.error == said.sentence == f"{loss.sentence}. ann accepted this; {loss.outlook}"


async def test_a_partition_that_has_moved_since_is_left_alone():
    loss = await find(log_of(45, 50), at(20, 18), 2)
    with pytest.raises(Conflict, match="ask again"):
        accepted(loss, at(20, 18, last="another"), **LOSS)


async def test_each_log_that_took_the_place_of_another_is_an_era():
    for before, after in ({}, b"1"), ({ERA: b"1"}, b"2"):
        recalled = at(20, 20, **before)
        loss = await find(log_of(0, 5, "new", first=9000), recalled, 2)
        assert accepted(loss, recalled, **LOSS).checkpoint.slots == {ERA: after}


def test_what_is_no_acceptance_is_none():
    assert accepted_in(b'{"data":{"partition":1}}') is None
    assert accepted_in(b"\xff") is None


async def accept(bus, ledger, partition):
    """As the house does it."""
    recalled = await ledger.recall(partition)
    loss = await find(bus, recalled, partition)
    await ledger.commit(accepted(loss, recalled, id_=f"jump {loss.last}", by="ann", now=1, wall=1, waits=1))


async def test_a_router_goes_on_by_itself_and_owners_take_the_forwards_of_the_new_log():
    """The new log counts from 0; an owner that held that against the old log's numbers would take nothing."""
    bus, ledger = house.MemoryBus(2), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(key="event.data.who", cooldown=house.SECOND)))
    source = house.partition_of("k", 2)
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        await bus.emit(*(house.event(str(n), who=f"{n}") for n in range(20)))
        await until(lambda: len(ledger.runs) == 20)
    assert any(FORWARD.encode() in record.data for record in bus.logs[1 - source])
    bus.logs[source] = []
    async with routing(bus, ledger) as router:
        await until(lambda: source in router.halted)
        await bus.emit(*(house.event(f"new {n}", who=f"new {n}") for n in range(20)))
        await accept(bus, ledger, source)
        router.wake()
        await until(lambda: len(ledger.runs) == 40)
        await until(lambda: router.ready)
        assert not router.halted
    assert await find(bus, await ledger.recall(source), source) is None


async def test_control_goes_on_too_when_another_process_has_accepted_its_loss():
    """Nobody wakes this router: it looks into the store."""
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow())
    async with routing(bus, ledger):
        await bus.publish([started("one")])
        await until(lambda: len(ledger.runs) == 1)
    bus.logs[CONTROL] = []
    async with routing(bus, ledger) as router:
        await until(lambda: CONTROL in router.halted)
        await bus.publish([started("two")])
        await accept(bus, ledger, CONTROL)
        await until(lambda: len(ledger.runs) == 2)


def started(id_):
    return Entry(CONTROL, engine_record(START, id_, house.START, Start("w")))


async def test_what_was_decided_before_a_halt_is_not_lost_with_the_rest():
    """A reader finds its log cut: what it had handed out is committed first, so the loss is counted from there."""
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger(filter_="event.data.n > 100")))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        await bus.emit(*(house.event(str(n), n=n) for n in range(20)))
        await until(lambda: router.positions.get(0) == 20)
        del bus.logs[0][:]
        await until(lambda: 0 in router.halted)
        assert ledger.rows[0].position.offset == ledger.rows[0].memory_at.offset == 20


async def test_a_partition_that_stands_still_for_another_reason_is_not_tried_again_and_again():
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger()))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        await bus.emit(house.event("a"))
        await until(lambda: len(ledger.runs) == 1)
        bus.logs[0].clear()
        await until(lambda: 0 in router.halted)
        recalls = ledger.recalls
        for _ in range(3):
            router.wake()
            await asyncio.sleep(0.02)
        assert ledger.recalls == recalls
        assert 0 in router.halted


async def test_a_log_that_was_restored_goes_on_without_a_word_of_anybody(monkeypatch):
    monkeypatch.setattr(standing, "LOOK", 0)
    bus, ledger = house.MemoryBus(), house.MemoryLedger()
    ledger.activate(house.workflow(house.trigger()))
    async with routing(bus, ledger) as router:
        await until(lambda: router.ready)
        await bus.emit(house.event("a"))
        await until(lambda: len(ledger.runs) == 1)
        await until(lambda: ledger.rows[0].position.offset == 1)
        kept, bus.logs[0] = bus.logs[0], []
        await until(lambda: 0 in router.halted)
        bus.logs[0] = kept
        router.wake()
        await until(lambda: router.ready)
        await bus.emit(house.event("b"))
        await until(lambda: len(ledger.runs) == 2)
