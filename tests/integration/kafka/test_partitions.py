"""Keyed triggers and detectors over six partitions of Kafka whose keys are not the partition key (W8, W9).

A desk's events all come from one partition: the same firings as on one partition of SQLite. A region's come from
several: the same as `decide` over the order that the owner's log holds, and as a naive fold over it; and counts that no
order can change are equal. The router ends and begins anew on the way.
"""

import asyncio
import json
import logging
import random
from collections import Counter

import pytest

from eventflow import settings
from eventflow.app.workflows import Workflows
from eventflow.buses.kafka import KafkaBus
from eventflow.buses.sqlite import SqliteBus
from eventflow.kafka.codec import SealedCodec
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import Wanted
from eventflow.model.control import FORWARD
from eventflow.model.identity import partition_of
from eventflow.model.record import Entry
from eventflow.plugin.one_series import find_detector
from eventflow.route.decide import decide
from eventflow.route.memory import Memory
from eventflow.route.router import Router
from eventflow.stores.sqlite import SqliteStore

log = logging.getLogger(__name__)
PARTITIONS, DESKS, REGIONS, ORDERS = 6, 240, 12, 4
LIMITS = {"desk": 3, "region": 7}
NAMES = {"all_limit"} | {f"{key}_{what}" for key in LIMITS for what in ("limit", "dedup", "alarm")}
STEPS = "steps: [{name: note, uses: run.annotate, with: {text: came}}]\n"
EVENT = """
metadata: {{name: {name}}}
triggers:
  - {{id: t, type: event, config: {{event: desk.sample{config}}}}}
"""
ALARM = """
metadata: {{name: {name}}}
triggers:
  - id: t
    type: condition
    config:
      watch: {{event: desk.sample}}
      key: event.data.{key}
      value: event.data.value
      fire_on: both
      detector: {{type: threshold, config: {{above: 95, clear_below: 60}}}}
"""


def documents(folder):
    """Workflow id → trigger, for desks and for regions."""
    found = {"all_limit": EVENT.format(name="all_limit", config=", limit: [{max: 20, per: 1d}]")}
    for key, most in LIMITS.items():
        limit, dedup = f"[{{max: {most}, per: 1d}}]", "{key: string(event.data.order), window: 1d}"
        found[f"{key}_limit"] = EVENT.format(name=f"{key}_limit", config=f", key: event.data.{key}, limit: {limit}")
        found[f"{key}_dedup"] = EVENT.format(name=f"{key}_dedup", config=f", key: event.data.{key}, dedup: {dedup}")
        found[f"{key}_alarm"] = ALARM.format(name=f"{key}_alarm", key=key)
    folder.mkdir()
    for name, text in found.items():
        (folder / f"{name}.yaml").write_text(text + STEPS)
    return folder


def lines(number, seed):
    """Events as (partition key, line); a desk has its own partition key, so that its events keep their order."""
    rng = random.Random(seed)
    level = [50.0] * DESKS
    for index in range(number):
        desk = rng.randrange(DESKS)
        level[desk] = min(100.0, max(0.0, level[desk] + rng.uniform(-12, 12)))
        data = {"desk": f"desk-{desk}", "region": f"region-{desk % REGIONS}", "order": rng.randrange(ORDERS),
                "value": level[desk]}  # fmt: skip
        time = f"2026-01-01T00:{index // 60_000 % 60:02}:{index // 1000 % 60:02}.{index % 1000:03}Z"
        line = {"specversion": "1.0", "id": str(index), "source": "hall", "type": "desk.sample", "time": time,
                "subject": f"device {desk}", "data": data}  # fmt: skip
        yield line["subject"], json.dumps(line, separators=(",", ":")).encode()


async def publish(bus, events):
    for start in range(0, len(events), 1000):
        entries = [Entry(partition_of(key, bus.partitions), line) for key, line in events[start : start + 1000]]
        await bus.publish(entries)


async def play(bus, store, ends):
    """The firings of deciding the log to its end; the router ends and begins anew at each share of `ends`."""
    fired = []

    def hear(commit, admitted):
        fired.extend((commit.partition, told(one)) for one in commit.firings if admitted.runs[one.run] != "duplicate")

    for end in ends:
        router = Router(bus, store, on_commit=hear, detectors=find_detector)
        running = asyncio.ensure_future(router.run())
        while not await _is_at(router, bus, end):
            await asyncio.wait([running], timeout=0.05)
            assert not running.done(), running.exception()
            assert not router.halted
        router.drain()
        await running
    return fired


async def _is_at(router, bus, share):
    """Whether every partition is decided so far; nothing is on its way when all are decided to the end."""
    ends = {partition: (await bus.bounds(partition)).end for partition in range(bus.partitions)}
    at = router.positions
    return all(at.get(partition, 0) >= end * share for partition, end in ends.items()) and router.ready


def told(firing):
    """What a firing says that does not depend on log times."""
    ids = tuple(json.loads(copy.data)["id"] for copy in firing.events)
    return firing.workflow, firing.key, ids, firing.facts.get("state"), firing.run


async def records_of(bus, partition):
    bounds = await bus.bounds(partition)
    reader, found = bus.subscribe("check", lambda _: bounds.start), []
    reader.rewind(partition, bounds.start)
    while not found or found[-1].offset < bounds.end - 1:
        batch = await reader.read(1000, 5.0, partitions=[partition])
        found.extend(batch.records)
    await reader.close()
    return found


def decided(records, front, partition, rng):
    """The firings of `decide` over an owner's log, cut anywhere."""
    memory, fired, at = Memory(), [], 0
    while at < len(records):
        cut = at + rng.randint(1, 2000)
        effects = decide(records[at:cut], memory, front, partition=partition, partitions=PARTITIONS)
        assert not effects.wants
        fired += [told(one) for one in effects.firings]
        at = cut
    return fired


def folded(records, front, partition):
    """The firings of limit and dedup by a naive count over an owner's log, as (workflow, key, event id)."""
    owner = {rule.name[0]: rule.owner for rule in front.rules.events if rule.name[0] in NAMES}
    room, seen, fired = Counter(), set(), []
    for record in records:
        line = json.loads(record.data)
        event, triggers = line, owner
        if line["type"] == FORWARD:
            event, triggers = line["data"]["event"], [workflow for workflow, _ in line["data"]["triggers"]]
        if event["source"] != "hall":
            continue
        for workflow in triggers:
            by, _, what = workflow.partition("_")
            key = event["data"].get(by)
            if what == "alarm" or owner[workflow](key, PARTITIONS) != partition:
                continue
            if what == "limit" and room[workflow, key] < LIMITS.get(by, 20):
                room[workflow, key] += 1
                fired.append((workflow, key, event["id"]))
            elif what == "dedup" and (workflow, key, event["data"]["order"]) not in seen:
                seen.add((workflow, key, event["data"]["order"]))
                fired.append((workflow, key, event["id"]))
    return fired


@pytest.mark.parametrize(
    "number", [4_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])], ids="{:,}".format
)
async def test_six_partitions_fire_as_one(kafka, topic, tmp_path, number):
    events = list(lines(number, seed=7))
    given = settings.given({"data_dir": str(tmp_path), "workflows": str(documents(tmp_path / "documents"))})
    one = SqliteBus(tmp_path / "bus")
    many = KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, PARTITIONS), codec=SealedCodec(bytes(32)))
    fired = {}
    loop, took = asyncio.get_running_loop(), {}
    for name, bus, ends in (("sqlite", one, [1]), ("kafka", many, [0.2, 0.5, 1])):
        store = SqliteStore(tmp_path / f"{name}.db")
        await bus.open()
        await store.open()
        workflows = Workflows(given)
        await workflows.activate(store, bus.now())
        assert workflows.in_force.workflows.keys() >= NAMES, workflows.problems
        await publish(bus, events)
        began = loop.time()
        fired[name] = await play(bus, store, ends)
        took[name] = loop.time() - began
        if name == "kafka":
            front = await _front(store)
            logs = {partition: await records_of(bus, partition) for partition in range(PARTITIONS)}
        await store.close()
        await bus.close()

    here, there = [list(zip(*fired[name], strict=True))[1] for name in ("sqlite", "kafka")]
    desks = [sorted(one for one in some if one[0].startswith("desk_")) for some in (here, there)]
    assert desks[0] == desks[1]
    forwards = sum(b'"eventflow.forward"' in record.data for records in logs.values() for record in records)
    assert len(desks[0]) >= DESKS * LIMITS["desk"] if number > 20_000 else desks[0]
    assert forwards > number, "hardly anything was forwarded, so nothing was tested"

    rng = random.Random(1)
    for partition, records in logs.items():
        observed = [what for where, what in fired["kafka"] if where == partition]
        assert observed == decided(records, front, partition, rng)
        naive = [(workflow, key, ids[0]) for workflow, key, ids, _, _ in observed if not workflow.endswith("_alarm")]
        assert naive == folded(records, front, partition)

    counts = [Counter((one[0], one[1]) for one in some if not one[0].endswith("_alarm")) for some in (here, there)]
    assert counts[0] == counts[1]
    assert {one[0] for one in there} == NAMES
    log.info("%s events, %s forwards, %s firings, seconds: %s", number, forwards, len(there), took)


async def _front(store):
    from eventflow.route.catalogues import Catalogues

    catalogues = Catalogues(store, "UTC", find_detector)
    await catalogues.look()
    return await catalogues.front(catalogues.newest)
