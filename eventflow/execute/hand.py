"""One run in hand: folded once, kept in memory while it is active, written through the store before anything is done.

The loop of a run: decide, make it durable, act, wait for what comes next. Whatever goes wrong with the writing, the
course is folded again from what is durable; calls that came back are kept until their return is written.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from structlog import get_logger

from eventflow import ports
from eventflow.errors import Fenced, StorageBusy, StorageFull, Unread
from eventflow.execute.advance import advance
from eventflow.execute.course import Course
from eventflow.execute.fold import fold
from eventflow.execute.turn import Frontier
from eventflow.model.journal import Ended, decode, encode
from eventflow.plugin.store import Append

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eventflow.execute.executor import Executor
    from eventflow.execute.live import Live
    from eventflow.execute.program import Plan
    from eventflow.execute.turn import Call, CallId, Given, Progress, Return
    from eventflow.model.event import Micros
    from eventflow.model.journal import Entry
    from eventflow.model.run import InboxItem, Status
    from eventflow.plugin.store import Appended, Claim

log = get_logger("eventflow.execute")

HOLD: Final[Micros] = 2_000_000
"""A run that waits for no longer than this stays in hand."""
LOOK: Final[Micros] = 250_000
"""How often the inbox of a run in hand is looked at, at most."""
PATIENCE: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries while the disk has no room."""
NOT_ASKED: Final = Frontier()
"""For a turn in which nothing depends on how far the log has been read."""


class Hand:
    """A claimed run and what is under way for it."""

    def __init__(self, owner: Executor, claim: Claim, plan: Plan, given: Given) -> None:
        """Take it in hand; `keep` does the work."""
        self.owner, self.claim, self.plan, self.given = owner, claim, plan, given
        self.run = claim.run
        self.status: Status = claim.run.status
        self.entries: list[Entry] = [decode(line.data) for line in claim.lines]
        self.inbox: dict[int, InboxItem] = {item.id: item for item in claim.inbox}
        self.earlier: Sequence[Entry] = ()
        self.live: dict[CallId, Live] = {}
        self.returned: list[Return] = []
        self.course = self._fold()
        self.looked = owner.now()
        self.look = False
        self.lost = False
        self.tries = 0
        """How often in a row the disk had no room."""
        self._stir = asyncio.Event()

    def stir(self, *, named: bool = False) -> None:
        """Something may have changed; `named`: in this run's inbox, so look at once."""
        if named:
            self.look, self.looked = True, 0
        self._stir.set()

    def look_soon(self, now: Micros) -> None:
        """Somebody's inbox may have something: look, now or, having looked lately, when the executor reminds of it."""
        self.look = True
        if now >= self.looked + LOOK:
            self._stir.set()

    def drop(self) -> None:
        """The lease is gone: whoever has it now goes on, and here nothing is done any more."""
        self.lost = True
        for live in self.live.values():
            live.drop()
        self.live = {}
        self._stir.set()

    async def keep(self) -> None:
        """Go on with the run until it ends, waits for long, or is lost."""
        try:
            if self.run.from_step and self.run.rerun_of and not self.entries:
                lines = await self.owner.store.read(self.run.rerun_of)
                self.earlier = [decode(line.data) for line in lines]
            while not self.lost and not await self._step():
                pass
        except Fenced:
            log.info("run taken over by another worker; dropped", run=self.run.id)
        finally:
            self.drop()

    async def _step(self) -> bool:
        """One turn, made durable and acted on; true when the run is out of our hands."""
        now = self.owner.now()
        if self.look and now >= self.looked + LOOK:
            await self._look(now)
        frontier = await self.owner.frontier() if self._is_due(now) else NOT_ASKED
        back = tuple(self.returned)  # with `live` at one moment; more may come back while this is being written
        progress = advance(
            self.course, self.given, now=now, frontier=frontier, returned=back,
            alive=frozenset(self.live), admitted=self.status in {"running", "waiting"}, rest=self.owner.draining,
            earlier=self.earlier,
        )  # fmt: skip
        append, leaves = self._append(progress, now)
        if append is not None and not await self._write(append, progress):
            return False
        self.returned = self.returned[len(back) :]
        if leaves:
            self.owner.left(progress)
            return True
        for call_id in progress.break_off:
            self._break_off(call_id)
        for call in progress.calls:
            self._begin(call)
        if progress.children:
            self.owner.wake()
        if not self.returned and not self.course.new_items():
            await self._wait(progress.wake_at, now)
        return False

    # --- writing ---

    def _append(self, progress: Progress, now: Micros) -> tuple[Append | None, bool]:
        """What to write, if anything, and whether the run leaves our hands with it."""
        status = progress.status
        leaves = progress.terminal or status in {"queued", "paused"}
        busy = bool(self.live or progress.calls)
        near = progress.wake_at is not None and progress.wake_at <= now + HOLD
        if not busy and (self.owner.draining or not near):
            leaves = True
        if status == "waiting" and not leaves:
            status = None
        changed = None if status == self.status else status
        if not progress.entries and not leaves and changed is None:
            return None, False
        append = Append(
            entries=tuple([encode(entry) for entry in progress.entries]), status=changed, reason=progress.reason,
            outputs=progress.outputs, at=now, wake_at=progress.wake_at, release=leaves, inbox_seen=progress.seen,
            decisive=progress.decisive, waits=tuple(progress.waits), withdraw=tuple(progress.withdraw),
            children=tuple(progress.children), outbox=tuple(progress.outbox),
        )  # fmt: skip
        return append, leaves

    async def _write(self, append: Append, progress: Progress) -> bool:
        """Make a turn durable; false when it has to be decided again."""
        ports.failpoint("append.before")
        appended: Appended | None = None
        while appended is None:
            try:
                appended = await self.owner.store.append(self.claim.lease, append)
            except Unread:
                await self._look(self.owner.now())
                self.course = self._fold()
                return False
            except (StorageFull, StorageBusy) as error:
                await self._have_patience(error)
        ports.failpoint("append.after")
        self.tries = 0
        self.entries += progress.entries
        self.status = append.status or self.status
        if append.status == "failed":
            self._tell(append.reason, progress)
        if append.outbox or progress.terminal:
            self.owner.said()
        self._take_in(appended.inbox)
        return True

    def _tell(self, reason: str | None, progress: Progress) -> None:
        """A run that failed is worth a line where people look first."""
        broken = [one for one in progress.entries if isinstance(one, Ended) and one.error is not None]
        step, error = (broken[-1].path, broken[-1].error) if broken else ("", None)
        log.warning(
            "run failed", run=self.run.id, workflow=self.run.workflow, reason=reason, step=step,
            error=f"{error.code}: {error.message}" if error is not None else "",
        )  # fmt: skip

    async def _have_patience(self, error: Exception) -> None:
        """Wait until there may be room again: nothing was written, so the same again is right."""
        pause = PATIENCE[min(self.tries, len(PATIENCE) - 1)]
        if not self.tries:
            log.warning("cannot write; trying again", run=self.run.id, error=str(error))
        self.tries += 1
        await ports.sleep(pause)
        if self.lost:
            raise Fenced from error

    def _fold(self) -> Course:
        course = Course(self.plan, self.run, self.claim.events, self.inbox.values())
        return fold(course, self.entries)

    # --- inbox ---

    async def _look(self, now: Micros) -> None:
        """Read the inbox again."""
        self.look, self.looked = False, now
        self._take_in(await self.owner.store.inbox(self.run.id))

    def _take_in(self, items: Iterable[InboxItem]) -> None:
        for item in items:
            self.inbox[item.id] = item
            self.course.inbox[item.id] = item

    # --- calls ---

    def _begin(self, call: Call) -> None:
        def back(returned: Return) -> None:
            self.live.pop(returned.call, None)
            self.returned.append(returned)
            self._stir.set()

        ports.failpoint("call.before")
        self.live[call.id] = self.owner.calls.start(self.run, call, back)

    def _break_off(self, call_id: CallId) -> None:
        live = self.live.pop(call_id, None)
        if live is not None:
            live.drop()

    # --- waiting ---

    def _is_due(self, now: Micros) -> bool:
        """Whether it decides something now how far the log has been read."""
        for visit in self.course.open.values():
            wait = visit.waiting
            if wait is not None and wait.deadline is not None and wait.kind != "child" and wait.deadline <= now:
                return True
        return False

    async def _wait(self, wake_at: Micros | None, now: Micros) -> None:
        """Until something happens or the time has come."""
        timer = None
        if wake_at is not None:
            timer = ports.later(max(0, wake_at - now) / ports.SECOND, self._stir.set)
        try:
            await self._stir.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._stir.clear()
