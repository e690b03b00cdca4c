"""A log and a ledger in memory, honest and small, and short ways to write workflows and events."""

from __future__ import annotations

import asyncio
import copy
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventflow.errors import Fenced, PartitionHalted, StorageError
from eventflow.model.commit import Commit, Recalled
from eventflow.model.event import ENGINE, Event, from_micros
from eventflow.model.identity import partition_of
from eventflow.model.record import CONTROL, Batch, Bounds, Entry, Position, Record
from eventflow.model.workflow import Catalogue, Input, Schedule, Selector, Trigger, Workflow, definition_hash, encode
from eventflow.plugin.bus import Survives
from eventflow.plugin.store import Admitted
from eventflow.route.decide import decide
from eventflow.route.memory import Memory
from eventflow.route.rules import Front, Rules, Waits
from eventflow.route.takeover import take_over
from eventflow.route.watching import no_types

SECOND = 1_000_000
__all__ = ["Input", "Schedule", "encode", "partition_of"]
START = 1_800_000_000 * SECOND


def event(id_: str, *, key: str = "k", type_: str = "test.thing", **data: Any) -> bytes:
    return Event(
        id=id_, source="test", type=type_, kind=type_, subject=key, time=from_micros(START), data={"key": key, **data}
    ).encode()


def trigger(id_: str = "t", *, event_: str = "test.*", filter_: str | None = None, **fields: Any) -> Trigger:
    if "schedule" in fields:
        return Trigger(id=id_, type="schedule", **fields)
    return Trigger(id=id_, type="event", selector=Selector(event=event_, filter=filter_), **fields)


def workflow(*triggers: Trigger, id_: str = "w", **fields: Any) -> Workflow:
    return Workflow(id=id_, name=id_, triggers=triggers, **fields)


def catalogue(*workflows: Workflow, number: int = 1) -> Catalogue:
    return Catalogue(number, {one.id: one for one in workflows})


def front(*workflows: Workflow, number: int = 1, find=no_types) -> Front:
    return Front(Rules(catalogue(*workflows, number=number), find=find), Waits({}))


def record(offset: int, data: bytes, at: int, partition: int = 0) -> Record:
    return Record(partition, offset, START + at, data)


def fresh(one: Front, *, partition: int = 0, partitions: int = 1, at: int = 0) -> Memory:
    memory = Memory()
    take_over(memory, one.rules, partition=partition, partitions=partitions, now=START + at, wall=START + at)
    return memory


def run(one: Front, records: list[Record], memory: Memory | None = None, partition: int = 0, partitions: int = 1):
    memory = memory if memory is not None else fresh(one, partition=partition, partitions=partitions)
    return decide(records, memory, one, partition=partition, partitions=partitions)


class MemoryBus:
    """A log in lists. `clock` is the log clock and moves only by `advance`."""

    survives = Survives.NOTHING

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = partitions
        self.logs: dict[int, list[Record]] = {CONTROL: [], **{p: [] for p in range(partitions)}}
        self.clock = START
        self.fail: list[Exception] = []
        self.grown = asyncio.Event()

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def retain(self, keep) -> None: ...

    async def publish(self, entries) -> None:
        await asyncio.sleep(0)
        if self.fail:
            raise self.fail.pop(0)
        for entry in entries:
            self.clock += 1
            log = self.logs[entry.partition]
            log.append(Record(entry.partition, len(log), self.clock, entry.data))
        self.grown.set()

    async def emit(self, *events: bytes) -> None:
        await self.publish([Entry(self.home(data), data) for data in events])

    def home(self, data: bytes) -> int:
        found = msgspec.json.decode(data)
        return CONTROL if found["source"] == ENGINE else partition_of(found["subject"], self.partitions)

    def subscribe(self, group, position):
        return MemorySubscription(self, position)

    async def fetch(self, refs):
        return [self.logs[r.partition][r.offset] if r.offset < len(self.logs[r.partition]) else None for r in refs]

    async def bounds(self, partition):
        return Bounds(0, len(self.logs[partition]))

    async def find(self, identity, limit):
        return []

    def now(self) -> int:
        return self.clock


class MemorySubscription:
    def __init__(self, bus: MemoryBus, position) -> None:
        self.bus = bus
        self.assigned = tuple(bus.logs)
        self.at = {partition: position(partition) for partition in self.assigned}
        self.epoch = 0
        self.turn = 0

    async def read(self, limit, wait, *, partitions=None):
        wanted = [p for p in self.assigned if partitions is None or p in partitions]
        found = self._next(limit, wanted)
        if found is None:
            self.bus.grown.clear()
            try:
                async with asyncio.timeout(wait):
                    await self.bus.grown.wait()
            except TimeoutError:
                return None
            found = self._next(limit, wanted)
        return found

    def _next(self, limit, wanted):
        self.turn += 1
        data = [p for p in wanted if p != CONTROL]
        turn = self.turn % max(1, len(data))
        order = [p for p in wanted if p == CONTROL] + data[turn:] + data[:turn]
        for partition in order:
            records = self.bus.logs[partition][self.at[partition] : self.at[partition] + limit]
            if records:
                start, self.at[partition] = self.at[partition], records[-1].offset + 1
                return Batch(partition, start, self.at[partition], records)
            if self.at[partition] > len(self.bus.logs[partition]):
                raise PartitionHalted(f"partition {partition} was cut")
        return None

    def rewind(self, partition, offset) -> None:
        self.at[partition] = offset

    async def close(self) -> None: ...


class MemoryLedger:
    """The router's side of a store; `unclear` makes the next commits do their work and fail all the same."""

    def __init__(self) -> None:
        self.rows: dict[int, Recalled] = {}
        self.commits: list[Commit] = []
        self.runs: dict[str, Any] = {}
        self.catalogues: list[dict[str, bytes]] = [{}]
        self.deadline: int | None = None
        self.settings: dict[str, str] = {}
        self.unclear = 0
        self.recalls = 0
        self.fail: list[Exception] = []

    async def recall(self, partition):
        self.recalls += 1
        return self._row(partition)

    def _row(self, partition):
        nothing = Recalled(position=Position(), memory_at=Position(), last="", catalogue=0, log_time=0, slots={})
        return copy.deepcopy(self.rows.get(partition, nothing))

    async def partitions(self):
        return {p: (row.position.offset, row.memory_at.offset, row.log_time) for p, row in self.rows.items()}

    async def commit(self, commit):
        await asyncio.sleep(0)
        if self.fail:
            raise self.fail.pop(0)
        before = self._row(commit.partition)
        if before.last == commit.id:
            return Admitted({})
        if before.last != commit.follows:
            raise Fenced
        self._write(before, commit)
        if self.unclear:
            self.unclear -= 1
            raise StorageError("the answer was lost")
        return Admitted({firing.run: "queued" for firing in commit.firings})

    def _write(self, before: Recalled, commit: Commit) -> None:
        slots, memory_at, number = dict(before.slots), before.memory_at, before.catalogue
        if commit.checkpoint is not None:
            memory_at, number = commit.position, commit.checkpoint.catalogue
            for name, data in commit.checkpoint.slots.items():
                if data is None:
                    slots.pop(name, None)
                else:
                    slots[name] = data
        self.rows[commit.partition] = Recalled(
            position=commit.position, memory_at=memory_at, last=commit.id, catalogue=number, log_time=commit.log_time,
            slots=slots,
        )  # fmt: skip
        self.commits.append(commit)
        for firing in commit.firings:
            self.runs.setdefault(firing.run, firing)

    async def setting(self, name, value):
        return self.settings.setdefault(name, value)

    async def earliest_deadline(self):
        return self.deadline

    def activate(self, *workflows: Workflow) -> int:
        self.catalogues.append({one.id: encode(one) for one in workflows})
        return len(self.catalogues) - 1

    async def catalogue(self, number=None):
        number = len(self.catalogues) - 1 if number is None else number
        return number, self.catalogues[number]

    async def open_definitions(self):
        return {definition_hash(text): text for text in self.catalogues[-1].values()}


def now_text(at: int) -> str:
    return datetime.fromtimestamp((START + at) / SECOND, UTC).isoformat()
