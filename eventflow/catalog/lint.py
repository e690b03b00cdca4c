"""Rules that each answer a bug seen elsewhere: program text made of templates, retries of what may not be repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.catalog import graph
from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.catalog.document import Document
    from eventflow.catalog.fields import Fields
    from eventflow.catalog.steps import Read

_CODE: Final = frozenset(("-c", "-e", "--eval", "--command", "-lc", "-ec", "-xc", "/c", "-Command"))
_TEXT: Final = ("command", "cmd", "script", "run", "shell")
_ONCE: Final = frozenset(("shell.run",))
"""Built-in actions that are not idempotent."""


def check(doc: Document, step: Read) -> None:
    """Note what is legal and unwise in one step."""
    fields = step.fields
    uses = fields.get("uses", "")
    if isinstance(uses, str) and uses.startswith("shell.") and isinstance(fields.at("with"), Mapping):
        _injection(doc, fields.at("with"))
    retry = fields.get("retry")
    repeats = retry is not None and getattr(retry, "max_attempts", 1) > 1
    idempotent = fields.get("idempotent", uses not in _ONCE)
    if repeats and not idempotent:
        doc.report(
            "W320",
            fields.of("retry"),
            f"step '{step.name}' is not idempotent and would be repeated",
            "say idempotent: true if a repetition does no harm",
        )


def program(doc: Document, given: Node, advice: Callable[[str], str | None]) -> None:
    """Note a program that is named outright and that `advice` says may not be started (W411)."""
    argv = given.values.get("argv") if isinstance(given, Mapping) else None
    first = argv.items[0] if isinstance(argv, Sequence) and argv.items else None
    if isinstance(first, Scalar) and isinstance(first.value, str) and "${{" not in first.value:
        what_to_do = advice(first.value)
        if what_to_do is not None:
            doc.report("W411", first, f"the settings do not let '{first.value}' be started", what_to_do)


def risks(doc: Document, fields: Fields, steps: tuple[Read, ...], risky: frozenset[str]) -> None:
    """What needs care where an action of high risk is used: start in time (W340), a person before it (W331)."""
    found = [step for step in graph.every(steps) if step.fields.get("uses") in risky]
    if found and fields.given("triggers") and not fields.given("start_within"):
        at = found[0].fields.at("uses")
        doc.report(
            "W340", at, f"'{found[0].fields.get('uses')}' is of high risk, and may start late", "add start_within: 15m"
        )
    for block in graph.blocks(steps):
        places = {step.name: step for step in block}
        for step in block:
            if step.fields.get("ai_assisted") and step.fields.get("type") == "decision" and not _by_people(step):
                _after_model(doc, step, places, risky)


def _after_model(doc: Document, start: Read, places: dict[str, Read], risky: frozenset[str]) -> None:
    todo = [target.name for target in start.then]
    seen: set[str] = set()
    order = list(places)
    while todo:
        step = places.get(todo.pop())
        if step is None or step.name in seen or _by_people(step):
            continue
        seen.add(step.name)
        for inner in graph.every((step,)):
            if (uses := inner.fields.get("uses")) in risky:
                said = f"'{uses}' is of high risk, and the model's choice in '{start.name}' leads to it"
                doc.report("W331", inner.fields.at("uses"), said, "put a decision by: human on the way")
        todo += [target.name for target in (*step.targets.values(), *step.then)]
        if "success" not in step.targets:
            todo += order[order.index(step.name) + 1 :][:1]


def _by_people(step: Read) -> bool:
    return step.config is not None and step.config.get("by") == "human"


def _injection(doc: Document, given: Node) -> None:
    values = given.values if isinstance(given, Mapping) else {}
    for key in _TEXT:
        node = values.get(key)
        if isinstance(node, Scalar) and "${{" in node.text:
            _warn(doc, node)
    argv = values.get("argv")
    items = argv.items if isinstance(argv, Sequence) else [argv] if isinstance(argv, Scalar) else []
    before = ""
    for place, item in enumerate(items):
        text = item.text if isinstance(item, Scalar) else ""
        if "${{" in text and (place == 0 or before in _CODE):
            _warn(doc, item)
        before = text


def _warn(doc: Document, node: Node) -> None:
    doc.report(
        "E410",
        node,
        "${{ }} inside program text: what an event says would be run",
        "pass the value in env, or as an argv element of its own",
    )
