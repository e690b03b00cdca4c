"""The heart of the router: what a batch of records means, given memory and the rules in force (W7).

`decide` is a function of the records, the memory and the rules; it asks no clock and no chance, and how the log is cut
into batches makes no difference. It changes memory in place and returns the effects; nothing is written or sent here.
Per record: timers that were due before it, then select for every trigger and wait, then keep where the key lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.match import EvaluationError
from eventflow.match.waits import key_text
from eventflow.model.commit import Arrival
from eventflow.model.control import FORWARD, REFUSED, TICK, refused
from eventflow.model.record import CONTROL, NotAnEvent, Ref
from eventflow.route import commands
from eventflow.route.alarms import judge
from eventflow.route.case import Case, Desk
from eventflow.route.effects import Effects
from eventflow.route.failing import bury, fail
from eventflow.route.forwards import hand_on, take
from eventflow.route.keep import keep, text_of
from eventflow.route.opening import HOPS, is_engine
from eventflow.route.panel import Panel
from eventflow.route.timers import fire_schedules, fire_timers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.match import Matched
    from eventflow.model.record import Record
    from eventflow.route.memory import Memory
    from eventflow.route.panel import Look
    from eventflow.route.rules import Front, Rule, Waiting

__all__ = ["HOPS", "decide"]


def decide(records: Sequence[Record], memory: Memory, front: Front, *, partition: int, partitions: int) -> Effects:
    """Decide records of one partition, in offset order, continuing from what `memory` remembers.

    Stops early, with `Effects.wants` set, at a forward that was selected by newer rules (W11).
    """
    effects = Effects()
    desk = Desk(memory, front, effects, partition, partitions)
    looks = Panel(desk).look(records) if front.rules.watches else None
    read, match, control = front.read, front.match, partition == CONTROL
    done = 0
    for record in records:
        if memory.due < record.log_time and not control:
            fire_timers(desk, record, record.log_time)
        try:
            if record.fault:
                raise NotAnEvent(record.fault)
            if looks is not None:
                _decide(desk, record, looks[done])
            else:
                event = read(record.data)
                if is_engine(record.data, event):
                    engine(desk, record, event["type"])
                else:
                    found = match(event)
                    if found.ids or found.errors:
                        case = Case(Ref(record.partition, record.offset), record.log_time, record.data, event)
                        _matched(desk, case, found)
            if effects.wants:
                break
        except Exception as error:  # noqa: BLE001 - a record that cannot be read must not stop its partition (W17)
            bury(desk, record, error)
        done += 1
    if done:
        effects.last, effects.records = records[done - 1], done
    desk.settle()
    return effects


def _decide(desk: Desk, record: Record, look: Look | Exception) -> None:
    """Decide a record that was read ahead."""
    if isinstance(look, Exception):
        raise look
    if look.found is None:
        engine(desk, record, look.event["type"], look)
    elif look.case is not None:
        _matched(desk, look.case, look.found, look)


def engine(desk: Desk, record: Record, type_: str, look: Look | None = None) -> None:
    """A record of the engine's own: ticks and forwards here, what people say in `commands`."""
    if type_ == FORWARD:
        take(desk, record, look)
    elif type_ == TICK:
        if desk.partition == CONTROL:
            fire_schedules(desk, record)
    elif type_ == REFUSED:
        raise NotAnEvent(refused(record.data))
    elif desk.partition == CONTROL:
        commands.take(desk, record, type_)
    else:
        raise ValueError(f"a record of type {type_} belongs to the control partition")


def _matched(desk: Desk, case: Case, found: Matched, look: Look | None = None) -> None:
    """Go through the triggers and waits that want the event, and hand on what other partitions own."""
    front = desk.front
    for number in found.ids:
        if number < front.triggers:
            rule = front.rules.events[number]
            if rule.watch is None:
                select(desk, rule, case)
            elif look is not None:
                judge(desk, rule, case, look.items.get(rule))
        else:
            arrive(desk, front.waits.all[number - front.triggers], case)
    for number, error in found.errors:
        if number < front.triggers:
            failed_filter(desk, front.rules.events[number], case, error)
    if desk.owed:
        hand_on(desk, case)


# --- select ----------------------------------------------------------------------------------------------------------


def select(desk: Desk, rule: Rule, case: Case) -> None:
    """The rest of select for a trigger whose selector holds, then keep or a forward; a failure is its dead letter."""
    if rule.on_control != (desk.partition == CONTROL):
        return
    try:
        _select(desk, rule, case)
    except Exception as error:  # noqa: BLE001 - the other triggers go on (W17)
        fail(desk, rule, case, error)


def _select(desk: Desk, rule: Rule, case: Case) -> None:
    if not rule.workflow.allow_loop and rule.workflow.id in case.chain:
        desk.refuse(rule.name, case, "looped", "loop", chain=list(case.chain))
        return
    if case.hop > HOPS:
        desk.refuse(rule.name, case, "looped", "hops", hops=case.hop)
        return
    key = None
    if rule.key is not None:
        try:
            key = text_of(rule.key, case)
        except EvaluationError as error:
            desk.refuse(rule.name, case, "keyed", "key_error", error=str(error))
            return
    if rule.stateful:
        owner = rule.owner(key, desk.partitions)
        if owner != desk.partition:
            desk.count(rule.name, "forwarded")
            desk.owed.setdefault(owner, []).append(rule.name)
            return
    keep(desk, rule, case, key)


def failed_filter(desk: Desk, rule: Rule, case: Case, error: EvaluationError) -> None:
    """A filter that has no value is not false: it is counted and kept."""
    if rule.on_control == (desk.partition == CONTROL):
        desk.refuse(rule.name, case, "filtered", "filter_error", error=str(error), kind=error.kind)


def arrive(desk: Desk, wait: Waiting, case: Case) -> None:
    """An event that a wait selector chose (W20). A key that cannot be evaluated fits no run."""
    key = None
    if wait.event_side is not None:
        try:
            key = key_text(wait.event_side.evaluate({"event": case.event}))
        except EvaluationError:
            return
    desk.effects.arrivals.append(
        Arrival(
            definition=wait.definition, selector=wait.step, key=key, ref=case.ref, log_time=case.log_time,
            data=case.data,
        )
    )  # fmt: skip
