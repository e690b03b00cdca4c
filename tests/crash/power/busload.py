"""A load for the bus that touches everything, and the check of what is left of it after a power cut."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from pathlib import Path

import apsw
from power.tape import Cut, Tape

from eventflow.buses.sqlite import SqliteBus
from eventflow.errors import StorageError, StorageLost
from eventflow.model.record import CONTROL, Entry

SMALL = {
    "segment_bytes": 60_000,
    "checkpoint_bytes": 40_000,
    "group_bytes": 8_000,
    "spare_bytes": 8_000,
    "segment_age": 3600.0,
    "max_age": 0.0,
}
"""Settings under which segments, checkpoints and retention come often."""


@dataclass
class Load:
    """Publishers with numbered calls, a restart and retention now and then; every acknowledgement goes on the tape."""

    folder: Path
    tape: Tape
    dice: random.Random
    calls: dict[int, list[Entry]] = field(default_factory=dict)
    places: dict[tuple[int, bytes], int] = field(default_factory=dict)
    """Where a line was read while all was well: (partition, line) → offset."""
    failures: list[BaseException] = field(default_factory=list)
    opened: bool = False

    async def run(self, rounds: int) -> None:
        """Rounds of calls at once; ends at the first failure to open."""
        bus = SqliteBus(self.folder, **SMALL)
        await self._open(bus)
        for number in range(rounds):
            if not self.opened:
                return
            await asyncio.gather(*(self._call(bus) for _ in range(self.dice.randint(1, 5))))
            await self._look(bus)
            if number % 7 == 3:
                await self._retain(bus)
            if number % 9 == 5:
                await self._close(bus)
                bus = SqliteBus(self.folder, **SMALL)
                await self._open(bus)
        if bus.lost:
            self.failures.append(StorageLost())
        bus.abandon()

    async def _call(self, bus: SqliteBus) -> None:
        number = len(self.calls)
        entries = []
        for place in range(self.dice.randint(1, 4)):
            size = self.dice.choice([0, 50, 1000, 6000])
            line = b"%d %d " % (number, place) + self.dice.randbytes(size).hex().encode()
            entries.append(Entry(self.dice.choice([0, 0, CONTROL]), line))
        self.calls[number] = entries
        with self._noting():
            await bus.publish(entries)
            self.tape.mark(number)

    async def _look(self, bus: SqliteBus) -> None:
        ends = {partition: offset for (partition, _), offset in self.places.items()}
        for partition in (0, CONTROL):
            bounds = await bus.bounds(partition)
            subscription = bus.subscribe(
                "load", {0: 0, CONTROL: 0, partition: max(bounds.start, ends.get(partition, 0))}.get
            )
            with self._noting():
                while batch := await subscription.read(1000, 0, partitions=(partition,)):
                    self.places |= {(partition, record.data): record.offset for record in batch.records}
            await subscription.close()

    async def _retain(self, bus: SqliteBus) -> None:
        keep = {partition: (await bus.bounds(partition)).end * 3 // 4 for partition in (0, CONTROL)}
        self.tape.mark(keep)
        with self._noting():
            await bus.retain(keep.__getitem__)

    async def _open(self, bus: SqliteBus) -> None:
        self.opened = False
        with self._noting():
            await bus.open()
            self.opened = True

    async def _close(self, bus: SqliteBus) -> None:
        with self._noting():
            await bus.close()

    @contextlib.contextmanager
    def _noting(self):
        try:
            yield
        except StorageError as error:
            self.failures.append(error)


async def check(folder: Path, load: "Load", acknowledged: list) -> None:
    """The log opens, is whole, and holds what was acknowledged; of other calls all or nothing."""
    kept = {0: 0, CONTROL: 0}
    for keep in (what for what in acknowledged if isinstance(what, dict)):
        kept = keep
    bus = SqliteBus(folder, **SMALL)
    await bus.open()
    there: dict[int, list[bytes]] = {0: [], CONTROL: []}
    for partition, lines in there.items():
        bounds = await bus.bounds(partition)
        assert bounds.start <= kept[partition], "retention took what was not decided"
        subscription = bus.subscribe("check", {0: 0, CONTROL: 0, partition: bounds.start}.__getitem__)
        stamps = []
        while batch := await subscription.read(1000, 0, partitions=(partition,)):
            lines += [record.data for record in batch.records]
            stamps += [record.log_time for record in batch.records]
        assert len(lines) == bounds.end - bounds.start
        assert stamps == sorted(stamps)
    starts = {partition: (await bus.bounds(partition)).start for partition in there}
    whole(starts, there, load, [what for what in acknowledged if isinstance(what, int)])
    await bus.publish([Entry(0, b"after"), Entry(CONTROL, b"after")])
    await bus.close()
    integrity(folder)


def whole(starts: dict[int, int], there: dict[int, list[bytes]], load: "Load", done: list[int]) -> None:
    """Of acknowledged calls everything that retention did not take, at its offset; of others all or nothing."""
    seen = {p: {line: starts[p] + place for place, line in enumerate(lines)} for p, lines in there.items()}
    for partition, lines in there.items():
        assert len(seen[partition]) == len(lines), "a record is there twice"
        for line in lines:
            assert Entry(partition, line) in load.calls[int(line.split()[0])], "nobody published this"
    for number, entries in load.calls.items():
        expected = [e for e in entries if load.places.get((e.partition, e.data), 1 << 60) >= starts[e.partition]]
        present = [entry.data in seen[entry.partition] for entry in expected]
        assert all(present) or number not in done, f"acknowledged call {number} is lost"
        assert all(present) or not any(present), f"call {number} is there in part"
    for (partition, line), offset in load.places.items():
        assert seen[partition].get(line, offset) == offset, "a record has moved"


def integrity(folder: Path) -> None:
    """SQLite's own look at every file."""
    for path in sorted(folder.glob("*.sqlite")):
        connection = apsw.Connection(str(path))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


async def survive(cut: Cut, load: Load, folder: Path) -> None:
    """Rebuild one disk and check it."""
    cut.rebuild(folder)
    await check(folder, load, cut.acknowledged)
