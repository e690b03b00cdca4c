"""Why did nothing happen? Thirty and more ways for an event to start nothing, each told by stage, reason and sentence.

Each case is a whole eventflow, its documents and what is sent; the sentence is asked for as a person would, by
`/explain/EVENT`. What is quoted of a sentence is what somebody who was woken up needs of it.
"""
# ruff: noqa: E501 - a case is read as one line

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from eventflow import Eventflow
from eventflow.model.event import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOTE = '{name: note, uses: debug.log, with: {message: "noted"}}'
HELD = "{name: held, uses: wait.duration, with: {duration: 1h}}"


def flow(config: str = "event: thing", *, steps: str = NOTE, more: str = "", trigger: str = "") -> str:
    return f"""
metadata: {{name: W}}
{more}
triggers:
  - {{id: t, type: event, {trigger} config: {{{config}}}}}
steps: [{steps}]
"""


@dataclass
class Case:
    """`send` are events (the last is asked about); `says` are parts of the sentence; `reason` of the outcome."""

    name: str
    text: str
    stage: str
    reason: str
    says: tuple[str, ...]
    send: list[dict[str, Any]] = field(default_factory=lambda: [{}])


def thing(**more: Any) -> dict[str, Any]:
    return more


LIMIT = "event: thing, key: event.subject, limit: [{max: 2, per: 1h}]"
CASES = [
    Case("wrong type", flow("event: order.created"), "matched", "selector",
         ('event.type is "order.create", wanted "order.created"', "mistyped"), [thing(type="order.create")]),
    Case("wrong type, nothing like it", flow("event: 'git.*'"), "matched", "selector",
         ('event.type is "thing", wanted "git.*"',)),
    Case("wrong source", flow("event: thing, source: shop"), "matched", "selector",
         ('event.source is "test", wanted "shop"',)),
    Case("another branch", flow("event: thing, match: {branch: [main, 'release/*']}"), "matched", "selector",
         ('event.data.branch is "dev", wanted "main" or "release/*"',), [thing(data={"branch": "dev"})]),
    Case("a line of match about a field that is not there", flow("event: thing, match: {branch: main}"), "matched",
         "selector", ('event.data.branch is absent, wanted "main"',)),
    Case("ignored paths", flow("event: thing, match: {paths_ignore: ['docs/**']}"), "matched", "selector",
         ('event.data.changed is ["docs/a.md"], which `paths_ignore` leaves out',),
         [thing(data={"changed": ["docs/a.md"]})]),
    Case("filter false", flow("event: thing, filter: event.data.cpu > 90.0"), "filtered", "filter_false",
         ("event.data.cpu > 90.0 is false: event.data.cpu is 12.0",), [thing(data={"cpu": 12.0})]),
    Case("only the deciding half of a filter", flow("event: thing, filter: event.data.a == 1 && event.data.b == 2"),
         "filtered", "filter_false", ("event.data.b == 2 is false: event.data.b is 3",),
         [thing(data={"a": 1, "b": 3})]),
    Case("filter on null", flow("event: thing, filter: 'event.data.who != null'"), "filtered", "filter_false",
         ("event.data.who is null",), [thing(data={"who": None})]),
    Case("filter on a list", flow("event: thing, filter: '\"x\" in event.data.tags'"), "filtered", "filter_false",
         ("event.data.tags is ['a', null, true]",), [thing(data={"tags": ["a", None, True]})]),
    Case("filter over an absent field", flow("event: thing, filter: event.data.totl > 3"), "filtered", "filter_error",
         ("never taken for false", "event.data.totl", "absent", "did you mean event.data.total?"), [thing(data={"total": 4})]),
    Case("filter over another kind", flow("event: thing, filter: event.data.n > 3"), "filtered", "filter_error",
         ("never taken for false", "'many'"), [thing(data={"n": "many"})]),
    Case("key absent", flow("event: thing, key: event.data.host, cooldown: 1m"), "keyed", "key_error",
         ("The key event.data.host cannot be worked out", "host")),
    Case("key of another kind", flow("event: thing, key: event.data, cooldown: 1m"), "keyed", "key_error",
         ("a key must be text", "this is a map"), [thing(data={"a": 1})]),
    Case("dedup window", flow("event: thing, dedup: {key: event.data.k, window: 10m}"), "repeated", "dedup",
         ('dedup key "x" came', "the window is 10m"),
         [thing(id="1", data={"k": "x"}), thing(id="2", data={"k": "x"})]),
    Case("cooldown", flow("event: thing, key: event.subject, cooldown: 10m"), "cooldown", "cooldown",
         ('for key "db", on evt_', "its cooldown of 10m had 9m59s to go"),
         [thing(id="1", subject="db"), thing(id="2", subject="db")]),
    Case("limit", flow(LIMIT), "limited", "limit", ('2 times within 1h for key "db"',),
         [thing(id=str(n), subject="db") for n in range(3)]),
    Case("the same id again, of a trigger that remembers", flow("event: thing, cooldown: 1s"), "repeated", "seen",
         ("source 'test', id 'again'", "came before, as evt_", "counts once"),
         [thing(id="again"), thing(id="again")]),
    Case("the same id again", flow(), "repeated", "seen", ("came before, as evt_", "and started run_"),
         [thing(id="again"), thing(id="again")]),
    Case("inputs of the wrong kind", flow("event: thing, inputs: {n: '${{ event.data.n }}'}",
                                          more="inputs: {n: {type: integer}}"),
         "inputs_valid", "inputs", ("inputs cannot be made from this event: input 'n' must be an integer",), [thing(data={"n": "ten"})]),
    Case("an input whose template fails", flow("event: thing, inputs: {n: '${{ event.data.nn }}'}",
                                               more="inputs: {n: {type: integer}}"),
         "inputs_valid", "inputs", ("inputs cannot be made from this event: there is no field 'nn'",), [thing(data={"n": 1})]),
    Case("workflow disabled", flow(more="enabled: false"), "disabled", "disabled",
         ("The workflow is disabled: its file says `enabled: false`",)),
    Case("trigger disabled", flow(trigger="enabled: false,"), "disabled", "disabled",
         ("The trigger is disabled: its file says `enabled: false`",)),
    Case("shadow mode", flow(more="mode: shadow"), "started", "fired", ("was not started", "shadow mode")),
    Case("concurrency single", flow(more="concurrency: {mode: single}", steps=HELD), "started", "fired",
         ("was not started: another run of its group was under way", "run_", "is at it still"), [thing(id="1"), thing(id="2")]),
    Case("in line", flow(more="concurrency: {mode: queued}", steps=HELD), "started", "fired",
         ("waits in line: 1 of its group is at work",), [thing(id="1"), thing(id="2")]),
    Case("queue full", flow(more="concurrency: {mode: queued, queue_max: 1}", steps=HELD), "started", "fired",
         ("was not started: as many runs of its group were waiting as `queue_max` allows",), [thing(id=str(n)) for n in range(3)]),
    Case("superseded", flow(more="concurrency: {mode: restart}", steps=HELD), "started", "fired",
         ("was cancelled: a newer run",), [thing(id="2"), thing(id="1")]),
    Case("waits in a step", flow(steps=HELD), "started", "fired", ("waits: held waits 3600 s.",)),
    Case("a step failed", flow(steps="{name: call, uses: http.request, with: {url: 'http://127.0.0.1:9/'}, "
                               "retry: {max_attempts: 1}}"),
         "started", "fired", ("failed: call failed (egress: 127.0.0.1:9 is not a public address", "More: eventflow history run_")),
    Case("a loop", flow(), "looped", "loop", ("would wake itself: w → w", "allow_loop"),
         [thing(eventflowchain="w", eventflowhops=1)]),
    Case("too many hops", flow(), "looped", "hops", ("more than 16 workflows",), [thing(eventflowhops=17)]),
]  # fmt: skip


class Seat:
    """Somebody at the socket of an eventflow."""

    def __init__(self, house: Eventflow, session: aiohttp.ClientSession) -> None:
        self.house, self.session = house, session

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(f"http://x/api/v1{path}") as answer:
            return answer.status, await answer.json(content_type=None)

    async def emit(self, type: str = "thing", **given: Any) -> str:
        """Past the door, so that chains and repeated ids come in too; the handle."""
        known = {name: given.pop(name) for name in ("id", "subject", "data", "source") if name in given}
        event = self.house.event(type)
        await self.house.emit(
            Event(
                id=known.get("id", event.id),
                source=known.get("source", "test"),
                type=type,
                time=event.time,
                subject=known.get("subject"),
                data=known.get("data"),
                extensions=given,
            )
        )
        return (await self.house.bus.find(known.get("id", event.id), 1))[0].handle

    async def settled(self) -> None:
        """All is decided and every run is over or waits."""
        async with asyncio.timeout(20):
            while True:
                ends = [(await self.house.bus.bounds(p)).end for p in (0, -1)]
                behind = [end > self.house.positions.get(p, 0) for p, end in zip((0, -1), ends, strict=True)]
                busy = await self.house.store.runs(10, status=["running"])
                fresh = [run for run in await self.house.store.runs(9, status=["queued"]) if run.started is not None]
                if not any(behind) and not busy and not fresh:
                    return
                await asyncio.sleep(0.01)


@asynccontextmanager
async def seated(tmp_path: Path, *, limits: dict[str, int] | None = None, **texts: str) -> AsyncIterator[Seat]:
    folder = tmp_path / "workflows"
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings = {
        "data_dir": str(tmp_path / "data"), "workflows": [str(folder)],
        "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"}, "limits": limits or {},
    }  # fmt: skip
    async with Eventflow(settings) as house:
        await house.ready()
        connector = aiohttp.UnixConnector(house.addresses["socket"])
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Seat(house, session)


def outcome(answer: dict[str, Any], workflow: str = "w") -> dict[str, Any]:
    [found] = [one for one in answer["outcomes"] if one["workflow"] == workflow]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_says_which_stage_and_why(tmp_path: Path, case: Case) -> None:
    async with seated(tmp_path, w=case.text) as seat:
        handles = [await seat.emit(**one) for one in case.send]
        await asyncio.sleep(0.05)
        await seat.settled()
        asked = handles[0] if case.name == "superseded" else handles[-1]
        status, answer = await seat.get(f"/explain/{asked}")
        assert status == 200, answer
        found = outcome(answer)
        assert (found["stage"], found["reason"]) == (case.stage, case.reason), found
        for part in case.says:
            assert part in found["sentence"], found["sentence"]


# --- what is not a matter of one trigger -----------------------------------------------------------------------------


async def told(seat: Seat, handle: str, workflow: str) -> str:
    _, answer = await seat.get(f"/explain/{handle}?workflow={workflow}")
    assert answer["outcomes"] == []
    return " ".join(answer["notes"])


KEYED = """
metadata: {name: keyed}
triggers: [{id: t, type: event, config: {event: thing, key: event.subject, cooldown: 1h}}]
steps: [{name: note, uses: run.annotate, with: {text: came}}]
"""
WATCHED = """
metadata: {name: watched}
triggers:
  - id: t
    type: condition
    config: {watch: {event: thing}, key: event.subject, value: event.data.n, detector: {type: threshold, config: {above: 9}}}
steps: [{name: note, uses: run.annotate, with: {text: came}}]
"""
ALERTED = """
metadata: {name: alerted}
triggers: [{id: t, type: event, config: {event: eventflow.keys.limit}}]
steps: [{name: note, uses: run.annotate, with: {text: "${{ event.data.workflow }} ${{ event.data.limit }}"}}]
"""


async def test_a_trigger_with_as_many_keys_as_it_may_hold(tmp_path: Path) -> None:
    """Whoever is beyond is refused by name, and one event a day says so: it starts what names it (W15)."""
    async with seated(tmp_path, limits={"keys": 2}, keyed=KEYED, watched=WATCHED, alerted=ALERTED) as seat:
        handles = [await seat.emit(subject=f"s{n}", data={"n": 10}) for n in range(5)]
        await seat.settled()
        status, answer = await seat.get(f"/explain/{handles[-1]}")
        assert status == 200, answer
        for workflow in ("keyed", "watched"):
            found = outcome(answer, workflow)
            assert (found["stage"], found["reason"]) == ("keyed", "key_limit"), found
            assert "2 keys" in found["sentence"]
        async with asyncio.timeout(20):
            while len(runs := (await seat.get("/runs?workflow=alerted"))[1]["items"]) < 2:
                await asyncio.sleep(0.05)
        await seat.settled()
        assert len(runs) == 2, "once for each trigger, however many are refused"
        assert len((await seat.get("/runs?workflow=keyed"))[1]["items"]) == 2


async def test_a_workflow_that_is_held_back(tmp_path: Path) -> None:
    broken = flow(steps="{name: note, uses: debug.lgo, with: {message: hi}}")
    async with seated(tmp_path, w=broken) as seat:
        said = await told(seat, await seat.emit(), "w")
    assert "w has a mistake, so it is not in force: " in said
    assert "w.yaml:6:28  E211" in said


async def test_nothing_happened_because_a_document_has_a_mistake(tmp_path: Path) -> None:
    broken = flow(steps="{name: note, uses: debug.lgo, with: {message: hi}}")
    async with seated(tmp_path, w=broken, v=flow("event: other")) as seat:
        handle, other = await seat.emit(), await seat.emit("other")
        await seat.settled()
        _, nothing = await seat.get(f"/explain/{handle}")
        _, started = await seat.get(f"/explain/{other}")
    [note] = nothing["notes"]
    assert "a mistake, so only what it said before, if anything, is in force: " in note
    assert "w.yaml:6:28  E211" in note
    assert "notes" not in started


async def test_a_workflow_that_is_not_there(tmp_path: Path) -> None:
    async with seated(tmp_path, greeting=flow()) as seat:
        handle = await seat.emit()
        status, refused = await seat.get(f"/explain/{handle}?workflow=greting")
        assert (status, refused["code"]) == (422, "invalid")
        assert refused["detail"] == "there is no workflow 'greting'; did you mean 'greeting'?"
        _, refused = await seat.get(f"/explain/{handle}?workflow=other")
        assert "files are looked for in" in refused["detail"]


async def test_a_workflow_that_no_event_starts(tmp_path: Path) -> None:
    by_clock = "metadata: {name: C}\ntriggers: [{id: c, type: schedule, config: {every: 1d}}]\nsteps: [" + NOTE + "]\n"
    by_hand = "metadata: {name: H}\nsteps: [" + NOTE + "]\n"
    async with seated(tmp_path, clock=by_clock, hand=by_hand) as seat:
        handle = await seat.emit()
        assert "No trigger of clock takes events; it has: c (schedule)." in await told(seat, handle, "clock")
        assert "hand has no triggers: people start it (eventflow execute hand)" in await told(seat, handle, "hand")


@pytest.mark.parametrize("name", ["evt_aaae", "evt_nonsense!", "no-such-id"])
async def test_an_event_that_is_not_in_the_log(tmp_path: Path, name: str) -> None:
    async with seated(tmp_path, w=flow()) as seat:
        status, answer = await seat.get(f"/explain/{name}")
    assert status in {404, 422}
    assert ("refused at the door" in answer["detail"]) == (status == 404)


async def test_an_id_that_several_events_have(tmp_path: Path) -> None:
    async with seated(tmp_path, w=flow()) as seat:
        for source in ("a", "b"):
            await seat.emit(id="twice", source=source)
        status, answer = await seat.get("/explain/twice")
    assert status == 409
    assert answer["detail"].count("evt_") == 2


async def test_a_trigger_that_was_not_there_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventflow.app.why.FRESH", 0)
    async with seated(tmp_path, other=flow("event: other")) as seat:
        handle = await seat.emit()
        await seat.settled()
        (tmp_path / "workflows" / "w.yaml").write_text(flow())
        await seat.house.reload()
        _, answer = await seat.get(f"/explain/{handle}")
    found = outcome(answer)
    assert (found["reason"], found["run"]) == ("not_then", None)
    assert "when the event was decided, this trigger was not there" in found["sentence"]


async def test_an_event_that_is_not_decided_yet(tmp_path: Path) -> None:
    async with seated(tmp_path, w=flow()) as seat:
        await seat.settled()
        seat.house._router.drain()
        async with asyncio.timeout(20):
            while not all(loop.done() for loop in seat.house._loops[:1]):
                await asyncio.sleep(0.01)
        await seat.emit()
        handle = await seat.emit()
        _, answer = await seat.get(f"/explain/{handle}")
    assert (outcome(answer)["stage"], outcome(answer)["reason"]) == ("received", "undecided")
    assert "has not been decided yet: 1 event is before it" in answer["notes"][0]


async def test_a_run_that_expired_before_it_could_start(tmp_path: Path) -> None:
    text = flow(more="concurrency: {mode: queued}\nstart_within: 200ms", steps=HELD)
    async with seated(tmp_path, w=text) as seat:
        await seat.emit()
        await seat.settled()
        handle = await seat.emit()
        async with asyncio.timeout(20):
            while not (ended := await seat.house.store.runs(5, status=["suppressed"])):
                await asyncio.sleep(0.05)
        _, answer = await seat.get(f"/explain/{handle}")
        _, run = await seat.get(f"/explain/{ended[0].id}")
    assert "was not started: it could not start within `start_within`" in outcome(answer)["sentence"]
    assert any("It was not started. It could not start within" in line for line in run["sentences"])


async def test_a_run_that_a_person_holds(tmp_path: Path) -> None:
    async with seated(tmp_path, w=flow(steps=HELD)) as seat:
        handle = await seat.emit()
        await seat.settled()
        [run] = await seat.house.store.runs(1)
        async with seat.session.post(f"http://x/api/v1/runs/{run.id}/pause", json={"comment": "hold on"}) as answer:
            assert answer.status == 202
        async with asyncio.timeout(20):
            while (await seat.house.store.run(run.id)).status != "paused":
                await asyncio.sleep(0.01)
        _, answer = await seat.get(f"/explain/{handle}")
    assert "is paused" in outcome(answer)["sentence"]
    assert f"eventflow resume {run.id}" in outcome(answer)["sentence"]


async def test_an_event_that_could_not_be_read(tmp_path: Path) -> None:
    from eventflow.model.record import Entry

    async with seated(tmp_path, w=flow()) as seat:
        await seat.house.bus.publish([Entry(0, b'{"id":"x","source":"s","type":"thing","data":[[[1,]]}')])
        await seat.settled()
        handle = (await seat.get("/events"))[1]["items"][0]["handle"]
        _, answer = await seat.get(f"/explain/{handle}")
    assert "It could not be decided and is a dead letter" in answer["notes"][0]


async def test_an_order_of_a_person_is_no_event_for_triggers(tmp_path: Path) -> None:
    async with seated(tmp_path, w=flow("event: '*'")) as seat:
        async with seat.session.post("http://x/api/v1/workflows/w/run", json={}) as answer:
            assert answer.status == 202
        async with asyncio.timeout(20):
            while not (runs := await seat.house.store.runs(1)):
                await asyncio.sleep(0.01)
        handle = runs[0].events[0].handle
        _, answer = await seat.get(f"/explain/{handle}")
    assert "order to the engine" in answer["notes"][0]


def test_there_are_thirty_and_more() -> None:
    assert len(CASES) + 10 >= 30
    assert len({case.name for case in CASES}) == len(CASES)
