"""Loops: the same steps once for each item, or while or until something holds (workflow-format 1.6). Pure.

`stop` starts no further round after one that failed and lets those under way come to their end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.execute.branches import entered, of_scope, out_of_time
from eventflow.execute.turn import StepFailed
from eventflow.model.journal import Round

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.execute.course import Scope, Visit
    from eventflow.execute.program import Node
    from eventflow.execute.turn import Turn
    from eventflow.model.workflow import Loop

AT_ONCE: Final = 400
"""Entries of one turn after which a loop of quick rounds lets others have the process."""


def begin(turn: Turn, scope: Scope, node: Node) -> None:
    """Enter it; what a `for_each` goes over is fixed now."""
    do: Loop = node.do
    items: Any = None
    try:
        if do.for_each is not None:
            items = turn.value(scope, do.for_each, "for_each")
            if not isinstance(items, list):
                raise StepFailed("expression", f"for_each: {do.for_each.strip()} gives no list")
            if len(items) > do.max_iterations:
                text = f"for_each has {len(items)} items, max_iterations is {do.max_iterations}"
                raise StepFailed("max_iterations", text)
        turn.write(entered(turn, scope, node, items))
    except StepFailed as failed:
        turn.end(scope, node, "failure", error=failed.trouble)


def go_on(turn: Turn, visit: Visit, drive: Callable[[Turn, Scope], None]) -> None:
    """Walk on in every round, begin what may begin, and end when there is nothing left."""
    if out_of_time(turn, visit):
        return
    moved = True
    while moved and visit.open:
        moved = False
        for scope in list(visit.scopes.values()):
            drive(turn, scope)
            moved = moved or bool(scope.result)
        try:
            if not _over(turn, visit):
                moved = _next(turn, visit) or moved
        except StepFailed as failed:
            if not visit.scopes:
                turn.end(visit.scope, visit.node, "failure", error=failed.trouble)


def _over(turn: Turn, visit: Visit) -> bool:
    """End the loop if it is over. Raises `StepFailed`."""
    do: Loop = visit.node.do
    if visit.scopes:
        return False
    stopped = visit.failed is not None and do.on_item_failure == "stop"
    if stopped and visit.failed is not None:
        error = of_scope(visit.failed, f"round {visit.failed.index}")
        turn.end(visit.scope, visit.node, "failure", outputs=_outputs(visit), error=error)
        return True
    done = visit.items is not None and visit.rounds == len(visit.items)
    if visit.due is None and not done:
        done = _condition_ends(turn, visit)
    if done:
        turn.end(visit.scope, visit.node, "success", outputs=_outputs(visit))
    return done


def _condition_ends(turn: Turn, visit: Visit) -> bool:
    """Whether `until` holds after the last round."""
    do: Loop = visit.node.do
    return do.until is not None and visit.rounds > 0 and turn.holds(_last(visit), do.until, "until")


def _last(visit: Visit) -> Scope:
    """Where a loop's own condition is evaluated: the last round, before the first one around the loop."""
    found: Scope = visit.results.get(visit.rounds - 1, visit.scope)
    return found


def _next(turn: Turn, visit: Visit) -> bool:
    """Begin the next round if it may begin. Raises `StepFailed`."""
    do: Loop = visit.node.do
    stopped = visit.failed is not None and do.on_item_failure == "stop"
    done = visit.items is not None and visit.rounds >= len(visit.items)
    most = do.max_parallel if visit.items is not None else 1
    if stopped or done or len(visit.scopes) >= most:
        return False
    if len(turn.progress.entries) >= AT_ONCE:
        turn.wake(turn.now)
        return False
    if do.delay and visit.rounds:
        if visit.due is None:
            due = turn.now + do.delay
            turn.write(Round(at=turn.now, path=visit.path, visit=visit.number, i=visit.rounds, due=due))
        if visit.due is not None and turn.now < visit.due:
            turn.wake(visit.due)
            return False
    if do.while_ is not None and not _goes_on(turn, visit, do.while_):
        turn.end(visit.scope, visit.node, "success", outputs=_outputs(visit))
        return True
    if visit.rounds >= do.max_iterations:
        raise StepFailed("max_iterations", f"{visit.node.name} went round {visit.rounds} times, its max_iterations")
    turn.write(Round(at=turn.now, path=visit.path, visit=visit.number, i=visit.rounds))
    return True


def _goes_on(turn: Turn, visit: Visit, condition: str) -> bool:
    return turn.holds(_last(visit), condition, "while", loop={"index": visit.rounds, "first": visit.rounds == 0})


def _outputs(visit: Visit) -> dict[str, Any]:
    return {"rounds": visit.rounds, "failures": len(visit.results) - visit.successes}
