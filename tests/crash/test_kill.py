"""Rounds of kill -9 under load: nothing acknowledged is lost, nothing runs twice, nothing stays open."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.crash.house import House, Sender, Sink

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = """
metadata: {name: Plain}
inputs: {id: {type: string, required: true}}
triggers:
  - {id: each, type: event, config: {event: load.event, inputs: {id: "${{ event.data.id }}"}}}
concurrency: {mode: parallel, max: 64}
steps:
  - name: one
    uses: http.request
    with: {method: POST, url: "http://SINK/one", json: {id: "${{ inputs.id }}"}}
    timeout: 5s
    retry: {max_attempts: 20, initial: 20ms, max: 200ms}
  - {name: pause, uses: wait.duration, with: {duration: 50ms}}
  - name: both
    type: parallel
    config:
      branches:
        a:
          - name: two
            uses: http.request
            with: {method: POST, url: "http://SINK/two", json: {id: "${{ inputs.id }}"}}
            timeout: 5s
            retry: {max_attempts: 20, initial: 20ms, max: 200ms}
        b:
          - name: three
            uses: http.request
            with: {method: POST, url: "http://SINK/three", json: {id: "${{ inputs.id }}"}}
            timeout: 5s
            retry: {max_attempts: 20, initial: 20ms, max: 200ms}
"""

COUNTED = """
metadata: {name: Counted}
inputs: {id: {type: string, required: true}}
triggers:
  - id: each
    type: event
    config: {event: load.event, key: event.subject, limit: [{max: 3, per: 1d}], inputs: {id: "${{ event.data.id }}"}}
concurrency: {group: "${{ trigger.key }}", mode: queued}
steps:
  - name: one
    uses: http.request
    with: {method: POST, url: "http://SINK/counted", json: {id: "${{ inputs.id }}"}}
    timeout: 5s
    retry: {max_attempts: 20, initial: 20ms, max: 200ms}
"""

KEYS = 40
NOTED_LATE = 0.5
"""Seconds by which the sink may note a call later than it was sent: it shares its loop with who kills."""


async def storm(tmp_path: Path, seed: int, rounds: int) -> dict[str, Any]:
    rng = random.Random(seed)
    async with (
        Sink(rng) as sink,
        House(tmp_path, sink.url, {"plain": PLAIN, "counted": COUNTED}) as house,
    ):
        sender = Sender(house, rng)
        await house.start()
        senders = [asyncio.ensure_future(sender.run(f"s{n}", pause=0.08, keys=KEYS)) for n in range(8)]
        met = 0
        for _ in range(rounds):
            await asyncio.sleep(0.05 + rng.random() * 0.4)
            met += bool(await open_work(house))
            await house.kill()
            await house.start()
        sender.ended = True
        await asyncio.gather(*senders)
        await settle(house)
        found = await check(house, sink, sender)
        took = time.monotonic()
        code = await house.stop(10)
        assert code == 0, house.tail()
        return found | {"met": met, "rounds": rounds, "term": round(time.monotonic() - took, 2)}


async def open_work(house: House) -> bool:
    try:
        return bool((await house.get("/runs?status=queued,running,waiting&limit=1"))["items"])
    except (OSError, KeyError, AssertionError):
        return True


async def settle(house: House, within: float = 120) -> None:
    """Wait until no run is open and everything accepted has been decided."""
    quiet = 0
    async with asyncio.timeout(within):
        while quiet < 5:
            quiet = 0 if await open_work(house) else quiet + 1
            await asyncio.sleep(0.2)


async def check(house: House, sink: Sink, sender: Sender) -> dict[str, Any]:
    runs = await house.every("/runs")
    assert not sender.refused, sender.refused[:3]
    plain = [run for run in runs if run["workflow"] == "plain"]
    counted = [run for run in runs if run["workflow"] == "counted"]
    by_id = {run["id"]: run for run in runs}
    assert len(by_id) == len(runs), "a run is listed twice"
    ids = Counter(run["inputs"]["id"] for run in plain)
    lost = set(sender.acked) - set(ids)
    doubled = [id_ for id_, n in ids.items() if n > 1]
    broken = [run for run in runs if run["reason"] == "interrupted" and killed_thrice(house, sink, run)]
    unfinished = [run for run in runs if run["status"] not in {"succeeded", "suppressed"} and run not in broken]
    assert not lost, f"lost: {sorted(lost)[:5]} of {len(sender.acked)}"
    assert not doubled, f"doubled: {doubled[:5]}"
    assert not unfinished, f"not finished: {unfinished[:3]}"
    per_key = Counter(run["key"] for run in counted)
    assert all(n <= 3 for n in per_key.values()), per_key
    enough = Counter(f"key{n}" for n in range(KEYS))
    assert set(per_key) <= set(enough)
    repeats = explained(house, sink, by_id, plain)
    return {
        "events": len(sender.acked), "runs": len(runs), "calls": len(sink.calls), "repeats": repeats,
        "thrice": len(broken),
    }  # fmt: skip


def killed_thrice(house: House, sink: Sink, run: dict[str, Any]) -> bool:
    """Whether three kills hit one and the same call of the run, which ends it as interrupted (W18)."""
    spans: dict[str, list[float]] = defaultdict(list)
    for call in sink.calls:
        if call.key.startswith(run["id"] + "/"):
            spans[call.key].append(call.at)
    return any(sum(min(times) <= kill for kill in house.kills) >= 3 for times in spans.values())


def explained(house: House, sink: Sink, by_id: dict[str, Any], plain: list[dict[str, Any]]) -> int:
    """Every call bears a known run's key, every step of every run was called, and a repeat has a cause."""
    keyed: dict[str, list[Any]] = defaultdict(list)
    for call in sink.calls:
        assert call.key.split("/")[0] in by_id, f"a call of no run: {call}"
        keyed[call.key].append(call)
    for run in plain:
        if run["status"] != "succeeded":
            continue
        steps = {key.split("/")[1] for key in keyed if key.startswith(run["id"] + "/")}
        assert len([k for k in keyed if k.startswith(run["id"] + "/")]) == 3, (run["id"], steps)
    repeats = 0
    for calls in keyed.values():
        for before, after in pairwise(calls):
            killed = any(before.at - NOTED_LATE <= kill <= after.at for kill in house.kills)
            if before.status == 200:
                assert killed, f"repeated without a cause: {before} {after}"
                repeats += 1
    return repeats


def say(figures: dict[str, Any]) -> None:
    """Print the figures of a storm; `pytest -s` shows them."""
    print(figures)  # noqa: T201 - the figures are what one runs it for


@pytest.mark.timeout(600)
async def test_rounds_of_kill(tmp_path: Path) -> None:
    say(await storm(tmp_path, seed=1, rounds=20))


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_many_rounds_of_kill(tmp_path: Path) -> None:
    say(await storm(tmp_path, seed=2, rounds=200))
