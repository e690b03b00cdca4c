"""Events for the partition that owns their key: handed on by select, taken by keep (W8, W11).

One record per event and owner lists the triggers. The owner skips what is not above the highest offset that the trigger
took from that source partition, so a forward that was sent twice counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from eventflow.match import EvaluationError
from eventflow.model.control import FORWARD, Forward
from eventflow.model.control import record as engine_record
from eventflow.model.outcome import DeadLetter
from eventflow.model.record import Entry, Ref
from eventflow.route.case import Case, Desk, said
from eventflow.route.keep import keep, text_of

if TYPE_CHECKING:
    from eventflow.model.record import Record
    from eventflow.route.rules import Rule


class _Envelope(msgspec.Struct):
    data: Forward


_DECODE = msgspec.json.Decoder(_Envelope).decode


def hand_on(desk: Desk, case: Case) -> None:
    """Write the forwards of the record under decision."""
    for owner in sorted(desk.owed):
        ref = case.ref
        triggers = tuple(desk.owed[owner])
        number = desk.front.rules.number
        body = Forward(ref.partition, ref.offset, case.log_time, number, triggers, msgspec.Raw(case.data))
        data = engine_record(FORWARD, f"{ref.handle}/{number}/{owner}", case.log_time, body)
        desk.effects.forwards.append(Entry(owner, data, own=True))
    desk.owed.clear()


def take(desk: Desk, record: Record) -> None:
    """Keep a forwarded event. Sets `wants` when it was selected by rules that are not in force here yet (W11)."""
    forward = _DECODE(record.data).data
    rules = desk.front.rules
    if forward.catalogue > rules.number:
        desk.effects.wants = forward.catalogue
        return
    data = bytes(forward.event)
    case = Case(Ref(forward.partition, forward.offset), forward.log_time, data, desk.front.read(data))
    chosen = frozenset(desk.front.match(case.event).ids) if forward.catalogue < rules.number else None
    source = str(forward.partition)
    for name in forward.triggers:
        rule = rules.by_name.get(name)
        if rule is None:
            continue
        offsets = desk.memory.trigger(name).offsets
        if forward.offset <= offsets.get(source, -1):
            continue
        offsets[source] = forward.offset
        if chosen is not None and rules.events.index(rule) not in chosen:
            desk.refuse(name, case, "filtered", "filter_false")
            continue
        _keep(desk, rule, case)


def _keep(desk: Desk, rule: Rule, case: Case) -> None:
    try:
        key = text_of(rule.key, case) if rule.key is not None else None
    except EvaluationError as error:
        desk.refuse(rule.name, case, "keyed", "key_error", error=str(error))
        return
    if rule.owner(key, desk.partitions) != desk.partition:
        desk.refuse(rule.name, case, "keyed", "rule_changed", key)
        return
    try:
        keep(desk, rule, case, key)
    except Exception as error:  # noqa: BLE001 - the other triggers go on (W17)
        fail(desk, rule, case, error)


def fail(desk: Desk, rule: Rule, case: Case, error: Exception) -> None:
    """An exception of one trigger: its dead letter, its refusal (W17)."""
    desk.refuse(rule.name, case, "matched", "failed", error=said(error))
    desk.effects.dead.append(
        DeadLetter(
            ref=case.ref, log_time=case.log_time, workflow=rule.name[0], trigger=rule.name[1], error=said(error),
            data=case.data,
        )
    )  # fmt: skip
