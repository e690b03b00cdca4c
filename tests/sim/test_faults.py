"""A simulation that finds nothing proves nothing: each planted fault is found, and its seed is clean without it."""

import pytest
from faults import FAULTS
from scenarios import BY_NAME
from stage import simulate


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault):
    for seed in range(fault.seeds):
        with fault.planted():
            found = fault.is_found(simulate(BY_NAME[fault.scenario], seed))
        if found:
            break
    else:
        pytest.fail(f"{fault.name} was not found in {fault.seeds} seeds of {fault.scenario}")
    assert simulate(BY_NAME[fault.scenario], seed).violations == []
