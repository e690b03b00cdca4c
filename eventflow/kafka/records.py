"""What a record of the bus looks like in Kafka, and what is made of one that is read.

The seam for formats: `Plain` writes the line as it is, for a log that nobody else writes into; `codec.SealedCodec`
signs the engine's own records and reads what strangers write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from eventflow.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.model.event import Micros
    from eventflow.model.record import Entry

Headers = list[tuple[str, bytes]]
EVENT: Headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


class Codec(Protocol):
    """Both ways between an entry or a record's line, and Kafka."""

    def record(self, entry: Entry) -> tuple[bytes | None, bytes, Headers]:
        """Key, value and headers of the record that this entry becomes."""
        ...

    def read(
        self,
        partition: int,
        offset: int,
        log_time: Micros,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
        /,
    ) -> Record:
        """The record of the log that a message is. Never raises: what is no event comes with a `fault`."""
        ...


class Plain:
    """Structured CloudEvents, as they came; nothing is signed and nothing is checked."""

    def record(self, entry: Entry) -> tuple[bytes | None, bytes, Headers]:
        """The line as it is."""
        return None, entry.data, EVENT

    def read(
        self,
        partition: int,
        offset: int,
        log_time: Micros,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
        /,
    ) -> Record:
        """The value as it is."""
        return Record(partition, offset, log_time, value or b"")
