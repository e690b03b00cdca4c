"""What reached the run from outside, dealt with in order; each item is written down once, whatever came of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.execute import children, decisions, ending, waiting
from eventflow.model.journal import Heard

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.execute.turn import Turn
    from eventflow.model.run import InboxItem


def hear(turn: Turn) -> None:
    """Deal with every new item, until one ends the run."""
    for item in turn.course.new_items():
        if turn.course.finished is not None:
            return
        _HEARD[item.kind](turn, item)


def _cancel(turn: Turn, item: InboxItem) -> None:
    by = str(item.payload.get("by") or "")
    reason = str(item.payload.get("reason") or "by_person")
    note = str(item.payload.get("comment") or "")
    turn.write(Heard(at=turn.now, item=item.id, kind="cancel", effect="taken", by=by, note=note))
    for later in turn.course.new_items():  # an end names the last item it has read, so all are dealt with before it
        turn.write(Heard(at=turn.now, item=later.id, kind=later.kind, effect="late", note="the run was cancelled"))
    ending.cancel(turn, reason)


def _pause(turn: Turn, item: InboxItem) -> None:
    _turn_to(turn, item, useful=not turn.course.paused)


def _resume(turn: Turn, item: InboxItem) -> None:
    _turn_to(turn, item, useful=turn.course.paused)


def _turn_to(turn: Turn, item: InboxItem, *, useful: bool) -> None:
    by, note = str(item.payload.get("by") or ""), str(item.payload.get("comment") or "")
    effect = "taken" if useful else "void"
    turn.write(Heard(at=turn.now, item=item.id, kind=item.kind, effect=effect, by=by, note=note))


def _signal(turn: Turn, item: InboxItem) -> None:
    turn.write(Heard(at=turn.now, item=item.id, kind="signal", effect="taken"))


_HEARD: dict[str, Callable[[Turn, InboxItem], None]] = {
    "cancel": _cancel,
    "pause": _pause,
    "resume": _resume,
    "answer": decisions.answered,
    "signal": _signal,
    "arrival": waiting.arrival,
    "child": children.ended,
}
