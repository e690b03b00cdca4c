"""Re-runs: what a run that repeats another one takes over from it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.execute.course import Course
from eventflow.execute.fold import fold
from eventflow.execute.values import as_json
from eventflow.model.journal import Copied
from eventflow.model.order import every

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eventflow.model.event import Micros
    from eventflow.model.journal import Entry


def start_of(course: Course) -> str:
    """The step of the workflow's own list that a re-run begins at: the wanted one, or the one it lies in."""
    wanted = course.run.from_step
    if not wanted:
        return ""
    for step in course.plan.workflow.steps:
        if any(inner.name == wanted for inner in every((step,))):
            return step.name
    return ""


def copies(course: Course, earlier: Sequence[Entry], start: str, now: Micros) -> Iterator[Copied]:
    """How the steps before `start` had ended in the run that is repeated."""
    if not start:
        return
    before = fold(Course(course.plan, course.run, ()), earlier)
    for step in course.plan.workflow.steps:
        if step.name == start:
            return
        for inner in every((step,)):
            view = before.views[inner.name]
            if view["status"] != "pending":
                yield Copied(at=now, step=inner.name, view=as_json(view))
