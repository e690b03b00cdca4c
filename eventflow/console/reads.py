"""What can be asked: events, runs, questions, workflows, explanations, health, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from eventflow.console import bodies
from eventflow.console.call import Call, page
from eventflow.errors import NotFound, StorageBusy
from eventflow.model.event import Envelope, Event, decode, from_micros
from eventflow.model.record import CONTROL, Record, Ref
from eventflow.model.run import REASONS, TERMINAL, Run
from eventflow.web.problems import overloaded, refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.console.house import House

STILL_READY = frozenset(("rival",))
"""Checks that say no of something that keeps nobody from being served: to turn senders away would not mend it."""
COPIES = 20
"""So many events of one id are looked at, newest first."""
STATUSES = frozenset(("queued", "running", "waiting", "paused", *TERMINAL))


async def live(_call: Call) -> web.Response:
    """One word."""
    return web.Response(text="ok\n")


async def ready(call: Call) -> web.Response:
    """One word, or which check says no."""
    trouble = {name: why for name, why in call.house.trouble().items() if name not in STILL_READY}
    if not trouble:
        return web.Response(text="ok\n")
    return web.Response(status=503, text="".join(f"{name}: {why}\n" for name, why in trouble.items()))


async def health(call: Call) -> bodies.HealthBody:
    """The same as values."""
    trouble = dict(call.house.trouble())
    return bodies.HealthBody(not trouble, trouble)


async def metrics(call: Call) -> web.Response:
    """The text format."""
    return web.Response(body=await call.house.metrics(), headers={"Content-Type": "text/plain; version=0.0.4"})


async def openapi(_call: Call) -> dict[str, Any]:
    """The description of the API."""
    from eventflow.console.openapi import document

    return document()


# --- events ----------------------------------------------------------------------------------------------------------


async def events(call: Call) -> dict[str, Any]:
    """Newest first over all data partitions; the cursor says for each partition where to go on."""
    house = call.house
    there = data_partitions(house)
    before = _cursor(call.query("after"), len(there))
    found: list[Record] = []
    for partition in there:
        bounds = await house.bus.bounds(partition)
        end = min(before.get(partition, bounds.end), bounds.end)
        wanted = [Ref(partition, offset) for offset in range(end - 1, max(bounds.start, end - call.limit) - 1, -1)]
        found += [record for record in await house.bus.fetch(wanted) if record is not None]
    found.sort(key=lambda record: (-record.log_time, record.partition, -record.offset))
    shown = found[: call.limit]
    for record in shown:
        before[record.partition] = record.offset
    more = len(found) > len(shown) or len(shown) == call.limit
    next_ = ".".join(f"{p}-{offset}" for p, offset in sorted(before.items())) if more and shown else None
    return page([event_body(record) for record in shown], next_)


def data_partitions(house: House) -> range:
    """Those that own keys, and those that were added to the log later: they hold events too."""
    return range(house.bus.partitions + getattr(house.bus, "added", 0))


def _cursor(after: str | None, partitions: int) -> dict[int, int]:
    if not after:
        return {}
    try:
        pairs = [part.split("-") for part in after.split(".")]
        return {int(p): int(offset) for p, offset in pairs if 0 <= int(p) < partitions}
    except ValueError:
        raise refused("invalid", "after must be the `next` of the page before") from None


def event_body(record: Record) -> bodies.EventBody:
    """An event of the log; one that cannot be read (it is a dead letter) without its data."""
    return bodies.event_of(record, _decoded(record) or _head(record))


def _decoded(record: Record) -> Event | None:
    if record.fault:
        return None
    try:
        return decode(record.data)
    except (msgspec.DecodeError, ValueError, KeyError, RecursionError):
        return None


def _head(record: Record) -> Event:
    try:
        head = msgspec.json.decode(record.data, type=Envelope)
    except (msgspec.DecodeError, ValueError, RecursionError):
        head = Envelope()
    at = from_micros(record.log_time)
    return Event(id=head.id, source=head.source, type=head.type, time=at, subject=head.subject, kind=head.kind)


async def event(call: Call) -> bodies.EventBody:
    """By handle, or by an id that only one event has."""
    return event_body(await _find(call.house, call.path("event")))


async def _find(house: House, name: str, *, counted: bool = False) -> Record:
    """By handle or id. `counted`: of an event that was sent again, which counts once, the first is meant."""
    refs: list[Ref] = []
    if name.startswith("evt_"):
        try:
            refs = [Ref.parse(name)]
        except ValueError as error:
            raise refused("invalid", str(error)) from None
    else:
        refs = (await house.bus.find(name, COPIES))[::-1]
        if len(refs) > 1:
            sources = {_head(one).source for one in await house.bus.fetch(refs) if one is not None}
            if len(sources) > 1 or not counted:
                handles = ", ".join(ref.handle for ref in refs[::-1])
                raise refused("conflict", f"several events have the id {name!r}; say which by handle: {handles}")
    known = [ref for ref in refs[:1] if ref.partition == CONTROL or ref.partition in data_partitions(house)]
    records = await house.bus.fetch(known) if known else []
    if not records or records[0] is None:
        if known and (lost := await house.given_up(known[0])):
            raise NotFound(f"event {name!r} is not in the log, which has lost records there. {lost}")
        raise NotFound(
            f"no event {name!r} is in the log; it was refused at the door (its sender was told why), was never sent, "
            "or is older than retention keeps"
        )
    return records[0]


# --- runs ------------------------------------------------------------------------------------------------------------


async def runs(call: Call) -> dict[str, Any]:
    """Newest first, by workflow, status, event."""
    wanted = [status for status in (call.query("status") or "").split(",") if status]
    for status in wanted:
        if status not in STATUSES:
            raise refused("invalid", f"no status {status!r}; there are: {', '.join(sorted(STATUSES))}")
    started_by = (await _find(call.house, handle, counted=True)).ref if (handle := call.query("event")) else None
    found = await call.house.store.runs(
        call.limit, call.query("after"), workflow=call.query("workflow"), status=wanted, event=started_by
    )
    return page([_run(run) for run in found], found[-1].id if len(found) == call.limit else None)


def _run(run: Run) -> bodies.RunBody:
    return bodies.run_of(run, REASONS.get(run.reason or ""))


async def run(call: Call) -> bodies.RunDetail:
    """With journal and inbox."""
    house, id_ = call.house, call.path("run")
    found = await house.store.run(id_)
    journal = [msgspec.json.decode(line.data) for line in await house.store.read(id_)]
    inbox = [msgspec.to_builtins(item) for item in await house.store.inbox(id_)]
    fields = bodies.run_fields(found, REASONS.get(found.reason or ""))
    return bodies.RunDetail(**fields, journal=journal, inbox=inbox)


async def approvals(call: Call) -> dict[str, Any]:
    """Open questions."""
    found = await call.house.store.questions(call.limit, call.query("after"))
    items = [bodies.question_of(question) for question in found]
    return page(items, items[-1].id if len(items) == call.limit else None)


# --- workflows, explanations, dead letters ---------------------------------------------------------------------------


async def workflows(call: Call) -> dict[str, Any]:
    """In order of id."""
    after = call.query("after") or ""
    ids = [id_ for id_ in sorted(call.house.catalogue.workflows) if id_ > after]
    findings = call.house.findings()
    known, made = call.house.catalogue.workflows, call.house.ready_made
    shown = [bodies.workflow_of(known[id_], findings, ready_made=id_ in made) for id_ in ids[: call.limit]]
    return page(shown, shown[-1].id if len(ids) > len(shown) else None)


async def workflow(call: Call) -> bodies.WorkflowBody:
    """By id."""
    found = call.house.catalogue.workflows.get(call.path("workflow"))
    if found is None:
        raise NotFound(f"no workflow {call.path('workflow')!r} is in force")
    return bodies.workflow_of(found, call.house.findings(), ready_made=found.id in call.house.ready_made)


async def problems(call: Call) -> dict[str, Any]:
    """In the order of file and place."""
    return _numbered(call, call.house.problems())


async def partitions(call: Call) -> dict[str, Any]:
    """Control first."""
    try:
        return _numbered(call, await call.house.partitions())
    except StorageBusy as error:
        raise overloaded("not-ready", f"where partitions stand is not known now: {error}", 5) from None


def _numbered(call: Call, found: Sequence[Any]) -> dict[str, Any]:
    """A page of what has no names to go on from; the cursor is a number."""
    after = call.query("after") or "0"
    if not (after.isascii() and after.isdigit() and len(after) < 10):
        raise refused("invalid", "after must be the `next` of the page before")
    start = int(after)
    shown = found[start : start + call.limit]
    return page(list(shown), str(start + len(shown)) if start + len(shown) < len(found) else None)


async def explain(call: Call) -> bodies.ExplainBody:
    """An event or a run."""
    house, what, only = call.house, call.path("what"), call.query("workflow")
    if what.startswith("run_"):
        found = await house.store.run(what)
        return bodies.ExplainBody(run=_run(found), sentences=list(await house.explain_run(found)))
    record = await _find(house, what, counted=True)
    outcomes = [one for one in await house.explain(record) if only is None or one.workflow == only]
    notes = list(await house.notes(record))
    if only is not None and not outcomes:
        notes.append(house.absence(only))
    runs = await house.store.runs(200, event=record.ref)
    started = [run for run in runs if run.created >= record.log_time or await _has(house, run, record)]
    return bodies.ExplainBody(
        event=event_body(record), notes=notes, outcomes=outcomes, runs=[_run(run) for run in started]
    )


async def _has(house: House, run: Run, record: Record) -> bool:
    """Whether the run is of this very record, and not of one that lay here in a log before this one."""
    return any((one.ref, one.log_time) == (record.ref, record.log_time) for one in await house.store.run_events(run.id))


async def detectors(call: Call) -> dict[str, Any]:
    """In order of name."""
    after = call.query("after") or ""
    found = [one for one in call.house.detectors() if one.name > after]
    return page(found[: call.limit], found[call.limit - 1].name if len(found) > call.limit else None)


async def dead(call: Call) -> dict[str, Any]:
    """Newest first."""
    found = await call.house.store.dead(call.limit, call.query("after"))
    items = [bodies.dead_of(id_, letter) for id_, letter in found]
    return page(items, items[-1].id if len(items) == call.limit else None)


async def dead_beyond(call: Call) -> dict[str, Any]:
    """By workflow and trigger."""
    return _numbered(call, [bodies.dead_count_of(one) for one in await call.house.store.dead_beyond()])
