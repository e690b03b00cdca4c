"""Waits that the log ends: for an event (W20), for a person's answer, and their timeouts (W21). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from eventflow.execute.attempts import succeeded
from eventflow.execute.turn import HALTED_FOR, LOOK_AGAIN, StepFailed, only
from eventflow.execute.values import duration
from eventflow.match import EvaluationError, ExpressionError
from eventflow.match.waits import key_text
from eventflow.model.event import decode
from eventflow.model.journal import Heard, Trouble, Waited
from eventflow.model.run import Wait

if TYPE_CHECKING:
    from eventflow.execute.course import Scope, Visit
    from eventflow.execute.program import Node
    from eventflow.execute.turn import Turn
    from eventflow.model.run import InboxItem


def begin_event(turn: Turn, scope: Scope, node: Node, given: dict[str, Any], _n: int) -> None:
    """Register the wait of a `wait.event` step."""
    only(given, "wait.event", "source", "event", "match", "filter", "key", "timeout", "lookback")
    try:
        timeout = duration(given["timeout"]) if given.get("timeout") is not None else node.step.timeout
        lookback = duration(given["lookback"]) if given.get("lookback") is not None else 0
        parts = turn.plan.filter(given.get("filter"))
        key = None
        if parts.run_side is not None:
            key = key_text(turn.plan.program(parts.run_side).evaluate(turn.names(scope)))
    except (ValueError, ExpressionError, EvaluationError) as error:
        raise StepFailed("expression", f"wait.event: {error}") from error
    path = scope.path(node.name)
    number = turn.course.visits.get(path, 0) + 1
    own = min((copy.log_time for copy in turn.course.copies), default=turn.course.run.fired_at)
    waited = Waited(
        at=turn.now, path=path, visit=number, kind="event", key=key, since=own - lookback,
        after=max(turn.course.taken.get(node.name, ()), default=0),
        deadline=None if timeout is None else turn.now + timeout,
    )  # fmt: skip
    turn.write(waited)
    register(turn, waited, node.name)


def register(turn: Turn, waited: Waited, selector: str) -> None:
    """Tell the store of a wait that has been written down."""
    kind: Literal["event", "answer"] = "event" if waited.kind == "event" else "answer"
    turn.progress.waits.append(
        Wait(path=waited.path, visit=waited.visit, kind=kind, selector=selector, key=waited.key, since=waited.since,
             after=waited.after, deadline=waited.deadline, show=waited.show)
    )  # fmt: skip
    if waited.deadline is not None:
        turn.wake(waited.deadline + 1)


def timed_out(turn: Turn, wait: Waited) -> list[int] | None:
    """Whether the log has passed the wait's deadline (W21): None when not, else the halted partitions left unread."""
    if wait.deadline is None:
        return None
    unread = turn.frontier.unread(wait.deadline, control_only=wait.kind == "answer")
    held_for_good = turn.now > wait.deadline + HALTED_FOR and turn.frontier.halted.issuperset(unread)
    if unread and not held_for_good:
        turn.wake(max(wait.deadline + 1, turn.now + LOOK_AGAIN))
        return None
    return unread


def go_on(turn: Turn, visit: Visit, wait: Waited) -> None:
    """Take the timeout of a wait for an event when it is time."""
    unread = timed_out(turn, wait)
    if unread is None:
        return
    missing = f"; partitions that were halted and could not be read: {unread}" if unread else ""
    trouble = Trouble("timeout", f"no event came in time{missing}")
    turn.end(visit.scope, visit.node, "timeout", error=trouble, unread=unread)


def arrival(turn: Turn, item: InboxItem) -> None:
    """An event that a wait selector chose: take it if the visit still waits and all of its filter holds."""
    where = item.payload.get("wait") or {}
    path, number = where.get("path", ""), where.get("visit", 0)
    visit = turn.course.visit(path, number)
    heard = Heard(at=turn.now, item=item.id, kind="arrival", effect="void", path=path, visit=number)
    if visit is None or visit.waiting is None or visit.waiting.kind != "event":
        turn.write(heard)
        return
    effect, note = _judge(turn, visit, item)
    turn.write(msgspec.structs.replace(heard, effect=effect, note=note))
    if effect == "taken":
        result = {"event": item.payload["event"]}
        succeeded(turn, visit, result, arrival=item.payload.get("arrival", 0))


def _judge(turn: Turn, visit: Visit, item: InboxItem) -> tuple[str, str]:
    """What to do with an arrival: the effect, and why."""
    wait, node = visit.waiting, visit.node
    if wait is not None and wait.deadline is not None and item.log_time > wait.deadline:
        return "late", "logged after the deadline"
    if item.payload.get("arrival", 0) in turn.course.taken.get(node.name, ()):
        return "passed", "this step has taken it before"
    text, key = node.do.with_.get("filter"), node.do.with_.get("key")
    try:
        names = turn.names(visit.scope, event=decode(msgspec.json.encode(item.payload["event"])).view())
        if turn.plan.filter(text).whole is not None and not turn.plan.program(text).test(names):
            return "passed", "the filter does not hold"
        if key is not None and key_text(turn.plan.program(key).evaluate(names)) != key_text(turn.course.run.key):
            return "passed", "it has another key"
    except (EvaluationError, ExpressionError, ValueError) as error:
        return "passed", f"the filter cannot be evaluated: {error}"
    return "taken", ""
