"""Actions that the engine does itself: no call goes out, and they happen exactly once, in the append that records them.

`wait.duration`, `wait.until`, `run.annotate` and `event.emit` are here; `wait.event` is in `waiting`, `workflow.run` in
`children`. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.execute import children, waiting
from eventflow.execute.turn import StepFailed, only
from eventflow.execute.values import OUTPUT_LIMIT, duration, moment
from eventflow.model.event import ENGINE, Event, from_micros
from eventflow.model.journal import Waited

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.execute.course import Scope, Visit
    from eventflow.execute.program import Node
    from eventflow.execute.turn import Turn

RESERVED: Final = ("eventflow.", "detector.")
"""Beginnings of types that only the engine's own parts say (W2)."""


def begin(turn: Turn, scope: Scope, node: Node, n: int) -> None:
    """Do it, or begin to wait. Raises `StepFailed`."""
    if turn.plan.mold(node.do.with_, secrets=True).late:
        raise StepFailed("secrets", f"{node.do.uses} takes no secrets: what it does is written down for all to see")
    given = turn.render(scope, node.do.with_, "with")
    DOERS[node.do.uses](turn, scope, node, given, n)


def go_on(turn: Turn, visit: Visit) -> None:
    """Look whether what the visit waits for is over."""
    wait = visit.waiting
    if wait is None:
        return
    if wait.kind == "timer" and wait.due is not None:
        if turn.now >= wait.due:
            turn.end(visit.scope, visit.node, "success")
        else:
            turn.wake(wait.due)
    elif wait.kind == "child":
        children.go_on(turn, visit)
    else:
        waiting.go_on(turn, visit, wait)


def _annotate(turn: Turn, scope: Scope, node: Node, given: dict[str, Any], _n: int) -> None:
    turn.end(scope, node, "success", outputs=given)


def _duration(turn: Turn, scope: Scope, node: Node, given: dict[str, Any], _n: int) -> None:
    only(given, "wait.duration", "duration", "for")
    try:
        due = turn.now + duration(given.get("duration", given.get("for")))
    except ValueError as error:
        raise StepFailed("inputs", f"wait.duration: {error}") from error
    _timer(turn, scope, node, due)


def _until(turn: Turn, scope: Scope, node: Node, given: dict[str, Any], _n: int) -> None:
    only(given, "wait.until", "time", "until", "at")
    try:
        due = moment(next((given[name] for name in ("time", "until", "at") if name in given), None))
    except ValueError as error:
        raise StepFailed("inputs", f"wait.until: {error}") from error
    _timer(turn, scope, node, due)


def _timer(turn: Turn, scope: Scope, node: Node, due: int) -> None:
    if due <= turn.now:
        turn.end(scope, node, "success")
        return
    path = scope.path(node.name)
    number = turn.course.visits.get(path, 0) + 1
    turn.write(Waited(at=turn.now, path=path, visit=number, kind="timer", due=due))


def _emit(turn: Turn, scope: Scope, node: Node, given: dict[str, Any], _n: int) -> None:
    only(given, "event.emit", "type", "data", "subject")
    type_, subject = given.get("type"), given.get("subject")
    if not isinstance(type_, str) or not type_:
        raise StepFailed("inputs", f"event.emit needs type, a text such as deploy.finished; this is {type_!r}")
    if type_.startswith(RESERVED) or type_ == ENGINE:
        raise StepFailed("reserved", f"event.emit: types that begin with {' or '.join(RESERVED)} are the engine's own")
    if subject is not None and not isinstance(subject, str):
        raise StepFailed("inputs", f"event.emit: subject must be a text, this is {subject!r}")
    path, run = scope.path(node.name), turn.course.run
    event = Event(
        id=f"{run.id}/{path}/{turn.course.visits.get(path, 0) + 1}", source=ENGINE, type=type_, kind=type_,
        subject=subject, time=from_micros(turn.now), data=given.get("data"),
        extensions={"eventflowchain": ",".join(children.chain(run)), "eventflowhops": run.hops + 1},
    )  # fmt: skip
    line = event.encode()
    if len(line) > OUTPUT_LIMIT:
        raise StepFailed("too-large", f"event.emit: the event has {len(line)} bytes, at most {OUTPUT_LIMIT} are taken")
    turn.progress.outbox.append(line)
    turn.end(scope, node, "success", outputs={"id": event.id, "source": ENGINE, "type": type_})


DOERS: Final[dict[str, Callable[[Turn, Scope, Node, dict[str, Any], int], None]]] = {
    "event.emit": _emit,
    "run.annotate": _annotate,
    "wait.duration": _duration,
    "wait.until": _until,
    "wait.event": waiting.begin_event,
    "workflow.run": children.begin,
}
"""The engine's own actions by name."""
