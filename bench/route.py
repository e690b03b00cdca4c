"""The router's limit: `decide`, and the whole loop over the memory bus without a store, with 1 and 1,000 triggers,
against a bare `orjson.loads` loop over the same records.

Alternating pairs in one process, CPU time, median of five. Then what it costs to remember ten million identities.
"""

import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Callable

import orjson

from eventflow.buses.memory import MemoryBus
from eventflow.model.commit import Commit, Recalled
from eventflow.model.event import Event, from_micros
from eventflow.model.record import Entry, Position, Record
from eventflow.model.workflow import Catalogue, Match, Selector, Trigger, Workflow, encode
from eventflow.plugin.store import Admitted
from eventflow.route.decide import decide
from eventflow.route.memory import Memory
from eventflow.route.router import Router
from eventflow.route.rules import Front, Rules, Waits
from eventflow.route.seen import UNIT, Seen
from eventflow.route.takeover import take_over

START = 1_800_000_000_000_000
KINDS = ("git.push", "git.pull_request", "alert.firing", "alert.resolved", "deploy.started", "metric.sample")
SEVERITIES = ("low", "medium", "high", "critical")


def events(count: int) -> list[Record]:
    records = []
    for n in range(count):
        kind = KINDS[n % len(KINDS)]
        data = {
            "name": f"Rule{n % 50}",
            "severity": SEVERITIES[n % 7 % 4],
            "service": f"service-{n * 7919 % 200}",
            "labels": {"env": "prod" if n % 3 else "test", "region": f"eu-{n % 5}", "pod": f"pod-{n}", "cpu": n % 100},
            "annotations": {"summary": "x" * 240, "runbook": "https://runbooks.example.com/" + "y" * 80},
            "repository": {"full_name": f"acme/shop-{n % 200}", "url": "https://git.example.com/acme/shop"},
            "branch": "main" if n % 4 else f"feature/{n}",
            "value": n % 1000 / 10,
            "links": [f"https://example.com/{i}/" + "z" * 30 for i in range(4)],
        }
        extensions = {"sourcename": "alerts", "sourcetype": "alertmanager"}
        one = Event(
            id=f"e{n}", source="https://alerts.example.com", type=kind, kind=kind, subject=data["service"],
            time=from_micros(START + n), data=data, extensions=extensions,
        )  # fmt: skip
        records.append(Record(0, n, START + n * 1000, one.encode()))
    return records


def front(triggers: int, *, broad: bool = False) -> Front:
    """Selective triggers, of which one event fires about a tenth, or broad ones, of which it fires about one."""
    workflows = {}
    for n in range(triggers):
        lines = (Match("event.data.service", (f"service-{n * 31 % 200}",)),)
        if not broad:
            lines += (Match("event.data.name", (f"Rule{n % 50}",)), Match("event.data.branch", ("main", "release/*")))
        where = Selector(
            event=KINDS[n % len(KINDS)],
            match=lines,
            filter=f"event.data.labels.cpu > {n % 90} && event.data.severity in ['high', 'critical']"
            if n % 2
            else None,
        )
        one = Workflow(id=f"w{n}", name=f"w{n}", triggers=(Trigger(id="t", type="event", selector=where),))
        workflows[one.id] = one
    return Front(Rules(Catalogue(1, workflows)), Waits({}))


def route(one: Front, records: list[Record]) -> tuple[float, int]:
    memory = Memory()
    take_over(memory, one.rules, partition=0, partitions=1, now=START, wall=START)
    fired = 0
    began = time.process_time()
    for at in range(0, len(records), 1000):
        effects = decide(records[at : at + 1000], memory, one, partition=0, partitions=1)
        fired += len(effects.firings)
    return time.process_time() - began, fired


class Nowhere:
    """The router's side of a store that keeps nothing: what the router itself costs, without a disk."""

    def __init__(self, one: Front) -> None:
        self.definitions = {id_: encode(started.workflow) for id_, started in one.rules.workflows.items()}
        self.fired = 0

    async def recall(self, partition: int) -> Recalled:
        """Nothing."""
        return Recalled(position=Position(), memory_at=Position(), last="", catalogue=0, log_time=0, slots={})

    async def commit(self, commit: Commit) -> Admitted:
        """Count the firings."""
        self.fired += len(commit.firings)
        return Admitted({})

    async def catalogue(self, number: int | None = None) -> tuple[int, dict[str, bytes]]:
        """The one catalogue, after the empty one."""
        return (1, self.definitions) if number is None else (number, self.definitions if number else {})

    async def open_definitions(self) -> dict[str, bytes]:
        """None."""
        return {}

    async def earliest_deadline(self) -> None:
        """None."""
        return

    async def setting(self, name: str, value: str) -> str:
        """As given."""
        return value


async def loop(one: Front, records: list[Record]) -> tuple[float, int]:
    """The same through the router's loop, reading from the memory bus."""
    bus, store = MemoryBus(), Nowhere(one)
    await bus.open()
    router = Router(bus, store)
    running = asyncio.get_running_loop().create_task(router.run())
    while not (router.ready and router.catalogue == 1):  # noqa: ASYNC110 - the router tells nobody
        await asyncio.sleep(0.01)
    began = time.process_time()
    await bus.publish([Entry(0, record.data) for record in records])
    published = time.process_time() - began
    while router.positions[0] < len(records):  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.002)
    spent = time.process_time() - began - published
    router.drain()
    await running
    await bus.close()
    return spent, store.fired


def bare(records: list[Record]) -> float:
    began = time.process_time()
    for record in records:
        orjson.loads(record.data)
    return time.process_time() - began


def main() -> None:
    records = events(20_000)
    size = sum(len(record.data) for record in records) // len(records)
    for triggers, broad in ((1, False), (1000, False), (1000, True)):
        began = time.process_time()
        one = front(triggers, broad=broad)
        load = time.process_time() - began
        route(one, records[:2000])
        print(f"{triggers} triggers, {'broad' if broad else 'selective'}, compiled in {load * 1000:.0f} ms; {size} B")
        pairs("decide", records, lambda one=one: route(one, records))
        pairs("loop", records, lambda one=one: asyncio.run(loop(one, records)))
    if "--no-seen" not in sys.argv:
        seen(10_000_000)


def pairs(what: str, records: list[Record], ours: Callable[[], tuple[float, int]]) -> None:
    """Five alternating pairs of the bare loop and `ours`."""
    found = []
    fired = 0
    for _ in range(5):
        limit = bare(records)
        spent, fired = ours()
        found.append((limit / spent, spent / len(records) * 1e6, limit / len(records) * 1e6))
    ratio, us, limit_us = (statistics.median(column) for column in zip(*found, strict=True))
    print(
        f"  {what:<7} ÷ bare orjson.loads  {ratio:.3f}   {us:.2f} µs against {limit_us:.2f}; "
        f"{fired / len(records):.2f} firings an event"
    )


def seen(count: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory, at = Seen(), START // UNIT * UNIT

    def names(start: int, number: int) -> list[bytes]:
        return [b"26:https://alerts.example.com%d" % n for n in range(start, start + number)]

    spent = 0.0
    for start in range(0, count, 100_000):
        some = names(start, 100_000)
        began = time.process_time()
        for name in some:
            memory.add(name, b"salt", at)
        spent += time.process_time() - began
        memory.dump()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    some = [name for start in range(0, count, count // 10) for name in names(start, 20_000)]
    began = time.process_time()
    known = sum(not memory.add(name, b"salt", at) for name in some)
    again = (time.process_time() - began) / len(some) * 1e6
    print(
        f"seen, {count:,} identities  {spent / count * 1e6:.2f} µs new, {again:.2f} µs known "
        f"({known / len(some):.0%}), {grown:.0f} MB more"
    )


if __name__ == "__main__":
    main()
