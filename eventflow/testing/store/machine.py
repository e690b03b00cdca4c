"""Admission against a model of ten lines: any order of firings, claims, ends, pauses, lapsed leases and crashes (W12).

The model knows each run's status and the order of creation. What must hold after every step: the statuses are the
model's; no group holds more than it may; a claim starts the lowest number; a claim that had room to take more leaves no
group with a queued run and a free place (a leaked slot), and no run without a lease that needs somebody.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eventflow.model.commit import Delivery
from eventflow.model.run import OCCUPYING, OPEN
from eventflow.model.workflow import Concurrency
from eventflow.testing.store.house import DEFINITIONS, LEASE, T0, House, StoreSuite, firing

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from eventflow.plugin.store import Claim

MODES = {
    "one": Concurrency(max=1),
    "two": Concurrency(max=2),
    "short": Concurrency(max=2, queue_max=1),
    "queued": Concurrency(mode="queued"),
    "single": Concurrency(mode="single"),
    "restart": Concurrency(mode="restart"),
}
GROUPS = st.sampled_from(sorted(MODES))


class Expected:
    """What the model knows of one run."""

    def __init__(self, group: str) -> None:
        """Queued, never started, in nobody's hands."""
        self.group, self.status, self.started, self.unread = group, "queued", False, False
        self.worker, self.until = "", 0


class Admission(RuleBasedStateMachine):
    """The machine; `suite` opens and crashes the store under test."""

    suite: StoreSuite

    def __init__(self) -> None:
        """A loop and a folder for this walk."""
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.runs: dict[str, Expected] = {}
        self.held: dict[str, Claim] = {}
        self.house: House

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do it on this walk's loop."""
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        """Open."""
        self.house = self.do(self._open())

    async def _open(self) -> House:
        store = self.suite.make_store(Path(self.folder.name))
        await store.open()
        await store.activate(DEFINITIONS, T0)
        where = await store.recall(0)
        house = House(store, where.last, where.position.offset)
        house.now = max(house.now, where.log_time)
        return house

    def teardown(self) -> None:
        """Let go of everything."""
        if hasattr(self, "house"):
            self.do(self.house.store.close())
        self.runner.close()
        self.folder.cleanup()

    # --- what happens ------------------------------------------------------------------------------------------------

    @rule(groups=st.lists(GROUPS, min_size=1, max_size=4))
    def fire(self, groups: list[str]) -> None:
        """A commit with firings of several groups."""
        new = [f"run_{len(self.runs) + n}" for n in range(len(groups))]
        firings = [firing(run, group=group, concurrency=MODES[group]) for run, group in zip(new, groups, strict=True)]
        expected = {run: self._admit(run, group) for run, group in zip(new, groups, strict=True)}
        assert self.do(self.house.fire(*firings)) == expected

    def _admit(self, run: str, group: str) -> str:
        queued, occupying = self._queued(group), self._occupying(group)
        expected = self.runs[run] = Expected(group)
        places = MODES[group].max if MODES[group].mode == "parallel" else 1
        limit = MODES[group].queue_max
        waiting = len(queued) + len(occupying) + 1 - places
        if (group == "single" and queued + occupying) or (limit is not None and waiting > limit):
            expected.status = "suppressed"
        if group == "restart":
            for other in queued:
                if self.runs[other].started:
                    self.runs[other].unread = True
                else:
                    self.runs[other].status = "suppressed"
            for other in occupying:
                self.runs[other].unread = True
        return expected.status

    @rule(limit=st.integers(1, 6), worker=st.sampled_from(["anna", "bert"]))
    def claim(self, limit: int, worker: str) -> None:
        """An executor takes what needs somebody."""
        now = self.house.now
        needy = {run for run, it in self.runs.items() if self._needs(it)}
        claims: dict[str, Claim] = self.do(self.house.claim(limit=limit, worker=worker))
        assert len(claims) <= limit
        for run, claim in claims.items():
            it = self.runs[run]
            assert it.until <= now, f"{run} was under a lease"
            if it.status == "queued" and claim.admitted:
                assert self._queued(it.group)[0] == run, f"{run} overtook"
                it.status, it.started = "running", True
            else:
                assert run in needy, f"{run} needs nobody"
            it.worker, it.until = worker, now + LEASE
            assert (claim.run.status, bool(claim.inbox)) == (it.status, bool(claim.inbox))
            self.held[run] = claim
        if len(claims) < limit:
            self._nothing_left()

    def _nothing_left(self) -> None:
        for run, it in self.runs.items():
            assert not self._needs(it), f"{run} was left although there was room for more"
        for group in MODES:
            queued = self._queued(group)
            if queued and self.runs[queued[0]].until <= self.house.now:
                assert len(self._occupying(group)) >= self._places(group), f"a place in {group} leaked"

    @precondition(lambda self: self.held)
    @rule(data=st.data(), status=st.sampled_from(["succeeded", "failed", "waiting", "paused", "running", "queued"]))
    def append(self, data: st.DataObject, status: str) -> None:
        """The holder of a run writes its next status, and lets go."""
        run = data.draw(st.sampled_from(sorted(self.held)))
        claim, it = self.held.pop(run), self.runs[run]
        if claim.run.status == "queued" and status in OCCUPYING:
            status = "cancelled"
        if it.status == "paused" and status in OCCUPYING:
            status = "queued"
        seen = max((item.id for item in claim.inbox), default=0)
        told = self.do(self.house.append(claim, status=status, inbox_seen=seen, release=True))
        it.status, it.worker, it.until, it.unread = status, "", 0, bool(told.inbox)

    @precondition(lambda self: any(it.status in OPEN for it in self.runs.values()))
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Something reaches an open run."""
        run = data.draw(st.sampled_from(sorted(run for run, it in self.runs.items() if it.status in OPEN)))
        identity = f"{run}/{self.house.position}"
        self.do(
            self.house.commit(
                deliveries=(Delivery(kind="signal", identity=identity, log_time=self.house.now, run=run),)
            )
        )
        self.runs[run].unread = True

    @rule(worker=st.sampled_from(["anna", "bert"]))
    def drain(self, worker: str) -> None:
        """An executor gives everything back."""
        self.do(self.house.store.release(worker))
        for run, it in self.runs.items():
            if it.worker == worker:
                it.worker, it.until = "", 0
                self.held.pop(run, None)

    @rule()
    def lapse(self) -> None:
        """Time passes: all leases are over."""
        self.house.now += LEASE
        self.held.clear()

    @rule()
    def crash(self) -> None:
        """The process dies and starts again. Who held something does not come back; the leases have to lapse."""
        now = self.house.now
        self.do(self.suite.crash(self.house.store))
        self.house = self.do(self._open())
        self.house.now = now
        self.held.clear()

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        """Every run has the model's status."""
        if not self.runs:
            return
        found = {run.id: run.status for run in self.do(self.house.store.runs(1000))}
        assert found == {run: it.status for run, it in self.runs.items()}

    @invariant()
    def no_group_is_overfull(self) -> None:
        """Occupancy is never above the group's places."""
        for group in MODES:
            assert len(self._occupying(group)) <= self._places(group), f"{group} is overfull"

    def _needs(self, it: Expected) -> bool:
        if it.status not in OPEN or it.until > self.house.now:
            return False
        return it.status == "running" or it.unread

    def _places(self, group: str) -> int:
        return MODES[group].max if MODES[group].mode == "parallel" else 1

    def _queued(self, group: str) -> list[str]:
        return [run for run, it in self.runs.items() if it.group == group and it.status == "queued"]

    def _occupying(self, group: str) -> list[str]:
        return [run for run, it in self.runs.items() if it.group == group and it.status in OCCUPYING]
