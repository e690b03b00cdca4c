"""The house of one test: the real router, executor and outbox over the memory bus and the embedded store.

The clock is moved from one moment at which something is due to the next one, so an hour costs as much as a second. What
only looks again every so often (the router's and executor's rounds) is passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from eventflow import ports
from eventflow.buses.memory import MemoryBus
from eventflow.execute.executor import Executor
from eventflow.model import control
from eventflow.model.record import CONTROL, Entry, Ref
from eventflow.model.run import OPEN
from eventflow.model.workflow import Catalogue, encode
from eventflow.plugin.one_series import find_detector
from eventflow.route.explain import explain
from eventflow.route.inputs import complete
from eventflow.route.memory import NEVER
from eventflow.route.outbox import Outbox
from eventflow.route.router import Router
from eventflow.route.rules import Rules
from eventflow.stores.sqlite import SqliteStore
from eventflow.testing.scenario.clock import Restless, VirtualLoop, VirtualWorld
from eventflow.testing.scenario.record import Happened, look
from eventflow.testing.scenario.stand_in import Cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.model.event import Micros
    from eventflow.model.workflow import Workflow
    from eventflow.plugin.store import OpenWait
    from eventflow.route.explain import Explained
    from eventflow.testing.scenario.script import Given, Script

PASSING: Final = ("router", "outbox", "executor", "renew leases")
"""Rooms whose timers only look again; what is due in them is asked of the store and the router's memory."""
LEASE: Final[Micros] = 200 * 365 * 86_400 * ports.SECOND
LONGEST: Final[Micros] = 3 * 366 * 86_400 * ports.SECOND
"""A run is followed for so long at most."""


class WatchedRouter(Router):
    """The router, and when its next timer is due."""

    @property
    def due(self) -> Micros | None:
        """Just after the earliest timer of any trigger: a timer fires once its time has passed (W7)."""
        due = [held.memory.due for held in self._held.values()]
        return min(due) + 1 if due and min(due) < NEVER else None


def play(script: Script, *, zone: str = "UTC") -> Happened:
    """Play a test to its end and tell what happened."""
    loop = VirtualLoop()
    with _silence() as said, ports.use(VirtualWorld(loop, script.start)), _folder() as folder:
        stage = Stage(script, loop, Path(folder), zone)
        asyncio.set_event_loop(loop)
        try:
            happened: Happened = loop.run_until_complete(stage.play())
        except Restless as error:
            happened = Happened(script.start, trouble=[str(error)])
        finally:
            loop.bury()
            asyncio.set_event_loop(None)
            loop.close()
    happened.trouble += [*loop.trouble, *said]
    return happened


def _folder() -> tempfile.TemporaryDirectory[str]:
    """In memory where the system has such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - only this user reads what is in it
    return tempfile.TemporaryDirectory(prefix="eventflow-test-", dir=memory if memory.is_dir() else None)


@contextlib.contextmanager
def _silence() -> Iterator[list[str]]:
    """Keep what the engine logs as an error; nothing of it is printed."""
    before, said = structlog.get_config(), []

    def keep(_logger: Any, method: str, event: Any) -> Any:
        if method in {"error", "exception", "critical"}:
            said.append(f"{event.get('event')}: {event.get('error', '')}")
        raise structlog.DropEvent

    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    try:
        yield said
    finally:
        structlog.configure(**before)


class Stage:
    """One test under way."""

    def __init__(self, script: Script, loop: VirtualLoop, folder: Path, zone: str) -> None:
        """Nothing runs yet."""
        self._script, self._loop, self._zone = script, loop, zone
        self._workflow = script.workflow
        self._bus = MemoryBus()
        self._store = SqliteStore(folder / "store.db")
        self._cast = Cast(script.gives)
        self._router = WatchedRouter(self._bus, self._store, zone=zone, on_commit=self._told, detectors=find_detector)
        self._outbox = Outbox(self._bus, self._store, worker="test")
        self._executor = Executor(
            self._store, self._cast.get, now=self._bus.now, worker="test", secret=_secret,
            workflow=self._known, complete=complete, said=self._outbox.wake, lease=LEASE,
        )  # fmt: skip
        self._tasks = ports.Tasks(lambda name, error: loop.trouble.append(f"{name}: {error!r}"))
        self._workflows = {**script.children, self._workflow.id: self._workflow}
        self._rules = Rules(Catalogue(1, self._workflows), zone, find_detector)
        self._left = {step: list(answers) for step, answers in script.answers.items()}
        self._due_answers: dict[tuple[str, str, int], tuple[Micros, Given]] = {}
        self._answered = 0
        self._stages: list[list[Explained]] = []

    def _known(self, id_: str) -> Workflow | None:
        return self._workflows.get(id_)

    def _told(self, commit: Any, _admitted: Any) -> None:
        self._executor.wake([delivery.run for delivery in commit.deliveries])
        self._outbox.wake()

    # --- the course of a test ----------------------------------------------------------------------------------------

    async def play(self) -> Happened:
        """From the first moment to the end of the last run."""
        await self._bus.open()
        await self._store.open()
        await self._store.activate({id_: encode(one) for id_, one in self._workflows.items()}, self._bus.now())
        for name, room in (("router", self._router), ("outbox", self._outbox), ("executor", self._executor)):
            self._tasks.spawn(room.run(), name)
        await self._loop.quiet()
        for at, entry, is_event in self._script.moments:
            await self._go(at, rules=True)
            offset = self._bus.range(entry.partition).end
            await self._bus.publish([entry])
            await self._loop.quiet()
            if is_event:
                self._stages.append(await self._explained(offset))
        await self._go(max(self._script.until, self._now), rules=True)
        end = self._bus.now()
        await self._go(end + LONGEST, rules=False, while_open=end)
        happened = await look(self._store, self._bus, self._script, end)
        happened.stages, happened.unknown = self._stages, frozenset(self._cast.unknown)
        await self._tasks.close()
        await self._executor.close()
        await self._bus.close()
        await self._store.close()
        return happened

    @property
    def _now(self) -> Micros:
        return self._script.start + self._loop.now

    async def _go(self, to: Micros, *, rules: bool, while_open: Micros | None = None) -> None:
        """Let time pass up to `to`; with `while_open` only while a run that began by then is open."""
        while True:
            await self._loop.quiet()
            if await self._answer():
                continue
            if while_open is not None and not await self._open_runs(while_open):
                return
            due = await self._next(rules=rules)
            if due is not None and due <= self._now:
                due = self._shifted(self._loop.next_timer())  # somebody must look again first
            if due is None or due > to:
                if while_open is None:
                    self._jump(to)
                    await self._loop.quiet()
                return
            wakes = await self._store.next_wake(self._bus.now())
            self._jump(due)
            if wakes is not None and wakes <= self._now:
                self._executor.wake()  # it would look by itself, some seconds later

    def _jump(self, to: Micros) -> None:
        self._loop.jump(to - self._script.start)
        self._router.wake()

    def _shifted(self, timer: Micros | None) -> Micros | None:
        return None if timer is None else self._script.start + timer

    async def _next(self, *, rules: bool) -> Micros | None:
        """When something is due: a run, a deadline, a call, an answer, with `rules` also a trigger's timer."""
        deadline = await self._store.earliest_deadline()
        due = [
            self._shifted(self._loop.next_timer(PASSING)),
            await self._store.next_wake(self._bus.now()),
            None if deadline is None else deadline + 1,
            self._router.due if rules else None,
            *(at for at, _ in self._due_answers.values()),
        ]
        known = [at for at in due if at is not None]
        return min(known) if known else None

    async def _open_runs(self, by: Micros) -> bool:
        """Whether a run that began by then is still open, or one that such a run has started."""
        runs = await self._store.runs(1000, status=OPEN)
        return any(run.created <= by or run.parent is not None for run in runs)

    async def _explained(self, offset: int) -> list[Explained]:
        [record] = await self._bus.fetch([Ref(0, offset)])
        if record is None:
            return []
        kept = await self._store.outcomes(record.ref)
        catalogue = Catalogue(1, {self._workflow.id: self._workflow})
        found = explain(record, catalogue, self._router.verdicts, self._zone, kept=kept, rules=self._rules)
        return [one for one in found if one.workflow == self._workflow.id]

    # --- people ------------------------------------------------------------------------------------------------------

    async def _answer(self) -> bool:
        """See what is asked; give the answers whose time has come. Whether one was given."""
        given = False
        for question in await self._store.questions(1000):
            place = (question.run, question.wait.path, question.wait.visit)
            left = self._left.get(question.wait.path.rpartition("/")[2])
            if place not in self._due_answers and left:
                answer = left.pop(0)
                self._due_answers[place] = (self._now + answer.after, answer)
            if place in self._due_answers and self._due_answers[place][0] <= self._now:
                await self._say(question, self._due_answers.pop(place)[1])
                given = True
        return given

    async def _say(self, question: OpenWait, answer: Given) -> None:
        self._answered += 1
        wait = question.wait
        said = control.Answer(question.run, answer.case, wait.path, wait.visit, answer.by, answer.comment)
        data = control.record(control.ANSWER, f"test-answer-{self._answered}", ports.wall(), said)
        await self._bus.publish([Entry(CONTROL, data)])


def _secret(name: str) -> str:
    """A test has no secrets; what would have been one says so."""
    return f"the secret {name}"
