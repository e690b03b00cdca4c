"""What is played: one scenario per thing that has gone wrong in engines of this kind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from documents import (
    SECOND, Case, Concurrency, Retry, ask, at, call, each, on, side_by_side, workflow,
)  # fmt: skip
from stage import Scenario

from eventflow.model import control
from eventflow.model.workflow import Conditions, Dedup, Limit

if TYPE_CHECKING:
    from stage import Stage

    from eventflow.model.workflow import Workflow


def files(*workflows: Workflow) -> dict[str, Workflow]:
    return {one.id: one for one in workflows}


async def trickle(stage: Stage, number: int, seconds: float, *types: str, subjects: int = 3, copies: int = 1) -> None:
    """Events at random moments, each of them `copies` times at once."""
    world, sending = stage.world, []
    for moment in sorted(world.work.random() * seconds for _ in range(number)):
        await world.until(moment)
        type_ = types[int(world.work.random() * len(types))]
        event = world.event(type_, f"s{int(world.work.random() * subjects)}", partitionkey="")
        sending += [asyncio.ensure_future(world.send(event)) for _ in range(copies)]
    await asyncio.gather(*sending)


# --- plain -----------------------------------------------------------------------------------------------------------


def plain_files() -> dict[str, Workflow]:
    branches = {"left": (call("left1"), call("left2")), "right": (call("right1"),)}
    return files(
        workflow("steps", call("one"), call("two", step={"if_": "event.data.key != 's0'"}), call("three"), on=on("order.*")),
        workflow(
            "both", side_by_side("fork", **branches), call("join", note="${{ steps.left2.outputs.number }}"),
            on=on("order.made"),
        ),
        workflow("round", each("every", "[1, 2, 3]", call("do", note="${{ item }}"), at_once=2), on=on("order.paid")),
        workflow("after", call("told"), on=on("eventflow.run.finished", filter_="event.data.workflow == 'steps'")),
    )  # fmt: skip


async def plain_work(stage: Stage) -> None:
    await trickle(stage, 10, 5.0, "order.made", "order.paid")


PLAIN = Scenario("plain", plain_files, plain_work)


# --- duplicates ------------------------------------------------------------------------------------------------------


def doubles_files() -> dict[str, Workflow]:
    return files(
        workflow("bare", call("one"), on=on("order.*")),
        workflow("kept", call("one"), on=on("order.*", key="event.subject", cooldown=1)),
    )


async def doubles_work(stage: Stage) -> None:
    """Each event three times at once, some again much later."""
    world = stage.world
    early = [world.event("order.made", f"s{i % 3}") for i in range(6)]
    for event in early:
        await world.send_all(event, event, event)
        await asyncio.sleep(world.work.random() * 0.6)
    await trickle(stage, 5, 6.0, "order.paid", copies=2)
    await world.send_all(*early)


DOUBLES = Scenario("doubles", doubles_files, doubles_work)


# --- timers ----------------------------------------------------------------------------------------------------------


def timers_files(*, enabled: bool = True) -> dict[str, Workflow]:
    times = ("2027-01-15T08:17:15Z", "2027-01-15T08:47:15Z")
    return files(
        workflow("often", call("one"), on=at(every=3 * SECOND), enabled=enabled),
        workflow("all", call("one"), on=at(every=400 * SECOND, missed="all"), enabled=enabled),
        workflow("hourly", call("one"), on=at(cron="* * * * *", timezone="Europe/Berlin", missed="all", max_late=120 * SECOND), enabled=enabled),
        workflow("once", call("one"), on=at(at=times), enabled=enabled),
        workflow("event", call("one"), on=on("order.*")),
    )


async def timers_work(stage: Stage) -> None:
    """The wall clock jumps an hour forth and back."""
    world = stage.world
    sending = asyncio.ensure_future(trickle(stage, 4, 60.0, "order.made"))
    for moment in (20.0, 45.0):
        await world.until(moment)
        world.skew["n"] = 3_600 * SECOND * (1 if world.work.random() < 0.5 else -1)
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
    for i in range(24):
        event = world.event(
            ("order.made", "order.paid")[i % 2], f"k{int(world.work.random() * 4)}", note=f"n{int(world.work.random() * 3)}"
        )
        event = msgspec.structs.replace(event, extensions={"partitionkey": f"p{int(world.work.random() * 9)}"})
        sending += [asyncio.ensure_future(world.send(event)) for _ in range(1 + (world.work.random() < 0.3))]
        await asyncio.sleep(world.work.random() * 0.6)
    await asyncio.gather(*sending)


KEYED = tuple(
    Scenario(f"keyed{n}", keyed_files, keyed_work, partitions=n, shared=n > 1) for n in (1, 3, 7)
)  # fmt: skip


# --- approval --------------------------------------------------------------------------------------------------------


def approval_files() -> dict[str, Workflow]:
    cases = (Case(name="yes", then="next"), Case(name="again", then="prepare"), Case(name="no", then="fail"))
    return files(
        workflow(
            "release",
            call("prepare", step={"max_visits": 3}),
            ask("sure", *cases, default="no", timeout=3, max_visits=3),
            call("ship"),
            on=on("order.*"),
        )
    )


async def approval_work(stage: Stage) -> None:
    """Answers long before, about at and after the deadline; two of them at once; the process dies meanwhile."""
    world = stage.world
    sending = asyncio.ensure_future(trickle(stage, 6, 4.0, "order.made"))
    answered: set[tuple[str, str, int]] = set()
    while world.loop.now < 1_012:
        for run, path, visit, deadline in stage.view.rows(
            "SELECT run.id, path, visit, deadline FROM wait JOIN run ON run.no = wait.run WHERE wait.kind = 'answer'"
        ):
            if (run, path, visit) not in answered:
                answered.add((run, path, visit))
                sending = asyncio.gather(sending, _answer(stage, run, path, visit, deadline))
        await asyncio.sleep(0.1)
    await sending


async def _answer(stage: Stage, run: str, path: str, visit: int, deadline: int) -> None:
    world = stage.world
    late = deadline / SECOND - (world.wall() / SECOND)
    when = (late * world.work.random(), late - 0.03 + world.work.random() * 0.06, late + world.work.random(), None)
    wait = when[int(world.work.random() * 4)]
    if wait is None:
        return
    await asyncio.sleep(max(0.0, wait))
    for _ in range(1 + (world.work.random() < 0.4)):
        case = ("yes", "again", "no")[int(world.work.random() * 3)]
        await world.order(control.ANSWER, control.Answer(run=run, case=case, path=path, visit=visit, by="ann"))


APPROVAL = Scenario("approval", approval_files, approval_work, horizon=10.0)


# --- waiting for an event --------------------------------------------------------------------------------------------


def waiting_files() -> dict[str, Workflow]:
    wait = {"event": "order.paid", "filter": "event.subject == trigger.key", "timeout": "4s"}
    second = {"event": "order.sent", "filter": "event.subject == trigger.key && event.data.n > 0", "timeout": "3s"}
    return files(
        workflow(
            "sale",
            call("begin", takes=1.0),
            call("paid", uses="wait.event", step={"conditions": Conditions(timeout="next")}, **wait),
            call("sent", uses="wait.event", step={"conditions": Conditions(timeout="next")}, **second),
            call("end"),
            on=on("order.made", key="event.subject"),
        )
    )


async def waiting_work(stage: Stage) -> None:
    """The event comes before the wait begins, at about that time, after it, or never."""
    world = stage.world

    async def sale(i: int) -> None:
        await asyncio.sleep(world.work.random() * 4)
        subject = f"sale{i}"
        await world.send(world.event("order.made", subject))
        for type_ in ("order.paid", "order.sent"):
            if world.work.random() < 0.8:
                await asyncio.sleep(world.work.random() * (0.3 if world.work.random() < 0.5 else 3.0))
                event = world.event(type_, subject, n=int(world.work.random() * 3))
                await world.send_all(*[event] * (1 + (world.work.random() < 0.3)))

    await asyncio.gather(*(sale(i) for i in range(6)))


WAITING = Scenario("waiting", waiting_files, waiting_work)


# --- one at a time ---------------------------------------------------------------------------------------------------


def groups_files() -> dict[str, Workflow]:
    group = "${{ event.subject }}"
    return files(
        workflow("single", call("one", takes=1.0), on=on("order.*"), concurrency=Concurrency(group=group, mode="single", max=1)),
        workflow("queued", call("one", takes=0.6), call("two"), on=on("order.*"), concurrency=Concurrency(mode="queued", max=1)),
        workflow(
            "restart", call("one", takes=1.5), call("two"), on=on("order.*"),
            concurrency=Concurrency(group=group, mode="restart", max=1),
        ),
        workflow("three", call("one", takes=1.0), on=on("order.*"), concurrency=Concurrency(mode="parallel", max=3, queue_max=2)),
    )  # fmt: skip


async def groups_work(stage: Stage) -> None:
    await trickle(stage, 9, 5.0, "order.made", subjects=2)


GROUPS = Scenario("groups", groups_files, groups_work, kills=3)


# --- sub-workflows ---------------------------------------------------------------------------------------------------


def child_files() -> dict[str, Workflow]:
    run = {"workflow": "child", "inputs": {}}
    tries = Retry(max_attempts=4, backoff="fixed", initial=500_000, retry_on=("child",))
    return files(
        workflow(
            "parent", call("before"), call("run", uses="workflow.run", step={"retry": tries}, **run), call("behind"),
            on=on("order.*"),
        ),
        workflow(
            "child", call("work", fails=0.4), retry=Retry(max_attempts=1), concurrency=Concurrency(mode="queued", max=2),
        ),
    )  # fmt: skip


async def child_work(stage: Stage) -> None:
    await trickle(stage, 6, 4.0, "order.made")


CHILDREN = Scenario("children", child_files, child_work)


# --- two routers, one of them frozen ---------------------------------------------------------------------------------


async def zombie_work(stage: Stage) -> None:
    """Each of the two is stopped for longer than the group waits, and comes back in the middle of what it was doing."""
    world = stage.world
    sending = asyncio.ensure_future(keyed_work(stage))
    for _ in range(2):
        await asyncio.sleep(1 + world.work.random() * 3)
        name = ("a", "b")[int(world.work.random() * 2)]
        world.freeze(name)
        await asyncio.sleep(2 + world.work.random() * 8)
        world.thaw(name)
    await sending


ZOMBIES = Scenario(
    "zombies", keyed_files, zombie_work, nodes=("a", "b"), partitions=3, shared=True, kills=1, horizon=20.0
)


# --- reload ----------------------------------------------------------------------------------------------------------


def reload_files(version: int = 0) -> dict[str, Workflow]:
    """Edits of all kinds: what a trigger selects, how long it rests, steps; one comes and one goes."""
    made = [
        workflow(
            "rule", call("one"), call("two"), version=str(version),
            on=on("order.*", key="event.subject", cooldown=(1 + version % 3) * SECOND, filter_=f"event.data.n >= {version % 2}"),
        ),
        workflow("edited", call(f"step{version}"), on=on("order.made", limit=(Limit(1 + version, 4 * SECOND),))),
    ]
    if version % 2:
        made.append(workflow("sometimes", call("one"), on=on("order.paid", cooldown=SECOND)))
    return files(*made)


async def reload_work(stage: Stage) -> None:
    """Files are edited while events come in and the process dies and comes back."""
    world = stage.world

    async def edit() -> None:
        for version in (1, 2, 3):
            await asyncio.sleep(world.work.random() * (0.2 if world.work.random() < 0.3 else 3.5))
            stage.files.pop("sometimes", None)
            await stage.reload(**reload_files(version))
            if world.work.random() < 0.5:
                await asyncio.sleep(world.work.random() * 0.3)
                world.kill("n", "after an edit")

    async def send() -> None:
        for _ in range(20):
            await asyncio.sleep(world.work.random() * 0.7)
            type_ = ("order.made", "order.paid")[int(world.work.random() * 2)]
            await world.send(world.event(type_, f"s{int(world.work.random() * 2)}", n=int(world.work.random() * 3)))

    await asyncio.gather(edit(), send())


RELOAD = Scenario("reload", reload_files, reload_work, horizon=10.0, kills=3)


# --- full disk -------------------------------------------------------------------------------------------------------

FULL = Scenario("full", keyed_files, keyed_work, faults={"refuse": 0.25, "slow": 0.5})


# --- cancel, pause, resume -------------------------------------------------------------------------------------------


def orders_files() -> dict[str, Workflow]:
    return files(
        workflow(
            "long", call("one", fails=0.5), call("nap", uses="wait.duration", duration="1s"), call("two", fails=0.5),
            on=on("order.*"), concurrency=Concurrency(mode="queued", max=2), timeout=20 * SECOND,
        ),
        workflow("twice", call("one", takes=2.0), call("two"), on=on("order.*"), start_within=6 * SECOND,
                 concurrency=Concurrency(mode="queued", max=1)),
    )  # fmt: skip


async def orders_work(stage: Stage) -> None:
    """People cancel, pause and resume whatever they see, in the middle of retries."""
    world = stage.world
    sending = asyncio.ensure_future(trickle(stage, 6, 3.0, "order.made"))
    said = []
    while world.loop.now < 1_009:
        await asyncio.sleep(world.work.random() * 0.8)
        open_ = stage.view.rows("SELECT id FROM run WHERE ended IS NULL ORDER BY no")
        if open_:
            run = open_[int(world.work.random() * len(open_))][0]
            type_ = (control.CANCEL, control.PAUSE, control.RESUME, control.RESUME)[int(world.work.random() * 4)]
            said.append(asyncio.ensure_future(world.order(type_, control.Order(run=run, by="ann"))))
    await asyncio.gather(sending, *said)


async def orders_calm(stage: Stage) -> None:
    """What is paused goes on."""
    for _ in range(8):
        for (run,) in stage.view.rows("SELECT id FROM run WHERE status = 'paused'"):
            await stage.world.order(control.RESUME, control.Order(run=run, by="ann"))
        await asyncio.sleep(1)


ORDERS = Scenario("orders", orders_files, orders_work, calm=orders_calm, horizon=9.0)


# --- retention -------------------------------------------------------------------------------------------------------

RETENTION = Scenario(
    "retention", keyed_files, keyed_work, bus={"segment_bytes": 2_000, "max_age": 0.5, "segment_age": 0.3}, kills=4,
)  # fmt: skip


SCENARIOS = (
    PLAIN, DOUBLES, TIMERS, *KEYED, APPROVAL, WAITING, GROUPS, CHILDREN, ZOMBIES, RELOAD, FULL, ORDERS, RETENTION,
)  # fmt: skip
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
