"""Why an expression is true, false or an error for these values: the atoms that decided, with what they saw.

An atom is a part that `&&`, `||`, `!` and `?:` join. Explaining evaluates exactly and visits every atom, so it is for
people who ask, not for the hot path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from eventflow.match.frame import Frame, OverBudget, value_of
from eventflow.match.problems import EvaluationError, place
from eventflow.match.reads import path_of
from eventflow.match.syntax import And, Choice, Const, Node, Not, Or, children
from eventflow.match.values import kind_of, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.match.program import Program


class Seen(Struct, frozen=True):
    """What one path of an atom held; `absent` when it was not there."""

    text: str
    value: Any = None
    absent: bool = False


class Decided(Struct, frozen=True):
    """One atom: its text and place in the expression, its result (true, false, error, value), what it saw."""

    text: str
    offset: int
    line: int
    column: int
    result: str
    seen: tuple[Seen, ...] = ()
    error: str = ""
    error_kind: str = ""

    def sentence(self) -> str:
        """The atom in words: `event.data.cpu > 90 is false: event.data.cpu is 12`."""
        held = ", ".join(
            f"{s.text} is {'absent' if s.absent else shown(s.value)}" for s in self.seen if s.text != self.text
        )
        if self.result == "error":
            return f"{self.text} has no value: {self.error}" + (f" ({held})" if held else "")
        return f"{self.text} is {self.result}" + (f": {held}" if held else "")


class Explanation(Struct, frozen=True):
    """result: true, false, value or error. decided: the atoms that made it so, in the order of the text. sentence: the
    same in words.
    """

    result: str
    value: Any
    decided: tuple[Decided, ...]
    sentence: str
    error_kind: str = ""


def explain(program: Program, names: Mapping[str, object]) -> Explanation:
    """Explain one evaluation. Never raises EvaluationError: an error is part of the explanation."""
    frame = Frame(names, program.env.limits.steps * 4)
    try:
        result, value, atoms = _decide(program.tree, frame, program.text)
    except (OverBudget, RecursionError):
        one = _atom(program.tree, program.text, "error", (), EvaluationError("budget", "it took too many steps"))
        result, value, atoms = "error", None, [one]
    if result == "value" and value.__class__ is bool:
        result = "true" if value else "false"
    sentence = " and ".join(a.sentence() for a in atoms[:8]) + (f" and {len(atoms) - 8} more" if len(atoms) > 8 else "")
    kind = next((a.error_kind for a in atoms if a.error_kind), "") if result == "error" else ""
    return Explanation(result, plain(value), tuple(atoms), sentence, kind)


def shown(value: Any) -> str:
    """A value for a sentence: short, as CEL writes it."""
    if value is None or value.__class__ is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if kind_of(value) == "map":
        keys = ", ".join(str(k) for k in list(value)[:8])
        return f"a map with {keys}{', …' if len(value) > 8 else ''}" if value else "an empty map"
    text = f"[{', '.join(map(shown, value[:8]))}]" if kind_of(value) == "list" else repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _decide(node: Node, frame: Frame, text: str) -> tuple[str, Any, list[Decided]]:
    if isinstance(node, (And, Or)):
        return _joined(node, frame, text)
    if isinstance(node, Not):
        result, value, atoms = _decide(node.operand, frame, text)
        return (result, not value, atoms) if value.__class__ is bool and result == "value" else _leaf(node, frame, text)
    if isinstance(node, Choice):
        result, value, atoms = _decide(node.test, frame, text)
        if result == "error" or value.__class__ is not bool:
            return ("error", None, atoms) if result == "error" else _leaf(node, frame, text)
        result, value, more = _decide(node.yes if value else node.no, frame, text)
        return result, value, [*atoms, *more]
    return _leaf(node, frame, text)


def _joined(node: And | Or, frame: Frame, text: str) -> tuple[str, Any, list[Decided]]:
    decider = isinstance(node, Or)
    failed: list[Decided] | None = None
    everything: list[Decided] = []
    for term in node.terms:
        result, value, atoms = _decide(term, frame, text)
        if result == "value" and value is decider:
            return "value", decider, atoms
        if result == "value" and value.__class__ is not bool:
            error = EvaluationError("type", f"a condition is needed here, this is a {kind_of(value)}", term.start)
            atoms, result = [_atom(term, text, "error", (), error)], "error"
        if result == "error" and failed is None:
            failed = atoms
        everything += atoms
    return ("error", None, failed) if failed is not None else ("value", not decider, everything)


def _leaf(node: Node, frame: Frame, text: str) -> tuple[str, Any, list[Decided]]:
    seen = tuple(_seen(n, frame, text) for n in _paths(node))
    try:
        value = value_of(node, frame)
    except EvaluationError as error:
        return "error", None, [_atom(node, text, "error", seen, error)]
    if isinstance(node, Const):
        seen = ()
    result = ("true" if value else "false") if value.__class__ is bool else shown(plain(value))
    return "value", value, [_atom(node, text, result, seen, None)]


def _atom(node: Node, text: str, result: str, seen: tuple[Seen, ...], error: EvaluationError | None) -> Decided:
    line, column = place(text, node.start)
    message, kind = (error.message, error.kind) if error is not None else ("", "")
    return Decided(text[node.start : node.end], node.start, line, column, result, seen, message, kind)


def _paths(node: Node) -> list[Node]:
    """The largest parts that read a path, or a loop variable's."""
    if path_of(node) is not None:
        return [node]
    found: list[Node] = []
    texts: set[tuple[str, ...]] = set()
    for child in children(node):
        for one in _paths(child):
            path = path_of(one) or ()
            if path not in texts:
                texts.add(path)
                found.append(one)
    return found


def _seen(node: Node, frame: Frame, text: str) -> Seen:
    shown_text = text[node.start : node.end]
    try:
        return Seen(shown_text, plain(value_of(node, frame)))
    except EvaluationError:
        return Seen(shown_text, absent=True)
