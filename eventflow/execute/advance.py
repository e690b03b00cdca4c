"""The executor's heart: from where a run is to what is next. Pure: no clock, no chance, no I/O.

`advance` takes a course (the fold of the journal), the time, how far the log has been read, and the calls that came
back; it decides everything that can be decided now. Whoever calls it makes the entries durable first and acts on them
after; if that fails, the course is thrown away and folded again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.execute import acts, branches, decisions, ending, inbox, rounds
from eventflow.execute.course import Course
from eventflow.execute.fold import fold
from eventflow.execute.program import Plan
from eventflow.execute.rerun import copies, start_of
from eventflow.execute.turn import Frontier, StepFailed, Turn
from eventflow.model.journal import Begun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eventflow.execute.course import Scope, Visit
    from eventflow.execute.turn import CallId, Given, Progress, Return
    from eventflow.model.event import Micros
    from eventflow.model.journal import Entry
    from eventflow.model.run import EventCopy, InboxItem, Run
    from eventflow.model.workflow import Workflow


def advance(
    course: Course,
    given: Given,
    *,
    now: Micros,
    frontier: Frontier,
    returned: Iterable[Return] = (),
    alive: frozenset[CallId] = frozenset(),
    admitted: bool = True,
    rest: bool = False,
    earlier: Sequence[Entry] = (),
) -> Progress:
    """What is next. The course is moved along with the entries decided.

    `alive` are the calls under way in this process; one that the journal has begun and nobody has is a call that a
    crash left behind. `admitted` false: the run has no place in its group, only its inbox is dealt with; `rest`
    true: nothing new is begun (a drain). `earlier` is the journal of the run that this one repeats.
    """
    turn = Turn(course, given, now, frontier, alive)
    if course.finished is None:
        inbox.hear(turn)
    if course.finished is None and admitted:
        _walk(turn, returned, earlier, rest=rest)
    _settle(turn, admitted=admitted, rest=rest)
    return turn.progress


def begin(
    definition: Workflow,
    run: Run,
    entries: Iterable[Entry] = (),
    events: Iterable[EventCopy] = (),
    inbox_items: Iterable[InboxItem] = (),
) -> Course:
    """The course of a run from what is stored of it."""
    return fold(Course(Plan(definition, run.definition), run, events, inbox_items), entries)


def _walk(turn: Turn, returned: Iterable[Return], earlier: Sequence[Entry], *, rest: bool) -> None:
    course = turn.course
    if course.begun is None and not course.paused and not rest:
        start = start_of(course)
        turn.write(Begun(at=turn.now, start=start, of=course.run.rerun_of))
        for entry in copies(course, earlier, start, turn.now):
            turn.write(entry)
    for back in returned:
        acts.came_back(turn, back)
    if course.paused or course.begun is None or rest:
        return
    ending.out_of_time(turn)
    while course.finished is None:
        scope = course.fallback or course.root
        drive(turn, scope)
        before = len(turn.progress.entries)
        if scope.result:
            ending.finish(turn)
        if len(turn.progress.entries) == before:
            return


def drive(turn: Turn, scope: Scope) -> None:
    """Walk a list of steps as far as it goes now."""
    while not scope.result:
        visit = scope.current
        if visit is None:
            _enter(turn, scope)
            continue
        _go_on(turn, visit)
        if visit.open:
            return


def _enter(turn: Turn, scope: Scope) -> None:
    """Begin the step that the scope stands before."""
    node = scope.block.nodes[scope.at]
    if node.step.if_ is not None:
        try:
            if not turn.holds(scope, node.step.if_, "if"):
                turn.end(scope, node, "skipped")
                return
        except StepFailed as failed:
            turn.end(scope, node, "failure", error=failed.trouble)
            return
    _KINDS[node.kind].begin(turn, scope, node)


def _go_on(turn: Turn, visit: Visit) -> None:
    match visit.node.kind:
        case "action":
            acts.go_on(turn, visit)
        case "decision":
            decisions.go_on(turn, visit)
        case "parallel":
            branches.go_on(turn, visit, drive)
        case _:
            rounds.go_on(turn, visit, drive)


_KINDS = {"action": acts, "decision": decisions, "parallel": branches, "loop": rounds}


def _settle(turn: Turn, *, admitted: bool, rest: bool) -> None:
    """The status that follows from where the run stands now."""
    course, progress = turn.course, turn.progress
    progress.seen = course.seen
    if course.finished is not None:
        progress.status, progress.reason = course.finished.status, course.finished.reason
        progress.outputs, progress.wake_at = course.finished.outputs, None
        return
    busy = bool(progress.calls) or any(visit.call and turn.is_alive(visit) for visit in course.open.values())
    if course.paused:
        progress.wake_at = None
        progress.status = "running" if busy else "paused"
    elif not admitted:
        progress.status = "queued"
    elif rest and not busy:
        progress.wake_at = turn.now  # as it is, for whoever comes next
    else:
        progress.status = "running" if busy else "waiting"
