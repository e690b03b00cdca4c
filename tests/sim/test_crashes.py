"""A node is killed at an await, at each one of them in the long form; it comes back and everything ends well."""

import random

import pytest
from scenarios import BY_NAME, SCENARIOS
from sweep import crash_points, sweep

SINGLE = [scenario for scenario in SCENARIOS if len(scenario.nodes) == 1 and scenario.name not in {"timers", "full"}]
SEVERAL = [scenario for scenario in SCENARIOS if len(scenario.nodes) > 1]
SHORT = {"plain": 40, "groups": 40, "approval": 40, "zombies": 20, "moving": 20}
"""Crash points drawn in the short form."""


def drawn(scenario, number):
    points = range(1, crash_points(scenario))
    return sorted(random.Random(scenario.name).sample(points, min(number, len(points))))


@pytest.mark.parametrize("name", SHORT)
def test_a_crash_at_some_awaits_breaks_no_promise(name):
    assert sweep(BY_NAME[name], drawn(BY_NAME[name], SHORT[name])) == {}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", SEVERAL, ids=str)
def test_a_crash_of_one_of_several_breaks_no_promise(scenario):
    """A thousand points: each is a life of several processes and takes a second."""
    assert sweep(scenario, drawn(scenario, 1_000)) == {}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", SINGLE, ids=str)
def test_a_crash_at_any_await_breaks_no_promise(scenario):
    assert sweep(scenario, range(1, crash_points(scenario))) == {}
