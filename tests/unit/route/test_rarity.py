"""Rarity: greater is always rarer, and what a type says of its tail counts until a series has shown its own."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.route.rarity import Rarity

NORMAL = 0.16


def learned(scores):
    one = Rarity()
    for score in scores:
        one.learn(score, one.place(score))
    return one


def rarity(one, score, usual=0.0):
    return one.of(score, one.place(score), usual)


def distances(count, seed):
    dice = random.Random(seed)
    return [abs(dice.gauss(0, 1)) for _ in range(count)]


@pytest.mark.parametrize("usual", [0.0, NORMAL, 3.7])
@given(
    scores=st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=200),
    two=st.tuples(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6)),
)
def test_the_greater_score_is_never_the_less_rare(usual, scores, two):
    one = learned(scores)
    low, high = (rarity(one, score, usual) for score in sorted(two))
    assert low <= high + 1e-9


@pytest.mark.parametrize("usual", [0.0, NORMAL])
def test_beyond_all_that_was_seen_greater_is_rarer_still(usual):
    """Else all outages of a series that has seen little would be the same, and the second is held off by the first."""
    one = learned(distances(120, 1))
    found = [rarity(one, score, usual) for score in (10.0, 20.0, 40.0, 80.0, 1e3, 1e6)]
    assert all(b > a + 0.1 for a, b in pairwise(found))
    assert found[-1] < one.most + 10


def test_some_outages_do_not_make_the_next_one_usual():
    """A young series whose tail is three outages; the same tail is believed when it is long."""
    young = learned([*distances(200, 1), 15.0, 25.0, 40.0])
    assert rarity(young, 15.0) < 3.0
    assert rarity(young, 15.0, NORMAL) > 3.0


@pytest.mark.parametrize("spread", [0.5, 1.0])
def test_the_series_own_tail_is_believed_in_the_end(spread):
    """Heavier than the type says: presumed rarer than it is at first, and nearly right after 20,000 scores."""
    dice = random.Random(4)
    scores = [math.exp(dice.gauss(0, spread)) for _ in range(20_000)]
    apart = []
    for count in (200, 20_000):
        one = learned(scores[:count])
        at = sorted(scores)[-20]  # one in a thousand
        apart.append(rarity(one, at, NORMAL) - rarity(one, at))
    assert apart[0] > 0.3
    assert 0 <= apart[1] < 0.1


@pytest.mark.parametrize("usual", [0.0, NORMAL])
def test_one_in_a_thousand_of_normal_noise(usual):
    one = learned(distances(20_000, 2))
    assert rarity(one, 3.29, usual) == pytest.approx(3.0, abs=0.25)


@pytest.mark.parametrize("usual", [0.0, NORMAL])
@pytest.mark.parametrize("wanted", [2.0, 3.5])
def test_the_score_that_is_so_rare(usual, wanted):
    one = learned(distances(5_000, 3))
    assert rarity(one, one.worth(wanted, usual), usual) == pytest.approx(wanted, abs=0.05)


@given(st.lists(st.floats(0, 1e6), max_size=300), st.floats(1e-3, 1e6))
def test_packed_and_unpacked_it_says_the_same(scores, asked):
    one = learned(scores)
    other = Rarity.unpack(one.pack())
    assert other.pack() == one.pack()
    assert rarity(other, asked, NORMAL) == rarity(one, asked, NORMAL)
