"""What people decide: each becomes a record of the control partition, and is answered once that is stored (W5)."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from eventflow import ports
from eventflow.console.bodies import Recorded
from eventflow.errors import NotFound
from eventflow.model import control
from eventflow.model.event import ENGINE
from eventflow.model.identity import digest, run_id
from eventflow.model.order import every
from eventflow.model.record import CONTROL, Entry
from eventflow.model.workflow import decode
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec
    from aiohttp import web

    from eventflow.console.bodies import BackupBody, LossBody
    from eventflow.console.call import Call


async def events(call: Call) -> web.StreamResponse:
    """The same door as on the public listener."""
    return await call.house.accept(call.request)


async def drain(call: Call) -> Recorded:
    """Begin to stop."""
    await call.body()
    call.house.drain()
    return Recorded("drain")


async def backup(call: Call) -> BackupBody:
    """Copy log and store."""
    await call.body()
    return await call.house.backup()


async def accept_loss(call: Call) -> LossBody:
    """Not a record of the control partition: that may be the one that stands still."""
    body, name = await call.body(), call.path("partition")
    if name != "control" and not (name.isascii() and name.isdigit() and len(name) < 6):
        raise NotFound(f"there is no partition {name!r}; a partition is 'control' or a number")
    partition = CONTROL if name == "control" else int(name)
    return await call.house.accept_loss(
        partition, body.get("lost"), body["to"], by=call.by, comment=body.get("comment", "")
    )


async def cancel(call: Call) -> Recorded:
    """End a run."""
    return await _order(call, control.CANCEL)


async def pause(call: Call) -> Recorded:
    """Hold a run."""
    return await _order(call, control.PAUSE)


async def resume(call: Call) -> Recorded:
    """Let a run go on."""
    return await _order(call, control.RESUME)


async def _order(call: Call, type_: str) -> Recorded:
    body = await call.body()
    run = await _open_run(call)
    order = control.Order(run=run, by=call.by, comment=body.get("comment", ""), mode=body.get("mode", "go"))
    return Recorded(await _record(call, type_, order), run)


async def rerun(call: Call) -> Recorded:
    """A new run with the old one's definition, events and inputs."""
    body = await call.body()
    found = await call.house.store.run(call.path("run"))
    step = body.get("from_step", "")
    if step:
        there = [one.name for one in every(decode(await call.house.store.definition(found.definition)).steps)]
        if step not in there:
            raise refused(
                "invalid", f"{found.workflow} as {found.id} ran it has no step {step!r}; {_steps(step, there)}"
            )
    id_ = await _record(call, control.RERUN, control.Rerun(found.id, step, call.by))
    return Recorded(id_, run_id("rerun", found.id, [(ENGINE, id_)]))


def _steps(wanted: str, there: Sequence[str]) -> str:
    near = get_close_matches(wanted, there, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(there)}"


async def answer(call: Call) -> Recorded:
    """Answer an open question; a case that was not offered is refused at once."""
    body = await call.body()
    run = await _open_run(call)
    open_ = [one for one in await call.house.store.questions(10_000) if one.run == run]
    path = body.get("path", "")
    asked = [one.wait for one in open_ if not path or one.wait.path == path]
    if not asked:
        raise refused("conflict", f"{run} asks nothing{f' at step {path!r}' if path else ''} now")
    if len(asked) > 1:
        steps = ", ".join(wait.path for wait in asked)
        raise refused("invalid", f"{run} asks several questions; say which by path: {steps}")
    cases = [str(case["name"]) for case in asked[0].show.get("cases") or []]
    if body.get("case") not in cases:
        raise refused("invalid", f"no case {body.get('case')!r}; there are: {', '.join(cases)}")
    given = control.Answer(
        run=run, case=body["case"], path=asked[0].path, visit=asked[0].visit, by=call.by,
        comment=body.get("comment", ""),
    )  # fmt: skip
    return Recorded(await _record(call, control.ANSWER, given), run)


async def start(call: Call) -> Recorded:
    """Start a workflow. With an `Idempotency-Key` the same call twice starts it once."""
    body = await call.body()
    workflow = call.path("workflow")
    found = call.house.catalogue.workflows.get(workflow)
    if found is None or not found.enabled:
        raise NotFound(f"no workflow {workflow!r} is in force" if found is None else f"{workflow!r} is disabled")
    inputs = body.get("inputs", {})
    unknown = sorted(set(inputs) - set(found.inputs))
    if unknown:
        listed = ", ".join(found.inputs) or "none"
        raise refused("invalid", f"{workflow} has no input {unknown[0]!r}; there are: {listed}")
    call.house.check_inputs(found, inputs)
    key = call.request.headers.get("Idempotency-Key")
    id_ = digest(["start", call.by, workflow, key]).hex() if key else None
    id_ = await _record(call, control.START, control.Start(workflow, inputs, call.by), id_)
    return Recorded(id_, run_id(workflow, "manual", [(ENGINE, id_)]))


async def _open_run(call: Call) -> str:
    found = await call.house.store.run(call.path("run"))
    if found.ended is not None:
        raise refused("conflict", f"{found.id} is over: {found.status}")
    return found.id


async def _record(call: Call, type_: str, data: msgspec.Struct, id_: str | None = None) -> str:
    """Write the order into the log for good; its id."""
    id_ = id_ or ports.random_bytes(12).hex()
    await call.house.bus.publish([Entry(CONTROL, control.record(type_, id_, ports.wall(), data))])
    return id_
