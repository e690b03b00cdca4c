"""Parallel steps: branches side by side until enough have succeeded, or no longer can (workflow-format 1.6). Pure.

When enough have succeeded the rest is broken off. When enough no longer can, `cancel` breaks off the rest and `wait`
lets every branch come to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow.execute.course import open_visits
from eventflow.model.journal import Branched, Entered, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.execute.course import Scope, Visit
    from eventflow.execute.program import Node
    from eventflow.execute.turn import Turn
    from eventflow.model.workflow import Parallel


def begin(turn: Turn, scope: Scope, node: Node) -> None:
    """Enter it."""
    turn.write(entered(turn, scope, node))


def entered(turn: Turn, scope: Scope, node: Node, items: list[Any] | None = None) -> Entered:
    """The entry of a composite step that begins."""
    path, timeout = scope.path(node.name), node.step.timeout
    return Entered(
        at=turn.now, path=path, visit=turn.course.visits.get(path, 0) + 1, items=items,
        deadline=None if timeout is None else turn.now + timeout,
    )  # fmt: skip


def go_on(turn: Turn, visit: Visit, drive: Callable[[Turn, Scope], None]) -> None:
    """Start what may start, walk on in every branch, and end when it is decided."""
    do: Parallel = visit.node.do
    if out_of_time(turn, visit):
        return
    names = tuple(do.branches)
    needed = {"all": len(names), "any": min(1, len(names))}.get(str(do.join), do.join)
    most = do.max_parallel or len(names)
    moved = True
    while moved and not _decided(turn, visit, int(needed), len(names)):
        moved = False
        for scope in list(visit.scopes.values()):
            drive(turn, scope)
            if scope.result:
                moved = True
                break  # it may have decided: nothing is begun in the others before that is known
        for name in names:
            if len(visit.scopes) < most and name not in visit.scopes and name not in visit.results:
                turn.write(Branched(at=turn.now, path=visit.path, visit=visit.number, branch=name))
                moved = True


def _decided(turn: Turn, visit: Visit, needed: int, total: int) -> bool:
    """End the step if it is decided."""
    do = visit.node.do
    failures = len(visit.results) - visit.successes
    if visit.successes >= needed:
        break_off(turn, visit, "enough branches have succeeded")
        turn.end(visit.scope, visit.node, "success", outputs=_outputs(visit))
        return True
    hopeless = failures > total - needed
    if hopeless and (do.on_branch_failure == "cancel" or len(visit.results) == total):
        break_off(turn, visit, "another branch failed")
        turn.end(visit.scope, visit.node, "failure", outputs=_outputs(visit), error=_trouble(visit))
        return True
    return False


def _outputs(visit: Visit) -> dict[str, Any]:
    found = {name: visit.results[name].result for name in visit.node.do.branches if name in visit.results}
    return {"branches": found}


def _trouble(visit: Visit) -> Trouble:
    failed = visit.failed
    if failed is None:
        return Trouble("join", f"join: {visit.node.do.join} needs more branches than there are")
    return of_scope(failed, f"branch {failed.block.label!r}")


def of_scope(scope: Scope, what: str) -> Trouble:
    """Why a branch or a round did not succeed; the step that failed is named, not the one around it."""
    if scope.error is not None and scope.why != "by_target":
        error = scope.error
        return Trouble(error.code, f"{what} {scope.result}: {error.message}", step=error.step, attempts=error.attempts)
    code = "cancelled" if scope.result == "cancelled" else "by_target"
    return Trouble(code, f"{what} ended as {scope.result}", step=scope.owner.node.name if scope.owner else "")


def break_off(turn: Turn, visit: Visit, why: str) -> None:
    """Cancel everything under way inside a visit."""
    for scope in list(visit.scopes.values()):
        for inner in open_visits(scope):
            turn.cancel(inner, why)


def out_of_time(turn: Turn, visit: Visit) -> bool:
    """Whether the visit's own deadline has passed; it is ended then."""
    if visit.deadline is None:
        return False
    if turn.now < visit.deadline:
        turn.wake(visit.deadline)
        return False
    break_off(turn, visit, f"{visit.node.name} took too long")
    turn.end(visit.scope, visit.node, "timeout", error=Trouble("timeout", f"{visit.node.name} took too long"))
    return True
