"""Rounds of kill -9 under a stream of samples: verdicts, runs and what the engine says are those of a quiet process.

When all is over the log is decided once more from its beginning, in this process, without a kill; what the store and
the log hold must be the same to the last digit.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest

from eventflow.buses.sqlite import SqliteBus
from eventflow.model.workflow import Catalogue, decode
from eventflow.plugin.one_series import find_detector
from eventflow.route.decide import decide
from eventflow.route.effects import Effects
from eventflow.route.fitting import make_due, pieces
from eventflow.route.memory import Memory
from eventflow.route.rules import Front, Rules, Waits
from eventflow.route.takeover import take_over
from eventflow.stores.sqlite import SqliteStore
from tests.crash.house import TOKEN, House, Sender, Sink
from tests.crash.test_kill import open_work, settle

if TYPE_CHECKING:
    from pathlib import Path

    from eventflow.model.record import Record

TRIGGER = """
metadata: {{name: "{name}"}}
triggers:
  - id: t
    type: condition
    config:
      watch: {{event: metric.sample}}
      value: event.data.value
      key: event.data.host
      fire_on: both
      {more}
      detector: {detector}
steps:
  - {{name: say, uses: debug.log, with: {{message: "${{{{ trigger.reason }}}}"}}}}
"""
FOREST = (
    "{type: isolation_forest, config: {trees: 20, sample: 32, sensitivity: 20, per_key: true, warmup: {above: 75}, "
    "train: {window: 100, min_samples: 40, retrain_every: 60}}}"
)
WORKFLOWS = {
    "bound": TRIGGER.format(name="bound", more="", detector="{type: threshold, config: {above: 65, below: 35}}"),
    "held": TRIGGER.format(
        name="held", more="for: 2s\n      clear_for: 3s", detector="{type: threshold, config: {above: 55}}"
    ),
    "moved": TRIGGER.format(name="moved", more="", detector="{type: adaptive, config: {sensitivity: 50}}"),
    "forest": TRIGGER.format(name="forest", more="", detector=FOREST),
}


class Metrics(Sender):
    """A host that sends what it measures, each sample until it is acknowledged."""

    async def run(self, name: str, *, pause: float, keys: int) -> None:
        number = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            while not self.ended:
                number += 1
                value = self.rng.gauss(50, 4) + (40 if self.rng.random() < 0.03 else 0)
                event = {
                    "specversion": "1.0", "id": f"{name}-{number}", "source": name, "type": "metric.sample",
                    "subject": name, "data": {"host": name, "value": value},
                }  # fmt: skip
                await self._until_acked(session, event)
                await asyncio.sleep(self.rng.random() * pause)


async def records_of(data: Path) -> list[Record]:
    bus = SqliteBus(data / "bus")
    await bus.open()
    try:
        subscription, found = bus.subscribe("reader", lambda _: 0), []
        while batch := await subscription.read(1000, 0.1, partitions=[0]):
            found += batch.records
        await subscription.close()
    finally:
        await bus.close()
    return found


def undisturbed(records: list[Record], catalogue: Catalogue) -> Effects:
    front, memory, whole = Front(Rules(catalogue, find=find_detector), Waits({})), Memory(), Effects()
    assert not front.rules.broken, front.rules.broken
    take_over(memory, front.rules, partition=0, partitions=1, now=0, wall=0)
    for piece in pieces(records, front.rules):
        make_due(memory, front.rules, piece[-1].log_time)
        whole.add(decide(piece, memory, front, partition=0, partitions=1))
    return whole


async def compare(data: Path) -> dict[str, Any]:
    records = await records_of(data)
    store = SqliteStore(data / "store.db")
    await store.open()
    try:
        number, documents = await store.catalogue()
        catalogue = Catalogue(number, {id_: decode(text) for id_, text in documents.items()})
        runs: dict[str, Any] = {}
        while page := await store.runs(200, next(reversed(runs), None)):
            runs |= {run.id: run for run in page}
    finally:
        await store.close()
    expected = undisturbed(records, catalogue)
    assert {id_: run.facts for id_, run in runs.items()} == {one.run: one.facts for one in expected.firings}
    logged = [json.loads(record.data) for record in records]
    said = {event["id"]: event["data"] for event in logged if event["type"].startswith("detector.")}
    assert said == {event["id"]: event["data"] for event in map(msgspec.json.decode, expected.outbox)}
    by_workflow = {name: sum(run.workflow == name for run in runs.values()) for name in WORKFLOWS}
    return {"records": len(records), "runs": by_workflow, "edges": len(said)}


async def caught_up(house: House, within: float = 120) -> None:
    """Wait until the router has decided all there is: after a restart it may have to wait for a model first."""
    address, headers = house.addresses()["private"], {"Authorization": f"Bearer {TOKEN}"}
    async with asyncio.timeout(within), aiohttp.ClientSession(headers=headers) as session:
        while True:
            async with session.get(address + "/metrics") as answer:
                lag = [line for line in (await answer.text()).splitlines() if line.startswith("eventflow_lag_records{")]
            if lag and all(line.endswith(" 0.0") for line in lag):
                return
            await asyncio.sleep(0.2)


async def storm(tmp_path: Path, seed: int, rounds: int) -> dict[str, Any]:
    rng = random.Random(seed)
    async with Sink(rng) as sink, House(tmp_path, sink.url, WORKFLOWS) as house:
        sender = Metrics(house, rng)
        await house.start()
        senders = [asyncio.ensure_future(sender.run(f"host{n}", pause=0.2, keys=0)) for n in range(4)]
        met = 0
        for _ in range(rounds):
            await asyncio.sleep(0.05 + rng.random() * 0.6)
            met += bool(await open_work(house))
            await house.kill()
            await house.start()
        sender.ended = True
        await asyncio.gather(*senders)
        await asyncio.sleep(4)  # what `for` and `clear_for` hold comes to its end, by ticks
        await caught_up(house)
        await settle(house)
        assert await house.stop(15) == 0, house.tail()
    return await compare(house.data) | {"kills": rounds, "met": met, "acknowledged": len(sender.acked)}


@pytest.mark.timeout(120)
async def test_rounds_of_kill_change_no_verdict(tmp_path: Path) -> None:
    found = await storm(tmp_path, seed=1, rounds=6)
    assert found["runs"]["bound"] > 0


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_fifty_rounds_of_kill_change_no_verdict(tmp_path: Path) -> None:
    found = await storm(tmp_path, seed=2, rounds=50)
    assert all(found["runs"].values()), found
    print(found)  # noqa: T201 - the figures are what one runs it for
