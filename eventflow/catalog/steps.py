"""Steps: the four types, their common keys, and the one shorthand (no `type`: an action; `uses` on the step).

What is read is a `Read` for each step: the model's step beside the nodes that the cross checks point at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog import elsewhere, own
from eventflow.catalog.decisions import decision
from eventflow.catalog.failures import RETRY
from eventflow.catalog.fields import Fields, Key, MapOf, Shape
from eventflow.catalog.kinds import INVALID, Anything, Bool, Cel, Duration, Kind, Number, OneOf, Text, slug
from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence
from eventflow.catalog.targets import Target, To, word
from eventflow.model.order import WORDS
from eventflow.model.workflow import Action, Conditions, Loop, Parallel, Step

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

NAME: Final = r"[a-z][a-z0-9_]{0,63}"
TYPES: Final = ("action", "decision", "parallel", "loop")
CONDITIONS: Final = Shape(
    "conditions",
    {
        "success": Key(To(), "where to go after success"),
        "failure": Key(To(), "after a failure"),
        "timeout": Key(To(), "after the step's time is over; default as failure"),
        "skipped": Key(To(), "when `if` was false; default the next step"),
        "cancelled": Key(To(), "when the step was cancelled; default as failure"),
    },
    example="conditions: {success: end}",
)
AI: Final = Shape(
    "ai",
    {"fill": Key(MapOf(Anything()), "fields that a model may write, each with `fallback`", needed=True)},
)
COMPENSATE: Final = Shape(
    "compensate",
    {"uses": Key(Text(), "the action", needed=True), "with": Key(Anything(), "its inputs")},
    build=lambda doc, fields: (fields, own.given(doc, fields, fields.get("uses")))[0],
)
ACTION: Final[dict[str, Key]] = {
    "uses": Key(Text(most=128), "the action: `plugin.verb`"),
    "with": Key(Anything(), "its inputs, `${{ }}` allowed"),
    "env": Key(MapOf(Anything("with")), "environment of a program, `${{ }}` allowed"),
    "outputs": Key(MapOf(Cel("result")), "what stays of the result: name to CEL over `result`"),
    "idempotent": Key(Bool(), "whether a repetition with the same key does no harm; overrides the action's own word"),
}
STEP: Final = Shape(
    "step",
    {
        "name": Key(Text(most=200), "unique in the file; becomes `steps.<name>`", needed=True),
        "title": Key(Text(), "display text"),
        "type": Key(OneOf(*TYPES, hints=elsewhere.TYPES), "default action"),
        "if": Key(Cel("step", expect="bool"), "skipped when false"),
        "config": Key(Anything(), "the keys of its type"),
        "timeout": Key(Duration(), "of each attempt"),
        "retry": Key(RETRY, "how an action is tried again"),
        "conditions": Key(CONDITIONS, "where to go after it"),
        "max_visits": Key(Number(1, 1000), "how often it may be reached; needed where a target lies before its step"),
        "ai_assisted": Key(Bool(), "a model may choose among the cases of a decision"),
        "compensate": Key(COMPENSATE, "how to undo it", later=True),
    }
    | ACTION,
    hints=elsewhere.STEP,
    example="- name: …",
)
ACTION_CONFIG: Final = Shape("action", ACTION | {"ai": Key(AI, "what a model may write", later=True)})


class Read:
    """A step as it was read, with its place in the document and the lists inside it."""

    __slots__ = ("bodies", "config", "fields", "name", "step", "targets", "then")

    def __init__(self, fields: Fields, name: str) -> None:
        self.fields = fields
        self.name = name
        self.step: Step | None = None
        self.config: Fields | None = None
        self.targets: dict[str, Target] = {}
        """Of `conditions`, by status."""
        self.then: list[Target] = []
        """Of a decision's cases."""
        self.bodies: list[tuple[Read, ...]] = []


class Steps(Kind):
    """A list of steps."""

    says = "a list of steps"

    def read(self, doc: Document, node: Node) -> Any:
        """The steps that could be read."""
        if not isinstance(node, Sequence):
            return self.wrong(doc, node, "write '- name: …' under it" if isinstance(node, Mapping) else "")
        return tuple(read for item in node.items if (read := _step(doc, item)) is not None)

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"$ref": "#/$defs/steps"}


def _step(doc: Document, node: Node) -> Read | None:
    fields = STEP.read(doc, node)
    if fields is INVALID:
        return None
    read = Read(fields, _name(doc, fields))
    conditions = fields.get("conditions")
    if conditions is not None:
        read.targets = dict(conditions.values)
    kind = fields.get("type", "action")
    if kind != "action":
        for key in fields.given(*ACTION):
            doc.report("E207", fields.of(key), f"'{key}' is for actions, this step is a {kind}")
        if fields.given("retry"):
            doc.report("W233", fields.of("retry"), f"a {kind} is not tried again; put retry on its actions")
    if fields.get("ai_assisted") and kind in {"parallel", "loop"}:
        doc.report(
            "E226", fields.of("ai_assisted"), f"ai_assisted has no meaning on a {kind}", "put it on the decision inside"
        )
    if fields.given("type") and "type" not in fields.values:
        do: Any = Action(uses="")  # nothing more is said of a step whose type is not known
    else:
        do = _DO[kind](doc, read)
    given = {status: word(target) for status, target in read.targets.items()}
    title = fields.get("title") or (fields.get("name") if fields.get("name") != read.name else None)
    read.step = Step(
        name=read.name, do=do, title=title, if_=fields.get("if"), timeout=fields.get("timeout"),
        retry=fields.get("retry"), conditions=Conditions(**given), max_visits=fields.get("max_visits"),
    )  # fmt: skip
    return read


def _name(doc: Document, fields: Fields) -> str:
    name = fields.get("name", "")
    made = slug(name)[:64] if name else f"step_{fields.node.line}"
    if name and made != name:
        doc.report("N001", fields.at("name"), f"step '{name}' is called '{made}' in expressions and targets")
    if made in WORDS:
        doc.report("E213", fields.at("name"), f"'{made}' is a target of its own and can be no step's name")
    return made


def _config(doc: Document, read: Read, shape: Shape) -> Fields:
    """The config of a step by its type's shape; an empty one where there is none."""
    node = (
        read.fields.at("config")
        if read.fields.given("config")
        else Mapping(read.fields.node.line, read.fields.node.column)
    )
    config = shape.read(doc, node)
    read.config = config if isinstance(config, Fields) else Fields(Mapping(node.line, node.column), {})
    return read.config


def _action(doc: Document, read: Read) -> Action:
    fields, config = read.fields, _config(doc, read, ACTION_CONFIG)
    both = [key for key in ACTION if fields.given(key) and config.given(key)]
    for key in both:
        doc.report("E207", config.of(key), f"'{key}' stands on the step and in its config", "keep one of them")
    for key in config.given(*ACTION):
        if key not in both:
            fields.node.keys[key] = config.node.keys[key]
            fields.node.values[key] = config.node.values[key]
            if key in config.values:
                fields.values[key] = config.values[key]
    if not fields.given("uses", "action", "run", "script", "command", "shell"):
        doc.report(
            "E202", fields.node, f"step '{read.name}' needs 'uses': what it does", "for instance uses: http.request"
        )
    if fields.get("ai_assisted") and not config.given("ai"):
        doc.report("W233", fields.of("ai_assisted"), "ai_assisted has no effect on an action without config.ai.fill")
    return Action(
        uses=fields.get("uses", ""), with_=own.given(doc, fields, fields.get("uses")), env=fields.get("env", {}),
        outputs=fields.get("outputs", {}), idempotent=fields.get("idempotent"),
    )  # fmt: skip


BRANCHES: Final = MapOf(
    Steps(), names=Text(r"[a-z][a-z0-9_-]{0,63}", "a branch's name"), example="NAME: [steps] for each branch"
)


class Join(Kind):
    """all, any, or how many branches must succeed."""

    says = "all, any, or a number"

    def read(self, doc: Document, node: Node) -> Any:
        """The word or the number."""
        if isinstance(node, Scalar) and (node.value in {"all", "any"} or (type(node.value) is int and node.value > 0)):
            return node.value
        return self.wrong(doc, node)

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"anyOf": [{"enum": ["all", "any"]}, {"type": "integer", "minimum": 1}]}


PARALLEL: Final = Shape(
    "parallel",
    {
        "branches": Key(BRANCHES, "name to a list of steps", needed=True),
        "join": Key(Join(), "how many must succeed; default all"),
        "on_branch_failure": Key(OneOf("wait", "cancel"), "what happens with the others; default wait"),
        "max_parallel": Key(Number(1), "how many at once"),
    },
    hints={"steps": "did you mean 'branches'?", "fail_fast": "write on_branch_failure: cancel"},
)


def _parallel(doc: Document, read: Read) -> Parallel:
    config = _config(doc, read, PARALLEL)
    branches: dict[str, tuple[Read, ...]] = config.get("branches", {})
    if config.given("branches") and "branches" in config.values and not branches:
        doc.report("E205", config.at("branches"), "there is no branch", "add a name with a list of steps")
    if isinstance(config.get("join"), int) and config.get("join") > len(branches):
        doc.report("E205", config.at("join"), f"join wants {config.get('join')} of {len(branches)} branches")
    read.bodies = list(branches.values())
    more = {key: config.get(key) for key in ("join", "on_branch_failure", "max_parallel") if key in config.values}
    return Parallel(branches={name: built(body) for name, body in branches.items()}, **more)


LOOP: Final = Shape(
    "loop",
    {
        "for_each": Key(Cel("step"), "CEL: the list"),
        "as": Key(Text(NAME, "a name"), "what an item is called; default item"),
        "while": Key(Cel("step", expect="bool"), "go round as long as this is true"),
        "until": Key(Cel("step", expect="bool"), "go round until this is true"),
        "delay": Key(Duration(), "between rounds"),
        "steps": Key(Anything(), "what a round does", needed=True),
        "max_parallel": Key(Number(1), "rounds at once; default 1"),
        "max_iterations": Key(Number(1, 1_000_000), "default 1000"),
        "on_item_failure": Key(OneOf("stop", "continue"), "default stop"),
    },
    hints={"items": "did you mean 'for_each'?", "each": "did you mean 'for_each'?"},
)


_LOOP_FIELDS: Final = {"while": "while_", "as": "as_"}


def _loop(doc: Document, read: Read) -> Loop:
    outside = len(doc.expressions)
    config = _config(doc, read, LOOP)
    kinds = config.given("for_each", "while", "until")
    if len(kinds) != 1:
        at = config.of(kinds[1]) if kinds else config.node
        found = f"found {' and '.join(kinds)}" if kinds else "found none"
        doc.report("E207", at, f"a loop needs exactly one of for_each, while and until; {found}")
    for key in config.given("as") if "for_each" not in kinds else config.given("delay"):
        doc.report("W233", config.of(key), f"'{key}' has no effect with {(kinds or ['this'])[0]}")
    before, doc.scope = doc.scope, (*doc.scope, config.get("as", "item"))
    for place in range(outside, len(doc.expressions)):
        if doc.expressions[place].node in {config.node.values.get("while"), config.node.values.get("until")}:
            doc.expressions[place] = doc.expressions[place]._replace(scope=doc.scope)
    body = Steps().read(doc, config.at("steps")) if config.given("steps") else ()
    doc.scope = before
    body = () if body is INVALID else body
    if isinstance(node := config.at("steps"), Sequence) and not node.items:
        doc.report("E205", node, "there is no step in the loop")
    read.bodies = [body]
    more = {_LOOP_FIELDS.get(key, key): value for key, value in config.values.items() if key != "steps"}
    return Loop(steps=built(body), **more)


def _decision(doc: Document, read: Read) -> Any:
    made, read.config, read.then = decision(doc, read.fields)
    return made


_DO: Final[dict[str, Any]] = {"action": _action, "decision": _decision, "parallel": _parallel, "loop": _loop}


def built(reads: tuple[Read, ...]) -> tuple[Step, ...]:
    """The model's steps."""
    return tuple(read.step for read in reads if read.step is not None)
