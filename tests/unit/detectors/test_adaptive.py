"""Level and scale: what is strange, how quickly it is usual again; columns and single rows agree to the bit."""

import math
import random
import struct

import numpy as np
import pytest

from eventflow.detectors import adaptive
from eventflow.detectors.adaptive import Adaptive
from eventflow.plugin import DetectorContext, Rows


def new(**config):
    return Adaptive(Adaptive.Config(**config), DetectorContext())


def feed(detector, values, key="a"):
    slot, count = detector.series(key, ""), len(values)
    return detector.update_many(Rows([slot] * count, [0] * count, [0] * count, [(float(v),) for v in values]))


def quiet(count, seed=1):
    dice = random.Random(seed)
    return [dice.gauss(100, 5) for _ in range(count)]


def test_a_spike_is_strange_and_what_follows_is_not():
    scores = feed(new(), [*quiet(500), 200, *quiet(500, 2)]).values
    assert scores[500] == max(scores[10:]) > 10
    assert max(scores[550:]) < 6


def test_the_first_rows_are_not_scored():
    scores = feed(new(), quiet(30)).values
    assert all(math.isnan(score) for score in scores[:10])
    assert not any(math.isnan(score) for score in scores[10:])


def test_quiet_within_sixty_rows_of_a_shift():
    values = [*quiet(1000), *(value + 500 for value in quiet(500, 2))]
    scores = feed(new(), values).values
    assert scores[1000] > 50
    assert max(scores[1060:]) < 6


def test_the_third_equal_outage_is_as_strange_as_the_first_but_for_a_part():
    values = []
    for outage in range(3):
        values += [*quiet(1000, outage), *[0.0] * 20]
    scores = feed(new(), values).values
    first, _, third = (scores[at] for at in (1000, 2020, 3040))
    assert third > first / 2


def test_a_constant_series_that_changes():
    scores = feed(new(), [7.0] * 300 + [8.0] + [7.0] * 100).values
    assert set(scores[10:300]) == {0.0}
    assert scores[300] == 300
    assert max(scores[302:]) < 2


def test_what_counts_one_by_one_is_not_strange_in_single_steps():
    dice = random.Random(3)
    values = [float(dice.random() < 0.01) for _ in range(3000)]
    scores = feed(new(), values).values
    assert max(scores[600:]) <= 2


def test_another_unit_gives_the_same_scores():
    values = [*quiet(300), 180, *quiet(100, 4)]
    same = feed(new(), [value * 1024 for value in values]).values
    assert same[10:] == feed(new(), values).values[10:]
    near = feed(new(), [value * 1000 for value in values]).values
    assert near[10:] == pytest.approx(same[10:], rel=1e-9)


def test_what_is_no_number_is_not_learned():
    detector, other = new(), new()
    values = quiet(100)
    feed(detector, [*values, math.nan, math.inf, -math.inf, 1e200])
    feed(other, values)
    assert bytes(detector._state) == bytes(other._state)
    assert [str(s) for s in feed(detector, [math.nan, math.inf, -math.inf]).values] == ["nan", "1000000.0", "1000000.0"]


def mixed(count, series):
    """Rows of all kinds: noise, counts, rare changes, missing and infinite values."""
    dice = random.Random(5)
    for _ in range(count):
        which, chance = dice.randrange(series), dice.random()
        value = dice.gauss(100, 10) * (which + 1)
        if chance < 0.03:
            value = (math.nan, math.inf, -math.inf)[int(chance * 100)]
        elif which % 7 == 0:
            value = float(dice.randrange(3))
        elif which % 7 == 1:
            value = 5.0 if chance < 0.99 else 6.0
        yield which, value


@pytest.mark.parametrize("cut", [2, 160, 700, 4096])
def test_columns_and_single_rows_agree_to_the_bit(cut, monkeypatch):
    rows = list(mixed(12_000, 400))
    answers = []
    for size in (1, cut):
        detector = new()
        slots = [detector.series(str(which), "") for which in range(400)]
        bits = []
        for begin in range(0, len(rows), size):
            part = rows[begin : begin + size]
            nothing = [0] * len(part)
            made = detector.update_many(Rows([slots[w] for w, _ in part], nothing, nothing, [(v,) for _, v in part]))
            bits += [struct.pack("3d", score, *note) for score, note in zip(made.values, made.notes, strict=True)]
        answers.append((bits, detector.dump()))
    assert answers[0] == answers[1]


def test_large_batches_do_go_by_columns(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    detector = new()
    slots = [detector.series(str(which), "") for which in range(adaptive.CROSSOVER)]
    monkeypatch.setattr(np, "frombuffer", refuse)
    nothing = [0] * len(slots)
    with pytest.raises(AssertionError):
        detector.update_many(Rows(slots, nothing, nothing, [(1.0,)] * len(slots)))


def test_without_numpy_it_is_the_loop(monkeypatch):
    values = quiet(200)
    nothing = [0] * len(values)
    answers = []
    for found in (True, False):
        monkeypatch.setattr(adaptive, "find_spec", lambda _, found=found: found or None)
        detector = new()
        slots = [detector.series(str(which), "") for which in range(len(values))]
        for _ in range(12):
            made = detector.update_many(Rows(slots, nothing, nothing, [(value,) for value in values]))
        answers.append((made.values, detector.dump()))
    assert answers[0] == answers[1]


def test_a_series_costs_fifty_six_bytes_beside_its_name():
    detector = new()
    for which in range(1000):
        detector.series(str(which), "")
    assert len(bytes(detector._state)) <= 1.5 * 56 * 1000


def test_what_it_says():
    detector = new()
    made = feed(detector, [*quiet(300), 200])
    explanation = detector.explain((200.0,), made.notes[-1])
    assert explanation.low < 100 < explanation.high < 200
    assert explanation.expected == made.notes[-1][0]
    assert "200 is" in explanation.because
    assert "above" in explanation.because


def test_what_it_says_of_a_first_sample_and_of_no_number():
    detector = new()
    made = feed(detector, [5.0, math.nan, math.inf])
    first, missing, infinite = (
        detector.explain((v,), note) for v, note in zip((5.0, math.nan, math.inf), made.notes, strict=True)
    )
    assert first.because == "5 is the first of its series"
    assert missing.because == infinite.because == "no finite number"
    assert infinite.expected == 5.0


@pytest.mark.parametrize("seed", [1, 2])
def test_what_it_says_of_its_tail_is_what_normal_noise_shows(seed):
    scores = np.array(feed(new(), quiet(30_000, seed)).values[1000:])
    edge = np.quantile(scores, 0.97)
    assert np.mean(scores[scores > edge]) / edge - 1 == pytest.approx(Adaptive.tail, abs=0.03)
