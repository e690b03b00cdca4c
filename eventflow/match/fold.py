"""The value of a part that needs no event: worked out once, at load."""

from __future__ import annotations

from typing import Any, Final

from eventflow.match.syntax import And, Binary, Call, Choice, Const, ListOf, Minus, Node, Not, Or, children

FAILED: Final = object()
_FOLDABLE: Final = (Binary, Call, ListOf, Minus, Not, And, Or, Choice)


def folded(node: Node) -> Any:
    """The value, or FAILED where it depends on names, is an error, or is large."""
    if isinstance(node, Const):
        return node.value
    if not _constant(node):
        return FAILED
    from eventflow.match.exact import evaluate
    from eventflow.match.problems import EvaluationError

    try:
        value = evaluate(node, {}, 1_000)
    except EvaluationError:
        return FAILED
    return FAILED if value.__class__ in {str, bytes} and len(value) > 4096 else value


def _constant(node: Node) -> bool:
    return isinstance(node, Const) or (
        isinstance(node, _FOLDABLE) and all(_constant(child) for child in children(node))
    )
