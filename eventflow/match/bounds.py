"""How much an expression may be: counted at load, so that no document can make the router slow or large.

The static cost takes a loop over anything unknown for 100 rounds. What slips through (a longer list in an event) is
stopped by the step budget at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.match.problems import Problem, problem
from eventflow.match.syntax import Const, ListOf, Loop, MapOf, Minus, Node, children

if TYPE_CHECKING:
    from eventflow.match.env import Limits

ROUNDS: Final = 100
"""How many rounds a loop is taken for whose list is not known."""


def exceeded(text: str, tree: Node, limits: Limits) -> list[Problem]:
    """The bounds that a resolved tree breaks."""
    found: list[Problem] = []
    size = count(tree)
    if size > limits.nodes:
        found.append(
            problem(
                text,
                tree.start,
                "E331 too-big",
                f"the expression has {size} parts, at most {limits.nodes} are allowed",
                "keep long lists in vars, or split the trigger",
            )
        )
    depth = deepest(tree)
    if depth > limits.depth:
        hint = "put the terms into a list and use exists(), join() or math.greatest()"
        found.append(
            problem(
                text,
                tree.start,
                "E305 too-deep",
                f"the expression is {depth} levels deep, at most {limits.depth}",
                hint,
            )
        )
    found += _loops(text, tree, 0, limits)
    if not found and (cost := _cost(tree)) > limits.cost:
        hint = "take a smaller list, or filter it before"
        found.append(
            problem(
                text,
                tree.start,
                "E333 too-costly",
                f"one evaluation may take {cost} steps, at most {limits.cost}",
                hint,
            )
        )
    return found


def constant(node: Node) -> bool:
    """Whether it is a literal or a list or map of such."""
    if isinstance(node, (ListOf, MapOf, Minus)):
        return all(constant(child) for child in children(node))
    return isinstance(node, Const)


def count(tree: Node) -> int:
    """How many parts; a list of literals counts as one."""
    total = 0
    stack = [tree]
    while stack:
        node = stack.pop()
        total += 1
        if not (isinstance(node, ListOf) and all(isinstance(i, Const) for i in node.items)):
            stack.extend(children(node))
    return total


def deepest(tree: Node) -> int:
    """How deep, without recursion: this runs before anything that recurses."""
    most = 0
    stack = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        most = max(most, depth)
        stack.extend((child, depth + 1) for child in children(node))
    return most


def _loops(text: str, node: Node, depth: int, limits: Limits) -> list[Problem]:
    stack: list[tuple[Node, int]] = [(node, depth)]
    while stack:
        one, level = stack.pop()
        if isinstance(one, Loop):
            level += 1
            if level > limits.loops:
                message = f"loops are nested {level} deep, at most {limits.loops} are allowed"
                return [problem(text, one.start, "E332 nested-loops", message, "look at one list at a time")]
            if (
                limits.loops <= 2
                and isinstance(one.over, ListOf)
                and any(isinstance(i, (ListOf, MapOf)) for i in one.over.items)
            ):
                message = "a loop over lists inside a written-out list"
                return [problem(text, one.over.start, "E332 nested-loops", message, "write the conditions out")]
        stack.extend((child, level) for child in children(one))
    return []


def _cost(node: Node) -> int:
    if isinstance(node, Loop):
        rounds = len(node.over.items) if isinstance(node.over, ListOf) else ROUNDS
        inner = _cost(node.body) + (_cost(node.test) if node.test is not None else 0)
        return 1 + _cost(node.over) + rounds * inner
    return 1 + sum(_cost(child) for child in children(node))
