"""The fold: from the entries of a journal to the place of the run, and from nothing else.

`apply` is the only thing that moves a course, for entries read back and for entries just decided, so what an executor
holds in memory is what another one would read after a crash. It evaluates nothing. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.execute.course import Course, Scope, Visit, pending
from eventflow.model.event import decode, from_micros, parse_time
from eventflow.model.journal import (
    Again,
    Begun,
    Branched,
    Copied,
    Ended,
    Entered,
    FellBack,
    Finished,
    Heard,
    Round,
    Tried,
    Waited,
)
from eventflow.model.workflow import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from eventflow.model.journal import Entry, Trouble
    from eventflow.model.run import InboxItem


def fold(course: Course, entries: Iterable[Entry]) -> Course:
    """The course after these entries."""
    for entry in entries:
        apply(course, entry)
    return course


def apply(course: Course, entry: Entry) -> None:
    """Move as the entry says."""
    _MOVES[type(entry)](course, entry)


# --- one move for each kind of entry ---------------------------------------------------------------------------------


def _begin(course: Course, entry: Begun) -> None:
    course.begun = entry
    if entry.start:
        course.root.at, course.root.result = entry.start, ""


def _copy(course: Course, entry: Copied) -> None:
    view = dict(entry.view)
    for name in ("started_at", "ended_at"):
        if isinstance(view.get(name), str):
            view[name] = parse_time(view[name])
    course.views[entry.step] = view


def _entered(course: Course, entry: Entered) -> None:
    visit = course.enter(entry.path, entry.visit, entry.at)
    visit.deadline, visit.items = entry.deadline, entry.items
    if isinstance(visit.node.do, Loop):
        visit.view["items"] = []


def _branched(course: Course, entry: Branched) -> None:
    visit = course.open[entry.path]
    block = visit.node.blocks[entry.branch]
    course.hold(entry.branch, Scope(block, entry.path, visit, visit.scope.views))


def _round(course: Course, entry: Round) -> None:
    visit = course.open[entry.path]
    visit.rounds = entry.i + 1
    visit.due = None
    if entry.due is not None:
        visit.due, visit.rounds = entry.due, entry.i
        return
    block = visit.node.blocks[""]
    views = {name: pending() for name in block.names}
    visit.view["items"].append(views)
    course.hold(entry.i, Scope(block, f"{entry.path}[{entry.i}]", visit, views, entry.i))


def _tried(course: Course, entry: Tried) -> None:
    visit = course.enter(entry.path, entry.visit, entry.at)
    if entry.rep:
        visit.lost += 1
    else:
        visit.started_try = entry.at
    visit.n, visit.rep, visit.safe = entry.n, entry.rep, entry.safe
    visit.call, visit.due, visit.waiting = True, None, None
    if entry.input is not msgspec.UNSET:
        visit.input = entry.input
    visit.status = visit.view["status"] = "running"
    visit.view["attempts"] = entry.n


def _again(course: Course, entry: Again) -> None:
    visit = course.open[entry.path]
    visit.call, visit.waiting, visit.due, visit.error = False, None, entry.due, entry.error
    if entry.error.code == "interrupted":
        visit.lost += 1
    visit.status = visit.view["status"] = "waiting"


def _waited(course: Course, entry: Waited) -> None:
    visit = course.enter(entry.path, entry.visit, entry.at)
    visit.waiting, visit.call = entry, False
    visit.status = visit.view["status"] = "waiting"


def _heard(course: Course, entry: Heard) -> None:
    course.seen = max(course.seen, entry.item)
    if entry.effect == "vote":
        visit = course.visit(entry.path, entry.visit)
        if visit is not None:
            visit.votes[entry.by] = entry.data["case"]
    if entry.effect != "taken":
        return
    if entry.kind in {"pause", "resume"}:
        course.paused = entry.kind == "pause"
    elif entry.kind == "signal":
        course.signals.append(_signal(course.inbox.get(entry.item)))


def _signal(item: InboxItem | None) -> dict[str, Any]:
    event = item.payload.get("event") if item is not None else None
    return decode(msgspec.json.encode(event)).view() if isinstance(event, dict) and "id" in event else {}


def _ended(course: Course, entry: Ended) -> None:
    visit = course.enter(entry.path, entry.visit, entry.at)
    scope = visit.scope
    _show(visit.view, visit, entry)
    visit.open, visit.call, visit.due, visit.waiting = False, False, None, None
    visit.status, visit.error = entry.status, entry.error
    del course.open[entry.path]
    for inner in visit.scopes.values():
        course.scopes.pop((inner.prefix, inner.block.number), None)
    visit.scopes = {}
    if entry.arrival:
        course.taken.setdefault(visit.node.name, set()).add(entry.arrival)
    scope.current, scope.at = None, entry.to
    if entry.error is not None:
        scope.error = entry.error
    if entry.to:
        scope.handles = entry.of
    else:
        scope.result, scope.why = entry.ends or "cancelled", entry.why
        if scope.owner is not None:
            course.settle(scope)


def _show(view: dict[str, Any], visit: Visit, entry: Ended) -> None:
    view["status"], view["outputs"], view["ended_at"] = entry.status, entry.outputs, from_micros(entry.at)
    if visit.n:
        view["attempts"] = visit.n
    if entry.error is not None and entry.status not in {"success", "skipped"}:
        view["error"] = shown(entry.error)
    if entry.case:
        view |= {"decision": entry.case, "by": entry.by, "who": entry.who, "reason": entry.reason, "confidence": 1.0}


def shown(error: Trouble) -> dict[str, Any]:
    """A failure as expressions see it."""
    return {"step": error.step, "code": error.code, "message": error.message, "attempts": error.attempts}


def _fell(course: Course, entry: FellBack) -> None:
    course.fell = entry
    if entry.error is not None:
        course.root.error = entry.error
    block = course.plan.fallback[entry.i]
    views = course.views if block.order[0].name in course.views else course.fallback_views
    course.fallback = Scope(block, "", None, views)
    course.fallback.error = course.root.error


def _finished(course: Course, entry: Finished) -> None:
    course.finished = entry


_MOVES: dict[type, Callable[[Course, Any], None]] = {
    Begun: _begin, Copied: _copy, Entered: _entered, Branched: _branched, Round: _round, Tried: _tried, Again: _again,
    Waited: _waited, Heard: _heard, Ended: _ended, FellBack: _fell, Finished: _finished,
}  # fmt: skip
