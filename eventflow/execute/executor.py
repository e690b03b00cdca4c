"""The executor: takes runs under lease, asks `advance` what is next, makes it durable, does it (W18).

Many runs are in hand at once, each with a loop of its own (`hand`), so that their writes share commits. This file holds
what they share: claiming, leases, the clock of the log, and the drain.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from structlog import get_logger

from eventflow import ports
from eventflow.errors import Fenced, StorageBusy, StorageDamaged, StorageFull, StorageLost
from eventflow.execute.calls import PER_DESTINATION, Calls
from eventflow.execute.hand import LOOK, PATIENCE, Hand
from eventflow.execute.inputs import with_defaults
from eventflow.execute.live import GRACE
from eventflow.execute.program import Plan
from eventflow.execute.turn import Frontier, Given, Progress
from eventflow.model.journal import Finished, encode
from eventflow.model.record import CONTROL
from eventflow.model.workflow import decode
from eventflow.plugin.store import Append

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from eventflow.model.event import Micros
    from eventflow.model.workflow import Input, Workflow
    from eventflow.plugin.action import Action
    from eventflow.plugin.store import Claim, Store

log = get_logger("eventflow.execute")
T = TypeVar("T")

POLL: Final = 5.0
"""Seconds after which to look for runs although nobody called: other processes do not call."""
FRONTIER_FOR: Final[Micros] = 100_000
"""How long one reading of the frontier serves all runs."""
PLANS: Final = 256
"""Definitions kept compiled."""


class Executor:
    """Executes runs. `run` until `drain`; then `close`.

    store: journal and reader's side. actions: the action of a name, made once by whoever gives it, opened and closed
    here; raises `ComponentError`. now: the log clock. worker: the name of this executor, unique among those alive.
    secret: the value of a secret by name. workflow: the newest definition by id, for `workflow.run`. complete: typed
    inputs of given ones. frontier: how far the log has been read (W21); without one the store is asked, `partitions`
    is how many data partitions there are, `halted` which of them stand still. url: the page of a run. said: called
    when something was put into the outbox. concurrency: runs in hand at once. lease: how long a claim holds.
    """

    def __init__(
        self,
        store: Store,
        actions: Callable[[str], Action],
        *,
        now: Callable[[], Micros],
        worker: str,
        secret: Callable[[str], str],
        workflow: Callable[[str], Workflow | None] = lambda _: None,
        complete: Callable[[Mapping[str, Input], Mapping[str, Any]], dict[str, Any]] = with_defaults,
        frontier: Callable[[], Awaitable[Frontier]] | None = None,
        partitions: int = 1,
        halted: Callable[[], Iterable[int]] = tuple,
        url: Callable[[str], str] = lambda _: "",
        said: Callable[[], None] = lambda: None,
        concurrency: int = 500,
        per_destination: int = PER_DESTINATION,
        lease: Micros = 30 * ports.SECOND,
    ) -> None:
        """Hold nothing yet."""
        self.store, self.now, self.worker, self.said = store, now, worker, said
        self.calls = Calls(actions, secret, per_destination)
        self.draining = False
        self._workflow, self._complete, self._url = workflow, complete, url
        self._read_frontier = frontier or self._frontier_of_store
        self._frontier: tuple[Micros, Frontier] | None = None
        self._partitions, self._halted = (CONTROL, *range(partitions)), halted
        self._concurrency, self._lease = concurrency, lease
        self._hands: dict[str, Hand] = {}
        self._plans: dict[str, Plan] = {}
        self._called = asyncio.Event()
        self._reminder: asyncio.TimerHandle | None = None
        self._broken: BaseException | None = None
        self._tasks = ports.Tasks(self._task_failed)

    @property
    def in_hand(self) -> int:
        """How many runs are in hand."""
        return len(self._hands)

    async def run(self) -> None:
        """Claim and execute until drained. Raises what the store raises when it is lost."""
        await _patiently(lambda: self.store.release(self.worker))
        renewing = self._tasks.spawn(self._renew(), "renew leases")
        self.store.listen(self.worker, self._called.set)
        try:
            while not self.draining:
                self._called.clear()
                more = await self._claim()
                if self._broken is not None:
                    raise self._broken
                if not more:
                    await self._rest()
        finally:
            renewing.cancel()
            self.store.listen(self.worker, None)

    def wake(self, runs: Iterable[str] = ()) -> None:
        """There may be something to do: new runs, answers, cancels, signals; `runs` names whose inbox has something."""
        self._called.set()
        for run in runs:
            if run in self._hands:
                self._hands[run].stir(named=True)
        self._look_around()

    def _look_around(self) -> None:
        """Somebody's inbox may have something. However often that is said, each looks at most once in `LOOK`."""
        now = self.now()
        for hand in self._hands.values():
            hand.look_soon(now)
        if self._reminder is None and self._hands:
            self._reminder = ports.later(LOOK / ports.SECOND, self._remind)

    def _remind(self) -> None:
        """Have those look who have not looked since they were told."""
        self._reminder = None
        for hand in self._hands.values():
            if hand.look:
                hand.stir(named=True)

    async def drain(self, seconds: float) -> None:
        """Claim nothing more, let calls end for so long, then cancel them and give every run back."""
        self.draining = True
        self._called.set()
        for hand in self._hands.values():
            hand.stir()
        end = ports.boot() + round(seconds * ports.SECOND)
        while self._hands and ports.boot() < end:
            await ports.sleep(0.02)
        for hand in list(self._hands.values()):
            hand.drop()
        while self._hands and ports.boot() < end + round(GRACE * ports.SECOND):
            await ports.sleep(0.02)
        with contextlib.suppress(StorageFull, StorageBusy):  # then the leases run out by themselves
            await self.store.release(self.worker)

    async def close(self) -> None:
        """End everything and close the actions; safe to call twice."""
        self.draining = True
        if self._reminder is not None:
            self._reminder.cancel()
        await self._tasks.close()
        await self.calls.close()

    # --- claiming ---

    async def _claim(self) -> bool:
        """Take what there is room for; whether there may be more."""
        room = self._concurrency - len(self._hands)
        if room <= 0:
            return False
        claims = await _patiently(lambda: self.store.claim(self.worker, room, self._lease, self.now()))
        for claim in claims:
            await self._take(claim)
        return len(claims) == room

    async def _take(self, claim: Claim) -> None:
        try:
            hand = Hand(self, claim, self._plan(claim), self._given(claim.run.id))
        except (msgspec.MsgspecError, ValueError) as error:
            await self._unreadable(claim, error)
            return
        before = self._hands.pop(claim.run.id, None)
        if before is not None:
            before.drop()
        self._hands[claim.run.id] = hand
        self._tasks.spawn(self._keep(hand), f"run {claim.run.id}")

    async def _keep(self, hand: Hand) -> None:
        try:
            await hand.keep()
        finally:
            if self._hands.get(hand.run.id) is hand:
                del self._hands[hand.run.id]
            if len(self._hands) == self._concurrency - 1:
                self._called.set()

    async def _rest(self) -> None:
        """Wait until somebody calls, or time alone makes something ready."""
        now = self.now()
        at = await self.store.next_wake(now) if len(self._hands) < self._concurrency else None
        seconds = POLL if at is None else min(POLL, max(0.005, (at - now) / ports.SECOND))
        timer = ports.later(seconds, self._called.set)
        try:
            await self._called.wait()
        finally:
            timer.cancel()

    def left(self, progress: Progress) -> None:
        """A run has left our hands: its end makes room in its group and tells its parent, so look for more.

        One that waits is to be taken again before the next look that would come by itself.
        """
        soon = progress.wake_at is not None and progress.wake_at < self.now() + round(POLL * ports.SECOND)
        if progress.status != "waiting" or progress.children or soon:
            self._called.set()

    def _plan(self, claim: Claim) -> Plan:
        hash_ = claim.run.definition
        found = self._plans.pop(hash_, None) or Plan(decode(claim.definition), hash_)
        self._plans[hash_] = found
        if len(self._plans) > PLANS:
            del self._plans[next(iter(self._plans))]
        return found

    def _given(self, run: str) -> Given:
        return Given(self.calls.idempotent, self._workflow, self._complete, self._url(run))

    async def _unreadable(self, claim: Claim, error: Exception) -> None:
        """The definition or the journal is from a newer version: the run ends and says so."""
        log.error("run cannot be read by this version", run=claim.run.id, error=str(error))
        now = self.now()
        entry = encode(Finished(at=now, status="failed", reason="definition"))
        try:
            await self.store.append(
                claim.lease,
                Append(entries=(entry,), status="failed", reason="definition", outputs={}, at=now, release=True),
            )
        except Fenced:
            return

    # --- leases, frontier, failures ---

    async def _renew(self) -> None:
        while True:
            await ports.sleep(self._lease / ports.SECOND / 3)
            hands = {hand.claim.lease: hand for hand in self._hands.values()}
            until = self.now() + self._lease
            for lease in await _patiently(lambda: self.store.renew(list(hands), until)):  # noqa: B023 - awaited here
                hands[lease].drop()
            self._look_around()

    async def frontier(self) -> Frontier:
        """How far the log has been read, as fresh as a timeout needs it."""
        now = self.now()
        if self._frontier is None or now >= self._frontier[0] + FRONTIER_FOR:
            self._frontier = (now, await self._read_frontier())
        return self._frontier[1]

    async def _frontier_of_store(self) -> Frontier:
        known = await self.store.partitions()
        read = dict.fromkeys(self._partitions, 0)
        read |= {partition: log_time for partition, (_, _, log_time) in known.items()}
        return Frontier(read, frozenset(self._halted()))

    def _task_failed(self, name: str, error: BaseException) -> None:
        """A run's loop must not fail; if it does, its lease runs out and it is taken again. A lost store ends us."""
        log.error("executor task failed", task=name, error=repr(error), exc_info=error)
        if isinstance(error, (StorageLost, StorageDamaged)) or name == "renew leases":
            self._broken = error
            self._called.set()


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Do it, however long the disk has no room or is locked: nothing was written then."""
    waits = iter(PATIENCE)
    pause = next(waits)
    while True:
        try:
            return await call()
        except (StorageFull, StorageBusy) as error:
            log.warning("the store does not take a write; trying again", error=str(error))
        await ports.sleep(pause)
        pause = next(waits, pause)
