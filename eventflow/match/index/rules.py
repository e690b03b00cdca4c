"""A selector as the index sees it: tests on single paths, groups of alternatives, and what is left for evaluation.

A test comes from a conjunct of the trigger's program and may be an error; where that is possible the index does not
decide but asks the whole program (`ask`). A group comes from the selector's atoms and is never an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from eventflow.match.atoms import Atom, Selector
from eventflow.match.emit import EXACT_BELOW
from eventflow.match.fold import FAILED, folded
from eventflow.match.program import Program
from eventflow.match.reads import path_of
from eventflow.match.syntax import And, Binary, Call, Has, Node, Not, Or

if TYPE_CHECKING:
    from collections.abc import Iterable

_FLIPPED: Final = {"<": "gt", "<=": "ge", ">": "lt", ">=": "le"}
_ORDER: Final = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
Run = Callable[[Any, list[int], list[Any]], None]
"""run(event, out, more): appends to `out` the positions that match; to `more` rules whose rest must be evaluated, and
positions that must be asked as a whole."""
RANGES: Final = frozenset(("lt", "le", "gt", "ge"))
DISJUNCTS: Final = 8


class Test(Struct, frozen=True):
    """One conjunct over one path (without "event"): eq, ne, in, lt, le, gt, ge, prefix, is, has, lacks."""

    path: tuple[str, ...]
    op: str
    value: Any = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two tests the same; 1 and 1.0 and true are kept apart."""
        return (self.path, self.op, repr(self.value))


class Rule(Struct):
    """One entry: `position` of its trigger, tests, groups (each: at least one atom fits), refusals (each: the atom must
    not fit), and the program of the conjuncts that are no tests. `part`: it is one of several disjuncts, so only the
    whole program may say that it is an error. `asked`: the index cannot decide anything about it.
    """

    position: int
    tests: list[Test]
    groups: list[tuple[Atom, ...]]
    refusals: list[Atom]
    rest: Program | None = None
    part: bool = False
    asked: bool = False


def rules_of(position: int, selector: Selector) -> list[Rule]:
    """The entries of a selector: one, or one for each disjunct of its program."""
    groups: list[tuple[Atom, ...]] = [(a,) for a in selector.atoms if not a.op.startswith("not_")]
    groups += [g for g in selector.any_of if g]
    refusals = [a for a in selector.atoms if a.op.startswith("not_")]
    if any(a.op.startswith("not_") for g in selector.any_of for a in g) or not all(selector.any_of):
        return [Rule(position, [], [], [], asked=True)]
    program = selector.program
    if program is None:
        return [Rule(position, [], groups, refusals)]
    tree = program.tree
    branches = tree.terms if isinstance(tree, Or) and len(tree.terms) <= DISJUNCTS else [tree]
    split = [_tests(program, branch) for branch in branches]
    if len(split) > 1 and not all(tests for tests, _ in split):
        split = [([], program)]
    return [Rule(position, tests, list(groups), list(refusals), rest, part=len(split) > 1) for tests, rest in split]


def _tests(program: Program, branch: Node) -> tuple[list[Test], Program | None]:
    tests: list[Test] = []
    rest: list[Node] = []
    single: set[tuple[tuple[str, ...], str]] = set()
    for term in _terms(branch):
        test = test_of(term)
        if test is not None and test.op != "ne":  # a table says of one test per path and kind whether it holds
            kind = (test.path, "eq" if test.op in {"in", "is"} else test.op)
            if kind in single:
                test = None
            single.add(kind)
        if test is None:
            rest.append(term)
        else:
            tests.append(test)
    if not rest:
        return tests, None
    # one term stays a conjunction if it was in one: what is no condition is then the same error
    tree = rest[0] if not tests and len(rest) == 1 else And(rest[0].start, rest[-1].end, rest)
    return tests, Program(program.text, tree, program.env)


def _terms(node: Node) -> Iterable[Node]:
    if isinstance(node, And):
        for term in node.terms:
            yield from _terms(term)
    else:
        yield node


def test_of(node: Node) -> Test | None:
    """The test that a conjunct is, or None."""
    path = _event_path(node)
    if path:
        return Test(path, "is", True)
    if isinstance(node, Has):
        path = _event_path(node.operand)
        return Test((*path, node.field), "has") if path is not None else None
    if isinstance(node, Not):
        inner = test_of(node.operand)
        if inner is None or inner.op not in {"is", "has"}:
            return None
        return Test(inner.path, "lacks") if inner.op == "has" else Test(inner.path, "is", not inner.value)
    if isinstance(node, Binary):
        return _comparison(node)
    if isinstance(node, Call) and node.name == "startsWith" and node.target is not None and len(node.args) == 1:
        path, value = _event_path(node.target), folded(node.args[0])
        return Test(path, "prefix", value) if path and value.__class__ is str else None
    return None


def _event_path(node: Node) -> tuple[str, ...] | None:
    path = path_of(node)
    return path[1:] if path is not None and path[0] == "event" else None


def _comparison(node: Binary) -> Test | None:
    path, value = _event_path(node.left), folded(node.right)
    order = _ORDER
    if (not path or value is FAILED) and node.op != "in":
        path, value = _event_path(node.right), folded(node.left)
        order = _FLIPPED
    if not path or value is FAILED:
        return None
    if node.op == "in":
        scalars = value.__class__ is list and all(_plain(v) for v in value)
        return Test(path, "in", tuple(value)) if scalars else None
    if node.op in {"==", "!="}:
        return Test(path, "eq" if node.op == "==" else "ne", value) if _plain(value) else None
    if node.op in order and value.__class__ is not bool and _plain(value) and value.__class__ in {int, float}:
        return Test(path, order[node.op], value)
    return None


def _plain(value: Any) -> bool:
    """A constant that a Python table can hold with CEL's equality."""
    cls = value.__class__
    if cls is str or cls is bool or value is None:
        return True
    return cls in {int, float} and not math.isnan(value) and abs(value) < EXACT_BELOW
