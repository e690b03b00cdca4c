"""The `tests:` of a document: what is given, what steps give in its place, and what must come of it.

A thing of its own because nothing of it is part of the workflow: it is read and held against the document's names here,
and run by `eventflow.testing.scenario`, which reports by the places of these nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog import durations
from eventflow.catalog.fields import EitherOf, Fields, Key, ListOf, MapOf, Shape
from eventflow.catalog.kinds import INVALID, Anything, Bool, Duration, Kind, Number, OneOf, Text, slug
from eventflow.catalog.nodes import Mapping, Node, Scalar
from eventflow.catalog.spelling import did_you_mean
from eventflow.model.event import Micros, parse_time
from eventflow.model.order import every
from eventflow.model.outcome import STAGES
from eventflow.model.run import REASONS, TERMINAL
from eventflow.model.workflow import Action, Decision, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.catalog.document import Document

OUTCOMES: Final = (*TERMINAL, "waiting", "queued", "paused", "running")
ENDINGS: Final = ("success", "failure", "timeout", "skipped", "cancelled", "pending", "running", "waiting")
INSIDE: Final = ("event.emit", "run.annotate", "wait.duration", "wait.event", "wait.until")
"""What the engine does itself, and does in a test too."""


class Moment(Kind):
    """A point of the test's time: `+5m` after its start, or a time with its offset. Read as ("+", µs) or ("@", µs)."""

    says = "a moment such as +5m, or a time such as 2026-05-01T08:00:00+02:00"

    def read(self, doc: Document, node: Node) -> Any:
        """The sign and the microseconds."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return self.wrong(doc, node, "write for instance +5m")
        if node.value.startswith("+"):
            micros = durations.parse(node.value[1:])
            if micros is None:
                doc.report("E204", node, f"{node.value} is not a duration after its +", "write for instance +30s, +5m")
                return INVALID
            return ("+", micros)
        try:
            at = parse_time(node.value)
        except ValueError:
            plain = durations.parse(node.value) is not None
            doc.report("E223", node, f"'{node.value}' is not {self.says}", f"write +{node.value}" if plain else "")
            return INVALID
        return ("@", round(at.timestamp() * 1_000_000))

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


class Fires(Kind):
    """Whether a run starts, or how many do."""

    says = "true, false, or how many runs"

    def read(self, doc: Document, node: Node) -> Any:
        """The truth or the number."""
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or (isinstance(value, int) and value >= 0):
            return value
        return self.wrong(doc, node)

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": ["boolean", "integer"]}


class Outcome(Kind):
    """How the run ends: `failed`, or with its reason `failed (handled)`."""

    says = "a status of a run, perhaps with its reason: failed (handled)"

    def read(self, doc: Document, node: Node) -> Any:
        """The words."""
        text = Text().read(doc, node)
        if not isinstance(text, str):
            return text
        status, _, rest = text.partition(" (")
        if status not in OUTCOMES:
            doc.report("E203", node, f"'{status}' is no status of a run", did_you_mean(status, OUTCOMES))
            return INVALID
        if rest and rest.rstrip(")") not in REASONS:
            doc.report("E203", node, f"'{rest.rstrip(')')}' is no reason of a run", did_you_mean(rest, REASONS))
            return INVALID
        return text

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


EVENT: Final = Shape(
    "event",
    {
        "type": Key(Text(), "the CloudEvents type, or the kind", needed=True),
        "source": Key(Text(), "default test"),
        "at": Key(Moment(), "when it comes, as +5m after the start; default: with the one before"),
        "id": Key(Text(), "default: one of its own; the same id twice is the same event twice"),
        "kind": Key(Text(), "the normalised name; default the type"),
        "subject": Key(Text(), "what it is about"),
        "time": Key(Moment(), "the event's own time; default when it comes"),
        "data": Key(Anything(), "its data"),
        "body": Key(Anything(), "what the sender sent, where data is a normalised shape of it"),
        "extensions": Key(MapOf(Anything()), "further attributes: sourcename, sourcetype, …"),
    },
)
GIVEN: Final = Shape(
    "given",
    {
        "now": Key(Moment(), "the time at which the test starts; default Monday 2026-01-05, 09:00 UTC"),
        "events": Key(ListOf(EVENT), "events that come, `at: +5m` in virtual time"),
        "inputs": Key(MapOf(Anything()), "inputs of a start by hand"),
        "until": Key(Moment(), "let the clock go on at least so far: for schedules, and for what must not happen"),
        "ai": Key(OneOf("unavailable"), "what the model says; unavailable: rules decide, which is also the default"),
    },
)
ERROR: Final = Shape(
    "error",
    {
        "code": Key(Text(), "a word or number that retry_on can name"),
        "message": Key(Text(), "what the action says"),
        "retryable": Key(Bool(), "default by the code: timeout, connection, 429 and 5xx are"),
    },
)
MOCK: Final = Shape(
    "mock",
    {
        "outputs": Key(MapOf(Anything()), "what `steps.NAME.outputs` holds"),
        "result": Key(MapOf(Anything()), "what the action gives, before the step's own `outputs` choose from it"),
        "status": Key(OneOf("success", "failure", "timeout"), "how the try ends; default success"),
        "error": Key(ERROR, "why it fails"),
        "takes": Key(Duration(), "how long a try lasts in virtual time"),
        "case": Key(Text(), "what the person answers"),
        "by": Key(Text(), "who answers; default tester"),
        "comment": Key(Text(), "what the person adds"),
        "after": Key(Duration(), "how long the person takes; default no time"),
    },
)
STEP: Final = Shape(
    "step",
    {
        "status": Key(OneOf(*ENDINGS), "how it ended"),
        "outputs": Key(MapOf(Anything()), "these of its outputs"),
        "attempts": Key(Number(0), "how many tries"),
        "error": Key(Text(), "the code of its failure"),
    },
)
CALL: Final = Shape(
    "call",
    {
        "with": Key(MapOf(Anything()), "these of its rendered inputs"),
        "at": Key(Moment(), "when"),
    },
)
DECIDED: Final = Shape(
    "decision",
    {
        "case": Key(Text(), "which case"),
        "by": Key(OneOf("rule", "human", "timeout"), "who chose"),
        "who": Key(ListOf(Text(), or_one=True), "which people"),
        "reason": Key(Text(), "why"),
    },
)
RUN: Final[dict[str, Key]] = {
    "trigger": Key(Text(), "the id of the trigger that started it; manual by hand"),
    "key": Key(Text(), "the key it fired for"),
    "at": Key(Moment(), "when it fired"),
    "inputs": Key(MapOf(Anything()), "these of its inputs"),
    "path": Key(ListOf(Text()), "the steps in the order they were taken"),
    "steps": Key(MapOf(EitherOf(OneOf(*ENDINGS), STEP)), "step to how it ended"),
    "calls": Key(MapOf(EitherOf(Number(0), ListOf(CALL, or_one=True))), "step to how often it was tried, or with what"),
    "decisions": Key(MapOf(EitherOf(Text(), DECIDED)), "step to case and by"),
    "outcome": Key(Outcome(), "the status of the run"),
    "reason": Key(OneOf(*REASONS), "the reason of the status"),
    "outputs": Key(MapOf(Anything()), "these outputs of the run"),
}
STAGE: Final = OneOf("disabled", *STAGES)
EXPECT: Final = Shape(
    "expect",
    {
        "fires": Key(Fires(), "whether a run starts, or how many"),
        "stage": Key(STAGE, "the stage that said no to the last event, by the trigger that got furthest"),
        "stages": Key(ListOf(STAGE), "the same for each event in its order; started for one that fired"),
        "emitted": Key(ListOf(MapOf(Anything())), "events that steps emitted, in order: these of their attributes"),
        "runs": Key(ListOf(Shape("run", RUN)), "each run in the order of its start; what stands beside holds for all"),
    }
    | RUN,
)
TEST: Final = Shape(
    "test",
    {
        "name": Key(Text(), "what is tested", needed=True),
        "given": Key(GIVEN, "what happens", needed=True),
        "mock": Key(MapOf(ListOf(MOCK, or_one=True, least=1)), "step to what it gives, or to a list, a try at a time"),
        "expect": Key(EXPECT, "what must come of it", needed=True),
    },
)


def check(doc: Document, tests: tuple[Fields, ...], workflow: Workflow) -> None:
    """Every name in the tests must be one of the workflow, and what a step gives must be what it can give."""
    steps = {step.name: step.do for step in every(workflow.steps)}
    names: set[str] = set()
    for test in tests:
        if test.get("name") in names:
            doc.report("E208", test.at("name"), f"there is already a test '{test.get('name')}'", "name it differently")
        names.add(test.get("name", ""))
        _given(doc, test, workflow)
        _mocks(doc, test, steps)
        _expected(doc, test, workflow, steps)


def _given(doc: Document, test: Fields, workflow: Workflow) -> None:
    given = test.get("given")
    if given is None:
        return
    if not given.given("events", "inputs", "until"):
        doc.report("E202", given.node, "nothing happens in this test", "give events, inputs of a start, or until: +1d")
    for name in given.get("inputs", {}):
        if name not in workflow.inputs:
            at = _key(given.at("inputs"), name)
            doc.report("E216", at, f"the workflow has no input '{name}'", did_you_mean(name, workflow.inputs))


def _mocks(doc: Document, test: Fields, steps: dict[str, Any]) -> None:
    for name, mocks in test.get("mock", {}).items():
        at = _key(test.at("mock"), name)
        do = steps.get(slug(name))
        if do is None:
            doc.report("E220", at, f"there is no step '{name}'", did_you_mean(name, steps))
        elif isinstance(do, Decision):
            _answers(doc, at, name, do, mocks)
        elif not isinstance(do, Action):
            doc.report("E207", at, f"'{name}' is no action: mock the steps inside it")
        elif do.uses in INSIDE:
            advice = "give what it waits for under given.events" if do.uses == "wait.event" else "leave it out"
            doc.report("E207", at, f"'{name}' ({do.uses}) is done by the engine itself, in a test too", advice)
        else:
            for mock in mocks:
                _result(doc, mock)


def _answers(doc: Document, at: Node, name: str, do: Decision, mocks: tuple[Fields, ...]) -> None:
    if do.by != "human":
        doc.report("E207", at, f"'{name}' decides by its rules, in a test too", "give what its rules look at")
        return
    cases = [case.name for case in do.cases]
    for mock in mocks:
        for key in mock.given("outputs", "result", "status", "error", "takes"):
            doc.report("E207", mock.of(key), f"'{name}' asks a person, who gives no '{key}'", "write case:")
        case = mock.get("case")
        if not mock.given("case"):
            doc.report("E202", mock.node, f"the answer to '{name}' needs 'case'", f"there are: {', '.join(cases)}")
        elif case is not None and case not in cases:
            doc.report("E212", mock.at("case"), f"'{name}' has no case '{case}'", did_you_mean(case, cases))


def _result(doc: Document, mock: Fields) -> None:
    for key in mock.given("case", "by", "comment", "after"):
        doc.report("E207", mock.of(key), f"'{key}' belongs to a question to people; this step is an action")
    if len(both := mock.given("outputs", "result")) > 1:
        doc.report("E207", mock.of(both[1]), "outputs and result exclude each other", "keep one of them")
    fails = mock.given("error") or mock.get("status") in {"failure", "timeout"}
    if fails and (given := mock.given("outputs", "result")):
        doc.report("E207", mock.of(given[0]), f"a try that fails gives no {given[0]}", "keep one of them")
    if mock.given("error") and mock.get("status") == "success":
        doc.report("E207", mock.of("error"), "status success has no error", "keep one of them")


def _expected(doc: Document, test: Fields, workflow: Workflow, steps: dict[str, Any]) -> None:
    expect = test.get("expect")
    if expect is None:
        return
    if not expect.node.values:
        doc.report("E202", expect.node, "nothing is expected: this test could never fail", "for instance fires: true")
    triggers = [trigger.id for trigger in workflow.triggers]
    for one in (expect, *expect.get("runs", ())):
        wanted = one.get("trigger")
        if wanted is not None and wanted != "manual" and wanted not in triggers:
            doc.report("E220", one.at("trigger"), f"there is no trigger '{wanted}'", did_you_mean(wanted, triggers))
        for node, name in _named(one):
            if slug(name) not in steps:
                doc.report("E220", node, f"there is no step '{name}'", did_you_mean(name, steps))
        _decided(doc, one, steps)
        for key, known, what in (("inputs", workflow.inputs, "input"), ("outputs", workflow.outputs, "output")):
            for name in one.get(key, {}):
                if name not in known:
                    at = _key(one.at(key), name)
                    doc.report("E220", at, f"the workflow has no {what} '{name}'", did_you_mean(name, known))
    wanted, number = expect.get("stages"), len((test.get("given") or expect).get("events", ()))
    if wanted is not None and len(wanted) != number:
        doc.report("E205", expect.at("stages"), f"{len(wanted)} stages for {number} events", "give one for each event")


def _named(one: Fields) -> Iterator[tuple[Node, str]]:
    for item in getattr(one.at("path"), "items", ()) if one.given("path") else ():
        if isinstance(item, Scalar):
            yield item, item.text
    for key in one.given("steps", "calls", "decisions"):
        node = one.at(key)
        if isinstance(node, Mapping):
            yield from ((node.keys[name], name) for name in node.values)


def _decided(doc: Document, one: Fields, steps: dict[str, Any]) -> None:
    for name, wanted in one.get("decisions", {}).items():
        do = steps.get(slug(name))
        if do is None:
            continue
        at = _value(one.at("decisions"), name)
        if not isinstance(do, Decision):
            doc.report("E207", _key(one.at("decisions"), name), f"step '{name}' is no decision")
            continue
        case = wanted.get("case") if isinstance(wanted, Fields) else wanted
        cases = [known.name for known in do.cases]
        if case is not None and case not in cases:
            place = wanted.at("case") if isinstance(wanted, Fields) else at
            doc.report("E212", place, f"'{name}' has no case '{case}'", did_you_mean(case, cases))


def _key(node: Node, name: str) -> Node:
    return node.keys.get(name, node) if isinstance(node, Mapping) else node


def _value(node: Node, name: str) -> Node:
    return node.values.get(name, node) if isinstance(node, Mapping) else node


def moment(given: tuple[str, Micros], start: Micros) -> Micros:
    """A `Moment` as a point in time, where the test starts at `start`."""
    return start + given[1] if given[0] == "+" else given[1]
