"""What came of a test: runs with their paths, tries and decisions, read from the journals that the executor wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.execute.explain import explain
from eventflow.model import journal as j
from eventflow.model.event import ENGINE, Micros
from eventflow.model.record import CONTROL, Ref
from eventflow.model.run import Run
from eventflow.route.explain import Explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.plugin import Bus, Store
    from eventflow.testing.scenario.script import Script

NOT_STEPS = ("fallback[",)


class Call(msgspec.Struct, frozen=True):
    """A try of a step, or a question: when, of what, with which rendered inputs."""

    step: str
    at: Micros
    uses: str
    inputs: Any


class Seen(msgspec.Struct):
    """One run as it went. `taken` holds (step, whether it stands in the workflow's own list) in order."""

    run: Run
    taken: list[tuple[str, bool]] = []
    calls: list[Call] = []
    steps: dict[str, dict[str, Any]] = {}
    decisions: dict[str, dict[str, Any]] = {}
    story: list[str] = []

    def path(self, nested: frozenset[str] = frozenset()) -> list[str]:
        """The steps in the order they were taken; of those inside others only the wanted ones."""
        return [name for name, own in self.taken if own or name in nested]


class Happened(msgspec.Struct):
    """Everything that came of a test."""

    start: Micros
    runs: list[Seen] = []
    emitted: list[dict[str, Any]] = []
    stages: list[list[Explained]] = []
    """For each given event what the triggers made of it, the one that got furthest first."""
    dead: list[str] = []
    unknown: frozenset[str] = frozenset()
    """Steps that were tried and of which the test says nothing."""
    trouble: list[str] = []


async def look(store: Store, bus: Bus, script: Script, end: Micros) -> Happened:
    """Read it all from store and bus; runs that began after `end` do not belong to the test."""
    happened = Happened(script.start)
    found = [run for run in await store.runs(1000, workflow=script.workflow.id) if run.created <= end + 1_000]
    for run in sorted(found, key=lambda one: one.number):
        happened.runs.append(await _seen(store, run))
    happened.dead = [letter.error for _, letter in await store.dead(100)]
    for partition in (CONTROL, 0):
        bounds = await bus.bounds(partition)
        for record in await bus.fetch([Ref(partition, at) for at in range(bounds.start, bounds.end)]):
            event = msgspec.json.decode(record.data) if record is not None else {}
            if event.get("source") == ENGINE and not str(event.get("type", "")).startswith("eventflow."):
                happened.emitted.append(event)
    return happened


async def _seen(store: Store, run: Run) -> Seen:
    entries = [j.decode(line.data) for line in await store.read(run.id)]
    seen = Seen(run)
    seen.story = [f"{line.after / 1_000_000:9.3f} s  {line.sentence}" for line in explain(run, entries)]
    for step, own in _taken(entries):
        seen.taken.append((step, own))
    for entry in entries:
        _note(seen, entry)
    return seen


def _taken(entries: list[j.Entry]) -> Iterator[tuple[str, bool]]:
    """Each visit of a step once, where it begins; what `if` skipped was not taken."""
    begun: set[tuple[str, int]] = set()
    for entry in entries:
        path, visit = getattr(entry, "path", ""), getattr(entry, "visit", 0)
        if not path or isinstance(entry, j.Heard) or (path, visit) in begun:
            continue
        begun.add((path, visit))
        if not (isinstance(entry, j.Ended) and entry.status == "skipped"):
            yield path.rpartition("/")[2], "/" not in path


def _note(seen: Seen, entry: j.Entry) -> None:
    name = getattr(entry, "path", "").rpartition("/")[2]
    match entry:
        case j.Tried():
            inputs = None if entry.input is msgspec.UNSET else entry.input
            if inputs is None:
                inputs = next((call.inputs for call in reversed(seen.calls) if call.step == name), {})
            seen.calls.append(Call(name, entry.at, entry.uses, inputs))
            seen.steps.setdefault(name, {})["status"] = "running"
            seen.steps[name]["attempts"] = entry.n
        case j.Waited(kind="answer"):
            seen.calls.append(Call(name, entry.at, "question", entry.show))
            seen.steps.setdefault(name, {})["status"] = "waiting"
        case j.Waited() | j.Entered():
            seen.steps.setdefault(name, {})["status"] = "waiting"
        case j.Ended():
            step = seen.steps.setdefault(name, {})
            step |= {"status": entry.status, "outputs": entry.outputs}
            step["error"] = entry.error.code if entry.error is not None else None
            step["message"] = entry.error.message if entry.error is not None else ""
            if entry.case:
                seen.decisions[name] = {
                    "case": entry.case, "by": entry.by, "who": entry.who, "reason": entry.reason,
                }  # fmt: skip
