"""What the partitions in hand have counted and judged, added up for people: status, metrics, `explain` (W14).

Apart from the router's loop, which never looks at it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from eventflow.route.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from eventflow.route.held import Held
    from eventflow.route.memory import Name
    from eventflow.route.states import Verdict


def counts(held: Collection[Held]) -> dict[tuple[str, str, str], int]:
    """(workflow, trigger, reason) → answers at record rows and timers."""
    total: Counter[tuple[str, str, str]] = Counter()
    for one in held:
        for name, state in one.memory.triggers.items():
            for answers in (state.counts, state.timers):
                for reason, number in answers.items():
                    total[*name, reason] += number
    return dict(total)


def matched(counted: Mapping[tuple[str, str, str], int]) -> Counter[Name]:
    """Trigger → for how many events its filter had a value and was true."""
    total: Counter[Name] = Counter()
    for (workflow, trigger, reason), count in counted.items():
        total[workflow, trigger] += 0 if reason == "filter_error" else count
    return total


def verdicts(held: Collection[Held], name: Name, key: str) -> list[Verdict]:
    """The last verdicts on a key, oldest first."""
    found: list[Verdict] = []
    for one in held:
        state = one.memory.keys.get(name, {}).get(key)
        found += state.verdicts if state is not None else []
        found += one.memory.watched.verdicts(name, key)
    return found


def detectors(held: Collection[Held]) -> list[Watching]:
    """The condition triggers in force, and how their series stand over the partitions in hand."""
    rules = {rule.name: rule for one in held for rule in one.front.rules.watches}
    found = []
    for name, rule in sorted(rules.items()):
        assert rule.trigger.condition is not None  # noqa: S101 - it is a condition trigger
        spec = rule.trigger.condition.detector
        states = [one.memory.watched.states(name) for one in held]
        found.append(Watching(*name, spec.name or spec.type, spec.type, *map(sum, zip(*states, strict=True))))
    return found
