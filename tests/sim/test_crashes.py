"""A node is killed at an await, at each one of them in the long form; it comes back and everything ends well."""

import random

import pytest
from scenarios import SCENARIOS
from sweep import crash_points, sweep

SINGLE = [scenario for scenario in SCENARIOS if len(scenario.nodes) == 1 and scenario.name not in {"timers", "full"}]
SHORT = {"plain": 40, "groups": 40, "approval": 40}
"""Crash points drawn in the short form."""


def named(name):
    return next(scenario for scenario in SINGLE if scenario.name == name)


@pytest.mark.parametrize("name", SHORT)
def test_a_crash_at_some_awaits_breaks_no_promise(name):
    points = range(1, crash_points(named(name)))
    drawn = random.Random(name).sample(points, SHORT[name])
    assert sweep(named(name), sorted(drawn)) == {}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", SINGLE, ids=str)
def test_a_crash_at_any_await_breaks_no_promise(scenario):
    assert sweep(scenario, range(1, crash_points(scenario))) == {}
