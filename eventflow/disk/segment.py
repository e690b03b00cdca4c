"""One segment of the log: a database file for a stretch of time, with the offsets it begins at in its name.

A thing of its own because it is the unit of retention: to forget a stretch of time is to unlink a file, which costs the
same for ten events and for ten million and blocks nobody. Data and control lie in the same file, so that one commit
covers both. The file is ours alone (`exclusive`): no shared memory file that a full disk could deny.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eventflow.disk.database import Database
from eventflow.disk.faults import file_errors, sync_folder
from eventflow.disk.migrations import Migration, read_migrations
from eventflow.disk.rows import Row, checksum, pack, unpack
from eventflow.errors import StorageDamaged
from eventflow.model.record import CONTROL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.model.event import Micros

TABLES = {0: "data", CONTROL: "control"}
"""Partition → table."""
ROW = 64
"""Bytes that a row costs beside its records."""
PAGE = 8192
"""Bytes; with 4,096 a group of a few hundred events is twice as many writes."""
COLUMNS = "SELECT base, count, log_time, checksum, data FROM @table "
HOLDING = "WHERE base >= coalesce((SELECT max(base) FROM @table WHERE base <= ?1), ?1) ORDER BY base"
FROM_OFFSET = COLUMNS + HOLDING
LAST_BELOW = COLUMNS + "WHERE base < ? ORDER BY base DESC LIMIT 1"


class Segment(msgspec.Struct, frozen=True):
    """The file of a segment and the first offset that it can hold of data and of control."""

    path: Path
    data: int
    control: int

    @classmethod
    def at(cls, folder: Path, data: int, control: int) -> Segment:
        """The segment that begins with these offsets."""
        return cls(folder / f"{data:020}-{control:020}.sqlite", data, control)

    @classmethod
    def found(cls, folder: Path) -> list[Segment]:
        """All segments of a folder, oldest first."""
        names = (re.fullmatch(r"(\d{20})-(\d{20})\.sqlite", path.name) for path in folder.iterdir())
        return [cls.at(folder, *bases) for bases in sorted((int(name[1]), int(name[2])) for name in names if name)]

    def base(self, partition: int) -> int:
        """The first offset of a partition."""
        return self.control if partition == CONTROL else self.data

    def size(self) -> int:
        """Bytes on the disk, the write-ahead log included."""
        paths = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(path.stat().st_size for path in paths if path.exists())

    def unlink(self) -> None:
        """Remove it, for good: the folder is synced, so that no power cut brings it back between newer ones."""
        with file_errors(self.path):
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        sync_folder(self.path.parent)


@cache
def _schema() -> tuple[Migration, ...]:
    return tuple(read_migrations(files("eventflow.disk") / "sql"))


@cache
def sql(text: str, partition: int) -> str:
    """A statement for the table of a partition."""
    return text.replace("@table", TABLES[partition])


class OpenSegment:
    """A segment's file, open."""

    def __init__(self, segment: Segment, checkpoint_bytes: int = 4 << 20) -> None:
        """Only remember; `open` does it."""
        self.segment = segment
        self.database = Database(
            segment.path,
            _schema(),
            failpoint="bus.append",
            exclusive=True,
            page_size=PAGE,
            checkpoint_pages=max(1, checkpoint_bytes // PAGE),
        )

    def open(self, floor: Micros | None = None) -> None:
        """Open it; `floor`, the last stamp before it, is written when it is new."""
        self.database.open()
        try:
            if floor is not None and self.database.row("SELECT 1 FROM floor") is None:
                with self.database.transaction():
                    self.database.execute("INSERT INTO floor VALUES (?)", (floor,), changes=1)
        except BaseException:
            self.database.abandon()
            raise

    def end(self, partition: int) -> int:
        """The offset after the last record."""
        query = sql("SELECT base + count FROM @table ORDER BY base DESC LIMIT 1", partition)
        ends: list[int] = [end for (end,) in self.database.rows(query)]
        return ends[0] if ends else self.segment.base(partition)

    def last_stamp(self) -> Micros:
        """The newest stamp in it, or else before it."""
        floors: list[Micros] = [floor for (floor,) in self.database.rows("SELECT log_time FROM floor")]
        return max([0, *floors, *self._stamps("DESC")])

    def first_stamp(self) -> Micros | None:
        """The oldest stamp in it; None while it is empty."""
        return min(self._stamps("ASC"), default=None)

    def append(self, rows: Mapping[int, Row]) -> int:
        """Append one row to each of these partitions, synced, all or nothing. Returns the bytes it took."""
        size = 0
        with self.database.transaction() as database:
            for partition, row in rows.items():
                blob = pack(row.lines)
                size += len(blob) + ROW
                values = (row.base, len(row.lines), row.log_time, checksum(blob), blob)
                database.execute(sql("INSERT INTO @table VALUES (?, ?, ?, ?, ?)", partition), values, changes=1)
        return size

    def rows(self, partition: int, start: int, limit: int, most: int) -> list[Row]:
        """The row that holds offset `start`, and following ones until `limit` records or `most` bytes are there."""
        found, taken = [], 0
        for base, count, log_time, check, blob in self.database.each(sql(FROM_OFFSET, partition), (start,)):
            found.append(unpack(base, count, log_time, check, blob))
            taken += len(blob)
            if base + count - start >= limit or taken >= most:
                break
        return found

    def before(self, partition: int, offset: int) -> tuple[bytes, Row] | None:
        """The last row that begins below an offset, with its blob."""
        found = self.database.row(sql(LAST_BELOW, partition), (offset,))
        return None if found is None else (found[4], unpack(*found))

    def close(self) -> None:
        """Copy the write-ahead log into the file and let go. Raises `StorageLost` when the disk failed."""
        try:
            self.database.checkpoint()
        finally:
            self.database.close()

    def _stamps(self, order: str) -> list[Micros]:
        query = f"SELECT log_time FROM @table ORDER BY base {order} LIMIT 1"  # noqa: S608 - one of two words of ours
        return [int(time) for partition in TABLES for (time,) in self.database.rows(sql(query, partition))]


def check_follows(older: OpenSegment, newer: Segment) -> None:
    """Raise `StorageDamaged` unless one segment begins where the other ends."""
    for partition, table in TABLES.items():
        end, base = older.end(partition), newer.base(partition)
        if end != base:
            raise StorageDamaged(
                f"{newer.path}: begins at offset {base} of its {table}, but the segment before it ends at "
                f"{end}; a file of the log was removed or replaced: restore a backup"
            )
