"""How records lie in the log's rows: many of them in one blob, found again by offset.

A thing of its own because it is the format on disk. One blob for a whole group costs half the CPU of a row per event,
for SQLite and for Python: lengths are packed and unpacked by one call for all records.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise

import msgspec

from eventflow.errors import StorageDamaged
from eventflow.model.event import Micros
from eventflow.model.record import Record


class Row(msgspec.Struct, frozen=True, gc=False):
    """What one commit appended to one partition: records at [base, base + len(lines)), all of one log time."""

    base: int
    log_time: Micros
    lines: Sequence[bytes]

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.base + len(self.lines)

    def records(self, partition: int, start: int, limit: int) -> list[Record]:
        """At most `limit` records from offset `start` on."""
        skip = max(0, start - self.base)
        time, base = self.log_time, self.base + skip
        lines = self.lines if not skip and limit >= len(self.lines) else self.lines[skip : skip + limit]
        return [Record(partition, offset, time, line) for offset, line in enumerate(lines, base)]


def pack(lines: Sequence[bytes]) -> bytes:
    """The blob for these records."""
    return b"".join([struct.pack(f"<{len(lines)}I", *map(len, lines)), *lines])


def checksum(blob: bytes) -> int:
    """What tells a blob that was changed on the disk."""
    return zlib.crc32(blob)


def unpack(base: int, count: int, log_time: Micros, expected: int, blob: bytes) -> Row:
    """The row of a blob. Raises `StorageDamaged` when it is not what was written."""
    if zlib.crc32(blob) != expected or len(blob) < 4 * count:
        raise StorageDamaged(f"the log's record at offset {base} is not what was written: restore a backup")
    lengths = struct.unpack_from(f"<{count}I", blob)
    places = accumulate(lengths, initial=4 * count)
    return Row(base, log_time, [blob[start:end] for start, end in pairwise(places)])
