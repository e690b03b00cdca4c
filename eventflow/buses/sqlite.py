"""The log in SQLite files: what is acknowledged survives a power cut, one process holds it at a time.

One data partition and control. Publishes of one turn of the loop share one synced commit (`GroupCommit`); the files are
`eventflow.disk.log`. When the disk or the set size is full, the outside is refused and the engine's own records go on
within a reserve, until there is room again; nobody has to do anything for that.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from eventflow import ports
from eventflow.disk import GroupCommit, Hold, Reserve
from eventflow.disk.log import SegmentedLog
from eventflow.disk.search import Search
from eventflow.disk.tail import Tail
from eventflow.errors import StorageError, StorageFull
from eventflow.model.record import CONTROL, Bounds, Entry
from eventflow.plugin.bus import Survives

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from eventflow.disk.segment import Segment
    from eventflow.model.event import Micros
    from eventflow.model.record import Record, Ref
    from eventflow.plugin.bus import Subscription

DAY = 86_400.0
PARTITIONS = (0, CONTROL)
GATHER = 0.005
"""Seconds in which senders that come at once may gather for one commit: two or three times what the commit takes."""


class _Publish(msgspec.Struct, frozen=True, gc=False):
    """One call of `publish`."""

    entries: Sequence[Entry]
    own: bool


class SqliteBus:
    """The embedded log in `directory`; settings are plain numbers.

    `limit_bytes`, `max_age` (seconds): what retention allows; at 90 % of the size the oldest segments go, at the whole
    of it events are refused. `reserve_bytes`: how far the engine's own records may go beyond. `segment_bytes`,
    `segment_age` (seconds): when a new file begins. `spare_bytes`: room kept on the disk for when it is full.
    `patience` (seconds): events that would wait longer for the disk are shed. `busy` (seconds): how long a locked file
    is tried. `cache_bytes`: how much of the newest is kept in memory for readers. `checkpoint_bytes`: when the
    write-ahead log is copied into its file.
    """

    name = "sqlite"
    partitions = 1
    survives = Survives.POWER

    def __init__(
        self,
        directory: Path,
        *,
        limit_bytes: int = 10 << 30,
        max_age: float = 7 * DAY,
        reserve_bytes: int = 64 << 20,
        segment_bytes: int = 0,
        segment_age: float = 0.0,
        spare_bytes: int = 4 << 20,
        group_bytes: int = 1 << 20,
        queue_bytes: int = 64 << 20,
        patience: float = 2.0,
        busy: float = 5.0,
        cache_bytes: int = 8 << 20,
        checkpoint_bytes: int = 4 << 20,
    ) -> None:
        """Only remember; `open` does it. A segment is by default a fortieth of the size and a 28th of the age."""
        self._limit, self._reserve = limit_bytes, reserve_bytes
        self._max_age = int(max_age * ports.SECOND)
        self._log = SegmentedLog(
            directory,
            segment_bytes=segment_bytes or min(limit_bytes // 40, 256 << 20),
            segment_age=segment_age or max_age / 28,
            cache_bytes=cache_bytes,
            checkpoint_bytes=checkpoint_bytes,
        )
        self._new_group: Callable[[], GroupCommit[_Publish, None]] = lambda: GroupCommit(
            self._commit, group_bytes=group_bytes, queue_bytes=queue_bytes, patience=patience, busy=busy, gather=GATHER
        )
        self._group = self._new_group()
        self._hold = Hold(directory)
        self._directory = directory
        self._spare = Reserve(directory / "spare", spare_bytes)
        self._full_since: Micros | None = None
        self._looked_at: Micros = 0
        self._tails: list[Tail] = []
        self._keep = dict.fromkeys(PARTITIONS, 0)
        self._doomed: deque[Segment] = deque()
        self._forgetting = asyncio.Lock()
        self._open = False

    # --- life ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take the directory and read where the log ends. Raises `StorageHeld`, `StorageDamaged`."""
        self._hold.take()
        try:
            self._log.open()
        except BaseException:
            self._log.abandon()
            self._hold.release()
            raise
        self._group = self._new_group()
        self._full_since = None if self._spare.keep() else ports.boot()
        self._open = True

    async def close(self) -> None:
        """Commit what waits, end the subscriptions, let go of the files; twice is fine."""
        if not self._open:
            return
        self._open = False
        self._group.close(StorageError("the bus is closed: nothing more is taken"))
        for tail in list(self._tails):
            await tail.close()
        try:
            self._log.close()
        finally:
            self._log.abandon()
            self._hold.release()

    def abandon(self) -> None:
        """Let go as a dying process would, for tests of crashes within one process."""
        self._open = False
        self._log.abandon()
        self._hold.release()

    @property
    def lost(self) -> bool:
        """Whether the disk has failed: nothing is taken any more, the process must stop."""
        return self._log.lost

    @property
    def full(self) -> str:
        """Why events from outside are refused now; empty while they are not."""
        if self._full_since is not None:
            return f"the disk that holds {self._directory} is full"
        if self._log.size >= self._limit:
            return f"the log in {self._directory} has reached its limit of {self._limit} bytes"
        return ""

    # --- writing ---------------------------------------------------------------------------------------------------

    async def publish(self, entries: Sequence[Entry]) -> None:
        """Append all entries or none; see `eventflow.plugin.bus.Bus`."""
        if not entries:
            return
        size, own = 0, True
        for entry in entries:
            size += len(entry.data)
            own = own and (entry.own or entry.partition == CONTROL)
            if entry.partition not in PARTITIONS:
                raise ValueError(f"partition {entry.partition} does not exist: the log in SQLite has 0 and control")
        if self._full_since is not None or self._log.size + self._group.waiting_bytes + size > self._limit:
            await self._admit(size, own=own)
        await self._group.put(_Publish(entries, own), size, urgent=own)

    async def _admit(self, size: int, *, own: bool) -> None:
        """Raise `StorageFull` when there is no room for this; look first whether there is some by now."""
        if self._full_since is not None and not own:
            self._look_for_room()
        if self._log.size + self._group.waiting_bytes + size > self._limit:
            await self._forget()
        needed = self._log.size + self._group.waiting_bytes + size
        if (self._full_since is not None and not own) or needed > self._limit + (self._reserve if own else 0):
            raise StorageFull(f"{self.full or 'the log is full'}; nothing was written. It goes on when there is room")

    def _look_for_room(self) -> None:
        """At most once a second; the spare room must be there again, and as much beside it."""
        now = ports.boot()
        if now - self._looked_at < ports.SECOND:
            return
        self._looked_at = now
        disk = os.statvfs(self._directory)
        if disk.f_bavail * disk.f_frsize >= 2 * self._spare.size and self._spare.keep():
            self._full_since = None

    def _commit(self, publishes: Sequence[_Publish]) -> Sequence[Exception | None]:
        """All in one commit; on a full disk the engine's own alone, in the spare room."""
        try:
            self._append(publishes)
        except StorageFull as error:
            if self._full_since is None:
                self._full_since = ports.boot()
            self._looked_at = ports.boot()
            own = [publish for publish in publishes if publish.own]
            if not own or not (self._spare.give_back() or len(own) < len(publishes)):
                raise
            self._append(own)
            return [None if publish.own else error for publish in publishes]
        return [None] * len(publishes)

    def _append(self, publishes: Sequence[_Publish]) -> None:
        lines: dict[int, list[bytes]] = {}
        for publish in publishes:
            for entry in publish.entries:
                if entry.partition in lines:
                    lines[entry.partition].append(entry.data)
                else:
                    lines[entry.partition] = [entry.data]
        self._log.append(lines)
        for tail in self._tails:
            tail.wake()

    # --- reading ---------------------------------------------------------------------------------------------------

    def subscribe(self, group: str, position: Callable[[int], int]) -> Subscription:
        """Read everything; every subscription is assigned all partitions."""
        tail = Tail(self._log, self.partitions, position, self._tails.remove)
        self._tails.append(tail)
        return tail

    async def fetch(self, refs: Sequence[Ref]) -> list[Record | None]:
        """Single records again, in the order asked."""
        found: dict[Ref, Record] = {}
        for ref in sorted(set(refs)):
            if ref.partition in PARTITIONS and (records := self._log.read(ref.partition, ref.offset, 1)):
                found[ref] = records[0]
        return [found.get(ref) for ref in refs]

    async def bounds(self, partition: int) -> Bounds:
        """What the partition holds now."""
        return self._log.range(partition)

    def now(self) -> Micros:
        """The log clock."""
        return self._log.clock.now()

    async def find(self, identity: str, limit: int) -> list[Ref]:
        """The newest places of events with this id; gives the loop a turn after every row it has looked at."""
        search = Search(identity)
        places: list[tuple[Micros, Ref]] = []
        for partition in PARTITIONS:
            found: list[tuple[Micros, Ref]] = []
            below = self._log.range(partition).end
            while len(found) < limit and (row := self._log.before(partition, below)):
                found += search.within(partition, *row)
                below = row[1].base
                await ports.breathe()
            places += found
        places.sort(key=lambda place: (place[0], place[1]), reverse=True)
        return [ref for _, ref in places[:limit]]

    async def copy(self, folder: Path) -> None:
        """Copy the log into `folder` while it is used; where it is read after a restore."""
        await self._log.copy(folder / self._directory.name)

    # --- forgetting ------------------------------------------------------------------------------------------------

    async def retain(self, keep: Callable[[int], int]) -> None:
        """Remove whole segments that are too old, or too many, and decided."""
        self._keep = {partition: keep(partition) for partition in PARTITIONS}
        self._log.roll_when_due()
        await self._forget()

    async def _forget(self) -> None:
        """Unlinking a large file takes long, so it is done beside the loop; one after another, the oldest first."""
        before = self._log.clock.now() - self._max_age
        self._doomed += self._log.forget(self._keep, before, self._limit * 9 // 10)
        async with self._forgetting:
            while self._doomed:
                await ports.in_thread(self._doomed[0].unlink)
                self._doomed.popleft()
