"""Models that are made elsewhere: asked for at a row, made beside the loop, handed over at a fixed row (W16).

A job begins as soon as a detector asks; its model is kept here and given only when rows that are due for it are about
to be decided, so memory never tells how fast a model was made. The router waits for one that is late; that is counted.
After a crash the detector asks again, and the same job gives the same model.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import structlog

from eventflow import ports
from eventflow.errors import EventflowError
from eventflow.plugin.detector import HANDOVER

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

    from eventflow.model.event import Micros
    from eventflow.model.record import Record
    from eventflow.plugin.detector import Fit
    from eventflow.route.held import Held
    from eventflow.route.memory import Memory
    from eventflow.route.rules import Rule, Rules
    from eventflow.route.watching import Find

log = structlog.get_logger("eventflow.route")
Asked = tuple[int, tuple[str, str], str]
"""(partition, trigger, model)."""


class Fitter(Protocol):
    """Who makes models."""

    async def fit(self, kind: str, job: bytes) -> bytes:
        """What `Detector.fit` of this type makes of the job. Raises `CannotFit`, the same for the same job."""
        ...

    async def close(self) -> None:
        """Let go of what makes them."""
        ...


class CannotFit(EventflowError):
    """The detector type's `fit` raised: this job has no model."""


class InProcess:
    """Makes models on the spot: for simulations and tests, where nobody minds the time."""

    def __init__(self, find: Find) -> None:
        """`find` knows detector types."""
        self._find = find

    async def fit(self, kind: str, job: bytes) -> bytes:
        """Right here, after one turn of the loop."""
        await ports.breathe()
        try:
            return self._find(kind).fit(job)
        except Exception as error:
            raise CannotFit(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Nothing to do."""


class Fits:
    """The jobs of all partitions in hand."""

    def __init__(self, fitter: Fitter) -> None:
        """Have `fitter` make the models."""
        self._fitter = fitter
        self._tasks = ports.Tasks()
        self._jobs: dict[Asked, asyncio.Task[bytes | None]] = {}
        self.made = 0
        self.failed = 0
        self.waits = 0
        """How often the router stood still for a model."""
        self.waited: Micros = 0
        """For how long, together."""

    def ask(self, partition: int, memory: Memory, rules: Rules) -> None:
        """Begin what detectors ask for, and forget what nobody asks for any more."""
        if not rules.trained and not self._jobs:
            return
        asked: set[Asked] = set()
        for rule, fit in pending(memory, rules):
            job = (partition, rule.name, fit.model)
            asked.add(job)
            if job not in self._jobs:
                self._jobs[job] = self._tasks.spawn(self._make(rule, fit), f"fit {rule.name[0]}/{rule.name[1]}")
        for job in [job for job in self._jobs if job[0] == partition and job not in asked]:
            self._jobs.pop(job).cancel()

    async def ready(self, partition: int, memory: Memory, rules: Rules, piece: Sequence[Record]) -> None:
        """Give every model that is due for one of these records; wait for those that are not made."""
        if not rules.trained or not piece:
            return
        until = piece[-1].log_time
        self.ask(partition, memory, rules)
        due = [(rule, fit) for rule, fit in pending(memory, rules) if fit.due <= until]
        for rule, fit in due:
            task = self._jobs[partition, rule.name, fit.model]
            if not task.done():
                began = ports.boot()
                self.waits += 1
                made = await task
                self.waited += ports.boot() - began
            else:
                made = task.result()
            memory.watched.give(rule.name, fit.model, made)
        if due:
            self.ask(partition, memory, rules)

    async def decide(self, held: Held, records: Sequence[Record]) -> None:
        """Decide records piece by piece, with the models that are due; stops where newer rules are wanted."""
        rules = held.front.rules
        for piece in pieces(records, rules):
            await self.ready(held.partition, held.memory, rules, piece)
            held.decide(piece)
            self.ask(held.partition, held.memory, rules)
            if held.effects.wants:
                return

    async def _make(self, rule: Rule, fit: Fit) -> bytes | None:
        kind = rule.watch.kind.name if rule.watch is not None else ""
        try:
            made = await self._fitter.fit(kind, fit.job)
        except CannotFit as error:
            self.failed += 1
            log.warning("route.fit_failed", workflow=rule.name[0], trigger=rule.name[1], error=str(error))
            return None
        self.made += 1
        return made

    async def close(self) -> None:
        """Stop; what was asked for will be asked for again."""
        await self._tasks.close()
        await self._fitter.close()


def pending(memory: Memory, rules: Rules) -> Iterator[tuple[Rule, Fit]]:
    """What the detectors of a partition ask for."""
    for rule in rules.trained:
        watch = rule.watch
        if watch is not None and memory.watched.knows(rule.name):
            yield from ((rule, fit) for fit in memory.watched.detector(watch).fits())


def make_due(memory: Memory, rules: Rules, until: Micros) -> None:
    """Make every model that is due for a row of log time `until` on the spot: for trials, tests and simulations."""
    for rule, fit in [(rule, fit) for rule, fit in pending(memory, rules) if fit.due <= until]:
        made: bytes | None = None
        if rule.watch is not None:
            with contextlib.suppress(Exception):
                made = rule.watch.kind.fit(fit.job)
        memory.watched.give(rule.name, fit.model, made)


def pieces(records: Sequence[Record], rules: Rules) -> Iterator[Sequence[Record]]:
    """The records in pieces shorter than a hand-over, so that no model is asked for and due in one piece."""
    if not rules.trained:
        yield records
        return
    begin = 0
    for at, record in enumerate(records):
        if record.log_time - records[begin].log_time >= HANDOVER:
            yield records[begin:at]
            begin = at
    yield records[begin:]
