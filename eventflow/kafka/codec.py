"""What the bus writes into its topic and makes of what lies there, its own records and those of strangers (W2).

Written are CloudEvents in structured mode, with the partition key as the message's key, so that anybody can read them;
what only the engine may say carries its seal. Read is what anybody writes: events in both modes; what is no event, or
claims what only the engine may say without its seal, comes back as a record with a `fault` and never raises.

The same message must become the same line in every version to come: positions are compared by a hash of it (W6).
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from eventflow.kafka.cloudevents import STRUCTURED_HEADERS, NotCloudEvent, header, line
from eventflow.kafka.seal import HEADER, PROVEN_LIMIT, Seal, claims, foreign, reserved_name
from eventflow.model.event import ENGINE, format_time, from_micros
from eventflow.model.record import CONTROL, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.kafka.cloudevents import Headers
    from eventflow.kafka.seal import Foreign
    from eventflow.model.event import Micros
    from eventflow.model.record import Entry

AHEAD: Final = timedelta(minutes=5)
"""How far an event's time may lie ahead of its log time; beyond it is set to that, as the doors do."""
_OURS: Final = STRUCTURED_HEADERS[0]
_LINE_BREAK: Final = ord("\n")
_BACKSLASH: Final = ord("\\")
"""As numbers: `b"\\n" in data` takes ten times as long, a tenth of what a record costs here."""
_parts: Final = msgspec.json.Decoder(dict[str, Raw]).decode


class SealedCodec:
    """Both ways between records of the log and messages of Kafka. `take_key` comes before the first record."""

    def __init__(self, key: bytes | None = None) -> None:
        """`key` of the seal; None: it comes later, from the store."""
        self._seal = Seal(key) if key is not None else None
        self._proven: set[tuple[str, str, str | None]] = set()
        """Names that strangers may give; most events share theirs with others."""
        self._stamp: Micros = 0
        self._latest = from_micros(0)
        """The latest time of an event whose log time is `_stamp`; records of one batch of a broker share theirs."""

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
        if entry.key:
            return entry.key.encode(), data, STRUCTURED_HEADERS
        try:
            said = claims(data)
            key, sealed = None if said.source == ENGINE else said.key.encode(), bool(said.reserved)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            key, sealed = None, True
        if sealed or entry.own or entry.partition == CONTROL:
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
            if value is None or len(headers) != 1 or headers[0] != _OURS or _LINE_BREAK in data:
                data = _of_stranger(value, headers)
            if partition == CONTROL:
                raise NotCloudEvent("only the engine writes to the control topic, and there is no seal")
            said = foreign(data)
            names = (said.source, said.type, said.kind)
            if names not in self._proven:
                self._prove(names)
            if _BACKSLASH in data:
                _printable(said)
            if log_time != self._stamp:
                self._stamp, self._latest = log_time, from_micros(log_time) + AHEAD
            if said.time is None or said.time > self._latest:
                data = _timed(data, log_time)
            return Record(partition, offset, log_time, data)
        except (NotCloudEvent, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Record(partition, offset, log_time, value or b"", _fault(error, data))

    def _prove(self, names: tuple[str, str, str | None]) -> None:
        """None of the names is one that only the engine gives (W2)."""
        if reserved := reserved_name(*names):
            raise NotCloudEvent(f"{reserved} is the engine's own, and there is no seal")
        if len(self._proven) >= PROVEN_LIMIT:
            self._proven.clear()
        self._proven.add(names)


def _of_stranger(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    if not headers:
        raise NotCloudEvent("it has no headers; a CloudEvent has content-type: application/cloudevents+json, or ce_…")
    if any(name == HEADER for name, _ in headers):
        raise NotCloudEvent("it carries a seal that is not the engine's")
    if value is None and not header(headers, "ce_id"):
        raise NotCloudEvent("its value is null: a tombstone")
    return line(value, headers)


def _printable(said: Foreign) -> None:
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


def _fault(error: Exception, data: bytes) -> str:
    """Why it is no event: what it says that is not its to say, else the words of msgspec without its notation."""
    if isinstance(error, msgspec.ValidationError):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if reserved := claims(data).reserved:
                return f"{reserved} is the engine's own, and there is no seal"
    return str(error).replace("`$.", "`").replace(" - at `$`", "").replace("`", "'")[:300]
