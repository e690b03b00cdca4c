"""Several routers in one group over one store: members come, go and freeze; the counts are those of an undisturbed run.

Each member has a thread, a loop, a bus and a router of its own; the store lives in the test's loop and is called from
theirs. A failpoint freezes one just before a commit for longer than its session: meanwhile another takes its partitions
over, and when it wakes, its commit is refused.
"""

import asyncio
import itertools
import json
import logging
import threading
from collections import Counter

import pytest

from eventflow import ports, settings
from eventflow.app.workflows import Workflows
from eventflow.buses.kafka import KafkaBus
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import Wanted
from eventflow.model.identity import partition_of
from eventflow.model.record import Entry
from eventflow.plugin.one_series import find_detector
from eventflow.route.router import Router
from eventflow.stores.sqlite import SqliteStore

log = logging.getLogger(__name__)
PARTITIONS, KEYS, MOST = 6, 60, 5
EACH = """
metadata: {name: each}
triggers: [{id: t, type: event, config: {event: load.event}}]
concurrency: {mode: parallel, max: 64}
steps: [{name: note, uses: run.annotate, with: {text: came}}]
"""
COUNTED = """
metadata: {name: counted}
triggers:
  - {id: t, type: event, config: {event: load.event, key: event.subject, limit: [{max: 5, per: 1d}]}}
steps: [{name: note, uses: run.annotate, with: {text: came}}]
"""
here = threading.local()


class Freezing(ports.RealWorld):
    """A world in which a thread stops dead at a commit when it is told to."""

    def failpoint(self, name):
        member = getattr(here, "member", None)
        if name == "commit.before" and member is not None and member.freeze.is_set():
            member.frozen.set()
            member.thaw.wait()
            member.freeze.clear()


class Elsewhere:
    """A store that lives in another loop."""

    def __init__(self, store, loop):
        self._store, self._loop = store, loop

    def __getattr__(self, name):
        method = getattr(self._store, name)

        async def call(*args, **named):
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(method(*args, **named), self._loop))

        return call


class Member:
    """A router with its own bus, in its own thread; `leave` drains it."""

    def __init__(self, make_bus, store):
        self.freeze, self.frozen, self.thaw = threading.Event(), threading.Event(), threading.Event()
        self.fenced = self.rebalances = 0
        self.halted, self.error, self.router, self.loop = {}, None, None, None
        self._thread = threading.Thread(target=self._run, args=(make_bus, store), daemon=True)
        self._thread.start()

    def _run(self, make_bus, store):
        here.member = self
        try:
            asyncio.run(self._work(make_bus(), store))
        except BaseException as error:  # noqa: BLE001 - told by `leave`
            self.error = error

    async def _work(self, bus, store):
        await bus.open()
        self.loop, self.router = asyncio.get_running_loop(), Router(bus, store, detectors=find_detector)
        try:
            await self.router.run()
        finally:
            self.fenced, self.halted = self.router.fenced, self.router.halted
            self.rebalances = bus.measures.rebalances
            await bus.close()

    async def leave(self):
        while self.router is None and self.error is None:
            await asyncio.sleep(0.01)
        self.loop.call_soon_threadsafe(self.router.drain)
        await asyncio.to_thread(self._thread.join)
        assert self.error is None, self.error
        assert not self.halted, self.halted


async def load(bus, until, pause):
    """Publish until told to stop; the number of events of each key."""
    counts = Counter()
    for number in itertools.count():
        if until.is_set():
            return counts
        entries = []
        for index in range(50):
            key = f"key {(number * 50 + index) % KEYS}"
            line = {"specversion": "1.0", "id": f"{number}-{index}", "source": "load", "type": "load.event",
                    "time": "2026-01-01T00:00:00Z", "subject": key, "data": {}}  # fmt: skip
            entries.append(Entry(partition_of(key, PARTITIONS), json.dumps(line).encode()))
            counts[key] += 1
        await bus.publish(entries)
        await asyncio.sleep(pause)
    raise AssertionError


async def disturbed(make_bus, store, *, seconds, every, session):
    """Two stay, a third joins and leaves; each of the two is frozen once; the figures."""
    shared = Elsewhere(store, asyncio.get_running_loop())
    bus, ended = make_bus(), asyncio.Event()
    await bus.open()
    writing = asyncio.ensure_future(load(bus, ended, pause=0.05))
    members = [Member(make_bus, shared), Member(make_bus, shared)]
    gone, third, loop = [], None, asyncio.get_running_loop()
    end, frozen = loop.time() + seconds, iter(members)
    while loop.time() < end:
        await asyncio.sleep(every)
        if third is None:
            third = Member(make_bus, shared)
        else:
            await third.leave()
            gone.append(third)
            third = None
            if (member := next(frozen, None)) is not None:
                await freeze(member, session)
    ended.set()
    counts = await writing
    await all_decided(bus, store, [*members, *([third] if third else [])])
    for member in [*members, *([third] if third else [])]:
        await member.leave()
        gone.append(member)
    await bus.close()
    return counts, gone


async def freeze(member, session):
    """Until it is frozen before a commit, then so long that the group gives its partitions to others."""
    member.thaw.clear()
    member.freeze.set()
    if not await asyncio.to_thread(member.frozen.wait, 30):
        member.freeze.clear()
        member.thaw.set()
        stands = member.router.positions, member.router.halted, member.router.trouble
        raise AssertionError(f"no commit to freeze at in 30 s: the member is at {stands}")
    await asyncio.sleep(session * 2.5)
    member.frozen.clear()
    member.thaw.set()


async def all_decided(bus, store, members, within=60):
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        ends = {partition: (await bus.bounds(partition)).end for partition in range(PARTITIONS)}
        known = await store.partitions()
        if all(known.get(partition, (0, 0, 0))[0] >= end for partition, end in ends.items()):
            return
        stands = [(member.router.positions, member.router.halted, member.router.trouble) for member in members]
        assert loop.time() < end, f"stuck: the log ends at {ends}, the store is at {known}, members are at {stands}"
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("seconds", "every", "session"),
    [
        pytest.param(6.0, 0.7, 2.0, marks=pytest.mark.timeout(120), id="short"),
        pytest.param(180.0, 5.0, 3.0, marks=[pytest.mark.long, pytest.mark.timeout(600)], id="long"),
    ],
)
async def test_members_come_go_and_freeze(kafka, topic, tmp_path, seconds, every, session):
    (tmp_path / "documents").mkdir()
    for name, text in (("each", EACH), ("counted", COUNTED)):
        (tmp_path / "documents" / f"{name}.yaml").write_text(text)
    given = settings.given({"data_dir": str(tmp_path), "workflows": str(tmp_path / "documents")})
    store = SqliteStore(tmp_path / "store.db")
    await store.open()

    def make_bus():
        return KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, PARTITIONS), shared=True, session=session)

    with ports.use(Freezing()):
        await Workflows(given).activate(store, ports.wall())
        counts, members = await disturbed(make_bus, store, seconds=seconds, every=every, session=session)
    runs = await every_run(store)
    await store.close()
    assert len(runs) == len({run.id for run in runs})
    assert sum(run.workflow == "each" for run in runs) == sum(counts.values()), "lost or doubled"
    counted = Counter(run.key for run in runs if run.workflow == "counted")
    assert counted == Counter({key: min(MOST, number) for key, number in counts.items()})
    fenced = sum(member.fenced for member in members)
    assert fenced, "no commit was ever refused, so nothing was tested"
    figures = {"events": sum(counts.values()), "members": len(members), "fenced": fenced,
               "rebalances": sum(member.rebalances for member in members)}  # fmt: skip
    log.info("%s", figures)
    print(figures)  # noqa: T201 - the figures are what one runs it for


async def every_run(store):
    found, after = [], None
    while True:
        page = await store.runs(limit=500, after=after)
        found += page
        if len(page) < 500:
            return found
        after = page[-1].id
