"""Scenarios of the executor: steps, people, waits, groups, sub-workflows, orders, and everything at its edges."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from checks_runs import waits_take_the_first_that_fits
from documents import (
    SECOND,
    Case,
    Retry,
    ask,
    call,
    each,
    files,
    on,
    one_of,
    side_by_side,
    some,
    trickle,
    until,
    workflow,
)  # fmt: skip
from stage import Scenario

from eventflow.model import control
from eventflow.model.workflow import Concurrency, Conditions, Fallback

if TYPE_CHECKING:
    from stage import Stage

    from eventflow.model.workflow import Workflow


# --- plain -----------------------------------------------------------------------------------------------------------


def plain_files() -> dict[str, Workflow]:
    fork = side_by_side("fork", left=(call("left1"), call("left2")), right=(call("right1"),))
    steps = (call("one"), call("two", step={"if_": "event.data.key != 's0'"}), call("three"))
    return files(
        workflow("steps", *steps, on=on("order.*")),
        workflow("both", fork, call("join", note="${{ steps.left2.outputs.number }}"), on=on("order.made")),
        workflow("round", each("every", "[1, 2, 3]", call("do", note="${{ item }}"), at_once=2), on=on("order.paid")),
        workflow("after", call("told"), on=on("eventflow.run.finished", filter_="event.data.workflow == 'steps'")),
    )


async def plain_work(stage: Stage) -> None:
    await trickle(stage, 10, 5.0, "order.made", "order.paid")


PLAIN = Scenario("plain", plain_files, plain_work)


# --- people who answer -----------------------------------------------------------------------------------------------


def approval_files() -> dict[str, Workflow]:
    cases = (Case(name="yes", then="next"), Case(name="again", then="prepare"), Case(name="no", then="fail"))
    prepare, sure = call("prepare", step={"max_visits": 3}), ask("sure", *cases, default="no", timeout=3, max_visits=3)
    return files(workflow("release", prepare, sure, call("ship"), on=on("order.*")))


async def approval_work(stage: Stage) -> None:
    """Answers long before, about at and after the deadline; two of them at once; the process dies meanwhile."""
    world = stage.world
    saying = [asyncio.ensure_future(trickle(stage, 6, 4.0, "order.made"))]
    answered = set()
    questions = "SELECT run.id, path, visit, deadline FROM wait JOIN run ON run.no = wait.run WHERE kind = 'answer'"
    while world.loop.now < 1_012:
        for question in stage.view.rows(questions):
            if question[:3] not in answered:
                answered.add(question[:3])
                saying.append(asyncio.ensure_future(_answer(stage, *question)))
        await asyncio.sleep(0.1)
    await asyncio.gather(*saying)


async def _answer(stage: Stage, run: str, path: str, visit: int, deadline: int) -> None:
    world = stage.world
    left = (deadline - world.wall()) / SECOND
    by_then = (left * world.work.random(), left - 0.03 + world.work.random() * 0.06, left + world.work.random(), None)
    wait = one_of(world, (*by_then, by_then[1], by_then[1]))
    if wait is None:
        return
    await asyncio.sleep(max(0.0, wait))
    for _ in range(1 + (world.work.random() < 0.4)):
        case = one_of(world, ("yes", "again", "no"))
        await world.order(control.ANSWER, control.Answer(run=run, case=case, path=path, visit=visit, by="ann"))


APPROVAL = Scenario("approval", approval_files, approval_work, horizon=10.0)


# --- waiting for an event --------------------------------------------------------------------------------------------


def waiting_files() -> dict[str, Workflow]:
    go_on = {"conditions": Conditions(timeout="next")}
    paid = {"event": "order.paid", "filter": "event.subject == trigger.key", "timeout": "4s"}
    sent = {"event": "order.sent", "filter": "event.subject == trigger.key && event.data.n > 0", "timeout": "3s"}
    waits = (call("paid", uses="wait.event", step=go_on, **paid), call("sent", uses="wait.event", step=go_on, **sent))
    steps = (call("begin", takes=1.0), *waits, call("end"))
    return files(workflow("sale", *steps, on=on("order.made", key="event.subject")))


async def waiting_work(stage: Stage) -> None:
    """The event comes before the wait begins, at about that time, after it, or never."""
    await asyncio.gather(*(_sale(stage, f"sale{i}") for i in range(some(stage, 6))))


async def _sale(stage: Stage, subject: str) -> None:
    world = stage.world
    await asyncio.sleep(world.work.random() * 4)
    await world.send(world.event("order.made", subject))
    for type_ in ("order.paid", "order.sent"):
        if world.work.random() < 0.8:
            await asyncio.sleep(world.work.random() * one_of(world, (0.3, 3.0)))
            event = world.event(type_, subject, n=int(world.work.random() * 3))
            await world.send_all(*[event] * (1 + (world.work.random() < 0.3)))


WAITING = Scenario("waiting", waiting_files, waiting_work, checks=(waits_take_the_first_that_fits,))


# --- one at a time ---------------------------------------------------------------------------------------------------


def groups_files() -> dict[str, Workflow]:
    own, order = {"group": "${{ event.subject }}", "max": 1}, on("order.*")
    three = Concurrency(mode="parallel", max=3, queue_max=2)
    return files(
        workflow("single", call("one", takes=1.0), on=order, concurrency=Concurrency(mode="single", **own)),
        workflow("queued", call("one"), call("two"), on=order, concurrency=Concurrency(mode="queued", max=1)),
        workflow("restart", call("one", takes=1.5), on=order, concurrency=Concurrency(mode="restart", **own)),
        workflow("three", call("one", takes=1.0), on=order, concurrency=three),
    )


async def groups_work(stage: Stage) -> None:
    await trickle(stage, 9, 5.0, "order.made", subjects=2)


GROUPS = Scenario("groups", groups_files, groups_work, kills=3)


# --- sub-workflows ---------------------------------------------------------------------------------------------------


def child_files() -> dict[str, Workflow]:
    tries = Retry(max_attempts=4, backoff="fixed", initial=500_000, retry_on=("child",))
    child = call("run", uses="workflow.run", step={"retry": tries}, workflow="child", inputs={})
    alone = {"retry": Retry(max_attempts=1), "concurrency": Concurrency(mode="queued", max=2)}
    return files(
        workflow("parent", call("before"), child, call("behind"), on=on("order.*")),
        workflow("child", call("work", fails=0.4), **alone),
    )


async def child_work(stage: Stage) -> None:
    await trickle(stage, 6, 4.0, "order.made")


CHILDREN = Scenario("children", child_files, child_work)


# --- cancel, pause, resume -------------------------------------------------------------------------------------------


def orders_files() -> dict[str, Workflow]:
    nap = call("nap", uses="wait.duration", duration="1s")
    long = (call("one", fails=0.5), nap, call("two", fails=0.5))
    two, one = Concurrency(mode="queued", max=2), Concurrency(mode="queued", max=1)
    return files(
        workflow("long", *long, on=on("order.*"), concurrency=two, timeout=20 * SECOND),
        workflow(
            "twice", call("one", takes=2.0), call("two"), on=on("order.*"), concurrency=one, start_within=6 * SECOND
        ),
    )


async def orders_work(stage: Stage) -> None:
    """People cancel, pause and resume whatever they see, in the middle of retries."""
    world = stage.world
    saying = [asyncio.ensure_future(trickle(stage, 6, 3.0, "order.made"))]
    while world.loop.now < 1_009:
        await asyncio.sleep(world.work.random() * 0.8)
        open_ = stage.view.rows("SELECT id FROM run WHERE ended IS NULL ORDER BY no")
        if open_:
            order = control.Order(run=one_of(world, open_)[0], by="ann")
            type_ = one_of(world, (control.CANCEL, control.PAUSE, control.RESUME, control.RESUME))
            saying.append(asyncio.ensure_future(world.order(type_, order)))
    await asyncio.gather(*saying)


async def orders_calm(stage: Stage) -> None:
    """What is paused goes on."""
    for _ in range(8):
        for (run,) in stage.view.rows("SELECT id FROM run WHERE status = 'paused'"):
            await stage.world.order(control.RESUME, control.Order(run=run, by="ann"))
        await asyncio.sleep(1)


ORDERS = Scenario("orders", orders_files, orders_work, calm=orders_calm, horizon=9.0)


# --- the edges -------------------------------------------------------------------------------------------------------


def edges_files() -> dict[str, Workflow]:
    """Whatever has an edge: races of branches, rounds with a delay, timeouts, handlers, fallbacks, what must not be
    repeated, events that a run emits, and a workflow that would wake itself."""
    race = side_by_side(
        "race", join="any", on_failure="cancel", fast=(call("quick", takes=0.5),), slow=(call("lame", takes=3.0),)
    )
    rounds = until("rounds", "steps.look.outputs.number > 0 && loop.index > 1", call("look"), delay=0.4)
    hung = call("hung", takes=4.0, step={"timeout": SECOND, "retry": Retry(max_attempts=2, backoff="none")})
    broken = call("broken", fails=1.0, step={"retry": Retry(max_attempts=2, backoff="none")})
    handled = call(
        "fragile", fails=0.7, step={"retry": Retry(max_attempts=1), "conditions": Conditions(failure="mend")}
    )
    emit = call("emit", uses="event.emit", type="order.emitted", data={"of": "${{ run.id }}"})
    return files(
        workflow("race", race, rounds, on=on("order.*")),
        workflow("hung", hung, on=on("order.*"), timeout=10 * SECOND, fallback=(Fallback(action="sim.call"),)),
        workflow("broken", broken, call("save"), on=on("order.made"), fallback=(Fallback(action="save"),)),
        workflow("handled", handled, call("mend"), call("rest"), on=on("order.made")),
        workflow("once", call("shot", uses="sim.once", takes=0.5), on=on("order.*")),
        workflow("emits", call("first"), emit, on=on("order.*")),
        workflow("hears", call("told"), on=on("order.emitted")),
    )


async def edges_work(stage: Stage) -> None:
    """Some runs are repeated by people, whole or from a step; some are started by hand."""
    world = stage.world
    saying = [asyncio.ensure_future(trickle(stage, 4, 4.0, "order.made", "order.paid"))]
    for _ in range(4):
        await asyncio.sleep(world.work.random() * 2)
        ended = stage.view.rows("SELECT id FROM run WHERE ended IS NOT NULL AND workflow = 'emits' ORDER BY no")
        if ended and world.work.random() < 0.6:
            again = control.Rerun(run=one_of(world, ended)[0], from_step=one_of(world, ("", "emit")), by="ann")
            saying.append(asyncio.ensure_future(world.order(control.RERUN, again)))
        else:
            started = control.Start(workflow=one_of(world, ("race", "once")), by="ann")
            saying.append(asyncio.ensure_future(world.order(control.START, started)))
    await asyncio.gather(*saying)


EDGES = Scenario("edges", edges_files, edges_work)


SCENARIOS = (PLAIN, APPROVAL, WAITING, GROUPS, CHILDREN, ORDERS, EDGES)
