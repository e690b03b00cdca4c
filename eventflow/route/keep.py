"""The half of deciding that needs memory, on the partition that owns the key (W7, W8).

repeated → (changed … muted, later) → cooldown → limited → inputs valid. Each stage's state changes when an event
reaches it; cooldown and limit are tested at their place and charged by a firing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from eventflow.match import EvaluationError
from eventflow.match.values import kind_of
from eventflow.route import firing
from eventflow.route.inputs import BadInputs

if TYPE_CHECKING:
    from eventflow.match import Program
    from eventflow.model.event import Micros
    from eventflow.route.case import Case, Desk
    from eventflow.route.rules import Rule
    from eventflow.route.states import KeyState


class Fires(Protocol):
    """What cooldown and limits remember of a key."""

    fired: Micros | None
    rings: list[list[Micros]]


def keep(desk: Desk, rule: Rule, case: Case, key: str | None) -> None:
    """Take a selected event through the stages that remember."""
    if not rule.stateful:
        _fire(desk, rule, case, key, None, case.log_time)
        return
    memory, name = desk.memory, rule.name
    state = memory.key(name, key or "", case.log_time, rule.idle)
    if state is None:
        desk.refuse(name, case, "keyed", "key_limit", key, limit=memory.key_limit)
        return
    identity = f"{len(case.event['source'])}:{case.event['source']}{case.event['id']}".encode("utf-8", "surrogatepass")
    if not memory.seen.add(identity, rule.salt, case.log_time):
        _refuse(desk, rule, case, state, key, "repeated", "seen")
        return
    if rule.dedup is None:
        undo = None
    else:
        try:
            dedup = text_of(rule.dedup, case)
        except EvaluationError as error:
            _refuse(desk, rule, case, state, key, "repeated", "key_error", error=str(error))
            return
        undo = (dedup, memory.dedup_of(name, key or "", dedup))
        last = memory.repeated(name, key or "", dedup, state.at, rule.trigger.dedup.window)  # type: ignore[union-attr]
        if last is not None:
            _refuse(desk, rule, case, state, key, "repeated", "dedup", dedup=dedup, last=last)
            return
    try:
        _limit(desk, rule, case, state, key)
    except Exception:
        memory.seen.discard(identity, rule.salt)
        if undo is not None:
            memory.unrepeat(name, key or "", *undo)
        raise


def _limit(desk: Desk, rule: Rule, case: Case, state: KeyState, key: str | None) -> None:
    refusal = rests(rule, state, state.at)
    if refusal is not None:
        stage, reason, values = refusal
        _refuse(desk, rule, case, state, key, stage, reason, **values)
        return
    _fire(desk, rule, case, key, state, state.at)


def rests(rule: Rule, state: Fires, now: Micros) -> tuple[str, str, dict[str, Any]] | None:
    """The stage, reason and values of `cooldown` or `limit`, when one of them says no."""
    cooldown = rule.trigger.cooldown
    if cooldown is not None and state.fired is not None and now < state.fired + cooldown:
        return "cooldown", "cooldown", {"fired": state.fired, "cooldown": cooldown}
    for limit, ring in zip(rule.trigger.limit, state.rings, strict=False):
        if sum(time > now - limit.per for time in ring) >= limit.max:
            return "limited", "limit", {"max": limit.max, "per": limit.per}
    return None


def _fire(desk: Desk, rule: Rule, case: Case, key: str | None, state: KeyState | None, now: Micros) -> None:
    """Make the inputs, and charge cooldown and limits if they are valid."""
    try:
        fired = firing.of_event(rule, case, key, now)
    except BadInputs as error:
        _refuse(desk, rule, case, state, key, "inputs_valid", "inputs", problems=error.problems)
        return
    except EvaluationError as error:
        _refuse(desk, rule, case, state, key, "inputs_valid", "inputs", error=str(error))
        return
    if state is not None:
        charge(rule, state, now)
        desk.memory.note(state, (case.ref.partition, case.ref.offset, case.log_time, "started", "fired"))
    desk.count(rule.name, "fired")
    desk.effects.firings.append(fired)


def charge(rule: Rule, state: Fires, now: Micros) -> None:
    """The trigger fires now: that counts for `cooldown` and `limit`."""
    state.fired = now
    limits = rule.trigger.limit
    rings = [*state.rings, *([] for _ in limits)][: len(limits)]
    state.rings = [
        [*[time for time in ring if time > now - limit.per], now][-limit.max :]
        for limit, ring in zip(limits, rings, strict=True)
    ]


def _refuse(
    desk: Desk, rule: Rule, case: Case, state: KeyState | None, key: str | None, stage: str, reason: str, **values: Any
) -> None:
    if state is not None:
        desk.memory.note(state, (case.ref.partition, case.ref.offset, case.log_time, stage, reason))
    desk.refuse(rule.name, case, stage, reason, key, **values)


def text_of(program: Program, case: Case) -> str:
    """A key as text: text as it is, whole numbers and booleans written out. Raises `EvaluationError` for the rest."""
    return as_key(program.evaluate({"event": case.event}))


def as_key(value: object) -> str:
    """A value as the text of a key. Raises `EvaluationError`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    raise EvaluationError("type", f"a key must be text, a whole number or a boolean, this is a {kind_of(value)}")
