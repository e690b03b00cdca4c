"""`with` of the actions that the engine does itself: they are part of the format, so their keys are known here.

`wait.event` chooses events and stands in `selectors`. What these do is written down for all to see, so they take no
secrets: their texts are of the place `own`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eventflow.catalog import selectors
from eventflow.catalog.fields import Fields, Key, MapOf, Shape
from eventflow.catalog.kinds import INVALID, Anything, Bool, Duration, Kind, Templated, Text
from eventflow.catalog.nodes import Mapping, Node, Scalar
from eventflow.catalog.schedules import Moment

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

RESERVED: Final = ("eventflow.", "detector.")
"""Beginnings of types that only the engine's own parts say."""


class Given(NamedTuple):
    """One input: where its name and its value stand, and the value, `Ellipsis` where it holds `${{ }}`."""

    key: tuple[int, int]
    at: tuple[int, int]
    value: Any


class Start(NamedTuple):
    """A `workflow.run` with a literal name: which workflow, with which inputs, and where both stand.

    `inputs` is None where they are one template.
    """

    at: tuple[int, int]
    workflow: str
    inputs: dict[str, Given] | None


class Filled(Kind):
    """A value of some kind, or text with `${{ }}` that becomes one in the run."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.says = f"{kind.says}, `${{{{ }}}}` allowed"

    def read(self, doc: Document, node: Node) -> Any:
        """The text, or what the kind reads."""
        if isinstance(node, Scalar) and isinstance(node.value, str) and "${{" in node.value:
            return Anything("own").read(doc, node)
        return self.kind.read(doc, node)

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"anyOf": [self.kind.schema(), {"type": "string", "pattern": r"\$\{\{"}]}


class EventType(Kind):
    """The type of an event that a workflow says itself."""

    says = "an event type such as deploy.finished"

    def read(self, doc: Document, node: Node) -> Any:
        """The text."""
        text = Text().read(doc, node)
        if isinstance(text, str) and text.startswith(RESERVED):
            said = f"'{text}': types that begin with {' or '.join(RESERVED)} are the engine's own"
            doc.report("E213", node, said, "choose a name of your own, such as deploy.finished")
        return text

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


_TIME: Final = Filled(Duration())
_MOMENT: Final = Filled(Moment())
SHAPES: Final = {
    "wait.duration": Shape(
        "wait.duration", {"duration": Key(_TIME, "how long"), "for": Key(_TIME, "the same")},
        hints={"seconds": "write duration: 30s", "minutes": "write duration: 5m", "time": "did you mean 'duration'?"},
    ),
    "wait.until": Shape(
        "wait.until",
        {"time": Key(_MOMENT, "when, RFC 3339"), "until": Key(_MOMENT, "the same"), "at": Key(_MOMENT, "the same")},
    ),
    "event.emit": Shape(
        "event.emit",
        {
            "type": Key(Filled(EventType()), "such as deploy.finished", needed=True),
            "data": Key(Anything("own"), "what the event says"),
            "subject": Key(Templated("own"), "what it is about"),
        },
        hints={"event": "did you mean 'type'?", "name": "did you mean 'type'?", "payload": "did you mean 'data'?",
               "body": "did you mean 'data'?"},
    ),
    "workflow.run": Shape(
        "workflow.run",
        {
            "workflow": Key(Templated("own"), "id of the workflow to start", needed=True),
            "inputs": Key(Anything("own"), "its inputs"),
            "wait": Key(Filled(Bool()), "whether to wait for its end; default true"),
        },
        hints={"id": "did you mean 'workflow'?", "name": "did you mean 'workflow'?", "with": "did you mean 'inputs'?"},
    ),
}  # fmt: skip
ABOUT: Final = {
    "event.emit": "Say an event of one's own, which other workflows may start from",
    "run.annotate": "Write notes into the run's journal; the outputs are the same notes",
    "wait.duration": "Wait so long",
    "wait.event": "Wait for an event that the selector chooses",
    "wait.until": "Wait until a point in time",
    "workflow.run": "Start another workflow, and wait for its end",
}
"""What each does, in one line."""
_ONE_OF: Final = {"wait.duration": "{duration: 5m}", "wait.until": "{time: 2026-05-01T08:00:00Z}"}


def given(doc: Document, fields: Fields, uses: str | None, *, place: str = "with") -> dict[str, Any]:
    """What `with` of a step, a fallback, an alert holds. That of other actions is held against their schema later."""
    node = fields.at("with") if fields.given("with") else _nothing(fields.at("uses"))
    if isinstance(node, Scalar) and node.value is None:
        node = _nothing(node)
    if uses == "wait.event" and isinstance(node, Mapping):
        return selectors.wait(doc, node)
    if uses == "run.annotate" or uses in SHAPES:
        return _own(doc, uses, node)
    read = MapOf(Anything(place), says="a mapping of inputs", example="with: {NAME: …}").read(doc, node)
    return read if isinstance(read, dict) else {}


def _nothing(at: Node) -> Mapping:
    return Mapping(at.line, at.column)


def _own(doc: Document, uses: str, node: Node) -> dict[str, Any]:
    if uses == "run.annotate":
        given = MapOf(Anything("own"), says="a mapping of notes").read(doc, node)
        return given if isinstance(given, dict) else {}
    fields = SHAPES[uses].read(doc, node)
    if fields is INVALID:
        return {}
    _exactly_one(doc, uses, fields)
    if uses == "workflow.run":
        _note_start(doc, fields)
    plain = node.plain() if isinstance(node, Mapping) else {}
    return {name: plain[name] for name in fields.values}


def _exactly_one(doc: Document, uses: str, fields: Fields) -> None:
    """A wait has one time; where a key is unknown, that is told already."""
    keys = list(SHAPES[uses].keys)
    given = fields.given(*keys)
    if uses in _ONE_OF and len(given) != 1 and set(fields.node.values) <= set(keys):
        said = f"{uses} needs exactly one of {', '.join(keys)}; found {' and '.join(given) or 'none'}"
        doc.report("E207", fields.node, said, f"write with: {_ONE_OF[uses]}")


def _note_start(doc: Document, fields: Fields) -> None:
    wanted, at = fields.get("workflow"), fields.at("workflow")
    if not isinstance(wanted, str) or "${{" in wanted:
        return
    node = fields.at("inputs") if fields.given("inputs") else Mapping(at.line, at.column)
    inputs: dict[str, Given] | None = None
    if isinstance(node, Mapping):
        inputs = {}
        for name, value in node.values.items():
            key, plain = node.keys[name], value.plain()
            inputs[name] = Given(
                (key.line, key.column), (value.line, value.column), ... if "${{" in str(plain) else plain
            )
    elif not (isinstance(node, Scalar) and (node.value is None or "${{" in node.text)):
        doc.report("E200", node, "workflow.run wants a mapping for 'inputs'", "write inputs: {name: value}")
    doc.starts.append(Start((at.line, at.column), wanted, inputs))
