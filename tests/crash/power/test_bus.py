"""The bus after a power cut, after the n-th failing write or sync, and on a disk that runs full."""

import random
import shutil

import pytest
from power.busload import Load, check, survive
from power.tape import VARIANTS, Cut, Faults, Mark, Tape

from eventflow.disk import Database
from eventflow.errors import StorageLost


async def load_on_tape(folder, seed, rounds, faults=None):
    folder.mkdir()
    tape = Tape(folder, faults)
    load = Load(folder, tape, random.Random(seed))
    with tape.recording():
        await load.run(rounds)
    return load


async def cuts_survived(tmp_path, seed, rounds, after_marks, anywhere):
    load = await load_on_tape(tmp_path / "live", seed, rounds)
    assert load.failures == []
    return await all_survived(load, tmp_path, after_marks, anywhere)


async def all_survived(load, tmp_path, after_marks, anywhere):
    cuts = list(load.tape.cuts(random.Random(7), after_marks, anywhere))
    for cut in cuts:
        await survive(cut, load, tmp_path / "cut")
        shutil.rmtree(tmp_path / "cut")
    return len(cuts)


@pytest.mark.parametrize("seed", range(2))
async def test_nothing_acknowledged_is_lost_by_a_power_cut(tmp_path, seed):
    assert await cuts_survived(tmp_path, seed, 14, 2, 25) >= 50


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 15))
async def test_nothing_acknowledged_is_lost_by_many_power_cuts(tmp_path, seed):
    assert await cuts_survived(tmp_path, seed, 24, 5, 100) >= 300


async def test_an_acknowledgement_before_the_sync_is_found(tmp_path, monkeypatch):
    """The proof itself can fail: with `synchronous=NORMAL` the cuts lose acknowledged calls."""
    configure = Database._configure

    def careless(self, connection):
        configure(self, connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "_configure", careless)
        load = await load_on_tape(tmp_path / "live", 1, 10)
    with pytest.raises(AssertionError, match="acknowledged call"):
        await all_survived(load, tmp_path, 5, 0)


async def points(tmp_path, kind):
    """How many writes or syncs the small run has."""
    load = await load_on_tape(tmp_path / "count", 5, 8)
    faults = load.tape.faults
    return range(1, (faults.syncs if kind == "sync" else faults.writes) + 1)


@pytest.mark.parametrize("kind", ["sync", "broken"])
async def test_after_an_io_error_nothing_is_acknowledged_and_nothing_was_lost(tmp_path, kind):
    """For every write and every sync of the run: who was told so has it, and the process knows that it must stop."""
    for at in await points(tmp_path, kind):
        live, killed = tmp_path / f"{kind}-{at}", tmp_path / f"killed-{at}"
        load = await load_on_tape(live, 5, 8, Faults(kind, at))
        assert load.tape.faults.fired == 1
        assert stopped(load), at
        acknowledged = [event.what for event in load.tape.events if isinstance(event, Mark)]
        shutil.copytree(live, killed)
        await check(killed, load, acknowledged)
        for number, variant in enumerate(VARIANTS):
            cut = Cut(load.tape, len(load.tape.events), acknowledged, variant, random.Random(at))
            await survive(cut, load, tmp_path / f"cut-{at}-{number}")


def stopped(load):
    """Somebody was told that the disk is lost."""
    return any(isinstance(failure, StorageLost) for failure in load.failures)
