"""A partition takes over a catalogue: memory as the new rules want it (W11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.route import schedule
from eventflow.route.firing import MANUAL

if TYPE_CHECKING:
    from eventflow.model.event import Micros
    from eventflow.route.memory import Memory
    from eventflow.route.rules import Rules


def stale(memory: Memory, rules: Rules) -> bool:
    """Whether a detector type writes another version than the one whose memory this is (after an upgrade)."""
    return any(rule.name in memory.triggers and memory.triggers[rule.name].rule != rule.state for rule in rules.watches)


def take_over(memory: Memory, rules: Rules, *, partition: int, partitions: int, now: Micros, wall: Micros) -> None:
    """Change memory to what `rules` want.

    A trigger keeps its state unless its selector, key or schedule changed; one that is gone is forgotten. Schedules
    that begin here count from `now` (log clock, for `every`) or `wall` (for cron and at).
    """
    for name in list(memory.triggers):
        if name not in rules.known and not (name[1] == MANUAL and name[0] in rules.workflows):
            memory.forget(name)
    for name, state_name in rules.known.items():
        state = memory.triggers.get(name)
        if state is not None and state.rule != state_name:
            memory.forget(name, whole=False)
            memory.set_timer(name, None, 0)
        memory.trigger(name).rule = state_name
    mine = {rule.name: rule for rule in rules.schedules if rule.owner(None, partitions) == partition}
    for name, state in list(memory.triggers.items()):
        if state.next is not None and name not in mine:
            memory.set_timer(name, None, 0)
    for name, rule in mine.items():
        plan = rule.trigger.schedule
        if plan is not None and memory.triggers[name].next is None:
            due = schedule.next_after(plan, wall if schedule.on_wall(plan) else now, rules.zone)
            memory.set_timer(name, due, schedule.effective(plan, name, due) if due is not None else 0)
