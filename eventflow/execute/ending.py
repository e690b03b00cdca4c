"""How a run ends: its outputs, the fallback actions, its timeout, a cancel; the one terminal entry. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.execute.course import open_visits
from eventflow.execute.turn import StepFailed
from eventflow.model.journal import FellBack, Finished, Trouble

if TYPE_CHECKING:
    from eventflow.execute.turn import Turn
    from eventflow.model.event import Micros

FALLBACK_TIME: Final[Micros] = 300_000_000
"""How long one fallback action may take when the run has a timeout."""
_OWN_REASON: Final = frozenset(("expression", "max_visits", "max_iterations", "interrupted"))


def finish(turn: Turn) -> None:
    """Go on after the steps: the end, or the next fallback action."""
    course = turn.course
    if course.fell is not None:
        if course.fallback is not None and course.fallback.result:
            _fall_back(turn, course.fell.i + 1, course.fell.reason, course.fell.error)
        return
    root = course.root
    if root.result == "success":
        _succeed(turn)
    elif root.result == "cancelled":
        _end(turn, "cancelled", "by_target")
    elif root.result:
        why = root.why or _reason(root.error)
        if root.why:
            _end(turn, "failed", why, error=root.error)
        else:
            _fall_back(turn, 0, why, root.error)


def out_of_time(turn: Turn) -> None:
    """The run's own timeout: everything is broken off, then the fallback actions."""
    course, limit = turn.course, turn.plan.workflow.timeout
    if limit is None or course.begun is None:
        return
    fell = course.fell
    deadline = course.begun.at + limit if fell is None else max(fell.at + FALLBACK_TIME, course.begun.at + limit)
    if turn.now < deadline:
        turn.wake(deadline)
        return
    if fell is None and not course.root.result:
        _break_off(turn, "the run took too long")
        text = f"the run took longer than its timeout of {limit / 1_000_000:g} s"
        _fall_back(turn, 0, "timeout", Trouble("timeout", text))
    elif course.fallback is not None and not course.fallback.result:
        _break_off(turn, "the fallback action took too long")


def cancel(turn: Turn, reason: str) -> None:
    """Break everything off and end as cancelled."""
    _break_off(turn, f"the run was cancelled ({reason})")
    _end(turn, "cancelled", reason)


def _break_off(turn: Turn, why: str) -> None:
    for scope in (turn.course.root, turn.course.fallback):
        if scope is not None:
            for visit in open_visits(scope):
                turn.cancel(visit, why)


def _succeed(turn: Turn) -> None:
    try:
        outputs: Any = turn.render(turn.course.root, turn.plan.workflow.outputs, "outputs")
    except StepFailed as failed:
        _fall_back(turn, 0, "expression", failed.trouble)
        return
    _end(turn, "succeeded", None, outputs=outputs)


def _fall_back(turn: Turn, i: int, reason: str, error: Trouble | None) -> None:
    """Begin fallback action `i`; after the last one the run has failed."""
    if i < len(turn.plan.fallback):
        turn.write(FellBack(at=turn.now, i=i, reason=reason, error=error))
    else:
        _end(turn, "failed", reason, error=error)


def _reason(error: Trouble | None) -> str:
    return error.code if error is not None and error.code in _OWN_REASON else "step_failed"


def _end(turn: Turn, status: Any, reason: str | None, **more: Any) -> None:
    turn.progress.decisive = True
    turn.write(Finished(at=turn.now, status=status, reason=reason, **more))
