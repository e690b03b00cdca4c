"""A condition trigger's samples, one after the other: the Judge's answer, the edges of alarms, and what they start.

`panel` has gathered and scored the rows; here each is judged at its place in the log. At an edge the engine says
`detector.raised` or `detector.cleared` (by the outbox of the same commit), and where `fire_on` wants the edge, the
noise words that follow `raised` are asked and the workflow starts.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, Final

from eventflow.match import EvaluationError
from eventflow.model.detection import CLEARED, RAISED, Verdict
from eventflow.model.event import ENGINE, Event, decode, from_micros
from eventflow.model.identity import run_id, timer_run_id
from eventflow.model.record import Ref
from eventflow.route import firing
from eventflow.route import judge as answers
from eventflow.route.case import Case
from eventflow.route.failing import fail
from eventflow.route.inputs import BadInputs
from eventflow.route.judged import SAID
from eventflow.route.keep import charge, rests
from eventflow.route.panel import Forwarded, Refusal
from eventflow.route.phrases import sentence

if TYPE_CHECKING:
    from eventflow.model.event import Micros
    from eventflow.model.record import Record
    from eventflow.plugin.detector import Explanation
    from eventflow.route.case import Desk
    from eventflow.route.judged import Judged
    from eventflow.route.panel import Item, Row
    from eventflow.route.rules import Rule

LARGEST: Final = 1e300
_COUNTED: Final = frozenset((answers.LEARNING, answers.NORMAL, answers.OPEN))
"""What most samples are: counted and in the ring, no refusal to keep a row of."""
_AFTER: Final = {reason: place for place, (_, reason) in enumerate(SAID)}


def judge(desk: Desk, rule: Rule, case: Case, item: Item) -> None:
    """Give a sample its answer."""
    if item is None:
        return
    if isinstance(item, tuple):
        failed = item[1].failed
        try:
            if failed is not None and item[2] in failed:
                raise failed[item[2]]
            _judge(desk, rule, case, item)
        except Exception as error:  # noqa: BLE001 - the other triggers go on (W17)
            fail(desk, rule, case, error)
    elif isinstance(item, Forwarded):
        desk.count(rule.name, "forwarded")
        desk.owed.setdefault(item.owner, []).append(rule.name)
    elif isinstance(item, Refusal):
        desk.refuse(rule.name, case, item.stage, item.reason, item.key, **item.values)
    else:
        fail(desk, rule, case, item)


def _judge(desk: Desk, rule: Rule, case: Case, row: Row) -> None:
    one, gathered, index, value, key = row
    watch = rule.watch
    assert watch is not None  # noqa: S101 - it gathered the row
    score, note = gathered.scores[index], gathered.notes[index] if gathered.notes is not None else None
    if not 0.0 <= score < LARGEST:
        score = _sound(score)
    expected = note[0] if note is not None else nan
    at = max(one.at, case.log_time)
    answer = watch.judge.see(one, at, value, score, expected)
    ref = case.ref
    one.note(ref.partition, ref.offset, case.log_time, answer, value, score)
    if answer in _COUNTED:
        desk.count(rule.name, SAID[answer][1])
        if one.alarm is not None:
            _keep(one, case)
            desk.memory.arm(one)
        return
    if answer <= answers.AT_MOST:
        stage, reason = SAID[answer]
        desk.refuse(rule.name, case, stage, reason, key, value=value, score=_number(score))
        desk.memory.arm(one)
        return
    why = desk.memory.watched.detector(watch).explain(gathered.values[index], note)
    verdict = _verdict(one, answer, value, score, why)
    facts = verdict.facts()
    if one.alarm is not None:
        one.alarm.verdict = facts
        _keep(one, case)
    if answer in {answers.RAISE, answers.CLEAR}:
        _edge(desk, rule, one, answer, facts, case, run_id(*rule.name, ((case.event["source"], case.event["id"]),)), at)
    else:
        stage, reason = SAID[answer]
        desk.count(rule.name, reason)
        desk.keep(rule.name, case.ref, case.log_time, stage, reason, key, facts)
    desk.memory.arm(one)


def _sound(score: float) -> float:
    """A score as the Judge can take it, whatever a plugin says: not negative, finite, or NaN."""
    score = float(score)
    return 0.0 if score < 0.0 else min(score, LARGEST)


def _keep(one: Judged, case: Case) -> None:
    """The event that a firing by timer will carry: the last one while the alarm is not settled."""
    alarm = one.alarm
    if alarm is not None and (not alarm.open or not alarm.event[3] or alarm.clearing is not None):
        alarm.event = (case.ref.partition, case.ref.offset, case.log_time, case.data)


# --- timers ----------------------------------------------------------------------------------------------------------


def ring(desk: Desk, rule: Rule, one: Judged, record: Record, due: Micros) -> None:
    """A timer of a series' alarm is due, noticed at `record`: `for` or `clear_for` is over, or no sample came."""
    watch, alarm = rule.watch, one.alarm
    assert watch is not None  # noqa: S101 - the caller looked
    answer = watch.judge.ring(one, due)
    desk.memory.watched.dirty.add(one)
    if answer in {answers.RAISE, answers.CLEAR} and alarm is not None:
        facts = dict(alarm.verdict)
        if answer == answers.CLEAR:
            silent = alarm.clearing is None
            facts |= {"state": "cleared", "reason": sentence("silent" if silent else "cleared", None)}
        else:
            facts |= {"state": "alarm"}
        partition, offset, log_time, data = alarm.event
        event = decode(data)
        case = Case(Ref(partition, offset), log_time, data, event.view())
        run = timer_run_id(*rule.name, one.key, due)
        _edge(desk, rule, one, answer, facts, case, run, due, noticed=record)
    elif answer == answers.AT_MOST:
        desk.count_timer(rule.name, "at_most")
    desk.memory.arm(one)


# --- edges -----------------------------------------------------------------------------------------------------------


def _edge(
    desk: Desk, rule: Rule, one: Judged, answer: int, facts: dict[str, Any], case: Case, run: str, at: Micros,
    noticed: Record | None = None,
) -> None:  # fmt: skip
    """An alarm begins or ends: say so, and start the workflow where that is wanted."""
    key = one.key if rule.key is not None else None
    raised = answer == answers.RAISE
    if not raised:
        one.alarm = None
    desk.effects.outbox.append(_event(rule, key, facts, case, run, at, raised=raised))
    condition = rule.trigger.condition
    assert condition is not None  # noqa: S101 - only condition triggers have alarms
    if condition.fire_on not in {"both", "raise" if raised else "clear"}:
        _answer(desk, rule, one, case, noticed, "raised", "raised" if raised else "cleared", key, facts)
        return
    refusal = rests(rule, one, at)
    if refusal is not None:
        stage, reason, values = refusal
        _answer(desk, rule, one, case, noticed, stage, reason, key, values | facts)
        return
    try:
        fired = firing.of_alarm(rule, case, key, run, at, facts)
    except BadInputs as error:
        _answer(desk, rule, one, case, noticed, "inputs_valid", "inputs", key, {"problems": error.problems} | facts)
    except EvaluationError as error:
        _answer(desk, rule, one, case, noticed, "inputs_valid", "inputs", key, {"error": str(error)} | facts)
    else:
        charge(rule, one, at)
        _answer(desk, rule, one, case, noticed, "started", "fired", key, facts)
        desk.effects.firings.append(fired)


def _answer(
    desk: Desk, rule: Rule, one: Judged, case: Case, noticed: Record | None, stage: str, reason: str,
    key: str | None, values: dict[str, Any],
) -> None:  # fmt: skip
    """Count and keep what became of an edge: at the record itself, or at the one that showed its timer."""
    if noticed is None:
        one.amend(_AFTER[reason])
    count = desk.count if noticed is None else desk.count_timer
    count(rule.name, reason)
    if reason != "fired":
        ref, log_time = (case.ref, case.log_time) if noticed is None else (noticed.ref, noticed.log_time)
        desk.keep(rule.name, ref, log_time, stage, reason, key, values)


def _event(
    rule: Rule, key: str | None, facts: dict[str, Any], case: Case, run: str, at: Micros, *, raised: bool
) -> bytes:
    """The engine's own event of an edge (W22); its identity is that of the edge, so it is said once."""
    type_ = RAISED if raised else CLEARED
    workflow, trigger = rule.name
    spec = rule.trigger.condition.detector  # type: ignore[union-attr]
    data = {"workflow": workflow, "trigger": trigger, "key": key, "detector": spec.name or spec.type, **facts}
    extensions = {
        "eventflowchain": ",".join(dict.fromkeys((*case.chain, workflow))), "eventflowhops": case.hop + 1,
    }  # fmt: skip
    return Event(
        id=f"{run}/{type_}", source=ENGINE, type=type_, kind=type_, subject=key or workflow,
        time=from_micros(at), data=data, extensions=extensions,
    ).encode()  # fmt: skip


def _verdict(one: Judged, answer: int, value: float, score: float, why: Explanation) -> Verdict:
    alarm = one.alarm
    state = {answers.PENDING: "pending", answers.RAISE: "alarm", answers.CLEARING: "clearing"}.get(answer, "cleared")
    history = one.rarities
    rarity = 10.0 ** min(one.rarity, history.most) if one.rarity and history is not None else None
    settled = alarm is not None and alarm.settled
    return Verdict(
        state=state,
        score=_number(score),
        rarity=rarity,
        value=_number(value),
        expected=_number(why.expected),
        low=_number(why.low),
        high=_number(why.high),
        since=alarm.since if alarm is not None else None,
        because=sentence("settled" if settled else state, why.because, value, why.expected, rarity),
    )


def _number(number: float | None) -> float | None:
    """A number that JSON knows."""
    return number if number is not None and abs(number) < 1e308 else None


__all__ = ["judge", "ring"]
