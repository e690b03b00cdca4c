"""What the bus writes into its topic and makes of what lies there, its own records and those of strangers (W2).

Written are CloudEvents in structured mode, with the partition key as the message's key, so that anybody can read them;
what only the engine may say carries its seal. Read is what anybody writes: events in both modes; what is no event, or
claims what only the engine may say without its seal, comes back as a record with a `fault` and never raises.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from eventflow.kafka.cloudevents import STRUCTURED_HEADERS, NotCloudEvent, header, line
from eventflow.kafka.seal import HEADER, Seal, claims
from eventflow.model.event import ENGINE, format_time, from_micros
from eventflow.model.record import CONTROL, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.kafka.cloudevents import Headers
    from eventflow.kafka.seal import Claims
    from eventflow.model.event import Micros
    from eventflow.model.record import Entry

AHEAD: Final = timedelta(minutes=5)
"""How far an event's time may lie ahead of its log time; beyond it is set to that, as the doors do."""
_OURS: Final = STRUCTURED_HEADERS[0]
_parts: Final = msgspec.json.Decoder(dict[str, Raw]).decode


class SealedCodec:
    """Both ways between records of the log and messages of Kafka. `take_key` comes before the first record."""

    def __init__(self, key: bytes | None = None) -> None:
        """`key` of the seal; None: it comes later, from the store."""
        self._seal = Seal(key) if key is not None else None

    def take_key(self, key: bytes) -> None:
        """The key that the store keeps."""
        self._seal = Seal(key)

    @property
    def seal(self) -> Seal:
        """The seal; a house that reads or writes before it has the key is built wrongly."""
        if self._seal is None:
            raise RuntimeError("the key of the seal has not been taken from the store yet")
        return self._seal

    def record(self, entry: Entry) -> tuple[bytes | None, bytes, Headers]:
        """Key, value and headers of the message that this entry becomes."""
        data = entry.data
        said = claims(data)
        key = None if said.source == ENGINE else said.key.encode()
        if entry.own or entry.partition == CONTROL or said.reserved:
            return key, data, [_OURS, (HEADER, self.seal.sign(entry.partition, data))]
        return key, data, STRUCTURED_HEADERS

    def read(
        self,
        partition: int,
        offset: int,
        log_time: Micros,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
    ) -> Record:
        """The record of the log that a message is. Never raises."""
        data = value or b""
        try:
            if len(headers) == 2 and headers[1][0] == HEADER:
                if self.seal.verify(partition, data, headers[1][1] or b""):
                    return Record(partition, offset, log_time, data)
                raise NotCloudEvent("its seal is not the engine's: it was altered, moved, or sealed for another store")
            if value is None or len(headers) != 1 or headers[0] != _OURS or b"\n" in data:
                data = _foreign(value, headers)
            return Record(partition, offset, log_time, _checked(data, log_time, partition))
        except (NotCloudEvent, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Record(partition, offset, log_time, value or b"", _plain(error))


def _foreign(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    if not headers:
        raise NotCloudEvent("it has no headers; a CloudEvent has content-type: application/cloudevents+json, or ce_…")
    if any(name == HEADER for name, _ in headers):
        raise NotCloudEvent("it carries a seal that is not the engine's")
    if value is None and not header(headers, "ce_id"):
        raise NotCloudEvent("its value is null: a tombstone")
    return line(value, headers)


def _checked(data: bytes, log_time: Micros, partition: int) -> bytes:
    """The line of a stranger's event, with a time. Raises for what is none, and for what is not a stranger's to say."""
    said = claims(data)
    if reserved := said.reserved:
        raise NotCloudEvent(f"{reserved} is the engine's own, and there is no seal")
    if partition == CONTROL:
        raise NotCloudEvent("only the engine writes to the control topic, and there is no seal")
    if b"\\" in data:
        _printable(said)
    if said.time is None or said.time > _latest(log_time):
        return _timed(data, log_time)
    return data


@lru_cache(maxsize=64)
def _latest(log_time: Micros) -> datetime:
    """The latest time of an event with this log time; records of one batch of a broker share theirs."""
    return from_micros(log_time) + AHEAD


def _printable(said: Claims) -> None:
    for text in (said.id, said.source, said.type, said.subject, said.kind, said.partitionkey):
        if text and any(c < " " or "\x7f" <= c <= "\x9f" for c in text):
            raise NotCloudEvent("id, source, type, subject, kind and partitionkey hold no control characters")


def _timed(data: bytes, log_time: Micros) -> bytes:
    """The line with its log time as its time; what it said, if anything, is kept as `timegiven`."""
    parts: dict[str, Any] = _parts(data)
    if "time" in parts and bytes(parts["time"]) != b"null":
        parts["timegiven"] = parts["time"]
    parts["time"] = format_time(from_micros(log_time))
    return msgspec.json.encode(parts)


def _plain(error: Exception) -> str:
    """The words of msgspec without its notation."""
    return str(error).replace("`$.", "`").replace(" - at `$`", "").replace("`", "'")[:300]
