"""The order rule: which steps of a list are handlers, and where a list goes by itself.

`validate` prints what `execute` does, so both ask here. A step that is named only in failure-like conditions, or only
as a fallback, is a handler: the normal order passes over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.model.workflow import Decision, Loop, Parallel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.model.workflow import Step, Workflow

WORDS: Final = frozenset(("next", "continue", "end", "fail", "cancel"))
"""Targets that are no step names."""


def bodies(step: Step) -> tuple[tuple[Step, ...], ...]:
    """The lists of steps inside a step: a parallel step's branches, a loop's body."""
    if isinstance(step.do, Parallel):
        return tuple(step.do.branches.values())
    return (step.do.steps,) if isinstance(step.do, Loop) else ()


def every(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step of a list, nested ones included, in the order of the document."""
    for step in steps:
        yield step
        for body in bodies(step):
            yield from every(body)


def handlers(workflow: Workflow) -> frozenset[str]:
    """The names of the steps that only a failure leads to.

    A step with `max_visits` that only later steps of the normal order name is none: they lead back to it.
    """
    normal: set[str] = set()
    failing: dict[str, set[str]] = {fallback.action: {""} for fallback in workflow.fallback}
    places: dict[str, int] = {"": -1}
    revisited = set()
    for place, step in enumerate(every(workflow.steps)):
        places[step.name] = place
        if step.max_visits is not None:
            revisited.add(step.name)
        conditions = step.conditions
        for target in (conditions.failure, conditions.timeout, conditions.cancelled):
            if target:
                failing.setdefault(target, set()).add(step.name)
        normal |= {target for target in (conditions.success, conditions.skipped) if target}
        if isinstance(step.do, Decision):
            normal |= {case.then for case in step.do.cases}
    found = (failing.keys() - normal - WORDS) & places.keys()
    back = {
        name
        for name in found & revisited
        if all(by == name or (places[by] > places[name] and by not in found) for by in failing[name])
    }
    return frozenset(found - back)
