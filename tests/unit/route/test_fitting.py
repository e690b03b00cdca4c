"""Models are made in another process, handed over at a fixed row, and waited for (W16)."""

import asyncio
import os
import signal

import pytest

from eventflow.model.record import Record
from eventflow.route.fitter import Child
from eventflow.route.fitting import CannotFit, Fits, InProcess, make_due, pending, pieces
from tests.unit.route import house, judging

FOREST = "isolation_forest"


def ready_to_fit():
    """(front, memory, job, due) of a forest that has asked for its first model."""
    front = judging.front(judging.forest())
    memory = house.fresh(front)
    judging.decide(front, [judging.sample(n, "k", float(n % 7), n * judging.SECOND) for n in range(30)], memory)
    [(_, fit)] = pending(memory, front.rules)
    return front, memory, fit


async def test_a_child_makes_what_the_same_job_makes_here():
    _, _, fit = ready_to_fit()
    child = Child()
    try:
        made = [await child.fit(FOREST, fit.job) for _ in range(2)]
    finally:
        await child.close()
    assert made[0] == made[1] == await InProcess(judging.find_detector).fit(FOREST, fit.job)


async def test_a_job_that_cannot_be_done_says_why_and_the_child_lives():
    _, _, fit = ready_to_fit()
    child = Child()
    try:
        with pytest.raises(CannotFit):
            await child.fit(FOREST, b"no job")
        with pytest.raises(CannotFit, match="no detector 'nonesuch'"):
            await child.fit("nonesuch", fit.job)
        assert await child.fit(FOREST, fit.job)
    finally:
        await child.close()


async def test_a_child_that_is_killed_is_started_again_and_the_job_is_repeated():
    _, _, fit = ready_to_fit()
    child = Child()
    try:
        first = await child.fit(FOREST, fit.job)
        work = asyncio.ensure_future(child.fit(FOREST, fit.job))
        await asyncio.sleep(0)
        os.kill(child._process.pid, signal.SIGKILL)
        assert await work == first
    finally:
        await child.close()
    assert child._process is None


class Slow:
    """Makes nothing before it is told to."""

    def __init__(self):
        self.go, self.asked = asyncio.Event(), 0

    async def fit(self, kind, job):
        self.asked += 1
        await self.go.wait()
        return judging.find_detector(kind).fit(job)

    async def close(self):
        self.go.set()


async def test_rows_that_are_due_wait_for_their_model_and_others_do_not():
    front, memory, fit = ready_to_fit()
    slow = Slow()
    fits = Fits(slow)
    early, late = (Record(0, 99, at, b"") for at in (fit.due - 1, fit.due))
    await asyncio.wait_for(fits.ready(0, memory, front.rules, [early]), 1)
    waiting = asyncio.ensure_future(fits.ready(0, memory, front.rules, [late]))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert len(list(pending(memory, front.rules))) == 1
    slow.go.set()
    await waiting
    assert list(pending(memory, front.rules)) == []
    assert (slow.asked, fits.made, fits.waits) == (1, 1, 1)
    await fits.close()


async def test_a_model_that_is_early_is_kept_until_it_is_due():
    front, memory, fit = ready_to_fit()
    fits = Fits(InProcess(judging.find_detector))
    fits.ask(0, memory, front.rules)
    for _ in range(5):
        await asyncio.sleep(0)
    memory.dump()
    await fits.ready(0, memory, front.rules, [Record(0, 99, fit.due - 1, b"")])
    assert memory.dump() == {}
    assert len(list(pending(memory, front.rules))) == 1
    await fits.ready(0, memory, front.rules, [Record(0, 99, fit.due, b"")])
    assert (fits.made, fits.waits) == (1, 0)
    assert list(pending(memory, front.rules)) == []
    await fits.close()


def test_no_piece_is_as_long_as_a_hand_over():
    front = judging.front(judging.forest())
    records = judging.noisy(1, 300)
    found = list(pieces(records, front.rules))
    assert [record for piece in found for record in piece] == records
    assert all(piece[-1].log_time - piece[0].log_time < 60 * judging.SECOND for piece in found)
    assert list(pieces(records, judging.front(judging.condition()).rules)) == [records]


def test_a_model_is_the_same_whenever_it_is_given():
    front, memory, fit = ready_to_fit()
    make_due(memory, front.rules, fit.due - 1)
    assert len(list(pending(memory, front.rules))) == 1
    make_due(memory, front.rules, fit.due)
    assert list(pending(memory, front.rules)) == []
