"""Action steps: attempts, their returns, and attempts that a crash left behind (W18, W19). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.execute import inside
from eventflow.execute.attempts import failed, succeeded
from eventflow.execute.turn import Call, StepFailed
from eventflow.model.journal import Tried, Trouble

if TYPE_CHECKING:
    from eventflow.execute.course import Scope, Visit
    from eventflow.execute.program import Node
    from eventflow.execute.turn import Return, Turn

MOST_LOST: Final = 3
"""How many calls of one visit may never come back before the visit ends as interrupted (W18)."""
INPUT_LIMIT: Final = 64 * 1024
"""Bytes of a rendered `with` up to which it is kept in the journal; a larger one is rendered again when needed."""


def begin(turn: Turn, scope: Scope, node: Node) -> None:
    """The first attempt, or the engine's own doing."""
    try:
        if node.do.uses in inside.DOERS:
            inside.begin(turn, scope, node, 1)
        else:
            rendered = turn.render(scope, node.do.with_, "with", secrets=True)
            _call(turn, scope, node, 1, 0, rendered)
    except StepFailed as failed:
        turn.end(scope, node, "failure", error=failed.trouble)


def go_on(turn: Turn, visit: Visit) -> None:
    """Look after an open visit: what was lost, what is due."""
    if visit.waiting is not None:
        inside.go_on(turn, visit)
    elif visit.call:
        if not turn.is_alive(visit):
            _lost(turn, visit)
    elif visit.due is not None:
        if turn.now >= visit.due:
            _again(turn, visit, visit.n + 1, 0)
        else:
            turn.wake(visit.due)


def came_back(turn: Turn, back: Return) -> None:
    """Take a call's return; one that nobody waits for any more is dropped."""
    path, number, _, _ = back.call
    visit = turn.course.visit(path, number)
    if visit is None or not visit.call or visit.call_id != back.call:
        return
    if back.error is not None:
        failed(turn, visit, back.error)
    else:
        succeeded(turn, visit, back.outputs)


def _lost(turn: Turn, visit: Visit) -> None:
    """The call was under way when its executor went away (W18)."""
    if visit.lost + 1 >= MOST_LOST:
        text = f"{visit.lost + 1} calls of {visit.node.do.uses} never came back; it is not tried again"
        turn.end(visit.scope, visit.node, "failure", error=Trouble("interrupted", text))
    elif visit.safe:
        _again(turn, visit, visit.n, visit.rep + 1)
    else:
        text = f"{visit.node.do.uses} was interrupted and must not be repeated by itself"
        failed(turn, visit, Trouble("interrupted", text))


def _again(turn: Turn, visit: Visit, n: int, rep: int) -> None:
    scope, node = visit.scope, visit.node
    try:
        if node.do.uses in inside.DOERS:
            inside.begin(turn, scope, node, n)
            return
        rendered = visit.input
        if rendered is msgspec.UNSET:
            rendered = turn.render(scope, node.do.with_, "with", secrets=True)
        _call(turn, scope, node, n, rep, rendered)
    except StepFailed as bad:
        turn.end(scope, node, "failure", error=bad.trouble)


def _call(turn: Turn, scope: Scope, node: Node, n: int, rep: int, rendered: Any) -> None:
    do, path = node.do, scope.path(node.name)
    env = turn.render(scope, do.env, "env", secrets=True) if do.env else {}
    visit = turn.course.open.get(path)
    number = visit.number if visit is not None else turn.course.visits.get(path, 0) + 1
    safe = do.idempotent if do.idempotent is not None else turn.given.idempotent(do.uses)
    first = n == 1 and rep == 0 and do.with_
    kept = rendered if first and len(msgspec.json.encode(rendered)) <= INPUT_LIMIT else msgspec.UNSET
    turn.write(
        Tried(at=turn.now, path=path, visit=number, n=n, rep=rep, uses=do.uses, safe=safe, input=kept)
    )  # fmt: skip
    molds = (turn.plan.mold(do.with_, secrets=True), turn.plan.mold(do.env, secrets=True))
    call = Call(
        path=path, visit=number, n=n, rep=rep, uses=do.uses, step=node.name, timeout=node.step.timeout, inputs=rendered,
        env=env, molds=molds, names=turn.names(scope) if molds[0].late or molds[1].late else None,
    )  # fmt: skip
    turn.begun.add(call.id)
    turn.progress.calls.append(call)
