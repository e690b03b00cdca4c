"""Why an event did what it did: what `route.explain` says, held against what really became of it.

The router's explanation is worked out from rules and memory; here it meets the store: the run that a trigger started
and how that stands, the same event taken before, rules that were other ones at the time, a log that has not been read
so far. In `app` because it asks bus, store, router and catalogue, which do not know each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from eventflow import ports
from eventflow.errors import NotFound
from eventflow.model.event import decode
from eventflow.model.outcome import REASONS
from eventflow.model.record import CONTROL
from eventflow.model.run import REASONS as RUN_REASONS
from eventflow.plugin.one_series import find_detector
from eventflow.route.explain import Explained, explain
from eventflow.route.rules import Rules
from eventflow.route.told import span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventflow.app.house import Eventflow
    from eventflow.model.event import Event
    from eventflow.model.record import Record
    from eventflow.model.run import Run
    from eventflow.route.states import Verdict

FRESH: Final = 5 * ports.SECOND
"""So long after an event was logged its run may be still on its way into the store."""
OLD_LETTERS: Final = 500


class Why:
    """Explains events of one house; keeps the rules of the newest catalogue, which take long to make."""

    def __init__(self, flow: Eventflow, verdicts: Callable[[str, str, str], Sequence[Verdict]]) -> None:
        """`verdicts` reads the ring of a key."""
        self._flow = flow
        self._verdicts = verdicts
        self._rules: Rules | None = None
        self._of: object = None

    async def outcomes(self, record: Record) -> list[Explained]:
        """What every event trigger made of a record, in the light of what became of it."""
        flow = self._flow
        if not _readable(record):
            return []
        kept = [one for one in await flow.store.outcomes(record.ref) if one.log_time == record.log_time]
        zone = flow.settings.timezone or "UTC"
        found = explain(record, flow.catalogue, self._verdicts, zone, kept=kept, rules=self._made(zone))
        event = decode(record.data)
        if self.waits(record):
            return [_undecided(one) if one.run is not None else one for one in found]
        dead = await self._dead(record)
        return [dead.get((one.workflow, one.trigger)) or await self._met(one, record, event) for one in found]

    def _made(self, zone: str) -> Rules:
        catalogue = self._flow.catalogue
        if self._rules is None or self._of is not catalogue:
            self._rules, self._of = Rules(catalogue, zone, find_detector), catalogue
        return self._rules

    def waits(self, record: Record) -> int | None:
        """How many records are before it that have not been decided, it included; None when it is decided."""
        position = self._flow.positions.get(record.partition)
        if position is None:
            return 1 if record.partition in self._flow.halted else None
        return record.offset - position + 1 if record.offset >= position else None

    async def notes(self, record: Record) -> list[str]:
        """What is to be said of the event as a whole."""
        found, flow = [], self._flow
        halted = flow.halted.get(record.partition)
        ahead = self.waits(record)
        if halted is not None:
            found.append(f"It has not been decided: its partition stands still. {halted}")
        elif ahead is not None:
            number = f"{ahead - 1} event{' is' if ahead == 2 else 's are'}"
            before = f"{number} before it" if ahead > 1 else "it is the next one"
            found.append(f"It has not been decided yet: {before}. Ask again in a moment; see eventflow status.")
        dead = (await self._dead(record)).get(("", ""))
        if dead is not None:
            found.append(f"It could not be decided and is a dead letter: {dead.sentence}")
        elif not found and record.partition != CONTROL and not _readable(record):
            found.append(
                "It could not be decided. Its dead letter is not among those that are kept: there were as many as "
                "limits.dead_letters allows, or retention took it; eventflow history --dead"
            )
        if record.partition == CONTROL and _readable(record):
            found.append("This is an order to the engine, from a person or a schedule; triggers do not select it.")
        held = [one for one in flow.workflows.problems if one.holds]
        if held and not await flow.store.runs(1, event=record.ref):
            more = f" ({len(held) - 1} more: eventflow status)" if len(held) > 1 else ""
            said = "A document has a mistake, so only what it said before, if anything, is in force: "
            found.append(f"{said}{held[0]}{more}")
        return found

    async def _dead(self, record: Record) -> dict[tuple[str, str], Explained]:
        """Dead letters of this record, by trigger; under ("", "") of the whole record."""
        return {
            (letter.workflow, letter.trigger): Explained(
                workflow=letter.workflow, trigger=letter.trigger, stage="received", reason="failed",
                sentence=f"Deciding raised an error, and the event is a dead letter for this trigger: {letter.error}",
            )
            for _, letter in await self._flow.store.dead(OLD_LETTERS)
            if (letter.ref, letter.log_time) == (record.ref, record.log_time)  # in another log it was another record
        }  # fmt: skip

    async def _met(self, one: Explained, record: Record, event: Event) -> Explained:
        """An outcome held against the run that it should have, and against the same event before."""
        if one.reason == "seen":
            return await self._again(one, record, event)
        if one.run is None:
            return one
        try:
            run = await self._flow.store.run(one.run)
        except NotFound:
            return await self._no_run(one, record, event)
        if record.ref not in run.events:
            first = run.events[0].handle if run.events else "another place"
            sentence = f"The same event (source and id) came before, as {first}, and started {run.id}."
            return _changed(one, "repeated", "seen", sentence)
        return _changed(one, "started", "fired", await self._sentence(run))

    async def _again(self, one: Explained, record: Record, event: Event) -> Explained:
        found = await self._flow.bus.find(event.id, 20)
        before = [ref for ref in found if ref.partition == record.partition and ref.offset < record.offset]
        as_ = f", as {before[-1].handle}" if before else ""
        sentence = f"The same event (source {event.source!r}, id {event.id!r}) came before{as_}, and counts once."
        return msgspec.structs.replace(one, sentence=sentence)

    async def _no_run(self, one: Explained, record: Record, event: Event) -> Explained:
        if self._flow.bus.now() - record.log_time < FRESH or one.reason == "selected":
            return one
        sentence = (
            "By the rules of now it would start a run, and there is none: when the event was decided, this trigger was "
            "not there, was off or was another one; or retention has taken the run."
        )
        return msgspec.structs.replace(one, reason="not_then", stage="matched", sentence=sentence, run=None)

    async def _sentence(self, run: Run) -> str:
        """What became of a firing."""
        why = RUN_REASONS.get(run.reason or "", "")
        match run.status:
            case "suppressed":
                why = await self._taken(run) if run.reason == "concurrency" else _lower(why)
                return f"It fired, and {run.id} was not started: {why}"
            case "queued":
                return f"It fired; {run.id} waits in line: {await self._line(run)}"
            case "waiting":
                return f"It fired; {run.id} waits: {await self._last(run, 'waits', 'asks')}"
            case "paused":
                return f"It fired; {run.id} is paused: {_lower(why) or 'a person held it.'} eventflow resume {run.id}"
            case "running":
                return f"It fired; {run.id} is running."
            case "succeeded":
                return f"It fired; {run.id} succeeded after {span((run.ended or 0) - run.created)}."
        if run.status == "cancelled":
            return f"It fired; {run.id} was cancelled: {_lower(why)} More: eventflow history {run.id}"
        step = await self._last(run, "failed (", "took too long") if run.reason == "step_failed" else _lower(why)
        return f"It fired; {run.id} failed: {step} More: eventflow history {run.id}"

    async def _last(self, run: Run, *words: str) -> str:
        """The last line of the run's story that says one of these."""
        lines = [line.partition(" s  ")[2] for line in await self._flow.explain_run(run)]
        return next((line for line in reversed(lines) if any(f" {word}" in line for word in words)), "see its history.")

    async def _taken(self, run: Run) -> str:
        """Why its concurrency group had no place, and who has it still."""
        workflow = self._flow.catalogue.workflows.get(run.workflow)
        single = workflow is not None and workflow.concurrency.mode == "single"
        held = await self._flow.store.runs(50, workflow=run.workflow, status=("queued", "running", "waiting", "paused"))
        same = [one.id for one in held if one.group == run.group]
        still = f" {same[-1]} is at it still." if same else ""
        if single:
            return f"another run of its group was under way, and `concurrency` says single.{still}"
        return f"as many runs of its group were waiting as `queue_max` allows.{still}"

    async def _line(self, run: Run) -> str:
        held = await self._flow.store.runs(200, workflow=run.workflow, status=("running", "waiting"))
        same = [one.id for one in held if one.group == run.group]
        if not same:
            return "it starts as soon as the executor has a hand free."
        return f"{len(same)} of its group {'is' if len(same) == 1 else 'are'} at work ({', '.join(same[-3:])})."


def _undecided(one: Explained) -> Explained:
    return _changed(one, "received", "undecided", REASONS["undecided"])


def _changed(one: Explained, stage: str, reason: str, sentence: str) -> Explained:
    return msgspec.structs.replace(one, stage=stage, reason=reason, sentence=sentence)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _readable(record: Record) -> bool:
    if record.fault:
        return False
    try:
        decode(record.data)
    except (msgspec.DecodeError, ValueError, KeyError, RecursionError):
        return False
    return True
