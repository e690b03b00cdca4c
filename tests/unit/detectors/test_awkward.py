"""Detectors with the Judge behind them, on series that have made others page all night or for ever keep silent."""

import functools
import math
import random

import pytest

from eventflow.model.detection import Condition, DetectorSpec, Judging
from eventflow.plugin import DetectorContext, Rows
from eventflow.plugin.one_series import find_detector
from eventflow.route import judge as answers
from eventflow.route.judge import Judge
from eventflow.route.judged import Judged

MINUTE = 60_000_000
OPEN = {answers.RAISE, answers.OPEN, answers.CLEARING}


def judged(kind, values, times=None):
    """What the Judge answers to each value; a sample a minute, models made in time."""
    type_ = find_detector(kind)
    detector = type_(type_.Config(), DetectorContext())
    judge = Judge(
        Condition(value=None, detector=DetectorSpec(type=kind, judging=Judging())), absolute=False, clears_below=1
    )
    one, slot, now, found = Judged(("w", "t"), "", absolute=False), detector.series("", ""), 0, []
    for at, value in enumerate(map(float, values)):
        now = max(now, times[at] if times else at * MINUTE)
        for fit in detector.fits():
            if fit.due <= now:
                detector.give(fit.model, detector.fit(fit.job))
        made = detector.update_many(Rows((slot,), (now,), (now,), ((value,),)))
        answer = judge.see(one, now, value, made.values[0], made.notes[0][0])
        assert math.isfinite(one.rarity)
        if answer == answers.CLEAR:
            one.alarm = None
        found.append(answer)
    return found


def pages(found):
    return [at for at, answer in enumerate(found) if answer == answers.RAISE]


def noise(count, seed, level=100):
    dice = random.Random(seed)
    return [dice.gauss(level, 5) for _ in range(count)]


@functools.cache
def outages(seed):
    """(values, where each of four equal outages begins)"""
    values, begin = [], []
    for number in range(4):
        values += noise(1500, 10 * seed + number)
        begin.append(len(values))
        values += [0.0] * 20
    return values + noise(300, 99), begin


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_fourth_equal_outage_pages_as_the_first_did(seed):
    values, begin = outages(seed)
    assert set(begin) <= set(pages(judged("adaptive", values)))


def test_a_forest_knows_an_outage_from_the_second_on():
    """Beyond the range of what it has seen, further out is not stranger; so the first one may pass for an extreme."""
    values, begin = outages(1)
    assert set(begin[1:]) <= set(pages(judged("isolation_forest", values)))


@pytest.mark.parametrize(("kind", "within"), [("adaptive", 60), ("isolation_forest", 90)])
@pytest.mark.parametrize("seed", [1, 2])
def test_quiet_some_rows_after_a_level_shift(kind, within, seed):
    found = judged(kind, [*noise(2000, seed), *noise(300, seed + 50, level=400)])
    assert any(2000 <= at < 2060 for at in pages(found))
    assert not set(found[2000 + within : 2200]) & OPEN


def series():
    dice = random.Random(9)
    count, walk = 3000, 0.0
    shapes = {
        "constant": [5.0] * count,
        "two values": [float(dice.random() < 0.3) for _ in range(count)],
        "rarely another": [float(at % 97 == 0) for at in range(count)],
        "spiky": [1e6 if dice.random() < 0.01 else dice.gauss(10, 1) for _ in range(count)],
        "counting": [float(at) for at in range(count)],
        "missing": [math.nan if dice.random() < 0.1 else dice.gauss(0, 1) for _ in range(count)],
        "infinite": [math.inf if dice.random() < 0.001 else dice.gauss(0, 1) for _ in range(count)],
        "daily": [100 + 50 * math.sin(at / 1440 * 6.283) + dice.gauss(0, 3) for at in range(count)],
        "heavy": [math.exp(dice.gauss(0, 1)) for _ in range(count)],
    }
    shapes["walk"] = [walk := walk + dice.gauss(0, 1) for _ in range(count)]
    return shapes


@pytest.mark.parametrize("kind", ["adaptive", "isolation_forest"])
@pytest.mark.parametrize("shape", list(series()))
def test_no_storm(kind, shape):
    """At most one page in a hundred and fifty samples, and never in alarm for long."""
    found = judged(kind, series()[shape])
    assert len(pages(found)) <= 20
    assert sum(answer in OPEN for answer in found) <= 200


@pytest.mark.parametrize("kind", ["adaptive", "isolation_forest"])
def test_another_unit_gives_the_same_verdicts(kind):
    values = [*noise(1200, 1), 300.0, *noise(300, 2), *[0.0] * 10, *noise(200, 3)]
    assert judged(kind, values) == judged(kind, [1000 * value for value in values])


@pytest.mark.parametrize("times", ["gap", "backward", "repeated"])
def test_times_that_jump_stand_still_or_go_back_change_nothing(times):
    values = [*noise(1000, 1), 300.0, *noise(300, 2), *[0.0] * 10, *noise(200, 3)]
    plain = [at * MINUTE for at in range(len(values))]
    odd = {
        "gap": [at if at < 700 * MINUTE else at + 10**12 for at in plain],
        "backward": [at - (at // MINUTE % 3) * 5 * MINUTE for at in plain],
        "repeated": [at // (7 * MINUTE) * 7 * MINUTE for at in plain],
    }[times]
    assert judged("adaptive", values, odd) == judged("adaptive", values)
