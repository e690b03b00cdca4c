"""Every scenario with random crashes, latencies, refusals and lost answers: no promise is broken."""

import os

import pytest
from scenarios import SCENARIOS
from stage import simulate

MANY = int(os.environ.get("EVENTFLOW_SIM_SEEDS", "200"))
"""Seeds of each scenario in the long form."""


def play(scenario, seeds):
    broken = {seed: found for seed in seeds if (found := simulate(scenario, seed).violations)}
    assert broken == {}, f"python tests/sim/replay.py {scenario} <seed> tells what happened: {broken}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_no_promise_is_broken(scenario):
    play(scenario, range(scenario.seeds))


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
@pytest.mark.timeout(3600)
def test_no_promise_is_broken_in_many_seeds(scenario):
    play(scenario, range(scenario.seeds, MANY))
