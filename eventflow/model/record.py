"""Where an event lies in the log: entries going in, records coming out, positions between them.

A bus is one control partition and N data partitions, numbered from 0; the control partition is `CONTROL` (W1).
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from eventflow.model.event import Micros

CONTROL = -1
"""The number of the control partition."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event on its way into the log: its CloudEvents JSON (one line, no newline) and the partition it goes to.

    `own` marks the engine's own records outside the control partition (ticks, forwards, what it emits): when the log is
    full, they and control go on within a reserve while everybody else is refused (W6). `key`: the partition key, given
    only by who has checked that the event claims nothing that is the engine's alone (W2); empty: not known.
    """

    partition: int
    data: bytes
    own: bool = False
    key: str = ""


class Ref(msgspec.Struct, frozen=True, order=True, gc=False):
    """The place of one record."""

    partition: int
    offset: int

    @property
    def handle(self) -> str:
        """The short name people use for it: `evt_…`."""
        packed = struct.pack(">hQ", self.partition, self.offset)
        return "evt_" + base64.b32encode(packed[:2] + packed[2:].lstrip(b"\0")).decode().rstrip("=").lower()

    @classmethod
    def parse(cls, handle: str) -> Ref:
        """The place named by a handle. Raises `ValueError` on what is none."""
        text = handle.removeprefix("evt_").upper()
        try:
            packed = base64.b32decode(text + "=" * (-len(text) % 8))
        except binascii.Error:
            packed = b""
        if not handle.startswith("evt_") or not 2 <= len(packed) <= 10:
            message = f"{handle!r} is not an event handle such as evt_aaaac"
            raise ValueError(message)
        partition, offset = struct.unpack(">hQ", packed[:2] + packed[2:].rjust(8, b"\0"))
        return cls(partition, offset)


class NotAnEvent(ValueError):
    """A record whose `fault` says that it is none."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One event in the log. `log_time` never decreases within a partition (W4); `data` is its CloudEvents JSON.

    `fault` tells why it is none, where strangers can write into the log: `data` is then what they wrote, and the record
    becomes a dead letter (W2).
    """

    partition: int
    offset: int
    log_time: Micros
    data: bytes
    fault: str = ""

    @property
    def ref(self) -> Ref:
        """The place of this record."""
        return Ref(self.partition, self.offset)


class Batch(msgspec.Struct, frozen=True):
    """Consecutive records of one partition: offsets in [start, end), in order; a log may have gaps."""

    partition: int
    start: int
    end: int
    records: Sequence[Record]


class Position(msgspec.Struct, frozen=True, gc=False):
    """A place between records: everything below `offset` is behind us.

    `mark` is the `mark_of` the last record before it, so that a log which was replaced is noticed (W6); empty at the
    very start.
    """

    offset: int = 0
    mark: bytes = b""


def mark_of(record: Record) -> bytes:
    """A short hash that tells this record from one of another log at the same offset."""
    return blake2b(record.data, digest_size=8, person=b"mark").digest()


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """What a partition holds: offsets in [start, end)."""

    start: int
    end: int
