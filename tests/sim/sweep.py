"""Crash at every await: the node is killed at its k-th step, for each k, once; then everything must come to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stage import simulate
from world import Faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stage import Result, Scenario

SMALL = 0.3
"""The share of a scenario's events that is played: every kind of step comes, few of them often."""


def crash_points(scenario: Scenario, seed: int = 0) -> int:
    """How many steps the first node takes when nothing goes wrong."""
    return simulate(scenario, seed, faults=Faults.latency(), kills=False, size=SMALL).lived[scenario.nodes[0]]


def crash_at(scenario: Scenario, k: int, seed: int = 0) -> Result:
    """The same again, killed before step `k`: up to there everything is as it was."""
    where = (scenario.nodes[0], k)
    return simulate(scenario, seed, faults=Faults.latency(), kills=False, die_at=where, size=SMALL)


def sweep(scenario: Scenario, points: Iterator[int], seed: int = 0) -> dict[int, list[str]]:
    """Crash point → broken promises, for those where some were broken."""
    found = {k: crash_at(scenario, k, seed).violations for k in points}
    return {k: violations for k, violations in found.items() if violations}
