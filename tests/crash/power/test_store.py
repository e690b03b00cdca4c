"""The store after a power cut, after the n-th failing write or sync, and on a disk that runs full."""

import random
import shutil

import pytest
from power.storeload import Load, check
from power.tape import VARIANTS, Delete, Faults, Mark, Tape, Write

from eventflow.disk import Database
from eventflow.errors import StorageError, StorageFull, StorageLost
from eventflow.model.commit import Commit
from eventflow.stores.sqlite import ledger


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
    everything_happened(load)
    return await all_survived(load, ram, after_marks, anywhere)


def everything_happened(load):
    """The load did each kind of thing; else the cuts would say little."""
    did = marks(load.tape)
    assert {"outbox_done", "setting", "prune", "lease"} <= {done.what for done in did if isinstance(done.what, str)}
    assert {"waiting", "succeeded", "failed"} <= {done.what[1].status for done in did if isinstance(done.what, tuple)}
    assert sum(isinstance(done.what, Commit) and bool(done.what.firings) for done in did) > 5
    assert any(isinstance(event, Write) and event.path == "store.sqlite" for event in load.tape.events)
    assert any(isinstance(event, Delete) for event in load.tape.events)


async def all_survived(load, ram, after_marks, anywhere):
    cuts = list(load.tape.cuts(random.Random(7), after_marks, anywhere))
    for cut in cuts:
        await survive(cut, load, ram / "cut", load.states)
    return len(cuts)


async def survive(cut, load, folder, states):
    cut.rebuild(folder)
    await check(folder, load, cut.acknowledged, states)
    shutil.rmtree(folder)


@pytest.mark.parametrize("seed", range(2))
async def test_nothing_acknowledged_is_lost_by_a_power_cut(ram, seed):
    assert await cuts_survived(ram, seed, 24, 2, 25) >= 120


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 15))
async def test_nothing_acknowledged_is_lost_by_many_power_cuts(ram, seed):
    assert await cuts_survived(ram, seed, 40, 5, 100) >= 500


# --- the proof itself can fail ---------------------------------------------------------------------------------------


async def test_an_acknowledgement_before_the_sync_is_found(ram, monkeypatch):
    """With `synchronous=NORMAL` for every transaction the cuts lose acknowledged calls."""
    transaction = Database.transaction

    with monkeypatch.context() as patched:
        patched.setattr(Database, "transaction", lambda self, *, synced=True: transaction(self, synced=False))
        load = await load_on_tape(ram / "live", 1, 12)
    with pytest.raises(AssertionError, match="acknowledged transaction"):
        await all_survived(load, ram, 5, 0)


async def test_a_commit_in_two_transactions_is_found(ram, monkeypatch):
    """A router's position that is there before its runs are."""
    effects = ledger._effects

    def apart(db, commit, *more):
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        return effects(db, commit, *more)

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "_effects", apart)
        load = await load_on_tape(ram / "live", 1, 12)
    with pytest.raises(AssertionError, match="half a transaction"):
        await all_survived(load, ram, 5, 100)


async def test_a_start_that_trusts_what_it_reads_is_found(ram, monkeypatch):
    """After a failed sync the system's memory and the disk differ: a start that builds on the memory loses it."""
    monkeypatch.setattr(Database, "_make_safe", lambda self: None)
    with pytest.raises((AssertionError, StorageError)):
        await sweep(ram, "sync", 12, 12, 1)


# --- a failing disk --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sync", "broken"])
async def test_after_an_io_error_nothing_is_acknowledged_and_nothing_was_lost(ram, kind):
    """For every sync and every fifth write of a short run: lost stays lost, and who was answered has it."""
    await sweep(ram, kind, 7, 2, 1 if kind == "sync" else 5)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "rounds", "cuts"), [("sync", 30, 8), ("broken", 7, 4)])
async def test_after_an_io_error_at_every_place(ram, kind, rounds, cuts):
    await sweep(ram, kind, rounds, cuts, 1)


async def sweep(ram, kind, rounds, cuts, step):
    whole = await load_on_tape(ram / "whole", 5, rounds)
    faults = whole.tape.faults
    for at in range(1, (faults.syncs if kind == "sync" else faults.writes) + 1, step):
        live, other = ram / "live", ram / "other"
        load = await load_on_tape(live, 5, rounds, Faults(kind, at))
        assert load.tape.faults.fired == 1
        heard(load, whole)
        for cut in after_the_fault(load.tape, cuts):
            await survive(cut, load, other, load.states)
        await check(live, load, marks(load.tape), load.states)
        shutil.rmtree(live)
    shutil.rmtree(ram / "whole")


def heard(load, whole):
    """Somebody was told, and the next start found what there was before or, whole, what nobody was answered about."""
    assert {type(failure) for failure in load.failures} <= {StorageLost}
    assert load.sticky > 5 or load.failures, "nobody heard of it"
    for before, found in load.restarts:
        assert load.states[:before] == whole.states[:before]
        assert found in whole.states[max(0, before - 1) : before + 1]


def marks(tape):
    return [event.what for event in tape.events if isinstance(event, Mark)]


def after_the_fault(tape, count):
    """Cuts at the end of the tape and at places since the fault: the process may have been started again there."""
    dice = random.Random(tape.faults.at)
    failed = max((place for place, event in enumerate(tape.events) if getattr(event, "failed", False)), default=0)
    for number in range(count):
        place = len(tape.events) if number < 2 else dice.randint(failed, len(tape.events))
        yield tape.cut(place, VARIANTS[number % len(VARIANTS)], dice)


# --- a full disk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [0, 40])
async def test_a_full_disk_refuses_and_goes_on_by_itself(ram, more):
    """For every tenth write of a short run, once or for a while: refused calls left nothing, later ones are taken."""
    await sweep_full(ram, more, 7, 10)


@pytest.mark.long
@pytest.mark.parametrize("more", [0, 3, 40])
async def test_a_full_disk_at_every_write(ram, more):
    await sweep_full(ram, more, 7, 1)


async def sweep_full(ram, more, rounds, step):
    writes = (await load_on_tape(ram / "whole", 5, rounds)).tape.faults.writes
    for at in range(1, writes + 1, step):
        live, other = ram / "live", ram / "other"
        load = await load_on_tape(live, 5, rounds, Faults("full", at, more))
        assert load.tape.faults.fired >= 1
        assert {type(failure) for failure in load.failures} <= {StorageFull}
        cut = load.tape.cut(len(load.tape.events), "nothing", random.Random(at))
        await survive(cut, load, other, load.states)
        await check(live, load, marks(load.tape), load.states)
        shutil.rmtree(live)
    shutil.rmtree(ram / "whole")
