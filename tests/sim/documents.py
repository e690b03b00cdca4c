"""Short ways to write the workflows of a scenario."""

from __future__ import annotations

from typing import Any

from eventflow.model.workflow import (
    Action, Case, Concurrency, Decision, Loop, Parallel, Retry, Schedule, Selector, Step, Trigger, Workflow,
)  # fmt: skip

SECOND = 1_000_000
QUICK = Retry(max_attempts=12, backoff="fixed", initial=300_000, retry_on=("503", "connection", "timeout"))
"""Tries often enough that a fault of the sink ends no run."""


def workflow(id_: str, *steps: Step, on: tuple[Trigger, ...] | Trigger = (), **fields: Any) -> Workflow:
    triggers = on if isinstance(on, tuple) else (on,)
    return Workflow(id=id_, name=id_, triggers=triggers, steps=steps, **{"retry": QUICK, **fields})


def on(event: str, *, id_: str = "t", filter_: str | None = None, **fields: Any) -> Trigger:
    return Trigger(id=id_, type="event", selector=Selector(event=event, filter=filter_), **fields)


def at(id_: str = "t", **schedule: Any) -> Trigger:
    return Trigger(id=id_, type="schedule", schedule=Schedule(**schedule))


def call(name: str, *, uses: str = "sim.call", step: dict[str, Any] | None = None, **with_: Any) -> Step:
    return Step(name=name, do=Action(uses=uses, with_=with_), **(step or {}))


def ask(name: str, *cases: Case, default: str, timeout: float, **step: Any) -> Step:
    do = Decision(cases=cases, default=default, by="human", question="Go?", timeout=int(timeout * SECOND))
    return Step(name=name, do=do, **step)


def side_by_side(name: str, *, join: Any = "all", **branches: tuple[Step, ...]) -> Step:
    return Step(name=name, do=Parallel(branches=branches, join=join))


def each(name: str, items: str, *steps: Step, at_once: int = 1) -> Step:
    return Step(name=name, do=Loop(steps=steps, for_each=items, max_parallel=at_once))


__all__ = [
    "QUICK", "SECOND", "Action", "Case", "Concurrency", "Retry", "ask", "at", "call", "each", "on", "side_by_side",
    "workflow",
]  # fmt: skip
