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
    """The names of the steps that only a failure leads to."""
    normal: set[str] = set()
    failing = {fallback.action for fallback in workflow.fallback}
    names = set()
    for step in every(workflow.steps):
        names.add(step.name)
        conditions = step.conditions
        failing |= {target for target in (conditions.failure, conditions.timeout, conditions.cancelled) if target}
        normal |= {target for target in (conditions.success, conditions.skipped) if target}
        if isinstance(step.do, Decision):
            normal |= {case.then for case in step.do.cases}
    return frozenset((failing - normal - WORDS) & names)
