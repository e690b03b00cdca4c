"""Where a list of steps goes when one of them has ended: conditions, the order rule, handlers, limits of visits. Pure.

A failure that goes to a handler stays a failure (`handled`) unless the handler itself leads on; a failure that leads to
a step of the normal order, or to `continue`, is a recovery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from eventflow.execute.program import BARE
from eventflow.model.journal import Trouble

if TYPE_CHECKING:
    from eventflow.execute.course import Scope
    from eventflow.execute.program import Node
    from eventflow.model.journal import Ending
    from eventflow.model.workflow import Conditions

MOST_VISITS: Final = 1000
"""Visits of one step in one list, whatever the document says: no circle of handlers goes on for ever."""
GOOD: Final = frozenset(("success", "skipped"))


class Way(msgspec.Struct, frozen=True):
    """Where to: a step, or the end of the list. The fields are those of `Ended`."""

    to: str = ""
    ends: Literal["", "success", "failure", "cancelled"] = ""
    why: str = ""
    of: str = ""
    error: Trouble | None = None


def leads(scope: Scope, node: Node, status: Ending, then: str | None = None) -> Way:
    """Where the scope goes after `node` ended so; `then` is the target of a decision's case."""
    conditions = BARE if scope.block.bare else node.step.conditions
    target = _target(conditions, status, then)
    good = status in GOOD
    if target is None:
        return _by_order(scope, node, status)
    match target:
        case "end":
            return Way(ends="success", why="by_target")
        case "fail":
            return Way(ends="failure", why="by_target")
        case "cancel":
            return Way(ends="cancelled", why="by_target")
        case "next":
            return _on(scope.block.after(node.place))
        case "continue":
            return _on(scope.block.after(_origin(scope, node)))
    return _to_step(scope, node, target, good=good)


def _target(conditions: Conditions, status: Ending, then: str | None) -> str | None:
    match status:
        case "success":
            return then if then not in {None, "next"} else conditions.success or then
        case "skipped":
            return conditions.skipped
        case "timeout":
            return conditions.timeout or conditions.failure
        case "cancelled":
            return conditions.cancelled or conditions.failure
    return conditions.failure


def _by_order(scope: Scope, node: Node, status: Ending) -> Way:
    if status not in GOOD:
        return Way(ends="failure")
    if scope.handles:
        return Way(ends="failure", why="handled" if status == "success" else "")
    return _on(scope.block.after(node.place))


def _on(to: str) -> Way:
    return Way(to=to) if to else Way(ends="success")


def _origin(scope: Scope, node: Node) -> int:
    """The place that backward and `continue` count from: a handler's is that of the step that failed."""
    handled = scope.block.nodes.get(scope.handles)
    return handled.place if handled is not None else node.place


def _to_step(scope: Scope, node: Node, target: str, *, good: bool) -> Way:
    there = scope.block.nodes.get(target)
    if there is None:
        text = f"step {node.name!r} leads to {target!r}, which is no step of the same list"
        return Way(ends="failure", error=Trouble("target", text, step=node.name))
    visits = scope.counts.get(target, 0)
    handler = not good and target in scope.block.handlers
    here = node.place if handler else _origin(scope, node)
    backward = there.place <= here and (not handler or bool(scope.handles))  # handlers of handlers make no circles
    most = there.step.max_visits or (1 if backward else MOST_VISITS)
    if visits >= min(most, MOST_VISITS):
        text = f"step {target!r} was visited {visits} times, its max_visits is {most}"
        return Way(ends="failure", error=Trouble("max_visits", text, step=target))
    return Way(to=target, of=(scope.handles or node.name) if handler else "")
