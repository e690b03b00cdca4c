"""Many callers share one commit, and each of them hears the truth."""

import asyncio
import contextlib

import pytest

from eventflow import ports
from eventflow.disk import Database, GroupCommit, Migration, Writer
from eventflow.errors import Conflict, Overloaded, StorageBusy, StorageError, StorageFull, StorageLost

TABLE = Migration(1, "first", "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;")


class Log:
    """A commit that notes its groups and can be told to fail."""

    def __init__(self):
        self.groups = []
        self.failing = []
        self.tried = asyncio.Event()

    def __call__(self, items):
        self.tried.set()
        if self.failing:
            raise self.failing.pop(0)
        self.groups.append(list(items))
        return [item * 10 for item in items]


class Clock(ports.RealWorld):
    """A world whose boot time a test moves."""

    time = 0

    def boot(self):
        return self.time


async def test_who_comes_in_one_turn_shares_a_commit_in_order():
    log = Log()
    group = GroupCommit(log)
    assert await asyncio.gather(*(group.add(n) for n in range(5))) == [0, 10, 20, 30, 40]
    assert log.groups == [[0, 1, 2, 3, 4]]


async def test_a_group_has_a_size_and_the_rest_comes_next():
    log = Log()
    group = GroupCommit(log, group_bytes=10)
    await asyncio.gather(*(group.add(n, 4) for n in range(4)), group.add(9, 50))
    assert log.groups == [[0, 1], [2, 3], [9]]
    assert group.waiting_bytes == 0


async def test_a_loop_that_is_always_busy_does_not_starve_it():
    """A commit begins in the turn after it was asked for, whatever else is ready; counted in turns, not in time."""
    loop, turns, spinning = asyncio.get_running_loop(), 0, True

    def spin():
        nonlocal turns
        turns += 1
        if spinning:
            loop.call_soon(spin)

    for _ in range(50):
        loop.call_soon(spin)
    began = []
    group = GroupCommit(lambda items: began.append(turns) or list(items))
    await asyncio.sleep(0)
    asked = turns
    await group.add(1)
    spinning = False
    assert began[0] - asked <= 50
    assert turns - asked <= 150


async def later(group, item, turns):
    for _ in range(turns):
        await asyncio.sleep(0)
    return await group.add(item)


async def test_a_group_that_grows_with_every_turn_waits_on_and_who_is_alone_does_not():
    with ports.use(Clock()):
        log = Log()
        group = GroupCommit(log, gather=0.002)
        assert await asyncio.gather(*(later(group, n, n // 2) for n in range(12))) == [n * 10 for n in range(12)]
        assert log.groups == [list(range(12))]
        await asyncio.gather(*(later(group, n, n // 2 + n // 4 * 2) for n in range(8)))
        assert log.groups[1:] == [[0, 1, 2, 3], [4, 5, 6, 7]]
        await asyncio.gather(later(group, 1, 0), later(group, 2, 1))
        assert log.groups[3:] == [[1, 2]]
        await later(group, 3, 0)
        await asyncio.gather(later(group, 1, 0), later(group, 2, 1))
        assert log.groups[4:] == [[3], [1], [2]]


async def test_a_group_waits_on_no_longer_than_it_may():
    clock = Clock()
    with ports.use(clock):
        log = Log()
        group = GroupCommit(log, gather=0.002)

        async def slow(item):
            await later(group, item, item // 2)

        tasks = [asyncio.create_task(slow(n)) for n in range(12)]
        for _ in range(3):
            await asyncio.sleep(0)
        clock.time += 2000  # microseconds
        await asyncio.gather(*tasks)
        assert len(log.groups[0]) < 12
        assert [item for one in log.groups for item in one] == list(range(12))


async def test_cancelling_a_caller_does_not_take_its_item_back():
    log = Log()
    group = GroupCommit(log)
    first, second = asyncio.create_task(group.add(1)), asyncio.create_task(group.add(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 20
    assert log.groups == [[1, 2]]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_one_callers_exception_is_not_anothers():
    group = GroupCommit(lambda items: [Conflict("no") if item == 1 else item for item in items])
    results = await asyncio.gather(*(group.add(n) for n in range(3)), return_exceptions=True)
    assert results[0] == 0
    assert results[2] == 2
    assert isinstance(results[1], Conflict)


async def test_a_full_disk_fails_the_group_and_the_next_one_is_tried():
    log = Log()
    log.failing = [StorageFull()]
    group = GroupCommit(log)
    assert [type(r) for r in await asyncio.gather(group.add(1), group.add(2), return_exceptions=True)] == [
        StorageFull
    ] * 2
    assert await group.add(3) == 30


async def test_after_a_lost_disk_nothing_is_tried_any_more():
    log = Log()
    log.failing = [StorageLost("the disk")]
    group = GroupCommit(log, group_bytes=1)
    results = await asyncio.gather(*(group.add(n, 1) for n in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [StorageLost] * 3
    with pytest.raises(StorageLost, match="the disk"):
        await group.add(4)
    assert log.groups == []


async def test_a_locked_database_is_tried_again_in_order_until_it_was_long_enough():
    log = Log()
    log.failing = [StorageBusy()] * 3
    group = GroupCommit(log)
    assert await asyncio.gather(group.add(1), group.add(2)) == [10, 20]
    assert log.groups == [[1, 2]]
    log.failing = [StorageBusy()] * 1000
    impatient = GroupCommit(log, busy=0.02)
    with pytest.raises(StorageBusy):
        await impatient.add(3)
    assert len(log.failing) > 900


async def test_what_would_wait_too_long_is_refused_and_the_urgent_is_not():
    clock = Clock()
    with ports.use(clock):
        log = Log()
        log.failing = [StorageBusy()] * 4
        group = GroupCommit(log, patience=2, busy=60)
        first = asyncio.create_task(group.add(1, 1))
        await log.tried.wait()
        log.tried.clear()
        clock.time += 3 * ports.SECOND
        await log.tried.wait()
        with pytest.raises(Overloaded) as refused:
            await group.add(2, 1)
        assert (refused.value.status, refused.value.retry_after) == (503, 3)
        assert await asyncio.gather(first, group.add(3, 1, urgent=True)) == [10, 30]
        assert await group.add(4, 1) == 40


async def test_the_pace_of_the_disk_tells_how_long_it_would_take():
    clock = Clock()

    def slow(items):
        clock.time += ports.SECOND
        return list(items)

    with ports.use(clock):
        group = GroupCommit(slow, group_bytes=10, patience=4)
        await group.add(0, 10)
        waiting = [asyncio.create_task(group.add(n, 10)) for n in range(8)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(r) is Overloaded for r in results] == [False] * 4 + [True] * 4


async def test_the_queue_is_bounded_by_bytes():
    group = GroupCommit(list, queue_bytes=100)
    results = await asyncio.gather(*(group.add(n, 40) for n in range(4)), return_exceptions=True)
    assert results[:2] == [0, 1]
    assert [type(r) for r in results[2:]] == [Overloaded] * 2


async def test_closing_finishes_what_waits():
    log = Log()
    group = GroupCommit(log, group_bytes=1)
    tasks = [asyncio.create_task(group.add(n, 1)) for n in range(3)]
    await asyncio.sleep(0)
    group.close()
    assert await asyncio.gather(*tasks) == [0, 10, 20]
    with pytest.raises(StorageError, match="closed"):
        await group.add(4)


async def test_work_of_many_kinds_shares_a_transaction_and_fails_alone(tmp_path):
    database = Database(tmp_path / "a.sqlite", [TABLE])
    database.open()
    writer = Writer(database)

    def insert(number, *, fail=False):
        database.execute("INSERT INTO thing VALUES (?, 'x')", (number,), changes=1)
        if fail:
            raise Conflict("no")
        return number

    works = [writer.run(lambda n=n: insert(n, fail=n == 2)) for n in range(4)]
    results = await asyncio.gather(*works, return_exceptions=True)
    assert results[:2] + results[3:] == [0, 1, 3]
    assert isinstance(results[2], Conflict)
    with contextlib.suppress(Conflict):
        await writer.run(lambda: insert(9, fail=True))
    assert database.rows("SELECT id FROM thing") == [(0,), (1,), (3,)]
    writer.close()
    database.close()
