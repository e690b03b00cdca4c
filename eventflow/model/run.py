"""A run: one execution of a workflow; what fires it, what row the store keeps of it, and how it can end.

`STATUSES` and `REASONS` are closed lists; API, CLI and documentation use them.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eventflow.model.control import RUN_FINISHED, RUN_SUPPRESSED
from eventflow.model.event import ENGINE, Event, Micros, from_micros
from eventflow.model.record import Ref
from eventflow.model.workflow import Concurrency

Status = Literal["queued", "running", "waiting", "paused", "succeeded", "failed", "cancelled", "suppressed"]

OPEN: tuple[Status, ...] = ("queued", "running", "waiting", "paused")
OCCUPYING: tuple[Status, ...] = ("running", "waiting")
"""The statuses that take a place in the concurrency group (W12)."""
TERMINAL: tuple[Status, ...] = ("succeeded", "failed", "cancelled", "suppressed")

REASONS = {
    "handled": "A step failed and its handler ran; the run is failed all the same.",
    "step_failed": "A step failed and nothing took the failure.",
    "by_target": "A step's condition said `fail` or `cancel`.",
    "expression": "An expression or template of the run could not be evaluated.",
    "timeout": "The whole run took longer than `error_handling.timeout`.",
    "max_visits": "A step was visited more often than `max_visits` allows.",
    "max_iterations": "A loop went round more often than `max_iterations` allows.",
    "by_person": "A person cancelled it.",
    "by_event": "An event of `cancel_on` ended it.",
    "interrupted": "An action that must not be repeated was interrupted by a crash.",
    "parked": "Retries are used up; a person decides how it goes on.",
    "expired": "It could not start within `start_within`.",
    "superseded": "A newer run of the same group took its place (`restart`).",
    "concurrency": "The concurrency group was taken (`single`) or its queue full.",
    "breaker": "The circuit breaker of the workflow is open.",
    "shadow": "The workflow is in shadow mode.",
    "parent": "The run that started it was cancelled or is over.",
    "definition": "The stored definition cannot be read by this version.",
}
"""Why a run is in its status, where the status alone does not say it."""


class EventCopy(msgspec.Struct, frozen=True):
    """A run's own copy of an event: where it lay, when it was logged, its CloudEvents JSON."""

    ref: Ref
    log_time: Micros
    data: bytes


class Parent(msgspec.Struct, frozen=True):
    """The step that started a sub-run (W22). `wait` false: nobody waits for its end."""

    run: str
    path: str
    visit: int
    attempt: int
    wait: bool = True


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger has passed all its stages: what `admit` makes a run of, or records as suppressed (W12, W13).

    `facts` are the `trigger.*` values of expressions. `group` is the concurrency group, already evaluated and prefixed
    with the workflow id. `start_by` is a log time (W21). `inputs` are typed and complete.
    """

    run: str
    workflow: str
    definition: str
    trigger: str
    key: str | None = None
    generation: str = "0"
    fired_at: Micros
    events: tuple[EventCopy, ...] = ()
    inputs: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    group: str
    concurrency: Concurrency
    start_by: Micros | None = None
    chain: tuple[str, ...] = ()
    hops: int = 0
    shadow: bool = False
    parent: Parent | None = None
    by: str = ""
    rerun_of: str = ""
    from_step: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run as the store keeps it. `number` counts the runs of its workflow from 1. `created`, `started`, `ended` and
    `start_by` are log-clock times. `outputs` is what the workflow hands to a parent.
    """

    id: str
    number: int
    workflow: str
    definition: str
    trigger: str
    key: str | None
    generation: str
    status: Status
    reason: str | None
    created: Micros
    started: Micros | None
    ended: Micros | None
    fired_at: Micros
    events: tuple[Ref, ...]
    inputs: dict[str, Any]
    facts: dict[str, Any]
    outputs: dict[str, Any]
    group: str
    start_by: Micros | None
    wake_at: Micros | None
    chain: tuple[str, ...]
    hops: int
    parent: Parent | None
    by: str
    rerun_of: str
    from_step: str = ""
    """Of a re-run: the step it begins at; empty: the first."""


InboxKind = Literal["cancel", "pause", "resume", "answer", "signal", "arrival", "child"]


class InboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that reaches a run from outside. `id` grows within the store; `log_time` is when the log took it.

    payload by kind: cancel, pause, resume `{by, comment, mode, reason}`; answer `{case, path, visit, by, comment}`;
    signal `{event}`; arrival `{wait: {path, visit}, event, ref: {partition, offset}, arrival}` (the event whole, as
    CloudEvents JSON object; `arrival` is the id that `Wait.after` speaks of);
    child `{path, visit, attempt, run, status, reason, outputs}`.
    """

    id: int
    kind: InboxKind
    log_time: Micros
    payload: dict[str, Any]


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A run waits for something outside to come.

    kind "event": an event that the wait selector (definition, step) chose and whose wait key is `key` (None: no key),
    logged at or after `since`; arrivals up to and including id `after` are already used up. kind "answer": a person;
    `show` is what the person is shown (title, body, cases, approvers). `deadline` is a log time (W21).
    `path` is the step path with loop indices, `selector` the step's name.
    """

    path: str
    visit: int
    kind: Literal["event", "answer"]
    selector: str = ""
    key: str | None = None
    since: Micros = 0
    after: int = 0
    deadline: Micros | None = None
    show: dict[str, Any] = {}


def run_event(run: Run, at: Micros) -> bytes:
    """The event that tells the end of a run (`eventflow.run.finished` or `….suppressed`), for the outbox (W22)."""
    type_ = RUN_SUPPRESSED if run.status == "suppressed" else RUN_FINISHED
    data = {
        "run": run.id, "number": run.number, "workflow": run.workflow, "trigger": run.trigger, "key": run.key,
        "status": run.status, "reason": run.reason, "created": run.created, "started": run.started, "ended": run.ended,
        "outputs": run.outputs, "inputs": run.inputs,
    }  # fmt: skip
    extensions = {"eventflowchain": ",".join((*run.chain, run.workflow)), "eventflowhops": run.hops + 1}
    return Event(
        id=f"{run.id}/{run.status}", source=ENGINE, type=type_, kind=type_, subject=run.workflow,
        time=from_micros(at), data=data, extensions=extensions,
    ).encode()  # fmt: skip
