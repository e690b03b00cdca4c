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
from eventflow.model.record import Entry
from eventflow.route.alarms import judge
from eventflow.route.failing import fail
from eventflow.route.keep import keep, text_of
from eventflow.route.opening import open_forward, wanted

if TYPE_CHECKING:
    from eventflow.model.record import Record
    from eventflow.route.case import Case, Desk
    from eventflow.route.panel import Look
    from eventflow.route.rules import Rule


def hand_on(desk: Desk, case: Case) -> None:
    """Write the forwards of the record under decision."""
    for owner in sorted(desk.owed):
        ref = case.ref
        triggers = tuple(desk.owed[owner])
        number = desk.front.rules.number
        era = desk.memory.era
        body = Forward(ref.partition, ref.offset, case.log_time, number, triggers, msgspec.Raw(case.data), era)
        id_ = f"{ref.handle}/{number}/{owner}" + (f"/{era}" if era else "")
        data = engine_record(FORWARD, id_, case.log_time, body)
        desk.effects.forwards.append(Entry(owner, data, own=True))
    desk.owed.clear()


def take(desk: Desk, record: Record, look: Look | None = None) -> None:
    """Keep a forwarded event. Sets `wants` when it was selected by rules that are not in force here yet (W11)."""
    opened, rules = open_forward(desk.front, record), desk.front.rules
    if opened is None:
        desk.effects.wants = wanted(record)
        return
    forward, case, chosen = opened
    source = forward.log
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
        if rule.watch is not None:
            judge(desk, rule, case, look.items.get(rule) if look is not None else None)
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
