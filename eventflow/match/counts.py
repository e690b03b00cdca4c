"""What a trigger's filter did over time, so that none fails silently: fired, errors by kind, fields that never came,
comparisons whose two sides never were of kinds that can be equal.

Firing and errors are counted for every event. The rest is looked at on a sample of events, since a comparison of a
number with a text is no error, only never true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from eventflow.match.atoms import Selector, selects
from eventflow.match.exact import evaluate
from eventflow.match.kinds import alike
from eventflow.match.problems import EvaluationError
from eventflow.match.reads import paths_of
from eventflow.match.syntax import Binary, Local, Loop, Node, children, walk
from eventflow.match.values import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eventflow.match.index import Matched

_COMPARED: Final = frozenset(("==", "!=", "<", "<=", ">", ">=", "in"))


class Comparison(Struct):
    """One comparison of a filter on the sampled events: how often a side was absent, the kinds met and did not meet,
    and the kinds last seen where they did not.
    """

    text: str
    offset: int
    node: Node
    absent: int = 0
    met: int = 0
    unmet: int = 0
    kinds: str = ""


class Count(Struct):
    """One trigger: how often it matched, errors by kind, the last error in words, sampled events that its selector
    fits.
    """

    fired: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    last_error: str = ""
    sampled: int = 0
    comparisons: list[Comparison] = field(default_factory=list)

    def findings(self) -> list[str]:
        """What a person should look at, in sentences."""
        out = [f"{times} errors of kind {kind}; last: {self.last_error}" for kind, times in self.errors.items()]
        for one in self.comparisons:
            if one.unmet and not one.met:
                out.append(f"{one.text} compared {one.kinds} in all {one.unmet} events looked at: it can never be true")
            elif one.absent and not one.met and not one.unmet:
                out.append(f"{one.text}: the field was absent in all {one.absent} events looked at")
        if self.sampled and not self.fired:
            out.append(f"never fired, though its selector fitted {self.sampled} of the events looked at")
        return out


class Counts:
    """Counts for the triggers of an index, by their ids."""

    def __init__(self, entries: Iterable[Selector]) -> None:
        self.entries = {one.id: one for one in entries}
        self.of = {n: Count(comparisons=_comparisons(one)) for n, one in self.entries.items()}

    def record(self, found: Matched) -> None:
        """Count what the index said of an event."""
        for n in found.ids:
            self.of[n].fired += 1
        for n, error in found.errors:
            count = self.of[n]
            count.errors[error.kind] = count.errors.get(error.kind, 0) + 1
            count.last_error = error.message

    def look(self, event: Mapping[str, Any]) -> None:
        """Look closer at one event of a sample: some microseconds for each trigger whose selector fits."""
        names = {"event": event}
        for n, one in self.entries.items():
            if selects(one, event):
                count = self.of[n]
                count.sampled += 1
                for comparison in count.comparisons:
                    _look(comparison, names)


def _comparisons(selector: Selector) -> list[Comparison]:
    program = selector.program
    if program is None:
        return []
    found = []
    stack: list[Node] = [program.tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Loop):
            continue
        if isinstance(node, Binary) and node.op in _COMPARED:
            free = not any(isinstance(part, Local) for part in walk(node))
            if free and paths_of(node):
                found.append(Comparison(program.text[node.start : node.end], node.start, node))
        stack.extend(children(node))
    return sorted(found, key=lambda one: one.offset)


def _look(one: Comparison, names: Mapping[str, Any]) -> None:
    node = one.node
    if not isinstance(node, Binary):
        return
    try:
        left, right = evaluate(node.left, names), evaluate(node.right, names)
    except EvaluationError as error:
        one.absent += error.kind == "absent"
        return
    others = right if node.op == "in" and kind_of(right) == "list" else [right]
    kind = kind_of(left)
    if node.op == "in" and kind_of(right) == "map":
        met = kind in {"string", "int", "uint", "bool", "double"}
    else:
        met = any(alike(kind, kind_of(other)) for other in others) or not others
    one.met += met
    if not met:
        one.unmet += 1
        one.kinds = f"{kind} with {kind_of(others[0])}"
