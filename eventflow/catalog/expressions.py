"""Compiling what a document's expressions say: which names each place may use, and whether those names exist."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from eventflow import match
from eventflow.catalog.marks import place
from eventflow.catalog.monitoring import STATS
from eventflow.catalog.problems import Problem
from eventflow.catalog.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from eventflow.catalog.document import Document, Expression

_EVENT: Final = ("event", "vars")
_STEP: Final = ("event", "events", "trigger", "inputs", "steps", "vars", "run", "workflow", "error")
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "event": _EVENT,
    "trigger": (*_EVENT, "events", "trigger"),
    "group": (*_EVENT, "events", "trigger", "inputs"),
    "wait": ("event", "inputs", "steps", "vars", "trigger"),
    "step": _STEP,
    "with": (*_STEP, "secrets"),
    "own": _STEP,
    "result": (*_STEP, "result"),
    "metric": _STEP,
    "alert": (*STATS, "stats", "vars"),
    "alert_with": ("stats", "workflow", "run", "vars", "secrets"),
}
"""Place → the names that expressions there may use. `loop` and the items of loops come in inside loops."""
CHECKED: Final = ("inputs", "steps", "vars", "secrets", "stats")
"""Names whose members are known at load."""

Found = tuple[frozenset[tuple[str, ...]], tuple[match.Problem, ...]]


@lru_cache(maxsize=20_000)
def compiled(text: str, where: str, scope: tuple[str, ...], template: bool, expect: str) -> Found:  # noqa: FBT001 - part of the key
    """What an expression or template reads, and what is wrong with it."""
    env = _env(where, scope, expect)
    try:
        if template:
            return match.template(text, env).paths, ()
        return match.compile(text, env).paths, ()
    except match.ExpressionError as error:
        return frozenset(), error.problems


@lru_cache(maxsize=1_000)
def _env(where: str, scope: tuple[str, ...], expect: str) -> match.Env:
    names = (*NAMES[where], *scope, *(("loop",) if "steps" in NAMES[where] else ()))
    return match.Env(dict.fromkeys(names), expect=expect)


def check(doc: Document, known: Mapping[str, Collection[str] | None]) -> None:
    """Compile every expression of the document; `known` are the members of inputs, steps, vars, secrets (None: any)."""
    for one in doc.expressions:
        paths, problems = compiled(one.text, one.place, one.scope, one.template, one.expect)
        for problem in problems:
            if one.place != "metric" or problem.code != "E321":  # metrics have functions of their own, not there yet
                _report(doc, one, problem)
        if not one.scope and any(path[0] == "loop" for path in paths):
            doc.report("E320", one.node, "'loop' exists inside the steps of a loop only")
        for path in paths:
            members = known.get(path[0]) if len(path) > 1 and path[0] in CHECKED else None
            if members is not None and path[1] not in members:
                _unknown(doc, one, path[0], path[1], members)


def _report(doc: Document, one: Expression, problem: match.Problem) -> None:
    own = one.text == one.node.value or not isinstance(one.node.value, str)
    line, column = place(doc, one.node, problem.line, problem.column) if own else (one.node.line, one.node.column)
    advice = (_elsewhere(one, problem) if problem.code == "E320" else "") or problem.suggestion
    doc.take(
        Problem(
            doc.file, line, column, problem.code, problem.word, problem.message, advice, source=doc.line(line)[:200]
        )
    )


def _elsewhere(one: Expression, problem: match.Problem) -> str:
    """What to say of a name that exists, but not where it stands."""
    found = re.match(r"\w+", one.text[problem.offset :])
    name = found[0] if found else ""
    if name == "secrets" and one.place == "own":
        return "what the engine does itself takes no secrets: it is written down for all to see"
    if name == "secrets":
        return "secrets can be used in 'with' and 'env' of actions only"
    if any(name in names for names in NAMES.values()):
        return f"here there are: {', '.join((*NAMES[one.place], *one.scope))}"
    return ""


def _unknown(doc: Document, one: Expression, name: str, member: str, members: Collection[str]) -> None:
    code = "E216" if name == "inputs" else "E220"
    at = _place(doc, one, name, member)
    doc.report(code, at, f"there is no {name}.{member}", did_you_mean(member, members) or _none(name))


def _place(doc: Document, one: Expression, name: str, member: str) -> tuple[int, int]:
    """Where `name.member` stands in the file."""
    found = re.search(rf"\b{name}\s*\.\s*{re.escape(member)}\b|\b{name}\s*\[\s*['\"]{re.escape(member)}", one.text)
    at = (one.node.line, one.node.column)
    if found is not None and one.text == one.node.value:
        line = one.text.count("\n", 0, found.start()) + 1
        column = found.start() - one.text.rfind("\n", 0, found.start())
        at = place(doc, one.node, line, column)
    return at


def _none(name: str) -> str:
    return {
        "inputs": "declare it under 'inputs'",
        "vars": "declare it under 'vars'",
        "secrets": "name it under 'secrets' in the settings",
    }.get(name, "")
