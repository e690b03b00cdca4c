"""Forests: equal to scikit-learn's, handed over at a fixed moment of the log, saved in pieces."""

import math
import random

import msgspec
import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.ensemble import IsolationForest as Reference

from eventflow.detectors import isolation_forest
from eventflow.detectors.isolation_forest import IsolationForest
from eventflow.detectors.isolation_forest.forest import read, score_of
from eventflow.detectors.isolation_forest.job import Job
from eventflow.detectors.isolation_forest.training import grow
from eventflow.errors import ComponentError
from eventflow.plugin import DetectorContext, Rows
from eventflow.plugin.detector import HANDOVER

SECOND = 1_000_000


def table(rows, width, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def both(learned, trees=100, sample=256):
    """Our forest and scikit-learn's of the same rows."""
    job = Job(trees=trees, sample=sample, seed=5, width=learned.shape[1], rows=learned.tobytes())
    reference = Reference(n_estimators=trees, max_samples=min(sample, len(learned)), random_state=5).fit(learned)
    return read(grow(job)), reference


LEARNED = {
    "noise": lambda width: table(2000, width),
    "few": lambda width: table(16, width),
    "counts": lambda width: np.floor(np.abs(table(2000, width)) * 3).astype(np.float32),
    "constant": lambda width: np.full((300, width), 7.25, dtype=np.float32),
    "large": lambda width: table(2000, width) * np.float32(1e30),
    "tiny": lambda width: table(2000, width) * np.float32(1e-30),
    "two values": lambda width: (table(500, width) > 0.7).astype(np.float32),
}


@pytest.mark.parametrize("width", [1, 2, 8])
@pytest.mark.parametrize("learned", LEARNED)
def test_scores_are_those_of_scikit_learn(learned, width):
    rows = LEARNED[learned](width)
    ours, reference = both(rows)
    asked = np.concatenate([rows[:200], rows[:200] * 1.7, table(200, width, 9)]).astype(np.float64)
    expected = -reference.score_samples(asked.astype(np.float32))
    answers = [score_of(value) for value in ours.strangeness([tuple(row) for row in asked.tolist()])]
    assert np.max(np.abs(expected - answers)) <= 1e-12


@pytest.mark.parametrize("width", [1, 3])
def test_doubles_are_rounded_as_scikit_learn_rounds_them(width):
    rows = table(1000, width)
    ours, reference = both(rows)
    around = rows[:300].astype(np.float64)
    near = [
        around + sign * np.spacing(rows[:300]).astype(np.float64) * part
        for sign in (-1, 1)
        for part in (0.49, 0.5, 0.51)
    ]
    for asked in near:
        expected = -reference.score_samples(asked.astype(np.float32))
        answers = [score_of(value) for value in ours.strangeness([tuple(row) for row in asked.tolist()])]
        assert np.max(np.abs(expected - answers)) <= 1e-12


@pytest.mark.parametrize("width", [1, 4])
def test_any_cut_gives_the_same_bits(width):
    ours, _ = both(table(1000, width))
    rows = [tuple(row) for row in table(700, width, 3).tolist()]
    whole = ours.strangeness(rows)
    for size in (1, 2, 10, 127, 128, 129, 256):
        cut = [score for begin in range(0, len(rows), size) for score in ours.strangeness(rows[begin : begin + size])]
        assert cut == whole


@pytest.mark.parametrize("width", [1, 2])
def test_missing_and_infinite_values(width):
    ours, _ = both(table(1000, width))
    rest = (0.0,) * (width - 1)
    low, missing, high, large = ours.strangeness([(value, *rest) for value in (-math.inf, math.nan, math.inf, 1e300)])
    assert math.isnan(missing)
    assert low > 1
    assert high == large > 1
    assert math.isnan(ours.strangeness([(math.nan, *rest)])[0])


def test_a_job_gives_the_same_bytes_each_time():
    rows = table(500, 2)
    job = Job(trees=20, sample=64, seed=1, width=2, rows=rows.tobytes())
    assert grow(job) == grow(job)
    assert grow(job) != grow(msgspec.structs.replace(job, seed=2))


# --- one detector ----------------------------------------------------------------------------------------------------


def new(of_all=3, **train):
    config = IsolationForest.Config(trees=10, train={"min_samples": 100, **train})
    return IsolationForest(config, DetectorContext(features=("rate", "size"), seed=of_all))


def feed(detector, count, begin, group="", key="a"):
    """So many rows, one a second, from second `begin` on."""
    dice = random.Random(begin)
    slot = detector.series(key, group)
    rows = [(dice.gauss(100, 5), dice.gauss(3, 1)) for _ in range(count)]
    times = [(begin + at) * SECOND for at in range(count)]
    scores = []
    for at in range(count):
        part = Rows([slot], [times[at]], [times[at]], [rows[at]])
        scores.append(detector.update_many(part).values[0])
    return scores


def test_a_forest_is_asked_for_at_a_row_and_used_from_a_moment_on():
    detector = new()
    feed(detector, 99, 0)
    assert list(detector.fits()) == []
    feed(detector, 1, 99)
    [fit] = detector.fits()
    assert 99 * SECOND + HANDOVER <= fit.due < 99 * SECOND + HANDOVER + 30 * SECOND
    detector.give(fit.model, detector.fit(fit.job))
    assert list(detector.fits()) == []
    scores = feed(detector, 120, 100)
    first = next(at for at, score in enumerate(scores) if not math.isnan(score))
    assert (100 + first - 1) * SECOND < fit.due <= (100 + first) * SECOND


def test_groups_hand_over_at_different_moments():
    detector = new()
    for number in range(20):
        feed(detector, 100, 0, group=f"group-{number}")
    assert len({fit.due for fit in detector.fits()}) == 20


def test_another_seed_is_another_forest():
    jobs = set()
    for detector in (new(3), new(4), new(3, seed=1), new(3)):
        feed(detector, 100, 0)
        [fit] = detector.fits()
        jobs.add(fit.job)
    assert len(jobs) == 3


def test_a_young_group_learns_again_soon_and_an_old_one_at_its_pace():
    detector, asked, rows = new(retrain_every=1000), [], 0
    while rows < 5000:
        feed(detector, 1, rows * 100)
        rows += 1
        for fit in detector.fits():
            asked.append(rows)
            detector.give(fit.model, None)
    assert asked == [100, 200, 400, 800, 1600, 2600, 3600, 4600]


def test_the_window_bounds_what_is_learned_from():
    detector = new(window=200, retrain_every=500)
    sizes = []
    for rows in (100, 100, 200, 400):
        feed(detector, rows, sum(size[0] for size in sizes))
        [fit] = detector.fits()
        sizes.append((rows, len(msgspec.msgpack.decode(fit.job, type=Job).rows) // (2 * 4)))
        detector.give(fit.model, None)
    assert sizes == [(100, 100), (100, 200), (200, 200), (400, 200)]


def test_a_window_of_time():
    detector = new(window="2m", retrain_every="1m", min_samples=50)
    rows = 0
    while rows < 600:
        feed(detector, 1, rows)
        rows += 1
        for fit in detector.fits():
            job = msgspec.msgpack.decode(fit.job, type=Job)
            detector.give(fit.model, None)
    assert 50 <= len(job.rows) / 8 <= 120 + 64


def test_a_row_changes_a_small_part_of_what_is_saved():
    detector = new()
    feed(detector, 2000, 0)
    detector.dump()
    feed(detector, 1, 2000)
    assert sum(len(part or b"") for part in detector.dump().values()) < 1000


def test_a_model_is_saved_once_under_its_own_name():
    detector = new()
    feed(detector, 100, 0)
    [fit] = detector.fits()
    detector.give(fit.model, detector.fit(fit.job))
    assert not any("model" in name for name in detector.dump())
    feed(detector, 100, 100)
    [name] = [name for name in detector.dump() if "model" in name]
    feed(detector, 50, 200)
    assert name not in detector.dump()


def test_what_it_says():
    detector = new()
    feed(detector, 100, 0)
    [fit] = detector.fits()
    detector.give(fit.model, detector.fit(fit.job))
    feed(detector, 100, 100)
    slot = detector.series("a", "")
    rows = [(400.0, 3.0), (100.0, 3.0), (100.0, 30.0)]
    answer = detector.update_many(Rows([slot] * 3, [0] * 3, [10**12] * 3, rows))
    rate, usual, size = (detector.explain(row, note) for row, note in zip(rows, answer.notes, strict=True))
    assert rate.because.startswith("rate 400 is outside its usual ")
    assert size.because.startswith("size 30 is outside its usual ")
    assert usual.because.startswith("an unusual combination of rate 100, size 3")
    assert rate.low < rate.expected < rate.high < 400
    assert answer.values[0] > 4 * answer.values[1]


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr(isolation_forest, "find_spec", lambda name: None if name == "sklearn" else True)
    with pytest.raises(ComponentError, match=r"needs sklearn; pip install 'eventflow-router\[ml\]'"):
        new()


@pytest.mark.parametrize(
    ("train", "advice"),
    [
        ({"window": "soon"}, "write 500, 30m, 6h or 7d"),
        ({"window": 0}, "give a positive number"),
        ({"window": 100, "min_samples": 200}, "more than the window holds"),
        ({"retrain_every": True}, "neither a number"),
        ({"windw": 3}, "windw"),
    ],
)
def test_what_makes_no_sense(train, advice):
    with pytest.raises(ValidationError, match=advice):
        IsolationForest.Config(train=train)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_what_it_says_of_its_tail_is_what_normal_noise_shows(width):
    detector = IsolationForest(IsolationForest.Config(), DetectorContext(features=tuple("abcdefgh"[:width])))
    ours, _ = both(table(4000, width))
    scores = np.array(ours.strangeness([tuple(row) for row in table(20_000, width, 7).astype(float).tolist()]))
    edge = np.quantile(scores, 0.97)
    assert np.mean(scores[scores > edge]) / edge - 1 == pytest.approx(detector.tail, rel=0.5)
