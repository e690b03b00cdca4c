"""The fixed bound: which values alarm, which keep an alarm open, which end it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eventflow.detectors.threshold import Threshold
from eventflow.errors import ComponentError
from eventflow.plugin import DetectorContext, Rows

numbers = st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e300, max_value=1e300)


def score(value, **config):
    detector = Threshold(Threshold.Config(**config), DetectorContext())
    rows = Rows([detector.series("a", "")], [0], [0], [(value,)])
    return detector.update_many(rows).values[0]


@given(numbers, numbers, numbers)
def test_above(value, bound, back):
    clear = min(bound, back)
    answer = score(value, above=bound, clear_below=clear)
    assert (answer >= 1) == (value > bound)
    assert (answer < Threshold.clears_below) == (value < clear)
    assert 0 <= answer < math.inf


@given(numbers, numbers, numbers)
def test_below(value, bound, back):
    clear = max(bound, back)
    answer = score(value, below=bound, clear_above=clear)
    assert (answer >= 1) == (value < bound)
    assert (answer < Threshold.clears_below) == (value > clear)


@given(numbers, numbers)
def test_without_a_clear_level_an_alarm_ends_where_it_began(value, bound):
    for config in ({"above": bound}, {"below": bound}):
        answer = score(value, **config)
        assert (answer >= 1) == (answer >= Threshold.clears_below)


@given(numbers, numbers, numbers)
def test_both_is_outside(value, one, other):
    low, high = sorted((one, other))
    if low == high:
        return
    assert (score(value, below=low, above=high) >= 1) == (value < low or value > high)


@given(numbers, numbers, numbers)
def test_a_value_that_is_further_out_is_not_less_strange(one, other, bound):
    low, high = sorted((one, other))
    assert score(low, above=bound) <= score(high, above=bound)


def test_values_that_are_no_numbers():
    assert math.isnan(score(math.nan, above=1))
    assert 1 <= score(math.inf, above=1) < math.inf
    assert score(-math.inf, above=1) < Threshold.clears_below
    assert 1 <= score(-math.inf, below=0, above=1) < math.inf


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({}, "give above, below, or both"),
        ({"above": 1, "below": 2}, "an alarm is what lies outside"),
        ({"above": 1, "clear_below": 2}, "where an alarm of 'above' ends"),
        ({"above": 1, "clear_above": 0}, "where an alarm of 'below' ends"),
        ({"below": 2, "clear_above": 1}, "where an alarm of 'below' ends"),
        ({"above": math.inf}, "finite"),
        ({"abov": 1}, "abov"),
    ],
)
def test_bounds_that_make_no_sense(config, advice):
    with pytest.raises(ValidationError, match=advice):
        Threshold.Config(**config)


def test_more_than_one_feature_is_refused():
    with pytest.raises(ComponentError, match="cpu, memory"):
        Threshold(Threshold.Config(above=1), DetectorContext(features=("cpu", "memory")))


@pytest.mark.parametrize(
    ("config", "value", "because"),
    [
        ({"above": 90, "clear_below": 80}, 97.25, "97.25 is above 90 (ends below 80)"),
        ({"below": 5}, 0, "0 is below 5"),
        ({"below": 5, "clear_above": 7.5}, 0, "0 is below 5 (ends above 7.5)"),
    ],
)
def test_what_it_says(config, value, because):
    detector = Threshold(Threshold.Config(**config), DetectorContext())
    explanation = detector.explain((float(value),), None)
    assert explanation.because == because
    assert (explanation.low, explanation.high) == (config.get("below"), config.get("above"))
