"""Scenarios of the router: doubles, schedules, keys over partitions, two routers, edited rules, full disks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from documents import SECOND, at, call, files, on, one_of, some, trickle, workflow
from stage import Scenario

from eventflow.model.workflow import Dedup, Limit

if TYPE_CHECKING:
    from stage import Stage

    from eventflow.model.workflow import Workflow


# --- the same event several times at once ----------------------------------------------------------------------------


def doubles_files() -> dict[str, Workflow]:
    return files(
        workflow("bare", call("one"), on=on("order.*")),
        workflow("kept", call("one"), on=on("order.*", key="event.subject", cooldown=SECOND)),
    )


async def doubles_work(stage: Stage) -> None:
    """Each event three times at once, some again much later."""
    world = stage.world
    early = [world.event("order.made", f"s{i % 3}") for i in range(some(stage, 6))]
    for event in early:
        await world.send_all(event, event, event)
        await asyncio.sleep(world.work.random() * 0.6)
    await trickle(stage, 5, 6.0, "order.paid", copies=2)
    await world.send_all(*early)


DOUBLES = Scenario("doubles", doubles_files, doubles_work)


# --- schedules -------------------------------------------------------------------------------------------------------


def timers_files(*, enabled: bool = True) -> dict[str, Workflow]:
    minutes = {"cron": "* * * * *", "timezone": "Europe/Berlin", "missed": "all", "max_late": 120 * SECOND}
    times = ("2027-01-15T08:17:15Z", "2027-01-15T08:47:15Z")
    return files(
        workflow("often", call("one"), on=at(every=3 * SECOND), enabled=enabled),
        workflow("all", call("one"), on=at(every=400 * SECOND, missed="all"), enabled=enabled),
        workflow("minutes", call("one"), on=at(**minutes), enabled=enabled),
        workflow("once", call("one"), on=at(at=times), enabled=enabled),
        workflow("event", call("one"), on=on("order.*")),
    )


async def timers_work(stage: Stage) -> None:
    """The wall clock jumps an hour forth or back, twice."""
    world = stage.world
    sending = asyncio.ensure_future(trickle(stage, 4, 60.0, "order.made"))
    for moment in (20.0, 45.0):
        await world.until(moment)
        world.skew["n"] = 3_600 * SECOND * one_of(world, (1, -1))
    await world.until(70)
    await sending


async def timers_calm(stage: Stage) -> None:
    await stage.reload(**timers_files(enabled=False))
    await asyncio.sleep(6)


TIMERS = Scenario("timers", timers_files, timers_work, calm=timers_calm, horizon=70.0)


# --- keys over partitions --------------------------------------------------------------------------------------------


def keyed_files() -> dict[str, Workflow]:
    key = "event.data.key"
    return files(
        workflow("cool", call("one"), on=on("order.*", key=key, cooldown=2 * SECOND)),
        workflow("few", call("one"), on=on("order.*", key=key, limit=(Limit(2, 3 * SECOND), Limit(3, 6 * SECOND)))),
        workflow("fresh", call("one"), on=on("order.*", key=key, dedup=Dedup("event.data.note", 3 * SECOND))),
        workflow("whole", call("one"), on=on("order.made", cooldown=SECOND)),
        workflow("bare", call("one"), on=on("order.paid")),
    )


async def keyed_work(stage: Stage) -> None:
    """Events of few keys from many places, so that most are handed on; some of them twice."""
    world, sending = stage.world, []
    for i in range(some(stage, 24)):
        note = f"n{int(world.work.random() * 3)}"
        event = world.event(("order.made", "order.paid")[i % 2], f"k{int(world.work.random() * 4)}", note=note)
        event = msgspec.structs.replace(event, extensions={"partitionkey": f"p{int(world.work.random() * 9)}"})
        sending += [asyncio.ensure_future(world.send(event)) for _ in range(1 + (world.work.random() < 0.3))]
        await asyncio.sleep(world.work.random() * 0.6)
    await asyncio.gather(*sending)


KEYED = tuple(Scenario(f"keyed{n}", keyed_files, keyed_work, partitions=n, shared=n > 1) for n in (1, 3, 7))
FULL = Scenario("full", keyed_files, keyed_work, faults={"refuse": 0.25, "slow": 0.5})
SHORT_LOG = {"segment_bytes": 2_000, "max_age": 0.5, "segment_age": 0.3}
RETENTION = Scenario("retention", keyed_files, keyed_work, bus=SHORT_LOG, kills=4)


# --- two routers, one of them stopped for a while --------------------------------------------------------------------


def zombie_files() -> dict[str, Workflow]:
    """Runs that take longer than a lease, so that a stopped node has some in its hands when it comes back."""
    steps = (call(f"step{i}", takes=2.5) for i in range(4))
    return keyed_files() | files(workflow("slow", *steps, on=on("order.made", key="event.data.key", cooldown=SECOND)))


async def zombie_work(stage: Stage) -> None:
    """One of the two is stopped for longer than the group waits, and goes on in the middle of what it was doing."""
    world = stage.world
    sending = asyncio.ensure_future(keyed_work(stage))
    for _ in range(2):
        await asyncio.sleep(1 + world.work.random() * 3)
        name = one_of(world, ("a", "b"))
        world.freeze(name)
        await asyncio.sleep(2 + world.work.random() * 8)
        world.thaw(name)
    await sending


ZOMBIES = Scenario(
    "zombies", zombie_files, zombie_work, nodes=("a", "b"), partitions=3, shared=True, kills=1, horizon=20.0
)


# --- a group that never comes to rest ---------------------------------------------------------------------------------


async def dealt_work(stage: Stage) -> None:
    """Members die, stop and come back while the partitions are dealt anew every second or so."""
    world, sending = stage.world, asyncio.ensure_future(trickle(stage, 40, 20.0, "order.made"))
    keyed = asyncio.ensure_future(keyed_work(stage))
    for _ in range(3):
        await asyncio.sleep(world.work.random() * 4)
        name = one_of(world, ("a", "b", "c"))
        world.freeze(name)
        await asyncio.sleep(world.work.random() * 4)
        world.thaw(name)
    await sending
    await keyed


DEALT = Scenario(
    "dealt", keyed_files, dealt_work, nodes=("a", "b", "c"), partitions=3, shared=True, kills=1, horizon=20.0,
    faults={"deal": 0.6}, bus={"max_age": 3.0},
)  # fmt: skip


# --- edited rules ----------------------------------------------------------------------------------------------------


def reload_files(version: int = 0) -> dict[str, Workflow]:
    """Edits of all kinds: what a trigger selects, how long it rests, steps; one comes and one goes."""
    rule = {"cooldown": (1 + version % 3) * SECOND, "filter_": f"event.data.n >= {version % 2}"}
    made = [
        workflow("rule", call("one"), version=str(version), on=on("order.*", key="event.subject", **rule)),
        workflow("edited", call(f"step{version}"), on=on("order.made", limit=(Limit(1 + version, 4 * SECOND),))),
    ]
    if version % 2:
        made.append(workflow("sometimes", call("one"), on=on("order.paid", cooldown=SECOND)))
    return files(*made)


def moving_files(version: int = 0) -> dict[str, Workflow]:
    """The key changes with every edit, so that state moves to another partition and forwards meet newer rules."""
    key = ("event.subject", "event.data.key", "event.data.n")[version % 3]
    return files(
        workflow("moves", call("one"), version=str(version), on=on("order.*", key=key, cooldown=2 * SECOND)),
        workflow("stays", call("one"), on=on("order.*", key="event.subject", limit=(Limit(2, 3 * SECOND),))),
        workflow("bare", call("one"), version=str(version), on=on("order.made")),
    )


async def _edit(stage: Stage) -> None:
    """Files are edited, now and then twice in no time, and the process often dies of it."""
    world = stage.world
    for version in (1, 2, 3):
        await asyncio.sleep(world.work.random() * one_of(world, (0.2, 3.5, 3.5)))
        stage.files.pop("sometimes", None)
        await stage.reload(**stage.scenario.files(version))
        if world.work.random() < 0.5:
            await asyncio.sleep(world.work.random() * 0.3)
            world.kill(stage.nodes[0].name, "after an edit")


async def reload_work(stage: Stage) -> None:
    """Events come in meanwhile."""
    world, editing = stage.world, asyncio.ensure_future(_edit(stage))
    for _ in range(some(stage, 20)):
        await asyncio.sleep(world.work.random() * 0.7)
        subject = f"s{int(world.work.random() * 2)}"
        event = world.event(one_of(world, ("order.made", "order.paid")), subject, n=one_of(world, (0, 1, 2)))
        event = msgspec.structs.replace(event, extensions={"partitionkey": f"p{int(world.work.random() * 9)}"})
        await world.send_all(*[event] * (1 + (world.work.random() < 0.2)))
    await editing


RELOAD = Scenario("reload", reload_files, reload_work, horizon=10.0, kills=3)
MOVING = Scenario(
    "moving", moving_files, reload_work, nodes=("a", "b"), partitions=3, shared=True, horizon=10.0, kills=2
)


SCENARIOS = (DOUBLES, TIMERS, *KEYED, ZOMBIES, DEALT, RELOAD, MOVING, FULL, RETENTION)
