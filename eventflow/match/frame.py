"""A running evaluation: names, variables, the steps left; and the table of what evaluates each form.

Work is counted, not timed: each round of a loop and each long text costs steps from a budget, so an expression stops at
the same place on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match.problems import EvaluationError
from eventflow.match.values import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eventflow.match.syntax import Node

STEPS: Final = 50_000
"""The budget of one evaluation: about 10 ms of the exact evaluator."""
LONG: Final = 1024
"""From this length on looking at a text, list or map is counted."""
FORMS: Final[dict[type, Callable[[Any, Frame], Any]]] = {}
"""What evaluates a node, by its class; filled by `exact` and `loops`."""


class OverBudget(Exception):
    """The steps are used up; ends the whole evaluation."""


class Frame:
    """What one evaluation knows: the names given, the loop variables by slot, the steps left."""

    __slots__ = ("inside", "names", "slots", "steps")

    def __init__(self, names: Mapping[str, object], steps: int = STEPS) -> None:
        self.names = names
        self.slots: dict[int, Any] = {}
        self.steps = steps
        self.inside: int = 0

    def spend(self, steps: int) -> None:
        """Count work."""
        self.steps -= steps
        if self.steps < 0:
            raise OverBudget

    def count(self, value: Any) -> None:
        """Count the work of looking at, or making, a long text, list or map."""
        if isinstance(value, (str, bytes, list, dict)) and len(value) >= LONG:
            self.spend(len(value) >> 5)


def value_of(node: Node, frame: Frame) -> Any:
    """The value of a part inside a running evaluation."""
    return FORMS[node.__class__](node, frame)


def map_key(key: Any, at: int) -> Any:
    """A value that may be the key of a map."""
    if kind_of(key) not in {"string", "int", "uint", "bool"}:
        raise EvaluationError("key", f"a {kind_of(key)} cannot be the key of a map", at)
    return key
