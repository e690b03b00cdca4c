"""From a trigger that said yes to the firing that `admit` makes a run of: inputs, facts, concurrency group, chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.match import EvaluationError
from eventflow.model.control import START
from eventflow.model.event import ENGINE, Event, Micros, decode, format_time, from_micros
from eventflow.model.identity import run_id, timer_run_id
from eventflow.model.run import EventCopy, Firing
from eventflow.route.inputs import complete

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.match import Template
    from eventflow.model.control import Start
    from eventflow.model.record import Ref
    from eventflow.model.workflow import Workflow
    from eventflow.route.case import Case
    from eventflow.route.rules import Rule, Started

SCHEDULE_TICK = "eventflow.schedule.tick"
"""The type of the event that a schedule's run has."""
_NO_NAMES: dict[str, Any] = {}
MANUAL = "manual"
"""The trigger name of a start by a person."""


def of_event(rule: Rule, case: Case, key: str | None, log_time: Micros) -> Firing:
    """The firing of an event trigger. Raises `BadInputs`, `EvaluationError`."""
    workflow = rule.workflow
    facts: dict[str, Any] = {"id": rule.name[1], "type": "event", "key": key}
    event = case.event
    if rule.is_constant:
        inputs, group_ = complete(workflow.inputs, rule.inputs.render(_NO_NAMES)), workflow.id
    else:
        seen: Mapping[str, Any] = decode(case.data).view() if rule.whole else event
        names: dict[str, Any] = {"event": seen, "events": [seen], "trigger": _trigger(facts, log_time)}
        inputs = complete(workflow.inputs, rule.inputs.render(names))
        group_ = group(workflow, rule.group, {**names, "inputs": inputs})
    return Firing(
        run=run_id(*rule.name, ((event["source"], event["id"]),)),
        workflow=workflow.id,
        definition=rule.definition,
        trigger=rule.name[1],
        key=key,
        fired_at=log_time,
        events=(EventCopy(case.ref, case.log_time, case.data),),
        inputs=inputs,
        facts=facts,
        group=group_,
        concurrency=workflow.concurrency,
        start_by=_start_by(workflow, case.log_time),
        chain=case.chain,
        hops=case.hop,
        shadow=workflow.mode == "shadow",
    )


def of_alarm(rule: Rule, case: Case, key: str | None, run: str, at: Micros, seen: Mapping[str, Any]) -> Firing:
    """The firing of a condition trigger at an edge; `seen` are the facts of its verdict. Raises as `of_event`."""
    workflow = rule.workflow
    facts: dict[str, Any] = {"id": rule.name[1], "type": "condition", "key": key, **seen}
    view = decode(case.data).view()
    names: dict[str, Any] = {"event": view, "events": [view], "trigger": _trigger(facts, at)}
    inputs = complete(workflow.inputs, rule.inputs.render(names))
    return Firing(
        run=run,
        workflow=workflow.id,
        definition=rule.definition,
        trigger=rule.name[1],
        key=key,
        fired_at=at,
        events=(EventCopy(case.ref, case.log_time, case.data),),
        inputs=inputs,
        facts=facts,
        group=group(workflow, rule.group, {**names, "inputs": inputs}),
        concurrency=workflow.concurrency,
        start_by=_start_by(workflow, at),
        chain=case.chain,
        hops=case.hop,
        shadow=workflow.mode == "shadow",
    )


def of_timer(rule: Rule, ref: Ref, log_time: Micros, due: Micros) -> Firing:
    """The firing of a schedule for its occurrence `due`, noticed at the record `ref`. Raises as `of_event`."""
    workflow = rule.workflow
    run = timer_run_id(*rule.name, "", due)
    at = from_micros(due)
    data = {"workflow": workflow.id, "trigger": rule.name[1], "due": format_time(at)}
    event = Event(
        id=run, source=ENGINE, type=SCHEDULE_TICK, kind=SCHEDULE_TICK, time=at, subject=workflow.id, data=data
    )
    facts: dict[str, Any] = {"id": rule.name[1], "type": "schedule", "key": None, "due": format_time(at)}
    view = event.view()
    names: dict[str, Any] = {"event": view, "events": [view], "trigger": _trigger(facts, due)}
    inputs = complete(workflow.inputs, rule.inputs.render(names))
    return Firing(
        run=run,
        workflow=workflow.id,
        definition=rule.definition,
        trigger=rule.name[1],
        fired_at=due,
        events=(EventCopy(ref, log_time, event.encode()),),
        inputs=inputs,
        facts=facts,
        group=group(workflow, rule.group, {**names, "inputs": inputs}),
        concurrency=workflow.concurrency,
        start_by=_start_by(workflow, log_time),
        shadow=workflow.mode == "shadow",
    )


def of_person(started: Started, case: Case, order: Start) -> Firing:
    """The firing of a start by hand. Raises as `of_event`."""
    workflow = started.workflow
    facts: dict[str, Any] = {"id": MANUAL, "type": MANUAL, "key": None, "by": order.by}
    inputs = complete(workflow.inputs, order.inputs)
    view = decode(case.data).view()
    names = {"event": view, "events": [view], "trigger": _trigger(facts, case.log_time), "inputs": inputs}
    return Firing(
        run=run_id(workflow.id, MANUAL, [(ENGINE, view["id"])]),
        workflow=workflow.id,
        definition=started.definition,
        trigger=MANUAL,
        fired_at=case.log_time,
        events=(EventCopy(case.ref, case.log_time, case.data),),
        inputs=inputs,
        facts=facts,
        group=group(workflow, started.group, names),
        concurrency=workflow.concurrency,
        start_by=_start_by(workflow, case.log_time),
        shadow=workflow.mode == "shadow",
        by=order.by,
    )


def group(workflow: Workflow, template: Template, names: Mapping[str, object]) -> str:
    """The concurrency group of a run, with the workflow in front, so that two workflows never share one."""
    if workflow.concurrency.group is None:
        return workflow.id
    value = template.render(names)
    if value is None:
        raise EvaluationError("type", "concurrency.group is null")
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"{workflow.id}\n{text}"


def _trigger(facts: dict[str, Any], fired_at: Micros) -> dict[str, Any]:
    return {**facts, "fired_at": from_micros(fired_at)}


def _start_by(workflow: Workflow, log_time: Micros) -> Micros | None:
    return log_time + workflow.start_within if workflow.start_within is not None else None


__all__ = ["MANUAL", "SCHEDULE_TICK", "START", "group", "of_alarm", "of_event", "of_person", "of_timer"]
