"""What is given in a test, made ready to be played: events and their moments, what tries give, what people answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.catalog.fields import Fields
from eventflow.catalog.kinds import slug
from eventflow.catalog.trials import moment
from eventflow.model import control
from eventflow.model.event import Event, Micros, from_micros
from eventflow.model.order import every
from eventflow.model.record import CONTROL, Entry
from eventflow.model.workflow import Action, Retry, Step, Workflow
from eventflow.testing.scenario.stand_in import Gives, failure

if TYPE_CHECKING:
    from collections.abc import Mapping


START: Final[Micros] = round(datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()) * 1_000_000
"""When a test begins that does not say: a Monday morning."""


class Given(msgspec.Struct, frozen=True):
    """What one answer of a person is, and how long they take from the question, or from the answer before."""

    case: str
    by: str = "tester"
    comment: str = ""
    after: Micros = 0


class Script(msgspec.Struct, frozen=True):
    """A test to be played. `moments` are (when, what goes into the log, whether it is one of the given events)."""

    workflow: Workflow
    start: Micros
    moments: tuple[tuple[Micros, Entry, bool], ...] = ()
    until: Micros = 0
    gives: dict[str, list[Gives]] = {}
    answers: dict[str, list[Given]] = {}
    children: dict[str, Workflow] = {}
    """Workflows that steps start, by id, without triggers of their own."""


def of_test(workflow: Workflow, test: Fields, others: Mapping[str, Workflow]) -> Script:
    """The script of a test that was checked; `others` are the workflows that its steps may start."""
    given, mocks = test.get("given"), {slug(name): list(mock) for name, mock in test.get("mock", {}).items()}
    start = moment(given.get("now", ("@", START)), START)
    moments = []
    if "inputs" in given.values or not given.given("events", "until"):
        moments.append((start, start_by_hand(workflow.id, given.get("inputs", {}), start), False))
    at = start
    for number, event in enumerate(given.get("events", ()), 1):
        at = moment(event.get("at", ("@", at)), start)
        moments.append((at, Entry(0, _event(event, number, at, start).encode()), True))
    steps = {step.name: step for step in every(workflow.steps)}
    whole, gives, children = as_tested(workflow), {}, dict(others)
    for name, mock in mocks.items():
        step = steps[name]
        if not isinstance(step.do, Action):
            continue
        gives[name] = [_gives(one, step) for one in mock]
        if any("outputs" in one.values for one in mock) and step.do.uses != "workflow.run":
            whole = without_choice(whole, name)
        if step.do.uses == "workflow.run":
            children |= _child(step.do, mock, others)
    answers = {
        name: [_answer(one) for one in mock] for name, mock in mocks.items() if not isinstance(steps[name].do, Action)
    }  # fmt: skip
    until = moment(given.get("until", ("@", start)), start)
    return Script(
        whole, start, tuple(sorted(moments, key=lambda one: one[0])), until, gives, answers,
        {id_: without_triggers(one) for id_, one in children.items()},
    )  # fmt: skip


def start_by_hand(workflow: str, inputs: dict[str, Any], at: Micros) -> Entry:
    """A person starts the workflow."""
    return Entry(CONTROL, control.record(control.START, "test-start", at, control.Start(workflow, inputs, "tester")))


def as_tested(workflow: Workflow) -> Workflow:
    """The workflow switched on, its triggers too: a test says what it would do."""
    triggers = tuple(msgspec.structs.replace(one, enabled=True) for one in workflow.triggers)
    return msgspec.structs.replace(workflow, enabled=True, mode="live", triggers=triggers)


def without_triggers(workflow: Workflow) -> Workflow:
    """A workflow that only others start."""
    return msgspec.structs.replace(workflow, enabled=True, mode="live", triggers=())


def without_choice(workflow: Workflow, name: str) -> Workflow:
    """The step's `outputs` do not choose: the test gives what they would have chosen."""

    def change(step: Step) -> Step:
        if step.name == name and isinstance(step.do, Action):
            return msgspec.structs.replace(step, do=msgspec.structs.replace(step.do, outputs={}))
        return step

    return msgspec.structs.replace(workflow, steps=_mapped(workflow.steps, change))


def _mapped(steps: tuple[Step, ...], change: Any) -> tuple[Step, ...]:
    found = []
    for step in steps:
        do: Any = step.do
        if hasattr(do, "branches"):
            do = msgspec.structs.replace(do, branches={name: _mapped(b, change) for name, b in do.branches.items()})
        elif hasattr(do, "steps"):
            do = msgspec.structs.replace(do, steps=_mapped(do.steps, change))
        found.append(change(msgspec.structs.replace(step, do=do)))
    return tuple(found)


def _event(event: Fields, number: int, at: Micros, start: Micros) -> Event:
    kind = event.get("kind") or event.get("type")
    return Event(
        id=event.get("id") or f"test-{number}", source=event.get("source", "test"), type=event.get("type"), kind=kind,
        subject=event.get("subject"), time=from_micros(moment(event.get("time", ("@", at)), start)),
        data=event.get("data"), body=event.get("body"), extensions=event.get("extensions", {}),
    )  # fmt: skip


def _answer(mock: Fields) -> Given:
    return Given(mock.get("case"), mock.get("by", "tester"), mock.get("comment", ""), mock.get("after", 0))


def _gives(mock: Fields, step: Step) -> Gives:
    takes, error = mock.get("takes", 0), mock.get("error")
    status = mock.get("status", "failure" if error is not None else "success")
    if status == "success":
        return Gives(mock.get("outputs") or mock.get("result") or {}, takes=takes)
    if status == "timeout":
        if step.timeout is not None:
            return Gives(takes=step.timeout + 1_000_000)
        return failure("timeout", "it took too long (as the test says)", retryable=None, takes=takes)
    error = error or Fields(mock.node, {})
    return failure(
        error.get("code", "error"), error.get("message", "it failed (as the test says)"),
        retryable=error.get("retryable"), takes=takes,
    )  # fmt: skip


def _child(do: Action, mocks: list[Fields], others: Mapping[str, Workflow]) -> dict[str, Workflow]:
    """The workflow that a mocked `workflow.run` starts: the real one with a single step."""
    id_ = do.with_.get("workflow")
    real = others.get(id_) if isinstance(id_, str) else None
    if real is None:
        return {}
    mock = mocks[0]
    fails = mock.get("error") is not None or mock.get("status") in {"failure", "timeout"}
    outputs = mock.get("outputs") or mock.get("result") or {}
    only = Step(name=STUB, do=Action(uses="debug.log", with_={"message": "mocked"}), retry=Retry(max_attempts=1))
    stub = msgspec.structs.replace(real, steps=(only,), outputs=outputs, triggers=(), fallback=(), timeout=None)
    if fails:
        broken = Step(name=STUB, do=Action(uses="debug.log", with_={"message": "${{ 1 / 0 }}"}))
        stub = msgspec.structs.replace(stub, steps=(broken,), outputs={})
    return {real.id: stub}


STUB: Final = "mocked"
