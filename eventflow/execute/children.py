"""`workflow.run`: a run started by a step, admitted in the very append that records it (W22). Pure.

Every attempt starts a child of its own. A child's end reaches the parent's inbox in the transaction that ends it, so
whichever is committed first, end or timeout, wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.errors import EventflowError
from eventflow.execute.attempts import failed, succeeded
from eventflow.execute.turn import StepFailed, only
from eventflow.match import Env, EvaluationError, ExpressionError, template
from eventflow.model.identity import child_run_id
from eventflow.model.journal import Heard, Tried, Trouble, Waited
from eventflow.model.run import Firing, Parent

if TYPE_CHECKING:
    from eventflow.execute.course import Scope, Visit
    from eventflow.execute.program import Node
    from eventflow.execute.turn import Turn
    from eventflow.model.run import InboxItem, Run
    from eventflow.model.workflow import Workflow

MOST_HOPS: Final = 16
"""Workflows that one event may set off one after the other (W23)."""
_GROUP_NAMES: Final = ("event", "events", "trigger", "inputs", "vars", "workflow")


def chain(run: Run) -> tuple[str, ...]:
    """The chain that whatever this run causes carries (W23)."""
    return run.chain if run.workflow in run.chain else (*run.chain, run.workflow)


def begin(turn: Turn, scope: Scope, node: Node, given: dict[str, Any], n: int) -> None:
    """Start the child of attempt `n`. Raises `StepFailed`."""
    only(given, "workflow.run", "workflow", "inputs", "wait")
    wait = given.get("wait", True)
    path = scope.path(node.name)
    visit = turn.course.open.get(path)
    number = visit.number if visit is not None else turn.course.visits.get(path, 0) + 1
    run = child_run_id(turn.course.run.id, path, number, n)
    parent = Parent(turn.course.run.id, path, number, n, wait=bool(wait))
    firing = _firing(turn, run, _definition(turn, given), given.get("inputs") or {}, parent)
    turn.progress.children.append(firing)
    turn.write(Tried(at=turn.now, path=path, visit=number, n=n, uses="workflow.run", input=given, run=run))
    if not wait:
        turn.end(scope, node, "success", outputs={"run": run})
        return
    timeout = node.step.timeout
    deadline = None if timeout is None else turn.now + timeout
    turn.write(Waited(at=turn.now, path=path, visit=number, kind="child", deadline=deadline))
    if deadline is not None:
        turn.wake(deadline)


def go_on(turn: Turn, visit: Visit) -> None:
    """Take the step's timeout."""
    wait = visit.waiting
    if wait is None or wait.deadline is None:
        return
    if turn.now >= wait.deadline:
        failed(turn, visit, Trouble("timeout", "the workflow it started did not end in time"))
    else:
        turn.wake(wait.deadline)


def ended(turn: Turn, item: InboxItem) -> None:
    """A child has ended."""
    told = item.payload
    path, number = str(told.get("path", "")), int(told.get("visit", 0))
    visit = turn.course.visit(path, number)
    heard = Heard(
        at=turn.now, item=item.id, kind="child", effect="taken", path=path, visit=number,
        data={"run": told.get("run"), "status": told.get("status"), "reason": told.get("reason")},
    )  # fmt: skip
    waits = visit is not None and visit.waiting is not None and visit.waiting.kind == "child"
    if visit is None or not waits or visit.n != told.get("attempt"):
        turn.write(msgspec.structs.replace(heard, effect="late"))
        return
    turn.write(heard)
    if told.get("status") == "succeeded":
        succeeded(turn, visit, {"run": told.get("run"), **(told.get("outputs") or {})})
        return
    status, reason = told.get("status"), told.get("reason")
    text = f"run {told.get('run')} ended {status}" + (f" ({reason})" if reason else "")
    code = "cancelled" if status == "cancelled" else "child"
    failed(turn, visit, Trouble(code, text, retryable=status == "failed"))


def _definition(turn: Turn, given: dict[str, Any]) -> Workflow:
    name = given.get("workflow")
    workflow = turn.given.workflow(name) if isinstance(name, str) else None
    if workflow is None:
        raise StepFailed("unknown-workflow", f"workflow.run: there is no workflow {name!r} in force")
    run = turn.course.run
    if workflow.id in chain(run) and not workflow.allow_loop:
        way = " → ".join((*chain(run), workflow.id))
        raise StepFailed("loop", f"workflow.run: {way} would go round; `allow_loop: true` on {workflow.id} allows it")
    if run.hops >= MOST_HOPS:
        raise StepFailed("hops", f"workflow.run: this is already {run.hops} workflows deep")
    return workflow


def _firing(turn: Turn, run: str, workflow: Workflow, inputs: dict[str, Any], parent: Parent) -> Firing:
    course = turn.course
    try:
        complete = turn.given.complete(workflow.inputs, inputs)
        group = _group(turn, workflow, complete)
    except (EventflowError, ValueError) as error:
        raise StepFailed("inputs", f"workflow.run {workflow.id}: {error}") from error
    return Firing(
        run=run, workflow=workflow.id, definition=workflow.hash, trigger="workflow.run", key=course.run.key,
        generation=course.run.generation, fired_at=turn.now, events=course.copies, inputs=complete,
        facts=_facts(turn), group=group, concurrency=workflow.concurrency,
        start_by=None if workflow.start_within is None else turn.now + workflow.start_within,
        chain=chain(course.run), hops=course.run.hops + 1, shadow=workflow.mode == "shadow", parent=parent,
        by=course.run.by,
    )  # fmt: skip


def _facts(turn: Turn) -> dict[str, Any]:
    parent = turn.course.run
    return {"reason": f"started by {parent.workflow}", "parent": {"run": parent.id, "workflow": parent.workflow}}


def _group(turn: Turn, workflow: Workflow, inputs: dict[str, Any]) -> str:
    """The child's concurrency group, evaluated; one per workflow without a `group`."""
    if workflow.concurrency.group is None:
        return workflow.id
    names = turn.names(turn.course.root, inputs=inputs, vars=workflow.vars)
    names["workflow"] = {"id": workflow.id, "version": workflow.version}
    try:
        value = template(workflow.concurrency.group, Env(dict.fromkeys(_GROUP_NAMES))).render(names)
    except (EvaluationError, ExpressionError) as error:
        raise StepFailed("expression", f"concurrency.group of {workflow.id}: {error}") from error
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"{workflow.id}\n{text}"  # the form that triggers give it, so that both share one group
