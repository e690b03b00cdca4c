"""A workflow document: its keys, and the model made of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.catalog import detectors, elsewhere, expressions, graph, lint, monitoring, selectors, trials
from eventflow.catalog.against import Wants, hold
from eventflow.catalog.detectors import Answer
from eventflow.catalog.failures import CONCURRENCY, HANDLING
from eventflow.catalog.fields import Fields, Key, ListOf, MapOf, Shape, not_yet
from eventflow.catalog.inputs import INPUT, fits
from eventflow.catalog.kinds import INVALID, Anything, Bool, Cel, Duration, Number, OneOf, Text, slug
from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence
from eventflow.catalog.spelling import did_you_mean, nearest
from eventflow.catalog.steps import Steps, built
from eventflow.catalog.triggers import Triggers
from eventflow.model.detection import DetectorSpec
from eventflow.model.workflow import Concurrency, Retry, Workflow

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

ID: Final = r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*"
DIRECTORIES: Final = {
    "automation": "automation", "orchestration": "orchestration", "pipelines": "pipeline", "triggers": "trigger",
}  # fmt: skip
SYNONYMS: Final = {
    "pipelines": "pipeline",
    "triggers": "trigger",
    "automations": "automation",
    "orchestrations": "orchestration",
}
ACTIONS: Final = (
    "debug.log", "event.emit", "http.request", "run.annotate", "shell.run", "wait.duration", "wait.event", "wait.until",
    "workflow.run",
)  # fmt: skip
"""What a misspelt name may have meant; whether an action is there, `Known.action` says."""
LATER: Final = frozenset(("run.compensate",))
"""Actions of the engine itself that it does not run yet."""
ALIASES: Final = frozenset(("send_alert", "notify"))
"""Actions without a dot: the default channel."""
NAMES: Final = Text(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}", "a name that expressions can use")


class Known(msgspec.Struct, frozen=True):
    """What there is around a document. None: not known, so not checked.

    `action(name)` answers True, or a hint how to get it, or False. `timezone` is that of the settings.
    """

    action: Callable[[str], bool | str] | None = None
    wants: Callable[[str], Wants | None] | None = None
    """What `with` of an action may hold; None for one that does not say."""
    sources: Collection[str] | None = None
    """Names and types of sources, to find misspelt ones by."""
    detectors: Collection[str] | None = None
    """Names of detector documents; where it is a dict, with what each says (None: it could not be read)."""
    judge: Callable[[DetectorSpec], Answer | None] | None = None
    """What is to be said against a detector: its type is not there, or refuses its config; None: nothing."""
    secrets: Collection[str] | None = None
    agents: Collection[str] | None = None
    personas: Collection[str] | None = None
    timezone: str | None = None
    actions: Callable[[], Collection[str]] | None = None
    """Names of actions beside the built-in ones, to suggest from; asked when there is something to suggest."""
    program: Callable[[str], str | None] | None = None
    """What to do when `shell.run` may not start a program; None: it may."""
    risky: Collection[str] = ()
    """Actions of high risk."""


METADATA: Final = Shape(
    "metadata",
    {
        "name": Key(Text(most=200, prose=True), "display text"),
        "id": Key(Text(ID, "an id (lower-case letters, digits, _ - and /)"), "overrides the path as identity"),
        "description": Key(Text(prose=True), "what it is for"),
        "version": Key(Text(most=64), "the workflow's own version, in quotes"),
        "category": Key(OneOf(*DIRECTORIES.values(), synonyms=SYNONYMS), "default from the directory"),
        "tags": Key(ListOf(Text(most=64), or_one=True), "words to find it by"),
        "owner": Key(Text(prose=True), "shown in messages and alerts"),
        "runbook": Key(Text(prose=True), "where people read what to do"),
    },
)


def shape(timezone: str | None) -> Shape:
    """The keys of a workflow document; `timezone` is that of the settings."""
    return Shape(
        "workflow",
        {
            "format": Key(Number(1, 1), "version of the format; default 1"),
            "metadata": Key(METADATA, "what people see"),
            "enabled": Key(Bool(), "default true"),
            "mode": Key(OneOf("live", "shadow"), "shadow: evaluated and recorded, no action executed"),
            "ai_config": Key(monitoring.AI_CONFIG, "ignored when no step is ai_assisted"),
            "inputs": Key(MapOf(INPUT, names=NAMES), "typed parameters"),
            "vars": Key(MapOf(Anything(), names=NAMES), "constants"),
            "outputs": Key(MapOf(Cel("step"), names=NAMES), "results for a parent workflow: name to CEL"),
            "triggers": Key(Triggers(timezone), "what starts it"),
            "concurrency": Key(CONCURRENCY, "how many runs at once"),
            "cancel_on": Key(selectors.OTHER, "a later event that ends the run", later=True),
            "start_within": Key(Duration(), "a run that could not start in time is not started"),
            "allow_loop": Key(Bool(), "may start from an event that it caused itself"),
            "steps": Key(Steps(), "what it does", needed=True),
            "error_handling": Key(HANDLING, "what happens when steps fail"),
            "monitoring": Key(monitoring.MONITORING, "metrics and alerts"),
            "access": Key(monitoring.ACCESS, "who may run and see it", later=True),
            "tests": Key(ListOf(trials.TEST), "examples that `eventflow test` runs"),
        },
        hints=elsewhere.WORKFLOW,
        example="a mapping with keys such as metadata:, triggers: and steps:",
    )


_SHAPES: Final[dict[str | None, Shape]] = {}


def build(doc: Document, node: Node, path: str, known: Known) -> Workflow | None:
    """The workflow of a document that lies at `path` (its id unless `metadata.id` says another); None for no workflow.

    Every problem is noted in `doc`; with an error or a held key among them the workflow must not be activated.
    """
    whole = _SHAPES.setdefault(known.timezone, shape(known.timezone))
    fields = whole.read(doc, node)
    if fields is INVALID:
        return None
    meta = fields.get("metadata") or Fields(Mapping(node.line, node.column), {})
    triggers = fields.get("triggers", ())
    steps = fields.get("steps", ())
    handling = fields.get("error_handling") or Fields(Mapping(node.line, node.column), {})
    fallbacks = handling.get("fallback_actions", ())
    if isinstance(listed := fields.at("steps"), Sequence) and not listed.items:
        doc.report("E205", listed, "there is no step", "a workflow needs at least one")
    more: dict[str, Any] = {
        key: fields.get(key) for key in ("enabled", "mode", "allow_loop", "start_within") if key in fields.values
    }
    workflow = Workflow(
        id=meta.get("id") or path, name=meta.get("name") or path, description=meta.get("description", ""),
        version=meta.get("version", ""), category=_category(doc, meta, path), tags=meta.get("tags", ()),
        owner=meta.get("owner", ""), inputs=fields.get("inputs", {}), vars=fields.get("vars", {}),
        outputs={name: f"${{{{ {text} }}}}" for name, text in fields.get("outputs", {}).items()},
        triggers=tuple(
            detectors.with_detector(doc, trigger, config, known) if trigger.condition is not None else trigger
            for trigger, config in triggers if trigger is not None
        ),
        concurrency=fields.get("concurrency") or Concurrency(), steps=built(steps),
        retry=handling.get("retry_strategy") or Retry(),
        fallback=tuple(fallback for fallback, _ in fallbacks if fallback.action),
        timeout=handling.get("timeout"), **more,
    )  # fmt: skip
    graph.check(doc, workflow, steps)
    _around(doc, fields, workflow, known)
    return workflow


def _category(doc: Document, meta: Fields, path: str) -> str:
    by_place = DIRECTORIES.get(path.partition("/")[0])
    written: str | None = meta.get("category")
    if written is not None and by_place is not None and written != by_place:
        doc.report("W209", meta.at("category"), f"category '{written}' in the directory of '{by_place}'")
    return written or by_place or "automation"


def _around(doc: Document, fields: Fields, workflow: Workflow, known: Known) -> None:
    steps = list(graph.every(fields.get("steps", ())))
    names = {step.name for step in steps}
    lint.risks(doc, fields, fields.get("steps", ()), frozenset(known.risky))
    for step in steps:
        lint.check(doc, step)
        if step.fields.given("uses") and step.fields.get("uses"):
            _action(doc, step.fields, "uses", known)
        if (undo := step.fields.get("compensate")) is not None and undo.get("uses"):
            _action(doc, undo, "uses", known)
    handling = fields.get("error_handling")
    for fallback, one in handling.get("fallback_actions", ()) if handling is not None else ():
        if fallback.action:
            _named(doc, one, names, known)
    watched = fields.get("monitoring")
    for alert in watched.get("alerts", ()) if watched is not None else ():
        if alert.get("action"):
            _named(doc, alert, names, known, later=True)
    for _, config in fields.get("triggers", ()):
        if config is not None:
            _inputs(doc, config, workflow)
            _sources(doc, config, known)
    if any(step.fields.get("ai_assisted") for step in steps) and fields.get("ai_config") is not None:
        _ai(doc, fields.get("ai_config"), known)
    doc.tests = fields.get("tests", ())
    trials.check(doc, doc.tests, workflow)
    members = {
        "inputs": workflow.inputs, "steps": names, "vars": workflow.vars, "secrets": known.secrets,
        "stats": monitoring.STATS,
    }  # fmt: skip
    expressions.check(doc, members)


def _action(doc: Document, fields: Fields, key: str, known: Known, *, later: bool = False) -> None:
    """The action that a key names, and its `with`."""
    at, name = fields.at(key), fields.get(key)
    if name in LATER:
        not_yet(doc, at, name)
        return
    if known.action is None:
        return
    answer = known.action(name)
    if answer is True:
        wants = known.wants(name) if known.wants is not None else None
        if wants is not None:
            hold(doc, fields.at("with") if fields.given("with") else None, wants, name, at)
        if name == "shell.run" and known.program is not None and fields.given("with"):
            lint.program(doc, fields.at("with"), known.program)
        return
    hint = answer if isinstance(answer, str) else ""
    if not hint and name in ALIASES:
        hint = "it needs a channel, which the settings cannot name yet"
    if not hint:
        hint = _like(name, {*ACTIONS, *(known.actions() if known.actions is not None else ())})
    doc.report("E211", at, f"no action '{name}'", hint, level="warning" if later else None)


def _like(name: str, actions: set[str]) -> str:
    """The action that was probably meant: by its letters, else the only one of that plugin."""
    same = [action for action in actions if action.startswith(f"{name}.")]
    if "/" in name:
        return "actions are called plugin.verb; those of GitHub and other runners cannot be used here"
    close = nearest(name, actions) or (same[0] if len(same) == 1 else None)
    if close is not None:
        return f"did you mean '{close}'?"
    family = nearest(name.partition(".")[0], {action.partition(".")[0] for action in actions}) or "?"
    beside = sorted(action for action in actions if action.startswith(f"{family}."))
    if len(beside) == 1:
        return f"did you mean '{beside[0]}'?"
    return f"there are: {', '.join(beside)}" if beside else "'eventflow components' lists what there is"


def _named(doc: Document, fields: Fields, steps: set[str], known: Known, *, later: bool = False) -> None:
    """A step of this file, else a registered action, else an error."""
    name, at = fields.get("action"), fields.at("action")
    if name in steps or slug(name) in steps:
        if fields.given("with"):
            doc.report("W233", at, f"'{name}' is a step of this file, so 'with' has no effect")
    elif "." in name or name in ALIASES:
        _action(doc, fields, "action", known, later=later)
    else:
        like = did_you_mean(name, steps)
        doc.report(
            "E212",
            at,
            f"'{name}' is no step of this file and no action",
            like if like.startswith("did") else "name a step of this file, or an action, which has a dot: slack.post",
        )


def _inputs(doc: Document, config: Fields, workflow: Workflow) -> None:
    """What a trigger hands over must be declared and fit; what is required must be handed over."""
    node = config.at("inputs") if config.given("inputs") else config.node
    given = config.get("inputs", {})
    for name, value in given.items():
        wanted = workflow.inputs.get(name)
        at = node.values[name] if isinstance(node, Mapping) else node
        if wanted is None:
            key = node.keys[name] if isinstance(node, Mapping) else node
            doc.report(
                "E216",
                key,
                f"the workflow has no input '{name}'",
                did_you_mean(name, workflow.inputs) or "declare it under 'inputs'",
            )
        elif not (isinstance(at, Scalar) and "${{" in at.text) and (wrong := fits(wanted, value)) is not None:
            doc.report("E224", at, f"input '{name}': {wrong}")
    for name, wanted in workflow.inputs.items():
        if wanted.required and wanted.default is None and name not in given:
            doc.report(
                "E225",
                node,
                f"this trigger gives no value for the required input '{name}'",
                f"add inputs: {{{name}: …}}",
            )


def _sources(doc: Document, config: Fields, known: Known) -> None:
    """A source that nobody knows and that is nearly called like a known one."""
    if known.sources is None or not config.given("source"):
        return
    node = config.at("source")
    for item in node.items if isinstance(node, Sequence) else [node]:
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value not in known.sources:
            close = nearest(item.value, known.sources) if item.value.isidentifier() else None
            if close is not None and not close.startswith(item.value):  # `git` is no misspelt `github`
                doc.report("W235", item, f"no source '{item.value}' is known", f"did you mean '{close}'?")


def _ai(doc: Document, config: Fields, known: Known) -> None:
    monitoring.check_ai(doc, config)
    for key, names in (("agent", known.agents), ("persona", known.personas)):
        name = config.get(key)
        if name is not None and names is not None and name not in names:
            doc.report("E228", config.at(key), f"the settings know no {key} '{name}'", did_you_mean(name, names))
