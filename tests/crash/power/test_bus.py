"""The bus after a power cut, after the n-th failing write or sync, and on a disk that runs full."""

import random
import shutil

import pytest
from power.busload import Load, check, survive
from power.tape import VARIANTS, Faults, Mark, Tape

from eventflow.disk import Database
from eventflow.errors import StorageError, StorageFull, StorageLost


async def load_on_tape(folder, seed, rounds, faults=None):
    folder.mkdir()
    tape = Tape(folder, faults)
    load = Load(folder, tape, random.Random(seed))
    with tape.recording():
        await load.run(rounds)
    return load


async def cuts_survived(ram, seed, rounds, after_marks, anywhere):
    load = await load_on_tape(ram / "live", seed, rounds)
    assert load.failures == []
    return await all_survived(load, ram, after_marks, anywhere)


async def all_survived(load, ram, after_marks, anywhere):
    cuts = list(load.tape.cuts(random.Random(7), after_marks, anywhere))
    for cut in cuts:
        await survive(cut, load, ram / "cut")
        shutil.rmtree(ram / "cut")
    return len(cuts)


@pytest.mark.parametrize("seed", range(2))
async def test_nothing_acknowledged_is_lost_by_a_power_cut(ram, seed):
    assert await cuts_survived(ram, seed, 14, 2, 25) >= 50


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 15))
async def test_nothing_acknowledged_is_lost_by_many_power_cuts(ram, seed):
    assert await cuts_survived(ram, seed, 24, 5, 100) >= 300


async def test_an_acknowledgement_before_the_sync_is_found(ram, monkeypatch):
    """The proof itself can fail: with `synchronous=NORMAL` the cuts lose acknowledged calls."""
    configure = Database._configure

    def careless(self, connection):
        configure(self, connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "_configure", careless)
        load = await load_on_tape(ram / "live", 1, 10)
    with pytest.raises(AssertionError, match="acknowledged call"):
        await all_survived(load, ram, 5, 0)


async def points(ram, kind, rounds, step):
    """The writes or syncs that a run has, by number."""
    load = await load_on_tape(ram / "count", 5, rounds)
    faults = load.tape.faults
    return range(1, (faults.syncs if kind == "sync" else faults.writes) + 1, step)


@pytest.mark.parametrize("kind", ["sync", "broken"])
async def test_after_an_io_error_nothing_is_acknowledged_and_nothing_was_lost(ram, kind):
    """For every sync and every fifth write of a short run: the bus stops, and who was told so has it, killed or cut."""
    await sweep(ram, kind, 3, 4, 1 if kind == "sync" else 5)


async def test_a_start_that_trusts_what_it_reads_is_found(ram, monkeypatch):
    """After a failed sync the system's memory and the disk differ: a start that builds on the memory loses the log."""
    monkeypatch.setattr(Database, "_make_safe", lambda self: None)
    with pytest.raises((AssertionError, StorageError)):
        await sweep(ram, "sync", 8, 12, 1)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sync", "broken"])
async def test_after_an_io_error_in_a_longer_run(ram, kind):
    await sweep(ram, kind, 8, 12, 1)


def after_the_fault(tape, count):
    """Cuts at the end of the tape and at places since the fault: the process may have been started again there."""
    dice = random.Random(tape.faults.at)
    failed = max((place for place, event in enumerate(tape.events) if getattr(event, "failed", False)), default=0)
    for number in range(count):
        place = len(tape.events) if number < 2 else dice.randint(failed, len(tape.events))
        yield tape.cut(place, VARIANTS[number % len(VARIANTS)], dice)


async def sweep(ram, kind, rounds, cuts, step):
    for at in await points(ram, kind, rounds, step):
        live, other = ram / "live", ram / "other"
        load = await load_on_tape(live, 5, rounds, Faults(kind, at))
        assert load.tape.faults.fired == 1
        assert any(isinstance(failure, StorageLost) for failure in load.failures), f"nobody heard of {kind} {at}"
        for cut in after_the_fault(load.tape, cuts):
            await survive(cut, load, other)
            shutil.rmtree(other)
        acknowledged = [event.what for event in load.tape.events if isinstance(event, Mark)]
        await check(live, load, acknowledged)
        shutil.rmtree(live)


@pytest.mark.parametrize("more", [0, 40])
async def test_a_full_disk_refuses_and_goes_on_by_itself(ram, more):
    """For every fifth write of a short run, once or for a while: refused calls left nothing, later ones are taken."""
    await sweep_full(ram, more, 5)


@pytest.mark.long
@pytest.mark.parametrize("more", [0, 3, 40])
async def test_a_full_disk_at_every_write(ram, more):
    await sweep_full(ram, more, 1)


async def sweep_full(ram, more, step):
    for at in await points(ram, "full", 3, step):
        live, other = ram / "live", ram / "other"
        load = await load_on_tape(live, 5, 3, Faults("full", at, more))
        assert load.tape.faults.fired >= 1
        assert {type(failure) for failure in load.failures} <= {StorageFull}
        acknowledged = [event.what for event in load.tape.events if isinstance(event, Mark)]
        await survive(load.tape.cut(len(load.tape.events), "nothing", random.Random(at)), load, other)
        shutil.rmtree(other)
        await check(live, load, acknowledged)
        shutil.rmtree(live)
