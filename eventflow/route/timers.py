"""Timers that came due: `every` before the record that shows it, `cron` and `at` at a tick's wall clock (W4, W7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from eventflow.match import EvaluationError
from eventflow.model.control import Tick
from eventflow.model.record import Ref
from eventflow.route import schedule
from eventflow.route.alarms import ring
from eventflow.route.case import Case, Desk, said
from eventflow.route.failing import fail
from eventflow.route.firing import of_timer
from eventflow.route.inputs import BadInputs

if TYPE_CHECKING:
    from eventflow.model.event import Micros
    from eventflow.model.record import Record
    from eventflow.route.judged import Judged
    from eventflow.route.rules import Rule


class _Envelope(msgspec.Struct):
    data: Tick


_DECODE = msgspec.json.Decoder(_Envelope).decode


def fire_timers(desk: Desk, record: Record, now: Micros) -> None:
    """Fire every timer due before `now`, in the order (due, workflow, trigger, key)."""
    memory = desk.memory
    while memory.due < now:
        fires, workflow, trigger, key, due = memory.timers[0]
        rule = desk.front.rules.by_name.get((workflow, trigger))
        one = memory.watched.armed.get((workflow, trigger, key))
        if one is not None and one.armed == fires:
            _ring(desk, rule, one, record, fires)
            continue
        if rule is None or rule.trigger.schedule is None:
            memory.set_timer((workflow, trigger), None, 0)
            continue
        _fire(desk, rule, record, due, now)


def _ring(desk: Desk, rule: Rule | None, one: Judged, record: Record, due: Micros) -> None:
    """A timer of an alarm; one whose trigger does not run any more is put off the heap."""
    if rule is None or rule.watch is None:
        desk.memory.disarm(one)
        return
    try:
        ring(desk, rule, one, record, due)
    except Exception as error:  # noqa: BLE001 - other timers and triggers go on (W17)
        desk.memory.disarm(one)
        fail(desk, rule, Case(record.ref, record.log_time, record.data, {}), error)


def fire_schedules(desk: Desk, record: Record) -> None:
    """At a tick of the control partition: fire what is due by the wall clock that it saw, that minute included."""
    fire_timers(desk, record, _DECODE(record.data).data.wall + 1)


def _fire(desk: Desk, rule: Rule, record: Record, due: Micros, now: Micros) -> None:
    plan = rule.trigger.schedule
    assert plan is not None  # noqa: S101 - the caller looked
    found = schedule.collect(plan, rule.name, due, now - 1, desk.front.rules.zone)
    fires = schedule.effective(plan, rule.name, found.next) if found.next is not None else 0
    desk.memory.set_timer(rule.name, found.next, fires)
    if found.late:
        _note(desk, rule, record, "started", "late", found.late, since=due, missed=plan.missed)
    for occurrence in found.fire:
        try:
            desk.effects.firings.append(
                of_timer(rule, Ref(record.partition, record.offset), record.log_time, occurrence)
            )
            _count(desk, rule, "fired", 1)
        except BadInputs as error:
            _note(desk, rule, record, "inputs_valid", "inputs", 1, due=occurrence, problems=error.problems)
        except EvaluationError as error:
            _note(desk, rule, record, "inputs_valid", "inputs", 1, due=occurrence, error=said(error))


def _note(desk: Desk, rule: Rule, record: Record, stage: str, reason: str, number: int, **values: object) -> None:
    _count(desk, rule, reason, number)
    desk.keep(rule.name, Ref(record.partition, record.offset), record.log_time, stage, reason, None, values)


def _count(desk: Desk, rule: Rule, reason: str, number: int) -> None:
    counts = desk.memory.trigger(rule.name).timers
    counts[reason] = counts.get(reason, 0) + number
