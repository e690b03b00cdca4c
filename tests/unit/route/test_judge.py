"""The Judge over awkward series: no storm, outages that come again page again, a new level is soon normal."""

import math
import random

import msgspec
import pytest

from eventflow.model.detection import AtMost, Bounds, Floor
from eventflow.model.event import parse_time, to_micros
from tests.unit.route import house, judging
from tests.unit.route.judging import MINUTE, condition

ROWS = 3000


def alarms(trigger, values, *, gap=MINUTE, times=None):
    """(rows at which alarms began, rows at which they ended) of one series."""
    front = judging.front(trigger)
    memory = house.fresh(front)
    records = [judging.sample(n, "k", value, n * gap if times is None else times[n]) for n, value in enumerate(values)]
    effects = judging.decide(front, records, memory)
    assert effects.dead == []
    said = [msgspec.json.decode(event) for event in effects.outbox]
    rows = [((to_micros(parse_time(event["time"])) - house.START) // gap, event) for event in said]
    for _, event in rows:
        rarity = event["data"]["rarity"]
        assert rarity is None or rarity.startswith("1 in ")
    return tuple([row for row, event in rows if event["type"] == f"detector.{edge}"] for edge in ("raised", "cleared"))


def adaptive(**judged):
    return condition("t", "adaptive", judging=judged)


def noise(seed, *, mean=50.0, spread=3.0, rows=ROWS):
    chance = random.Random(seed)
    return [mean + chance.gauss(0, spread) for _ in range(rows)]


def with_outages(seed, at, length=20, depth=40.0):
    values = noise(seed)
    for start in at:
        values[start : start + length] = [value - depth for value in values[start : start + length]]
    return values


def awkward():
    chance = random.Random(1)
    yield "flat", [5.0] * ROWS
    yield "two-valued", [float(chance.random() < 0.1) for _ in range(ROWS)]
    yield "spiky", [chance.gauss(10, 1) + (100 if chance.random() < 0.02 else 0) for _ in range(ROWS)]
    yield "counting", [float(n) for n in range(ROWS)]
    yield "daily", [50 + 30 * math.sin(n / 1440 * 2 * math.pi) + chance.gauss(0, 2) for n in range(ROWS)]
    yield "lognormal", [math.exp(chance.gauss(0, 1.5)) for _ in range(ROWS)]
    yield "with holes", [None if chance.random() < 0.3 else chance.gauss(0, 1) for _ in range(ROWS)]
    yield "huge and tiny", [chance.choice((1e-300, 1.0, 1e300)) for _ in range(ROWS)]


@pytest.mark.parametrize(("name", "values"), list(awkward()), ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("kind", ["adaptive", "isolation_forest"])
def test_no_storm(kind, name, values):
    trigger = adaptive() if kind == "adaptive" else condition("t", kind, judging={"warmup": Bounds(above=1e301)})
    raised, _ = alarms(trigger, values)
    assert len(raised) <= 12, f"{len(raised)} alarms in {ROWS} samples"


@pytest.mark.parametrize("length", [20, 45])
@pytest.mark.parametrize("seed", range(3))
def test_the_third_identical_outage_still_pages(seed, length):
    at = (1000, 1500, 2000)
    raised, _ = alarms(adaptive(), with_outages(seed, at, length))
    assert [any(start <= row < start + 5 for row in raised) for start in at] == [True] * 3


def test_on_a_flat_line_the_first_and_the_second_outage_page():
    values = [0.0] * ROWS
    for start in (500, 1500):
        values[start : start + 20] = [50.0] * 20
    raised, _ = alarms(adaptive(), values)
    assert raised == [500, 1500]


@pytest.mark.parametrize("seed", range(3))
def test_a_new_level_is_quiet_within_sixty_rows(seed):
    values = noise(seed)
    values[1500:] = [value + 40 for value in values[1500:]]
    raised, cleared = alarms(adaptive(), values)
    assert 1500 in raised
    assert all(end <= 1560 for row, end in zip(raised, cleared, strict=True) if row == 1500)
    assert [row for row in raised if 1501 <= row < 2000] == []


def test_what_stays_strange_for_fifty_rows_is_the_new_level():
    """A type that never gets used to it: the Judge does."""
    trigger = condition("t", "jump")
    front = judging.front(trigger, find=lambda name: judging.made(judging.Far) if name == "jump" else None)
    memory = house.fresh(front)
    values = [abs(value) for value in noise(1, mean=0.0, spread=1.0, rows=600)] + [30.0] * 500
    codes, effects = judging.feed(front, memory, values)
    told = [msgspec.json.decode(event) for event in effects.outbox]
    assert [event["type"] for event in told[-2:]] == ["detector.raised", "detector.cleared"]
    assert "the new level" in told[-1]["data"]["reason"]
    assert (to_micros(parse_time(told[-1]["time"])) - house.START) // MINUTE == 650
    assert len(codes) == 1100


@pytest.mark.parametrize("seed", range(3))
def test_another_unit_makes_no_other_verdict(seed):
    values = with_outages(seed, (1000, 1700))
    assert alarms(adaptive(), values) == alarms(adaptive(), [value * 1024 for value in values])


def test_times_that_stand_still_do_no_harm():
    values = with_outages(1, (1000,))
    raised, _ = alarms(adaptive(), values, times=[0] * ROWS)
    assert raised != []


# --- knobs -----------------------------------------------------------------------------------------------------------


def test_a_sensitivity_that_asks_for_rarer_samples_alarms_less():
    values = noise(3, rows=6000)
    often, _ = alarms(adaptive(sensitivity=50.0), values)
    seldom, _ = alarms(adaptive(sensitivity=5000.0), values)
    assert 10 < len(often) <= 130
    assert len(seldom) <= 3


def test_only_the_direction_that_was_asked_for():
    values = with_outages(2, (1000,))
    values[1700:1720] = [value + 40 for value in values[1700:1720]]
    assert any(1700 <= row < 1720 for row in alarms(adaptive(direction="up"), values)[0])
    assert not any(1000 <= row < 1005 for row in alarms(adaptive(direction="up"), values)[0])
    assert any(1000 <= row < 1005 for row in alarms(adaptive(direction="down"), values)[0])


def test_changes_below_the_floor_are_nothing():
    values = with_outages(2, (1000,))
    assert any(1000 <= row < 1005 for row in alarms(adaptive(ignore_below=Floor(absolute=20.0)), values)[0])
    assert alarms(adaptive(ignore_below=Floor(absolute=70.0)), values)[0] == []
    assert alarms(adaptive(ignore_below=Floor(relative=3.0)), values)[0] == []
    assert alarms(adaptive(min_value=1000.0), values)[0] == []


def test_at_most_so_many_alarms_in_a_time():
    values = with_outages(2, range(500, 2900, 150), length=10)
    many, few = alarms(adaptive(), values)[0], alarms(adaptive(at_most=AtMost(2, 1000 * MINUTE)), values)[0]
    assert len(many) >= 5
    assert max(sum(start <= row < start + 1000 for row in few) for start in few) == 2


def test_quiet_time_holds_off_what_is_no_stranger():
    values = [20.0 if n in {5, 15, 25, 300} else 1.0 for n in range(400)]
    assert alarms(condition("t"), values)[0] == [5, 15, 25, 300]
    assert alarms(condition("t", judging={"quiet": 60 * MINUTE}), values)[0] == [5, 300]


HOUR = 60 * MINUTE


@pytest.mark.parametrize(("gap", "paged"), [(MINUTE, [1000]), (HOUR, [1000, 1024, 1048])])
def test_an_alarm_holds_off_for_half_a_day_at_most(gap, paged):
    """Samples an hour apart: the outages of the next days are others. A minute apart: they are still the same one."""
    values = with_outages(5, (1000, 1024, 1048), length=4)
    raised, _ = alarms(adaptive(), values, gap=gap)
    assert [row for row in raised if 1000 <= row < 1060] == paged


def test_a_worse_outage_during_the_hold_off_pages_in_a_series_that_has_seen_little():
    values = noise(8, rows=300)
    values[150:153] = [90.0] * 3
    values[190:193] = [4000.0] * 3
    raised, _ = alarms(adaptive(), values)
    assert {150, 190} <= set(raised)


@pytest.mark.parametrize("seed", range(3))
def test_the_fifth_outage_of_a_young_series_pages(seed):
    """Once in two days, samples by the hour: what it has seen are mostly outages, and they are not usual for that."""
    at = tuple(range(150, 390, 48))
    raised, _ = alarms(adaptive(), with_outages(seed, at, length=4, depth=35.0)[:450], gap=HOUR)
    assert set(at) <= set(raised)


def test_no_more_is_said_than_what_was_seen_can_speak_for():
    """A thousand samples: one in some thirty thousand at most, however far out a sample is."""
    values = noise(1, rows=1100)
    values[1000] = 1e9
    front = judging.front(adaptive())
    _, effects = judging.feed(front, house.fresh(front), values)
    said = [msgspec.json.decode(event)["data"]["rarity"] for event in effects.outbox]
    numbers = [int(text.removeprefix("1 in ").replace(",", "")) for text in said if text]
    assert 10_000 < max(numbers) <= 32_000


def test_k_of_n():
    values = [20.0 if n in {5, 50, 52, 54, 90, 99} else 1.0 for n in range(120)]
    assert alarms(condition("t", judging={"at_least": (3, 5)}), values)[0] == [54]


def test_the_warm_up_is_a_plain_threshold_until_enough_is_learned():
    values = noise(1, rows=400)
    values[20:23] = [99.0] * 3
    raised, cleared = alarms(adaptive(warmup=Bounds(above=90.0, clear_below=60.0)), values)
    assert raised[0] == 20
    assert cleared[0] > 22
    assert alarms(adaptive(), values)[0] == [row for row in raised if row > 100]


def test_direction_and_floors_do_not_hold_the_warm_up_back():
    trigger = condition(
        "t", "adaptive", for_=5 * MINUTE,
        judging={"warmup": Bounds(above=90.0), "direction": "up", "ignore_below": Floor(absolute=10.0, relative=0.2)},
    )  # fmt: skip
    assert alarms(trigger, [99.0] * 20)[0] == [5]


def test_hysteresis_of_an_absolute_score():
    trigger = condition("t", config={"above": 10.0, "clear_below": 5.0})
    assert alarms(trigger, [1.0, 11.0, 7.0, 11.0, 6.0, 4.0, 7.0, 11.0]) == ([1, 7], [5])


# --- for, clear_for, silence -----------------------------------------------------------------------------------------


def test_for_begins_by_a_timer_and_a_normal_sample_stops_it():
    trigger = condition("t", for_=150 * judging.SECOND)
    assert alarms(trigger, [20.0, 20.0, 1.0, 20.0, 20.0, 20.0, 20.0])[0] == [5]  # two and a half minutes after row 3


def test_an_alarm_clears_by_a_timer():
    raised, cleared = alarms(condition("t", clear_for=3 * MINUTE), [20.0, 1.0, 1.0, 20.0, *[1.0] * 9])
    assert (raised, cleared) == ([0], [7])


def test_a_series_that_falls_silent_ends_its_alarm_after_a_day():
    front = judging.front(condition("t", fire_on="both"))
    memory = house.fresh(front)
    judging.decide(front, [judging.sample(0, "k", 20.0, 0), judging.sample(1, "k", 21.0, MINUTE)], memory)
    day = 24 * 60 * MINUTE
    assert judging.decide(front, [judging.sample(2, "other", 1.0, day)], memory).outbox == []
    late = judging.decide(front, [judging.sample(3, "other", 1.0, day + 2 * MINUTE)], memory)
    assert msgspec.json.decode(late.outbox[0])["data"]["reason"].startswith("no sample for a day")
    (fired,) = late.firings
    assert fired.facts["state"] == "cleared"
