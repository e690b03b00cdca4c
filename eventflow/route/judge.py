"""The Judge: from a raw score to an alarm, the same for every detector type and every plugin (workflow format 1.5).

score → rarity against the series' own scores → hold-off and alarm budget → direction and floors → k of n → open, hold
or end an alarm. It never feeds the detector. All times are log times of the series, all state is in `Judged`, and every
answer is a function of the rows and their order.

What it learns from: every row that is not strange, and of an alarm only the worst one, once, when it is over. So a
third identical outage is nearly as rare as the first. An alarm of a relative score that is still strange after
`RELEARN` rows is not an alarm any more but the new level: it ends, and the rows that follow teach with weight.
"""

from __future__ import annotations

from math import exp, log10, nan
from typing import TYPE_CHECKING, Final

from eventflow.route.judged import Alarm

if TYPE_CHECKING:
    from eventflow.model.detection import Condition, Judging
    from eventflow.model.event import Micros
    from eventflow.route.judged import Judged

WARM: Final = 100
"""So many scores are learned before a relative one is judged."""
HOLD: Final = 120
"""After an alarm began, so many rows must be stranger than all since to begin another (unless `quiet` says a time)."""
HOLD_MOST: Final[Micros] = 12 * 3_600_000_000
"""But not for longer: where samples are an hour apart, `HOLD` of them are five days and other outages."""
RELEARN: Final = 50
"""So many rows under one alarm, and what is still strange is the new level."""
CALM: Final = 5
"""So many rows in a row that are not strange end an alarm of a relative score (unless `clear_for` says a time)."""
BUDGET: Final = 0.15
"""Each alarm lately makes the next one harder by so many decades of rarity."""
LATELY: Final = 8_000
"""Alarms are forgotten over so many rows."""
EASIER: Final = 0.3
"""Under an open alarm a row is strange when it is rarer than the sensitivity less so many decades."""
STRANGER: Final = 0.3
"""By so many decades a row must be rarer than those of the alarm before to begin another during the hold-off."""
SILENT: Final[Micros] = 86_400_000_000
"""An alarm whose series went silent for so long ends."""

LEARNING, NORMAL, IGNORED, QUIET, AT_MOST, PENDING, OPEN, CLEARING, RAISE, CLEAR = range(10)
"""What becomes of a row. `RAISE` and `CLEAR` are the edges."""


class Judge:
    """What is the same for all series of a trigger."""

    def __init__(self, condition: Condition, *, absolute: bool, clears_below: float, tail: float | None = None) -> None:
        """Judge as the condition says, scores of a detector that says this of itself."""
        judging: Judging = condition.detector.judging
        self.judging = judging
        self.absolute = absolute
        self.clears_below = clears_below
        self._tail = tail if tail is not None and tail > 0.0 else 0.0
        self.for_ = condition.for_
        self.clear_for = condition.clear_for
        self.sensitivity = log10(max(2.0, judging.sensitivity))
        self._calm = 1 if absolute else CALM
        self._warmup = judging.warmup
        self._k, n = judging.at_least or (1, 1)
        self._mask = (1 << n) - 1
        floor = judging.ignore_below
        self.needs_expected = judging.direction != "both" or bool(floor.absolute or floor.relative)
        self._floors = self.needs_expected or judging.min_value is not None
        self._shares = not absolute and self.sensitivity < 1.6

    # --- a row -------------------------------------------------------------------------------------------------------

    def see(self, one: Judged, at: Micros, value: float, score: float, expected: float) -> int:
        """Judge a row and learn from it; `expected` may be NaN. How rare it is is in `one.rarity` (0: common)."""
        one.rows += 1
        if one.first < 0:
            one.first = one.halved = at
        alarm, history, rarity, place = one.alarm, one.rarities, 0.0, -2
        is_open = alarm is not None and alarm.open
        if history is None:
            learning = score != score  # noqa: PLR0124 - NaN
            strange = not learning and score >= (self.clears_below if is_open else 1.0)
        else:
            learning = score != score or history.total < WARM  # noqa: PLR0124
            strange = False
            if score == score:  # noqa: PLR0124
                place = history.place(score)
                if not learning and (place > history.top or self._shares):
                    rarity = history.of(score, place, self._tail)
                    strange = rarity >= self._wanted(one)
        one.rarity = rarity
        if learning and self._warmup is not None:
            strange = self._warm(value, is_open=is_open)
            expected = nan  # not learned enough to hold a plain bound back
        reason = LEARNING if learning else NORMAL
        if strange and not is_open and self._holds_off(one, at, rarity):
            strange, reason = False, QUIET
        if strange and self._floors and self._too_small(value, expected):
            strange, reason = False, IGNORED
        if self._mask > 1:
            one.bits = (one.bits << 1 | strange) & self._mask
            strange = one.bits.bit_count() >= self._k
        answer = reason
        if strange or alarm is not None:
            answer = self._turn(one, at, rarity, strange=strange, relearns=not learning, reason=reason)
            self._count_once(one, score, answer)
        relearns = one.rows <= one.relearn
        teaches = learning or answer <= IGNORED or (relearns and answer == QUIET)
        if teaches and place != -2 and history is not None:
            history.learn(score, place, history.weight() if relearns else 1)
            if self.judging.memory is not None and at - one.halved >= self.judging.memory:
                one.halved = at
                history.halve()
        return answer

    def _wanted(self, one: Judged) -> float:
        """How rare a row must be to be strange."""
        if one.alarm is not None:
            return self.sensitivity - EASIER if one.alarm.open else self.sensitivity
        if not one.alarms:
            return self.sensitivity
        return self.sensitivity + BUDGET * self._lately(one)

    @staticmethod
    def _lately(one: Judged) -> float:
        return one.alarms * exp((one.alarms_row - one.rows) / LATELY)

    def _warm(self, value: float, *, is_open: bool) -> bool:
        """What the plain threshold says while there is nothing else."""
        bounds = self._warmup
        if bounds is None:
            return False
        above, below = bounds.above, bounds.below
        if is_open:
            above = above if bounds.clear_below is None else bounds.clear_below
            below = below if bounds.clear_above is None else bounds.clear_above
        return (above is not None and value > above) or (below is not None and value < below)

    def _holds_off(self, one: Judged, at: Micros, rarity: float) -> bool:
        """Whether an alarm began so lately that this row, no stranger than those, says nothing new."""
        if self.judging.quiet is None:
            held = not self.absolute and one.rows <= one.quiet_row and at < one.quiet_at + HOLD_MOST
        else:
            held = at < one.quiet_at
        return held and (self.absolute or rarity <= one.peak + STRANGER)

    def _too_small(self, value: float, expected: float) -> bool:
        """Whether direction or floors say that this is nothing; without an expected value only `min_value` can."""
        judging, least = self.judging, self.judging.min_value
        if least is not None and value < least:
            return True
        if not self.needs_expected or expected != expected:  # noqa: PLR0124 - NaN
            return False
        change = value - expected
        if (judging.direction == "up" and change <= 0) or (judging.direction == "down" and change >= 0):
            return True
        floor = judging.ignore_below
        return abs(change) < floor.absolute or abs(change) < floor.relative * abs(expected)

    # --- alarms ------------------------------------------------------------------------------------------------------

    def _turn(self, one: Judged, at: Micros, rarity: float, *, strange: bool, relearns: bool, reason: int) -> int:
        """What the row does to the series' alarm."""
        alarm = one.alarm
        if alarm is None:
            one.alarm = Alarm(open=False, since=at, rarity=rarity)
            if self.for_ is not None:
                one.alarm.due = at + self.for_
                return PENDING
            return self._open(one, at)
        alarm.rarity = max(alarm.rarity, rarity)
        if not alarm.open:
            if strange:
                return PENDING
            one.alarm = None
            return reason
        alarm.rows += 1
        one.peak = max(one.peak, rarity)
        if strange:
            alarm.calm, alarm.clearing = 0, None
            alarm.settled = not self.absolute and relearns and alarm.rows >= RELEARN
            return self._close(one) if alarm.settled else OPEN
        alarm.calm += 1
        if self.clear_for is None:
            return self._close(one) if alarm.calm >= self._calm else CLEARING
        if alarm.clearing is None:
            alarm.clearing, alarm.due = at, at + self.clear_for
        return CLEARING

    def _count_once(self, one: Judged, score: float, answer: int) -> None:
        """Remember the worst score of an alarm, and learn that one when it is over, but as no more than just an alarm:
        one outage beyond all measure must not make the tail so long that the next one is nothing.
        """
        alarm, history = one.alarm, one.rarities
        if alarm is None or history is None:
            return
        alarm.score = max(alarm.score, score)
        if answer == CLEAR and not alarm.settled:
            score = min(alarm.score, history.worth(self.sensitivity + 0.5, self._tail))
            if score > 0.0:
                history.learn(score, history.place(score))

    def _open(self, one: Judged, at: Micros) -> int:
        """Raise the alarm that waits, unless there were too many."""
        most, alarm = self.judging.at_most, one.alarm
        if most is not None:
            one.raises = tuple(time for time in one.raises if time > at - most.per)[-most.max :]
            if len(one.raises) >= most.max:
                one.alarm = None
                return AT_MOST
            one.raises = (*one.raises, at)
        if alarm is not None:
            alarm.open, alarm.due, one.peak = True, at + SILENT, alarm.rarity
        one.alarms, one.alarms_row = self._lately(one) + 1.0, one.rows
        one.quiet_row, one.quiet_at = one.rows + HOLD, at + (self.judging.quiet or 0)
        return RAISE

    def _close(self, one: Judged) -> int:
        """End the alarm; what lasted is the new level, and the rows that follow teach it quickly."""
        if one.alarm is not None and one.alarm.settled:
            one.relearn = one.rows + HOLD - RELEARN
        return CLEAR

    def ring(self, one: Judged, due: Micros) -> int:
        """The alarm's timer is due: `RAISE`, `CLEAR`, `AT_MOST`, or `OPEN` where it only was set again."""
        alarm = one.alarm
        if alarm is None:
            return NORMAL
        if not alarm.open:
            return self._open(one, due)
        if alarm.clearing is not None and alarm.clearing + (self.clear_for or 0) <= due:
            return self._close(one)
        until = one.at + SILENT if alarm.clearing is None else alarm.clearing + (self.clear_for or 0)
        if until <= due:
            return self._close(one)
        alarm.due = until
        return OPEN
