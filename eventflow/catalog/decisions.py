"""Decisions: cases chosen by rule, by a model within the rules, or by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog.fields import Fields, Key, ListOf, MapOf, Shape
from eventflow.catalog.kinds import INVALID, Anything, Bool, Cel, Duration, Number, OneOf, Templated, Text
from eventflow.catalog.nodes import Mapping
from eventflow.catalog.spelling import did_you_mean
from eventflow.catalog.targets import Target, To, word
from eventflow.model.order import WORDS
from eventflow.model.workflow import Approvers, Case, Decision

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

APPROVING: Final = frozenset(
    ("accept", "approve", "approved", "yes", "ok", "okay", "allow", "confirm", "go", "proceed", "do", "start", "deploy",
     "run", "continue", "merge", "ship", "release")
)  # fmt: skip
"""First words of a case's name or label that say yes."""
CASE: Final = Shape(
    "case",
    {
        "name": Key(Text(r"[a-z][a-z0-9_-]{0,63}", "a case's name"), "unique among the cases", needed=True),
        "describe": Key(Text(), "when this is the right one, for people and models"),
        "require": Key(Cel("step", expect="bool"), "not offered to anyone unless true"),
        "when": Key(Cel("step", expect="bool"), "by rule: the first that is true is taken"),
        "then": Key(To(), "where to go; default next"),
        "label": Key(Templated("step"), "text of the button"),
        "style": Key(OneOf("primary", "danger", "default"), "look of the button"),
        "confirm": Key(Bool(), "ask once more"),
        "feedback": Key(OneOf("false_alarm", "missed", "correct"), "what this answer teaches the detector", later=True),
    },
)
APPROVERS: Final = Shape(
    "approvers",
    {
        "users": Key(ListOf(Templated("step"), or_one=True), "who may answer"),
        "groups": Key(ListOf(Templated("step"), or_one=True), "groups that may answer"),
        "exclude": Key(ListOf(Templated("step"), or_one=True), "who may not"),
        "needed": Key(Number(1), "how many must agree; default 1"),
    },
    build=lambda _, fields: Approvers(**fields.values),
)
ASK: Final = Shape(
    "ask",
    {
        "title": Key(Templated("step"), "the question"),
        "body": Key(Templated("step"), "more about it"),
        "link": Key(Templated("step"), "where to look"),
        "via": Key(Text(), "through which channel people are asked", later="ask.via"),
        "channel": Key(Templated("step"), "where in that channel"),
        "thread": Key(Templated("step"), "under which message"),
        "form": Key(MapOf(Anything()), "fields that are asked along", later="ask.form"),
        "remind_after": Key(Duration(), "asked once more after this", later=True),
    },
)
DECISION: Final = Shape(
    "decision",
    {
        "by": Key(OneOf("rule", "human", synonyms={"person": "human"}), "who decides; default rule"),
        "cases": Key(ListOf(CASE, least=1, most=100), "the possible answers", needed=True),
        "default": Key(Text(), "name of the case that is taken when nothing else is"),
        "question": Key(Templated("step"), "what is to be decided"),
        "context": Key(MapOf(Anything("step")), "facts for people and models"),
        "min_confidence": Key(Number(0, 1, fraction=True), "a model's answer below this is not taken"),
        "ask": Key(ASK, "how people are asked"),
        "approvers": Key(APPROVERS, "who may answer"),
        "timeout": Key(Duration(), "when people have not answered, `default` is taken"),
        "remind_after": Key(Duration(), "asked once more after this", later=True),
    },
    hints={"options": "did you mean 'cases'?", "branches": "did you mean 'cases'?", "else": "did you mean 'default'?"},
)


def decision(doc: Document, fields: Fields) -> tuple[Decision, Fields, list[Target]]:
    """The decision of a step, its config, and where its cases go."""
    node = fields.at("config") if fields.given("config") else Mapping(fields.node.line, fields.node.column)
    config = DECISION.read(doc, node)
    if not fields.given("config") and {"cases", "default"} & set(fields.node.keys):
        here = ("E202", node.line, node.column)
        doc.problems = [one for one in doc.problems if (one.code, one.line, one.column) != here]
        config = INVALID  # that they are missing is told already, at the step
    if config is INVALID:
        return Decision(cases=(), default=""), Fields(Mapping(node.line, node.column), {}), []
    cases: tuple[Fields, ...] = config.get("cases", ())
    human = config.get("by") == "human"
    names = _names(doc, cases)
    _default(doc, config, names, human=human)
    if not human:
        _by_rule(doc, config, cases)
    made = Decision(
        cases=tuple(_case(case) for case in cases), default=config.get("default", ""), by=config.get("by", "rule"),
        question=config.get("question"), context=config.get("context", {}), ask=_ask(config),
        approvers=config.get("approvers") or Approvers(),
        timeout=config.get("timeout") or (fields.get("timeout") if human else None),
    )  # fmt: skip
    return made, config, [case.get("then") for case in cases if case.get("then") is not None]


def _ask(config: Fields) -> dict[str, Any]:
    ask = config.get("ask")
    return {} if ask is None else {key: value for key, value in ask.values.items() if key != "remind_after"}


def _case(case: Fields) -> Case:
    plain = {key: case.get(key) for key in ("describe", "require", "when", "label", "style") if key in case.values}
    return Case(
        name=case.get("name", ""), then=word(case.get("then")) or "next", confirm=case.get("confirm", False), **plain
    )


def _names(doc: Document, cases: tuple[Fields, ...]) -> dict[str, Fields]:
    names: dict[str, Fields] = {}
    for case in cases:
        name = case.get("name")
        if name is None:
            continue
        if name in names:
            doc.report("E208", case.at("name"), f"case '{name}' is already there in line {names[name].at('name').line}")
        if name in WORDS:
            doc.report("E213", case.at("name"), f"'{name}' is a target of its own and can be no case's name")
        names.setdefault(name, case)
    return names


def _default(doc: Document, config: Fields, names: dict[str, Fields], *, human: bool) -> None:
    name = config.get("default")
    if not config.given("default"):
        known = ", or ".join(names) or "and the name of a case"
        doc.report(
            "E330",
            config.node,
            "a decision needs 'default', the case taken when nothing else is",
            f"add default: {known}",
        )
    elif name is not None and names and name not in names:
        doc.report(
            "E212", config.at("default"), f"default '{name}' is no case of this decision", did_you_mean(name, names)
        )
    elif human and name in names and _approves(names[name]):
        doc.report(
            "W310",
            config.at("default"),
            f"when nobody answers, '{name}' is taken, and it approves",
            "let silence mean the careful case",
        )


def _approves(case: Fields) -> bool:
    words = [str(case.get(key, "")).lower().replace("_", " ").split(" ")[0] for key in ("name", "label")]
    return bool(APPROVING & set(words)) or case.get("style") == "primary" or bool(case.get("confirm"))


def _by_rule(doc: Document, config: Fields, cases: tuple[Fields, ...]) -> None:
    if cases and not any(case.given("when") for case in cases):
        doc.report(
            "E330",
            config.at("cases"),
            "a decision by rule needs at least one case with 'when'",
            "without it only the default could be taken",
        )
    for key in config.given("ask", "approvers", "timeout", "remind_after"):
        doc.report("W233", config.of(key), f"'{key}' has no effect on a decision by rule", "did you mean by: human?")
