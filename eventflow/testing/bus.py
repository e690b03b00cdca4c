"""The contract of a bus as tests: every sentence of `eventflow.plugin.bus` that a test can hold.

Inherit it in a test module, say how a bus is made, and declare what yours lacks:

    class TestMyBus(BusContract):
        most_partitions = 8

        def make(self, place, *, partitions=1, **limits):
            return MyBus(place, partitions=partitions, **limits)

Size: one suite is one class, so that a backend inherits the whole contract by one name.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from abc import abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pytest

from eventflow import ports
from eventflow.errors import PartitionHalted, StorageError, StorageFull, StorageHeld
from eventflow.model.record import CONTROL, Bounds, Entry, Ref

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from eventflow.model.event import Micros
    from eventflow.model.record import Batch, Record
    from eventflow.plugin.bus import Bus, Subscription

T = TypeVar("T", bound="Callable[..., Any]")
HOUR: Micros = 3600 * ports.SECOND
LONG = 3600.0
"""Seconds that a read may wait which must be woken."""


def needs(capability: str) -> Callable[[T], T]:
    """The test is not collected where a suite declares that its bus lacks this."""

    def mark(test: T) -> T:
        test.__dict__["needs_capability"] = capability
        return test

    return mark


class MovedClock(ports.RealWorld):
    """A world whose clocks a test moves: `moved` is added to both, `set_wall` to the wall clock alone."""

    moved: Micros = 0
    set_wall: Micros = 0

    def wall(self) -> Micros:
        """What somebody set the clock to."""
        return super().wall() + self.moved + self.set_wall

    def boot(self) -> Micros:
        """Time that really passed."""
        return super().boot() + self.moved


class BusContract:
    """What every bus passes unchanged. `place` is a folder of the test's own, the name of one log."""

    most_partitions: ClassVar[int] = 1
    """The largest N it can be opened with."""
    own_clock: ClassVar[bool] = True
    """It stamps by `ports`, so that a test can move the clocks; False: somebody else's clock (a broker's)."""
    own_limits: ClassVar[bool] = True
    """`make` takes `limit_bytes` and `max_age` (seconds); False: somebody else keeps the log small."""
    one_holder: ClassVar[bool] = False
    """A second bus on the same place is refused."""

    @abstractmethod
    def make(self, place: Path, *, partitions: int = 1, **limits: float) -> Bus:
        """A bus, not opened, on the log of this place; `limits` are `limit_bytes` and `max_age`."""
        raise NotImplementedError

    def again(self, bus: Bus, place: Path, *, partitions: int = 1, **limits: float) -> Bus:
        """A bus on the same log after `bus` was closed, as after a restart. By default a new one of the same place."""
        return self.make(place, partitions=partitions, **limits)

    def __init_subclass__(cls, **named: Any) -> None:
        """Leave out the tests of what the suite declares as lacking."""
        super().__init_subclass__(**named)
        for name in dir(cls):
            capability = getattr(getattr(cls, name, None), "needs_capability", None)
            if capability is not None and not getattr(cls, capability):
                setattr(cls, name, None)

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Where the log is."""
        return tmp_path / "log"

    @pytest.fixture
    def clock(self) -> Iterator[MovedClock]:
        """Clocks that the test moves."""
        with ports.use(MovedClock()) as world:
            yield world  # type: ignore[misc]

    @pytest.fixture
    async def bus(self, place: Path) -> AsyncIterator[Bus]:
        """An open bus with as many partitions as it can have, at most three."""
        bus = self.make(place, partitions=min(3, self.most_partitions))
        await bus.open()
        yield bus
        await bus.close()

    # --- what goes in comes out ------------------------------------------------------------------------------------

    async def test_records_come_out_as_they_went_in(self, bus: Bus) -> None:
        """Bytes, order and offsets; each subscription sees everything."""
        lines = [b'{"id":"1"}', b"", b"x" * 1_000_000, "ü".encode()]
        await bus.publish([])
        await bus.publish(entries(lines[:1]))
        await bus.publish(entries(lines[1:]))
        for _ in range(2):
            records = await drain(bus.subscribe("a", from_start))
            assert [record.data for record in records] == lines
            assert [record.offset for record in records] == [0, 1, 2, 3]
            assert {record.partition for record in records} == {0}
        assert await bus.bounds(0) == Bounds(0, 4)
        assert await bus.bounds(CONTROL) == Bounds(0, 0)

    async def test_many_at_once_keep_their_own_order(self, bus: Bus) -> None:
        """Calls of one task, and entries of one call, keep their order in each partition; none is lost or doubled."""
        partitions = (CONTROL, *range(bus.partitions))

        async def task(name: int) -> None:
            dice = random.Random(name)  # noqa: S311 - dice
            for call in range(15):
                some = [
                    Entry(dice.choice(partitions), b"%d %d %d" % (name, call, n)) for n in range(dice.randint(1, 6))
                ]
                sent.extend(some)
                await bus.publish(some)

        sent: list[Entry] = []
        await asyncio.gather(*(task(name) for name in range(20)))
        records = await drain(bus.subscribe("a", from_start))
        assert sorted((r.partition, r.data) for r in records) == sorted((e.partition, e.data) for e in sent)
        for partition in partitions:
            keys = [tuple(map(int, r.data.split())) for r in records if r.partition == partition]
            for name in range(20):
                own = [key for key in keys if key[0] == name]
                assert own == sorted(own)

    async def test_what_is_wrong_in_a_call_takes_the_whole_call(self, bus: Bus) -> None:
        """All or nothing: an entry for a partition that does not exist."""
        with pytest.raises(ValueError, match="partition 99"):
            await bus.publish([Entry(0, b"a"), Entry(CONTROL, b"b"), Entry(99, b"c")])
        assert await drain(bus.subscribe("a", from_start)) == []

    @pytest.mark.parametrize("turns", range(1, 6))
    async def test_a_cancelled_publisher_takes_nothing_back(self, bus: Bus, turns: int) -> None:
        """Its entries come, whole and before what the same task publishes afterwards."""
        some = [Entry(0, b"a"), Entry(CONTROL, b"c"), Entry(0, b"b")]
        task = asyncio.ensure_future(bus.publish(some))
        for _ in range(turns):
            await ports.breathe()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await bus.publish(entries([b"later"]))
        records = await drain(bus.subscribe("a", from_start))
        assert [record.data for record in records] == [b"c", b"a", b"b", b"later"]

    async def test_a_log_goes_on_after_a_restart(self, bus: Bus, place: Path) -> None:
        """What was acknowledged is there, offsets go on; closing twice is fine."""
        await bus.publish([Entry(0, b"a"), Entry(CONTROL, b"c")])
        before = await drain(bus.subscribe("a", from_start))
        await bus.close()
        await bus.close()
        again = self.again(bus, place, partitions=bus.partitions)
        await again.open()
        await again.publish(entries([b"b"]))
        assert await again.bounds(0) == Bounds(0, 2)
        records = await drain(again.subscribe("a", from_start))
        assert records[: len(before)] == before
        assert [record.data for record in records] == [b"c", b"a", b"b"]
        await again.close()

    # --- reading ---------------------------------------------------------------------------------------------------

    async def test_positions_are_asked_for_and_never_kept(self, bus: Bus) -> None:
        """`position` says where to begin, for each partition assigned."""
        await bus.publish(entries([b"%d" % n for n in range(10)]))
        asked: list[int] = []

        def position(partition: int) -> int:
            asked.append(partition)
            return 4 if partition == 0 else 0

        subscription = bus.subscribe("a", position)
        records = await drain(subscription)
        assert [record.offset for record in records] == [4, 5, 6, 7, 8, 9]
        assert sorted(asked) == sorted(subscription.assigned) == [CONTROL, *range(bus.partitions)]
        assert len(await drain(bus.subscribe("a", from_start))) == 10

    async def test_a_batch_is_consecutive_and_no_larger_than_asked(self, bus: Bus) -> None:
        """Whatever the sizes of calls were."""
        for size in (1, 7, 3, 20, 2):
            await bus.publish(entries([b"x"] * size))
        subscription, at = bus.subscribe("a", from_start), 0
        while batch := await subscription.read(4, 0):
            assert 1 <= len(batch.records) <= 4
            assert (batch.start, batch.end) == (at, at + len(batch.records))
            assert [record.offset for record in batch.records] == list(range(batch.start, batch.end))
            at = batch.end
        assert at == 33

    async def test_a_reader_that_waits_is_woken(self, bus: Bus) -> None:
        """By data and by control; a wake-up is never missed, whoever comes first."""
        subscription = bus.subscribe("a", from_start)
        for number in range(30):
            partition = CONTROL if number % 3 == 0 else 0
            reading = asyncio.ensure_future(subscription.read(10, LONG))
            for _ in range(number % 5):
                await ports.breathe()
            await bus.publish([Entry(partition, b"%d" % number)])
            batch = await reading
            assert batch is not None
            assert [record.data for record in batch.records] == [b"%d" % number]

    async def test_nothing_comes_of_an_empty_log(self, bus: Bus) -> None:
        """None, at once or after the wait; and a read that was cancelled has taken nothing."""
        subscription = bus.subscribe("a", from_start)
        assert await subscription.read(10, 0) is None
        assert await subscription.read(10, 0.01) is None
        reading = asyncio.ensure_future(subscription.read(10, LONG))
        await ports.breathe()
        await ports.breathe()
        reading.cancel()
        await bus.publish(entries([b"a"]))
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        assert len(await drain(subscription)) == (0 if reading.done() and not reading.cancelled() else 1)

    async def test_control_goes_first(self, bus: Bus) -> None:
        """Also in the middle of a flood of data (W5)."""
        await bus.publish(entries([b"data"] * 50))
        subscription = bus.subscribe("a", from_start)
        for number in range(5):
            assert (await read(subscription, 3)).partition == 0
            await bus.publish([Entry(0, b"data"), Entry(CONTROL, b"stop %d" % number), Entry(CONTROL, b"and")])
            first = await read(subscription, 1)
            second = await read(subscription, 1)
            assert [b.records[0].data for b in (first, second)] == [b"stop %d" % number, b"and"]

    async def test_partitions_that_are_left_out_wait(self, bus: Bus) -> None:
        """A read of some partitions neither returns nor loses the others."""
        await bus.publish([Entry(0, b"data"), Entry(CONTROL, b"stop")])
        subscription = bus.subscribe("a", from_start)
        batch = await subscription.read(10, 0, partitions=(0,))
        assert batch is not None
        assert batch.partition == 0
        assert await subscription.read(10, 0, partitions=(0,)) is None
        assert (await read(subscription, 10)).partition == CONTROL

    async def test_no_partition_starves(self, bus: Bus) -> None:
        """Each data partition is read once in N reads, while all of them are fed."""
        everything = [Entry(partition, b"x") for partition in range(bus.partitions) for _ in range(20)]
        await bus.publish(everything)
        subscription = bus.subscribe("a", from_start)
        for _ in range(4):
            seen = [(await read(subscription, 2)).partition for _ in range(bus.partitions)]
            assert sorted(seen) == list(range(bus.partitions))
            await bus.publish([Entry(0, b"more")] * 10)

    async def test_rewinding_reads_again(self, bus: Bus) -> None:
        """The same records, from any offset, back and forth, also for one who waits."""
        await bus.publish(entries([b"%d" % n for n in range(10)]))
        subscription = bus.subscribe("a", from_start)
        first = await drain(subscription)
        for offset in (3, 0, 9, 10):
            subscription.rewind(0, offset)
            assert await drain(subscription) == first[offset:]
        reading = asyncio.ensure_future(subscription.read(1, LONG))
        await ports.breathe()
        await ports.breathe()
        subscription.rewind(0, 7)
        batch = await reading
        assert batch is not None
        assert list(batch.records) == first[7:8]

    async def test_a_position_beyond_the_log_halts_the_partition_once(self, bus: Bus) -> None:
        """A log that was replaced by a shorter one is noticed; the others go on, and so does it after a rewind."""
        await bus.publish([Entry(0, b"a"), Entry(CONTROL, b"c")])
        subscription = bus.subscribe("a", lambda partition: 5 if partition == 0 else 0)
        assert (await read(subscription, 10)).partition == CONTROL
        with pytest.raises(PartitionHalted) as halted:
            await subscription.read(10, 0)
        assert halted.value.partition == 0
        assert await subscription.read(10, 0) is None
        subscription.rewind(0, 0)
        assert [record.data for record in await drain(subscription)] == [b"a"]

    async def test_single_records_again(self, bus: Bus) -> None:
        """In the order asked, twice if asked twice, None for what never was."""
        await bus.publish([*entries([b"a", b"b", b"c"]), Entry(CONTROL, b"d")])
        records = {record.ref: record for record in await drain(bus.subscribe("a", from_start))}
        refs = [Ref(0, 2), Ref(CONTROL, 0), Ref(0, 0), Ref(0, 2), Ref(0, 3), Ref(77, 0), Ref(CONTROL, 1 << 40)]
        found = await bus.fetch(refs)
        assert found == [records.get(ref) for ref in refs]
        assert [record.data for record in found if record] == [b"c", b"d", b"a", b"c"]
        assert await bus.fetch([]) == []

    async def test_events_are_found_by_their_id(self, bus: Bus) -> None:
        """The newest first, no more than asked; only by the id, however it is written; nothing that is no event."""
        lines = [
            b'{"id":"a/1"}',
            b'{"id":"a","data":{"id":"x"}}',
            b'{"id":"a\\/1"}',
            b'{"id":"\\u0061/1"}',
            b"a/1",
            b"[1]",
        ]
        for line in lines:
            await bus.publish([Entry(0, line)])
        await bus.publish([Entry(CONTROL, b'{"data":1,"id":"a/1"}')])
        assert await bus.find("a/1", 9) == [Ref(CONTROL, 0), Ref(0, 3), Ref(0, 2), Ref(0, 0)]
        assert await bus.find("a/1", 2) == [Ref(CONTROL, 0), Ref(0, 3)]
        assert await bus.find("x", 9) == []
        assert await bus.find("a", 9) == [Ref(0, 1)]

    # --- time ------------------------------------------------------------------------------------------------------

    async def test_log_time_never_decreases(self, bus: Bus) -> None:
        """Within a partition, and the log clock is never behind a stamp."""
        for number in range(50):
            await bus.publish([Entry(CONTROL if number % 2 else 0, b"x")])
            assert bus.now() >= (await drain(bus.subscribe("a", from_start)))[-1].log_time
        for partition in (CONTROL, 0):
            stamps = [r.log_time for r in await drain(bus.subscribe("a", from_start)) if r.partition == partition]
            assert stamps == sorted(stamps)

    @needs("own_clock")
    async def test_a_wall_clock_that_is_set_changes_nothing(self, bus: Bus, clock: MovedClock) -> None:
        """Log time goes on with the time that passes: not back, not ahead, and each publish has a later stamp."""
        stamps, began = [], bus.now()
        for step in (0, -HOUR, 2 * HOUR, -48 * HOUR):
            clock.set_wall += step
            clock.moved += ports.SECOND
            await bus.publish(entries([b"x"]))
            stamps.append((await drain(bus.subscribe("a", from_start)))[-1].log_time)
        assert all(later - earlier >= ports.SECOND for earlier, later in pairwise(stamps))
        assert stamps[-1] - began < HOUR

    @needs("own_clock")
    async def test_log_time_goes_on_over_a_restart_with_the_clock_set_back(
        self, place: Path, clock: MovedClock
    ) -> None:
        """Later than everything before, and it does not stand still until the wall clock has caught up (W4)."""
        bus = self.make(place)
        await bus.open()
        await bus.publish(entries([b"x"]))
        await bus.publish([Entry(CONTROL, b"x")])
        for _ in range(3):
            last = max(record.log_time for record in await drain(bus.subscribe("a", from_start)))
            await bus.close()
            clock.set_wall -= HOUR
            bus = self.again(bus, place)
            await bus.open()
            opened = bus.now()
            assert opened >= last
            clock.moved += ports.SECOND
            assert bus.now() - opened >= ports.SECOND
            await bus.publish(entries([b"x"]))
            assert (await drain(bus.subscribe("a", from_start)))[-1].log_time - opened >= ports.SECOND
        await bus.close()

    # --- forgetting ------------------------------------------------------------------------------------------------

    @needs("own_limits")
    @needs("own_clock")
    async def test_age_takes_the_decided_and_never_the_undecided(self, place: Path, clock: MovedClock) -> None:
        """Nothing at or above `keep` goes, and what is below goes in time (W6)."""
        bus = self.make(place, max_age=3600.0)
        await bus.open()
        for _ in range(20):
            await bus.publish([*entries([b"x"] * 10), Entry(CONTROL, b"c")])
            clock.moved += HOUR // 2
        await bus.retain(from_start)
        assert (await bus.bounds(0), await bus.bounds(CONTROL)) == (Bounds(0, 200), Bounds(0, 20))
        await bus.retain(lambda partition: 105 if partition == 0 else 3)
        assert (await bus.bounds(0)).start <= 105
        assert (await bus.bounds(CONTROL)).start <= 3
        await bus.retain(lambda partition: 105 if partition == 0 else 20)
        bounds = await bus.bounds(0)
        assert 50 <= bounds.start <= 105
        assert bounds.end == 200
        assert await bus.fetch([Ref(0, 0)]) == [None]
        subscription = bus.subscribe("a", from_start)
        for _ in range(2):
            with pytest.raises(PartitionHalted):
                await subscription.read(10, 0)
        start = (await bus.bounds(0)).start
        subscription.rewind(0, start)
        assert [record.offset for record in await drain(subscription)] == list(range(start, 200))
        await bus.close()

    @needs("own_limits")
    @needs("own_clock")
    async def test_an_idle_week_does_not_restart_offsets(self, place: Path, clock: MovedClock) -> None:
        """When everything is gone, offsets and log time go on where they were (W6)."""
        bus = self.make(place, max_age=3600.0)
        await bus.open()
        await bus.publish([*entries([b"x"] * 5), Entry(CONTROL, b"c")])
        for _ in range(3):
            last = bus.now()
            clock.moved += 24 * HOUR
            for _ in range(2):
                await bus.retain(lambda partition: 5 if partition == 0 else 1)
            await bus.close()
            clock.set_wall -= 24 * HOUR
            bus = self.again(bus, place, max_age=3600.0)
            await bus.open()
            assert ((await bus.bounds(0)).end, (await bus.bounds(CONTROL)).end) == (5, 1)
            assert bus.now() >= last
        await bus.publish(entries([b"y"]))
        assert [r.data for r in await bus.fetch([Ref(0, 5)]) if r] == [b"y"]
        await bus.close()

    @needs("own_limits")
    async def test_a_full_log_takes_only_the_engines_own(self, place: Path) -> None:
        """Events are refused and leave nothing; control and own records go on; room comes by deciding alone."""
        bus = self.make(place, limit_bytes=4_000_000)
        await bus.open()
        taken = 0
        with contextlib.suppress(StorageFull):
            while taken < 1000:
                await bus.publish(entries([b"x" * 50_000]))
                taken += 1
        assert 40 <= taken <= 80
        with pytest.raises(StorageFull):
            await bus.publish([Entry(CONTROL, b"own"), Entry(0, b"x" * 50_000)])
        await bus.publish([Entry(CONTROL, b"stop")])
        await bus.publish([Entry(0, b"tick", own=True)])
        records = await drain(bus.subscribe("a", from_start))
        assert [len(record.data) for record in records] == [4, *[50_000] * taken, 4]
        end = taken + 1
        await bus.retain(lambda partition: end if partition == 0 else 1)
        await bus.publish(entries([b"y" * 50_000]))
        assert (await bus.bounds(0)).end == end + 1
        assert (await bus.bounds(0)).start > 0
        await bus.close()

    # --- opening and closing ---------------------------------------------------------------------------------------

    async def test_closing_leaves_nobody_waiting(self, bus: Bus) -> None:
        """A publish that waits is completed or fails, a reader fails, and nothing is taken afterwards."""
        subscription = bus.subscribe("a", from_start)
        reading = asyncio.ensure_future(subscription.read(10, LONG))
        publishing = [asyncio.ensure_future(bus.publish(entries([b"x"]))) for _ in range(3)]
        await ports.breathe()
        await bus.close()
        results = await asyncio.gather(*publishing, return_exceptions=True)
        assert all(result is None or isinstance(result, StorageError) for result in results)
        with contextlib.suppress(StorageError):
            assert await reading is not None
        with pytest.raises(StorageError):
            await bus.publish(entries([b"x"]))
        with pytest.raises(StorageError):
            await subscription.read(10, LONG)

    @needs("one_holder")
    async def test_a_second_one_is_refused_and_the_first_goes_on(self, bus: Bus, place: Path) -> None:
        """It says which process has the log."""
        with pytest.raises(StorageHeld, match="process"):
            await self.make(place).open()
        await bus.publish(entries([b"x"]))
        await bus.close()
        second = self.again(bus, place)
        await second.open()
        assert await second.bounds(0) == Bounds(0, 1)
        await second.close()

    # --- all of it -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("seed", range(12))
    async def test_like_a_list(self, place: Path, seed: int) -> None:
        """Whatever is done in whatever order, the log answers as a plain list of records would."""
        dice = random.Random(seed)  # noqa: S311 - dice
        partitions = dice.randint(1, min(3, self.most_partitions))
        bus = self.make(place, partitions=partitions)
        await bus.open()
        model = Model(bus, partitions, dice)
        for _ in range(80):
            if dice.random() < 0.06:
                await bus.close()
                bus = self.again(bus, place, partitions=partitions)
                await bus.open()
                model.restarted(bus)
            await model.step()
        await bus.close()


class Model:
    """A log as lists, and a random walk over everything that can be asked of a bus."""

    def __init__(self, bus: Bus, partitions: int, dice: random.Random) -> None:
        """Begin with an empty log."""
        self.dice = dice
        self.lines: dict[int, list[bytes]] = {number: [] for number in (CONTROL, *range(partitions))}
        self.restarted(bus)

    def restarted(self, bus: Bus) -> None:
        """The same log, opened again: readers begin somewhere."""
        self.bus = bus
        self.at = {partition: self.dice.randint(0, len(lines)) for partition, lines in self.lines.items()}
        self.reader = bus.subscribe("a", self.at.__getitem__)

    async def step(self) -> None:
        """Do one thing and compare."""
        await self.dice.choice([self.publish, self.publish, self.read, self.read, self.rewind, self.fetch])()

    async def publish(self) -> None:
        """Some calls at once, each with some entries, some of them large."""
        calls = [self._entries() for _ in range(self.dice.randint(1, 4))]
        for entry in [entry for call in calls for entry in call]:
            self.lines[entry.partition].append(entry.data)
        await asyncio.gather(*(self.bus.publish(call) for call in calls))
        for partition, lines in self.lines.items():
            assert await self.bus.bounds(partition) == Bounds(0, len(lines))

    async def read(self) -> None:
        """The next batch, whichever partition it is of."""
        batch = await self.reader.read(self.dice.choice([1, 3, 1000]), 0)
        if batch is None:
            assert self.at == {partition: len(lines) for partition, lines in self.lines.items()}
            return
        assert batch.partition == CONTROL or self.at[CONTROL] == len(self.lines[CONTROL])
        assert batch.start == self.at[batch.partition]
        assert [r.data for r in batch.records] == self.lines[batch.partition][batch.start : batch.end]
        self.at[batch.partition] = batch.end

    async def rewind(self) -> None:
        """Somewhere else."""
        partition = self.dice.choice(list(self.lines))
        self.at[partition] = self.dice.randint(0, len(self.lines[partition]))
        self.reader.rewind(partition, self.at[partition])

    async def fetch(self) -> None:
        """Any records, and places beyond the end."""
        pairs = [(p, self.dice.randint(0, len(lines) + 1)) for p, lines in self.lines.items() for _ in range(3)]
        found = await self.bus.fetch([Ref(partition, offset) for partition, offset in pairs])
        expected = [self.lines[p][offset] if offset < len(self.lines[p]) else None for p, offset in pairs]
        assert [record and record.data for record in found] == expected

    def _entries(self) -> list[Entry]:
        sizes = [self.dice.choice([0, 10, 300, 20_000]) for _ in range(self.dice.randint(1, 5))]
        return [Entry(self.dice.choice(list(self.lines)), self.dice.randbytes(size)) for size in sizes]


def from_start(_partition: int) -> int:
    """Read, or keep, from the beginning."""
    return 0


def entries(lines: Sequence[bytes]) -> list[Entry]:
    """Entries for partition 0."""
    return [Entry(0, line) for line in lines]


async def read(subscription: Subscription, limit: int) -> Batch:
    """A batch that must be there."""
    batch = await subscription.read(limit, 0)
    assert batch is not None
    return batch


async def drain(subscription: Subscription) -> list[Record]:
    """Everything that is there, in the order it is read: control first."""
    records: list[Record] = []
    while batch := await subscription.read(1000, 0):
        records += batch.records
    return records
