"""The log over its segments: appends to the newest, reads from all, forgets from the oldest.

A thing of its own beside the bus: everything here is synchronous and tells what the files hold; who waits, who is
refused and who is woken is decided in `eventflow.buses.sqlite`.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING

from eventflow import ports
from eventflow.disk.clock import LogClock
from eventflow.disk.copying import copy_database
from eventflow.disk.faults import make_folder, sync_folder
from eventflow.disk.rows import Row
from eventflow.disk.segment import TABLES, OpenSegment, Segment, check_follows
from eventflow.errors import StorageDamaged, StorageError, StorageFull
from eventflow.model.record import CONTROL, Bounds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from eventflow.model.event import Micros
    from eventflow.model.record import Record

READ_BYTES = 8 << 20
"""A read ends after the row that reaches this, so that a thousand large records are not in memory at once."""
OLD_OPEN = 3
"""Older segments that are kept open for readers that lag."""


class SegmentedLog:
    """Data partition 0 and the control partition, in files that each hold a stretch of time.

    A new segment begins when the newest holds `segment_bytes` or is `segment_age` seconds old. The newest rows are kept
    in memory up to `cache_bytes`, so that a reader that keeps up never touches the disk.
    """

    def __init__(
        self, folder: Path, *, segment_bytes: int, segment_age: float, cache_bytes: int, checkpoint_bytes: int
    ) -> None:
        """Only remember; `open` does it."""
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segment_age = int(segment_age * ports.SECOND)
        self._checkpoint_bytes = checkpoint_bytes
        self._segments: list[Segment] = []
        self._sizes: dict[Segment, int] = {}
        self.size = 0
        """Bytes on the disk, of the newest segment those that were appended."""
        self._old: dict[Path, OpenSegment] = {}
        self._newest: OpenSegment | None = None
        self._began: Micros | None = None
        self._ends: dict[int, int] = {}
        self._cache_bytes = cache_bytes
        self._cache = _Cache(cache_bytes)
        self._last_read: dict[int, Row] = {}
        """Per partition the row read last from a file: a reader that takes less than a row finds the rest here."""
        self.clock = LogClock()
        self.is_copied = False
        """While it is being copied no segment begins and none is forgotten."""

    # --- life ------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Raises `StorageDamaged` when a segment is damaged or missing in between."""
        make_folder(self._folder)
        self._segments = Segment.found(self._folder) or [Segment.at(self._folder, 0, 0)]
        self._newest = newest = self._opened(self._segments[-1], floor=0)
        self._finish_rolling()
        last = newest.last_stamp()
        if len(self._segments) > 1:
            before = self._open_old(self._segments[-2])
            check_follows(before, newest.segment)
            last = max(last, before.last_stamp())
        self.clock = LogClock(last)
        self._began = newest.first_stamp()
        self._ends = {partition: newest.end(partition) for partition in TABLES}
        self._sizes, self.size = {}, 0
        for segment in self._segments:
            self._set_size(segment, segment.size())
        if self._began is None:
            self._set_size(newest.segment, 0)
        self._cache = _Cache(self._cache_bytes)
        self._last_read.clear()

    def close(self) -> None:
        """Copy what is in write-ahead logs into the files. Raises `StorageLost` when the disk fails in it."""
        with contextlib.ExitStack() as closing:
            for segment in [*self._old.values(), *([self._newest] if self._newest else [])]:
                closing.callback(segment.close)
            self._old, self._newest = {}, None

    def abandon(self) -> None:
        """Let go as a dying process would."""
        for segment in [*self._old.values(), *([self._newest] if self._newest else [])]:
            segment.database.abandon()
        self._old, self._newest = {}, None

    @property
    def lost(self) -> bool:
        """Whether an I/O error happened in the segment that is written."""
        return self._newest is not None and self._newest.database.lost

    # --- what it holds ---------------------------------------------------------------------------------------------

    def range(self, partition: int) -> Bounds:
        """What the partition holds now."""
        return Bounds(self._segments[0].base(partition), self._ends[partition])

    def append(self, lines: Mapping[int, Sequence[bytes]]) -> None:
        """Append to each partition, synced, all or nothing, with one stamp later than every other."""
        newest = self.roll_when_due()
        stamp = self.clock.stamp()
        rows = {partition: Row(self._ends[partition], stamp, some) for partition, some in lines.items()}
        size = newest.append(rows)
        self._set_size(newest.segment, self._sizes[newest.segment] + size)
        if self._began is None:
            self._began = stamp
        for partition, row in rows.items():
            self._ends[partition] = row.end
            self._cache.add(partition, row)

    def read(self, partition: int, start: int, limit: int) -> list[Record]:
        """At most `limit` records from `start` on, of one segment; nothing where the log holds nothing."""
        bounds = self.range(partition)
        if not bounds.start <= start < bounds.end:
            return []
        records: list[Record] = []
        for row in self._cache.rows(partition, start, limit) or self._from_file(partition, start, limit):
            records += row.records(partition, start, limit - len(records))
        return records

    def before(self, partition: int, offset: int) -> tuple[bytes, Row] | None:
        """The last row that begins below an offset, with its blob; None at the beginning of the log."""
        for segment in reversed(self._segments):
            if segment.base(partition) < offset and (found := self._open_any(segment).before(partition, offset)):
                return found
        return None

    # --- forgetting ------------------------------------------------------------------------------------------------

    def forget(self, keep: Mapping[int, int], before: Micros, most: int) -> list[Segment]:
        """Let go of the oldest segments that end before `before`, or while there are more than `most` bytes.

        Never the newest, and none with a record at or above `keep[partition]`. Their files are the caller's to unlink,
        in this order: a cut in between then leaves no hole.
        """
        forgotten: list[Segment] = []
        while len(self._segments) > 1 and not self.is_copied:
            oldest, following = self._segments[:2]
            if any(following.base(partition) > keep[partition] for partition in TABLES):
                break
            if self.size <= most and self._open_any(oldest).last_stamp() >= before:
                break
            if opened := self._old.pop(oldest.path, None):
                opened.database.abandon()
            self._segments.pop(0)
            self._set_size(oldest, 0)
            del self._sizes[oldest]
            forgotten.append(oldest)
        return forgotten

    def roll_when_due(self) -> OpenSegment:
        """The newest segment; a new one if it was full or old. On a full disk the old one goes on."""
        if self._is_to_roll():
            with contextlib.suppress(StorageFull):
                self._roll(self._current())
        return self._current()

    async def copy(self, folder: Path) -> None:
        """Copy every segment into a new folder; the newest is as it is in the moment when this returns."""
        make_folder(folder)
        self.is_copied = True
        try:
            for segment in self._segments:
                await copy_database(self._open_any(segment).database.raw, folder / segment.path.name)
        finally:
            self.is_copied = False
        sync_folder(folder)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _current(self) -> OpenSegment:
        if self._newest is None:
            raise StorageError(f"{self._folder}: the log is not open")
        return self._newest

    def _set_size(self, segment: Segment, size: int) -> None:
        self.size += size - self._sizes.get(segment, 0)
        self._sizes[segment] = size

    def _is_to_roll(self) -> bool:
        if self._began is None or self.is_copied:
            return False
        full = self._sizes[self._segments[-1]] >= self._segment_bytes
        return full or self.clock.now() - self._began >= self._segment_age

    def _roll(self, older: OpenSegment) -> None:
        """Begin a new segment; the old one is closed when the new one is safe."""
        segment = Segment.at(self._folder, self._ends[0], self._ends[CONTROL])
        older.database.check_lost()
        try:
            newest = self._opened(segment, floor=self.clock.last)
        except StorageFull:
            segment.unlink()  # else it would lie between what the old one still takes and what comes next
            raise
        self._newest, self._began = newest, None
        self._segments.append(segment)
        self._set_size(segment, 0)
        older.close()
        self._set_size(older.segment, older.segment.size())

    def _finish_rolling(self) -> None:
        """Copy what a crash left in the write-ahead logs of older segments."""
        for segment in self._segments[:-1]:
            if segment.path.with_name(segment.path.name + "-wal").exists():
                self._opened(segment).close()

    def _opened(self, segment: Segment, floor: Micros | None = None) -> OpenSegment:
        opened = OpenSegment(segment, self._checkpoint_bytes)
        opened.open(floor)
        return opened

    def _open_any(self, segment: Segment) -> OpenSegment:
        newest = self._current()
        return newest if segment == newest.segment else self._open_old(segment)

    def _open_old(self, segment: Segment) -> OpenSegment:
        """From the few that are open, else opened; the one used longest ago is closed."""
        opened = self._old.pop(segment.path, None) or self._opened(segment)
        self._old[segment.path] = opened
        if len(self._old) > OLD_OPEN:
            self._old.pop(next(iter(self._old))).close()
        return opened

    def _from_file(self, partition: int, start: int, limit: int) -> list[Row]:
        last = self._last_read.get(partition)
        if last is not None and last.base <= start < last.end:
            return [last]
        index = bisect_right(self._segments, start, key=lambda segment: segment.base(partition)) - 1
        segment = self._segments[index]
        rows = self._open_any(segment).rows(partition, start, limit, READ_BYTES)
        if not rows or not rows[0].base <= start < rows[0].end:
            raise StorageDamaged(
                f"{segment.path}: the record at offset {start} of {TABLES[partition]} is missing; restore a backup"
            )
        self._last_read[partition] = rows[-1]
        return rows


class _Cache:
    """The newest rows of each partition, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._order: deque[tuple[int, int]] = deque()
        self._rows: dict[int, deque[Row]] = {partition: deque() for partition in TABLES}

    def add(self, partition: int, row: Row) -> None:
        size = sum(map(len, row.lines)) + 100 * len(row.lines)
        self._rows[partition].append(row)
        self._order.append((partition, size))
        self._bytes += size
        while self._bytes > self._most:
            oldest, freed = self._order.popleft()
            self._rows[oldest].popleft()
            self._bytes -= freed

    def rows(self, partition: int, start: int, limit: int) -> list[Row]:
        """Rows from the one that holds `start` up to `limit` records; none when that one is not here."""
        rows = self._rows[partition]
        index = bisect_right(rows, start, key=lambda row: row.base) - 1
        if index < 0:
            return []
        found = []
        for place in range(index, len(rows)):
            found.append(rows[place])
            if rows[place].end - start >= limit:
                break
        return found
