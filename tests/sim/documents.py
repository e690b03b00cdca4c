"""Short ways to write what a scenario needs: workflows, and events that come at random moments."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from eventflow.model.workflow import (
    Action,
    Case,
    Decision,
    Loop,
    Parallel,
    Retry,
    Schedule,
    Selector,
    Step,
    Trigger,
    Workflow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stage import Stage
    from world import World

T = TypeVar("T")
SECOND = 1_000_000
QUICK = Retry(max_attempts=12, backoff="fixed", initial=300_000, retry_on=("503", "connection", "timeout"))
"""Tries often enough that a fault of the sink ends no run."""


# --- workflows -------------------------------------------------------------------------------------------------------


def files(*workflows: Workflow) -> dict[str, Workflow]:
    return {one.id: one for one in workflows}


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


def side_by_side(name: str, *, join: Any = "all", on_failure: Any = "wait", **branches: tuple[Step, ...]) -> Step:
    return Step(name=name, do=Parallel(branches=branches, join=join, on_branch_failure=on_failure))


def each(name: str, items: str, *steps: Step, at_once: int = 1) -> Step:
    return Step(name=name, do=Loop(steps=steps, for_each=items, max_parallel=at_once))


def until(name: str, condition: str, *steps: Step, delay: float = 0) -> Step:
    return Step(name=name, do=Loop(steps=steps, until=condition, delay=int(delay * SECOND), max_iterations=5))


# --- events ----------------------------------------------------------------------------------------------------------


def some(stage: Stage, number: int) -> int:
    """So many of them, or fewer where the stage is small."""
    return max(2, round(number * stage.size))


def one_of(world: World, choices: Sequence[T]) -> T:
    return choices[int(world.work.random() * len(choices))]


async def trickle(stage: Stage, number: int, seconds: float, *types: str, subjects: int = 3, copies: int = 1) -> None:
    """Events at random moments, each of them `copies` times at once."""
    world, sending = stage.world, []
    for moment in sorted(world.work.random() * seconds for _ in range(some(stage, number))):
        await world.until(moment)
        event = world.event(one_of(world, types), f"s{int(world.work.random() * subjects)}")
        sending += [asyncio.ensure_future(world.send(event)) for _ in range(copies)]
    await asyncio.gather(*sending)


__all__ = [
    "QUICK", "SECOND", "Case", "Retry", "ask", "at", "call", "each", "files", "on", "one_of", "side_by_side", "some",
    "trickle", "until", "workflow",
]  # fmt: skip
