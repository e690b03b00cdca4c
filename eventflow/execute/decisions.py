"""Decisions: one of the offered cases, by rule or by people (workflow-format 1.6, 1.8). Pure.

A case whose `require` is false is offered to nobody. The rule takes the first offered case whose `when` holds, else the
default; people have until the timeout, which means the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.execute.turn import StepFailed
from eventflow.execute.waiting import register, timed_out
from eventflow.model.journal import Heard, Waited

if TYPE_CHECKING:
    from eventflow.execute.course import Scope, Visit
    from eventflow.execute.program import Node
    from eventflow.execute.turn import Turn
    from eventflow.model.run import InboxItem
    from eventflow.model.workflow import Case, Decision


def begin(turn: Turn, scope: Scope, node: Node) -> None:
    """Decide, or ask."""
    try:
        offered = [
            case
            for case in node.do.cases
            if case.require is None or turn.holds(scope, case.require, f"require of case {case.name}")
        ]
        if node.do.by == "human" and offered:
            _ask(turn, scope, node, offered)
        else:
            _by_rule(turn, scope, node, offered)
    except StepFailed as failed:
        turn.end(scope, node, "failure", error=failed.trouble)


def go_on(turn: Turn, visit: Visit) -> None:
    """Take the default when nobody answered in time."""
    wait = visit.waiting
    unread = timed_out(turn, wait) if wait is not None else None
    if unread is None:
        return
    missing = f"; partitions that were halted and could not be read: {unread}" if unread else ""
    _take(
        turn, visit.scope, visit.node, visit.node.do.default, by="timeout", reason=f"nobody answered in time{missing}",
        unread=unread,
    )  # fmt: skip


def _by_rule(turn: Turn, scope: Scope, node: Node, offered: list[Case]) -> None:
    for case in offered:
        if case.when is not None and turn.holds(scope, case.when, f"when of case {case.name}"):
            _take(turn, scope, node, case.name, by="rule", reason=f"{case.when.strip()} holds")
            return
    reason = "no case's rule holds" if offered else "no case is allowed by its require"
    _take(turn, scope, node, node.do.default, by="rule", reason=reason)


def _take(turn: Turn, scope: Scope, node: Node, name: str, **more: Any) -> None:
    case = next((case for case in node.do.cases if case.name == name), None)
    then = case.then if case is not None else "next"
    turn.end(scope, node, "success", outputs={"decision": name}, then=then, case=name, **more)


def _ask(turn: Turn, scope: Scope, node: Node, offered: list[Case]) -> None:
    """Open the question. Raises `StepFailed`."""
    do: Decision = node.do
    who = do.approvers
    people = {
        name: _people(turn.render(scope, list(given), f"approvers.{name}"))
        for name, given in (("users", who.users), ("groups", who.groups), ("exclude", who.exclude))
    }
    shown = turn.render(scope, do.ask, "ask")
    show = {
        **shown, "step": node.name, "workflow": turn.plan.workflow.id, "default": do.default,
        "question": turn.render(scope, do.question, "question"), "context": turn.render(scope, do.context, "context"),
        "cases": [_shown(case) for case in offered], "approvers": {**people, "needed": who.needed},
    }  # fmt: skip
    path = scope.path(node.name)
    timeout = do.timeout if do.timeout is not None else node.step.timeout
    waited = Waited(
        at=turn.now, path=path, visit=turn.course.visits.get(path, 0) + 1, kind="answer", users=people["users"],
        groups=people["groups"], exclude=people["exclude"], needed=who.needed,
        deadline=None if timeout is None else turn.now + timeout, cases=[case.name for case in offered], show=show,
    )  # fmt: skip
    turn.write(waited)
    register(turn, waited, node.name)


def _people(given: Any) -> list[str]:
    """Names of people; an expression may give a list, and nothing."""
    found: list[str] = []
    for item in given if isinstance(given, list) else [given]:
        found += _people(item) if isinstance(item, list) else [str(item)] if item not in {None, ""} else []
    return found


def _shown(case: Case) -> dict[str, Any]:
    fields = {"name": case.name, "label": case.label or case.name, "describe": case.describe, "style": case.style}
    return {name: value for name, value in fields.items() if value is not None} | {"confirm": case.confirm}


# --- answers ---------------------------------------------------------------------------------------------------------


def answered(turn: Turn, item: InboxItem) -> None:
    """A person answers: taken, counted as one of several, or refused; recorded in any case."""
    told = item.payload
    visit = _question(turn, told)
    by, case = str(told.get("by") or ""), str(told.get("case") or "")
    heard = Heard(
        at=turn.now, item=item.id, kind="answer", effect="refused", by=by, data={"case": case},
        path=visit.path if visit is not None else str(told.get("path") or ""),
        visit=visit.number if visit is not None else int(told.get("visit") or 0),
    )  # fmt: skip
    if visit is None or visit.waiting is None:
        turn.write(msgspec.structs.replace(heard, effect="late", note="no such question is open"))
        return
    wait = visit.waiting
    if wait.deadline is not None and item.log_time > wait.deadline:
        turn.write(msgspec.structs.replace(heard, effect="late", note="logged after the deadline"))
        return
    refusal = _refusal(wait, case, by, told)
    if refusal:
        turn.write(msgspec.structs.replace(heard, note=refusal))
        return
    votes = {**visit.votes, by: case}
    who = sorted(name for name, vote in votes.items() if vote == case)
    if len(who) < wait.needed:
        turn.write(msgspec.structs.replace(heard, effect="vote", note=f"{len(who)} of {wait.needed}"))
        return
    turn.write(msgspec.structs.replace(heard, effect="taken"))
    _take(turn, visit.scope, visit.node, case, by="human", who=who, reason=str(told.get("comment") or ""))


def _question(turn: Turn, told: dict[str, Any]) -> Visit | None:
    """The open question that the answer means; without a path the only one."""
    if told.get("path"):
        found = turn.course.open.get(str(told["path"]))
        if found is None or (told.get("visit") and found.number != told["visit"]):
            return None
        return found if found.waiting is not None and found.waiting.kind == "answer" else None
    asked = [v for v in turn.course.open.values() if v.waiting is not None and v.waiting.kind == "answer"]
    return asked[0] if len(asked) == 1 else None


def _refusal(wait: Waited, case: str, by: str, told: dict[str, Any]) -> str:
    """Why the answer does not count; empty when it does."""
    if case not in wait.cases:
        return f"case {case!r} is not offered; there are: {', '.join(wait.cases)}"
    if by in wait.exclude:
        return f"{by} must not answer this"
    groups = set(told.get("groups") or ())  # what the channel proved; one that proves none is in no group
    limited = bool(wait.users or wait.groups)
    if limited and by not in wait.users and not groups & set(wait.groups):
        return f"{by or 'somebody'} is none of those who may answer: {', '.join((*wait.users, *wait.groups))}"
    return ""
