"""The shapes of the API's answers. Fields are only ever added; times are RFC 3339 in UTC.

Each `…_of` function makes one from the model. The OpenAPI document is generated from these classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.model.event import Event, format_time, from_micros

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventflow.model.loss import Loss
    from eventflow.model.outcome import DeadCount, DeadLetter
    from eventflow.model.record import Record
    from eventflow.model.run import Run
    from eventflow.model.workflow import Workflow
    from eventflow.plugin.store import OpenWait


class EventBody(msgspec.Struct, frozen=True):
    """One event of the log. `handle` is the name that `explain` and `tail` use."""

    handle: str
    partition: int
    offset: int
    logged: str
    id: str
    source: str
    type: str
    kind: str | None
    subject: str | None
    time: str
    data: Any
    extensions: dict[str, Any]


class RunBody(msgspec.Struct, frozen=True):
    """One run. `event_ids` are event handles; `status` and `reason` come from closed, documented lists."""

    id: str
    number: int
    workflow: str
    trigger: str
    key: str | None
    status: str
    reason: str | None
    event_ids: list[str]
    created: str
    started: str | None
    ended: str | None
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    definition: str
    parent: str | None
    rerun_of: str | None
    by: str | None
    sentence: str | None = None


class RunDetail(RunBody, frozen=True):
    """One run with its journal, and what reached it from outside."""

    journal: list[dict[str, Any]] = []
    inbox: list[dict[str, Any]] = []


class QuestionBody(msgspec.Struct, frozen=True):
    """A question that waits for a person."""

    id: str
    run: str
    workflow: str
    step: str
    visit: int
    deadline: str | None
    title: str
    body: str
    cases: list[dict[str, Any]]


class WorkflowBody(msgspec.Struct, frozen=True):
    """One workflow in force. `ready_made`: it comes with eventflow, nobody here wrote it."""

    id: str
    name: str
    description: str
    category: str
    version: str
    enabled: bool
    mode: str
    definition: str
    triggers: list[dict[str, Any]]
    inputs: dict[str, Any]
    ready_made: bool


class ProblemBody(msgspec.Struct, frozen=True):
    """A mistake in a document, as `eventflow validate` tells it. `held`: its workflow is not in force because of it."""

    file: str
    line: int
    column: int
    code: str
    word: str
    severity: str
    message: str
    suggestion: str
    held: bool


class OutcomeBody(msgspec.Struct, frozen=True):
    """What one trigger made of one event; `run` is the run that the event starts by it."""

    workflow: str
    trigger: str
    stage: str
    reason: str
    sentence: str
    key: str | None
    values: dict[str, Any]
    run: str | None = None


class ExplainBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event with every trigger's outcome and the runs it started; or a run with its story.

    `notes` say what concerns the event as a whole, or why a workflow that was asked about has no outcome.
    """

    event: EventBody | None = None
    notes: list[str] = []
    outcomes: list[OutcomeBody] | None = None
    runs: list[RunBody] | None = None
    run: RunBody | None = None
    sentences: list[str] | None = None


class FeedBody(msgspec.Struct, frozen=True):
    """An event that has been decided, with the outcomes of the triggers that select it.

    `dead` says why it could not be decided, of a record that is no event and of a message that became none.
    """

    event: EventBody
    outcomes: list[OutcomeBody]
    dead: str = ""


class DetectorBody(msgspec.Struct, frozen=True):
    """A named judge of a series. `state` is one of `ok learning alarm unavailable`."""

    name: str
    type: str
    state: str
    sentence: str = ""


class BackupBody(msgspec.Struct, frozen=True):
    """A finished copy of log and store. `folder` lies in the data directory; who asked for it takes it away."""

    folder: str
    files: list[str]
    bytes: int


class DeadBody(msgspec.Struct, frozen=True):
    """A record that could not be decided, and why."""

    id: str
    event: str
    log_time: str
    workflow: str
    trigger: str
    error: str


class HealthBody(msgspec.Struct, frozen=True):
    """What `/readyz` says, as values: check → sentence of each that says no."""

    ready: bool
    trouble: dict[str, str]


class LossBody(msgspec.Struct, frozen=True):
    """What a partition has lost. `lost`: how many records are gone that were not decided; null: nobody can tell. Of
    those that were, `gap` are missing in its memory. Accepted, it goes on at `to`.
    """

    reason: str
    lost: int | None
    gap: int
    to: int
    sentence: str
    outlook: str


class PartitionBody(msgspec.Struct, frozen=True):
    """A partition: `control` or a number. It is decided up to `position`, its log holds `start` to `end`.

    `halted` says why it stands still, `loss` what a person can accept then, and `accepted` what one did before.
    """

    name: str
    position: int
    start: int
    end: int
    halted: str | None
    loss: LossBody | None
    accepted: str | None


class DeadCountBody(msgspec.Struct, frozen=True):
    """How many dead letters of a trigger, or (`workflow` empty) of records as a whole, were counted and not kept."""

    workflow: str
    trigger: str
    count: int
    first: str
    last: str


class Accepted(msgspec.Struct, frozen=True):
    """So many events are stored for good; so many of those sent were known already."""

    accepted: int
    duplicates: int


class Recorded(msgspec.Struct, frozen=True):
    """An order was stored for good; it takes effect as soon as it is read. `run` names the run it is about."""

    recorded: str
    run: str | None = None


def event_of(record: Record, event: Event) -> EventBody:
    """An event of the log."""
    return EventBody(
        record.ref.handle, record.partition, record.offset, format_time(from_micros(record.log_time)), event.id,
        event.source, event.type, event.kind, event.subject, format_time(event.time), event.data, event.extensions,
    )  # fmt: skip


def run_of(run: Run, sentence: str | None = None) -> RunBody:
    """A run without its journal."""
    return RunBody(**run_fields(run, sentence))


def run_fields(run: Run, sentence: str | None) -> dict[str, Any]:
    """The fields of a run, for `RunBody` and `RunDetail`."""
    return {
        "id": run.id, "number": run.number, "workflow": run.workflow, "trigger": run.trigger, "key": run.key,
        "status": run.status, "reason": run.reason, "event_ids": [ref.handle for ref in run.events],
        "created": _time(run.created), "started": _time(run.started), "ended": _time(run.ended),
        "inputs": run.inputs, "outputs": run.outputs, "definition": run.definition,
        "parent": run.parent.run if run.parent else None, "rerun_of": run.rerun_of or None, "by": run.by or None,
        "sentence": sentence,
    }  # fmt: skip


def question_of(question: OpenWait) -> QuestionBody:
    """An open question."""
    wait, show = question.wait, question.wait.show
    return QuestionBody(
        id=f"{question.run}/{wait.path}/{wait.visit}",
        run=question.run,
        workflow=question.workflow,
        step=wait.path,
        visit=wait.visit,
        deadline=_time(wait.deadline),
        title=str(show.get("title") or show.get("question") or ""),
        body=str(show.get("body") or ""),
        cases=[dict(case) for case in show.get("cases") or []],
    )


def workflow_of(
    workflow: Workflow, findings: Mapping[tuple[str, str], Sequence[str]], *, ready_made: bool
) -> WorkflowBody:
    """A workflow in force, with what was found of its triggers' filters."""
    triggers = [
        {
            "id": one.id,
            "type": one.type,
            "enabled": one.enabled,
            "findings": list(findings.get((workflow.id, one.id), ())),
        }
        for one in workflow.triggers
    ]
    return WorkflowBody(
        workflow.id, workflow.name, workflow.description, workflow.category, workflow.version, workflow.enabled,
        workflow.mode, workflow.hash, triggers, msgspec.to_builtins(workflow.inputs), ready_made,
    )  # fmt: skip


def loss_of(loss: Loss) -> LossBody:
    """What a partition has lost."""
    return LossBody(loss.reason, loss.lost, loss.gap, loss.to.offset, loss.sentence, loss.outlook)


def dead_of(id_: str, letter: DeadLetter) -> DeadBody:
    """A dead letter."""
    return DeadBody(
        id_, letter.ref.handle, format_time(from_micros(letter.log_time)), letter.workflow, letter.trigger, letter.error
    )


def dead_count_of(one: DeadCount) -> DeadCountBody:
    """Dead letters that were not kept."""
    first, last = (format_time(from_micros(at)) for at in (one.first, one.last))
    return DeadCountBody(one.workflow, one.trigger, one.count, first, last)


def _time(micros: int | None) -> str | None:
    return None if micros is None else format_time(from_micros(micros))
