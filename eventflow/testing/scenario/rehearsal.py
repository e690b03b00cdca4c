"""The dry run: what one event would do to one workflow, with every step's inputs rendered and no action executed.

It is a test without expectations. What an action would give is not known, so it gives nothing and succeeds; steps that
read what is not known are named, because their inputs, and the way from there, rest on a guess.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.model.order import every
from eventflow.model.record import Entry
from eventflow.model.workflow import Action, Decision
from eventflow.testing.scenario.script import Given, Script, as_tested, without_choice, without_triggers
from eventflow.testing.scenario.stage import play
from eventflow.testing.scenario.stand_in import Gives

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eventflow.model.event import Event
    from eventflow.model.workflow import Workflow
    from eventflow.testing.scenario.record import Call, Happened, Seen

_READS: Final = re.compile(r"\bsteps\.([a-z][a-z0-9_]*)\.outputs\b")


class Taken(msgspec.Struct, frozen=True):
    """A step that the run would take: what it would do with which inputs, and what of it is a guess."""

    step: str
    uses: str
    inputs: Any
    status: str
    said: str = ""
    unknown: bool = False
    """Nobody said what it would give."""
    rests_on: tuple[str, ...] = ()
    """Steps whose outputs it reads and nobody knows."""


class Rehearsal(msgspec.Struct, frozen=True):
    """What the event would do: what every trigger says, and the way of the run if one starts."""

    outcomes: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    trouble: list[str] = []


def rehearse(
    workflow: Workflow, event: Event, others: Mapping[str, Workflow], *, zone: str = "UTC",
    outputs: Mapping[str, dict[str, Any]] | None = None, answers: Mapping[str, str] | None = None,
) -> Rehearsal:  # fmt: skip
    """Play the event. `outputs`: step → what it would give; `answers`: step → the case a person would choose."""
    given, start, whole = outputs or {}, round(event.time.timestamp() * 1_000_000), as_tested(workflow)
    for step in every(workflow.steps):  # what would be chosen from a result is known for none of them
        whole = without_choice(whole, step.name)
    script = Script(
        whole, start, ((start, Entry(0, event.encode()), True),), start,
        {step: [Gives(value)] for step, value in given.items()},
        {step: [Given(case)] for step, case in (answers or {}).items()},
        {id_: without_triggers(one) for id_, one in others.items()},
    )  # fmt: skip
    happened = play(script, zone=zone)
    stages = happened.stages[0] if happened.stages else []
    runs = [_run(seen, workflow, happened) for seen in happened.runs]
    return Rehearsal([msgspec.to_builtins(one) for one in stages], runs, happened.trouble + happened.dead)


def _run(seen: Seen, workflow: Workflow, happened: Happened) -> dict[str, Any]:
    run = seen.run
    return {
        "trigger": run.trigger, "key": run.key, "inputs": run.inputs, "status": run.status, "reason": run.reason,
        "outputs": run.outputs, "steps": [msgspec.to_builtins(one) for one in _taken(seen, workflow, happened)],
    }  # fmt: skip


def _inputs(call: Call | None) -> Any:
    """What a call would get; of a question what people would read."""
    if call is None or call.uses != "question":
        return None if call is None else call.inputs
    shown = {key: call.inputs.get(key) for key in ("title", "body", "question", "link") if call.inputs.get(key)}
    return {**shown, "cases": [case.get("name") for case in call.inputs.get("cases", ())]}


def _taken(seen: Seen, workflow: Workflow, happened: Happened) -> Iterator[Taken]:
    steps = {step.name: step for step in every(workflow.steps)}
    calls = {call.step: call for call in reversed(seen.calls)}
    for name, _ in dict.fromkeys(seen.taken):
        step, call, state = steps.get(name), calls.get(name), seen.steps.get(name, {})
        decided, do = seen.decisions.get(name), getattr(step, "do", None)
        said = str(state.get("message") or "")
        if decided is not None:
            said = f"{decided['case']}, by {decided['by']}: {decided['reason']}"
        reads = _READS.findall(msgspec.json.encode(step).decode()) if isinstance(do, (Action, Decision)) else []
        uses = call.uses if call is not None else (getattr(do, "uses", None) or type(do).__name__.lower())
        yield Taken(
            name, uses, _inputs(call), state.get("status", "pending"), said,
            name in happened.unknown, tuple(dict.fromkeys(one for one in reads if one in happened.unknown)),
        )  # fmt: skip
