"""Scenarios of condition triggers: series that are judged, and models that are made, while the process dies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from documents import SECOND, call, files, workflow
from stage import Scenario

from eventflow.model.detection import Bounds, Condition, DetectorSpec, Judging
from eventflow.model.workflow import Limit, Selector, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from stage import Stage

    from eventflow.model.workflow import Workflow

TRAIN = {"window": 60, "min_samples": 20, "retrain_every": 30}


def judged(
    kind: str, *, config: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **more: Any
) -> Trigger:
    own = {name: more.pop(name) for name in ("for_", "clear_for", "fire_on") if name in more}
    judging, key = more.pop("judging", Judging()), more.pop("key", "event.data.key")
    detector = DetectorSpec(type=kind, config=config or {}, judging=judging, **(spec or {}))
    condition = Condition(value="event.data.v", detector=detector, **own)
    return Trigger(id="t", type="condition", selector=Selector(event="metric.*"), key=key, condition=condition, **more)


def judging_files() -> dict[str, Workflow]:
    forest = {"trees": 10, "sample": 16, "train": TRAIN}
    held = judged("threshold", config={"above": 60.0}, for_=2 * SECOND, clear_for=3 * SECOND, fire_on="both")
    whole = judged("adaptive", key=None, judging=Judging(sensitivity=20.0), limit=(Limit(2, 9 * SECOND),))
    return files(
        workflow("plain", call("one"), on=judged("threshold", config={"above": 60.0, "below": 40.0}, fire_on="both")),
        workflow("held", call("one"), on=held),
        workflow("adaptive", call("one"), on=whole),
        workflow(
            "forest", call("one"), on=judged(
                "isolation_forest", config=forest, spec={"per_key": True},
                judging=Judging(sensitivity=10.0, warmup=Bounds(above=65.0)),
            ),
        ),
    )  # fmt: skip


async def judging_work(stage: Stage) -> None:
    """Samples of three series from everywhere, some of them twice, for two minutes: long enough for two models."""
    world, sending = stage.world, []
    for _ in range(max(30, round(240 * stage.size))):
        value = 50 + 4 * (world.work.random() + world.work.random() - 1) * 2
        if world.work.random() < 0.06:
            value += 40 * (1 if world.work.random() < 0.5 else -1)
        event = world.event("metric.sample", f"m{int(world.work.random() * 3)}", v=value)
        place = f"p{int(world.work.random() * 9)}" if stage.scenario.name.startswith("watched") else event.subject
        event = msgspec.structs.replace(event, extensions={"partitionkey": place})
        sending += [asyncio.ensure_future(world.send(event)) for _ in range(1 + (world.work.random() < 0.1))]
        await asyncio.sleep(world.work.random())
    await asyncio.gather(*sending)


def it_judged(stage: Stage) -> Iterator[str]:
    """The play was worth it: every kind of detector had its say, and models were in use."""
    if stage.size < 1:
        return
    for name in ("plain", "adaptive", "forest"):
        if not stage.counts[name, "t"].get("fired"):
            yield f"{name} never fired: {stage.counts[name, 't']}"


JUDGING = tuple(
    Scenario(
        f"judging{n}" if n == 1 else f"watched{n}", judging_files, judging_work, partitions=n, shared=n > 1, kills=4,
        horizon=110.0, checks=(it_judged,), seeds=3,
    )
    for n in (1, 3, 7)
)  # fmt: skip
SCENARIOS = JUDGING
