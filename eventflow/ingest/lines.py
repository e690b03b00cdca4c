"""From the lines of senders to the lines of the log: each is checked, and kept as it came unless something is missing.

An event is one line of CloudEvents JSON. `msgspec` checks the syntax of the whole line and the attributes that matter
in one pass and leaves `data` alone; what is lacking is put in before the last brace. A line is only taken apart where
something unusual may hide in it: a backslash, many brackets, base64, a time that is null or too far ahead.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from eventflow import ports
from eventflow.errors import Refused
from eventflow.model.control import RESERVED_EXTENSIONS
from eventflow.model.event import ENGINE, format_time, from_micros
from eventflow.model.identity import partition_of
from eventflow.model.record import Entry
from eventflow.web.limits import Limits, is_bracketed, too_deep
from eventflow.web.problems import refused

AHEAD = timedelta(minutes=5)
"""How far an event's time may lie ahead; beyond it is set to the time it came, and `timegiven` keeps what it said."""
LONGEST = 1024
ESCAPE: Final = ord("\\")
"""As a number, since `b"\\\\" in line` takes ten times as long."""
PROVEN_LIMIT = 4096
PLACED_LIMIT = 4096

Text = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
Never = Literal["\0"] | UnsetType


class DoorEnvelope(msgspec.Struct, frozen=True, gc=False):
    """The attributes that are checked at the door. The reserved ones have a type that no value fits (W2)."""

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    time: Annotated[datetime, Meta(tz=True)] | None = None
    subject: Annotated[str, Meta(max_length=LONGEST)] | None = None
    kind: Text | None = None
    partitionkey: Annotated[str, Meta(max_length=LONGEST)] | None = None
    datacontenttype: Text | None = None
    data_base64: Raw | UnsetType = UNSET
    eventflowchain: Never = UNSET
    eventflowhops: Never = UNSET
    sourcename: Never = UNSET
    sourcetype: Never = UNSET


class Lines(msgspec.Struct, frozen=True):
    """Checked events, ready for the bus: as parallel lists, since thousands may come at once.

    `keys` and `bodies` are hashes of identity and of the sender's bytes, for `Recent`.
    """

    entries: list[Entry]
    keys: list[int]
    bodies: list[int]
    clamped: int = 0


_decode: Final = msgspec.json.Decoder(DoorEnvelope).decode
_parts: Final = msgspec.json.Decoder(dict[str, Raw])


class Checker:
    """Checks lines for a bus of `partitions` data partitions."""

    def __init__(self, partitions: int, limits: Limits) -> None:
        """Remembers what most events of a sender share: names that are no reserved ones, and where keys belong."""
        self._partitions = partitions
        self._limits = limits
        self._proven: set[tuple[str, str, str | None]] = set()
        self._placed: dict[str, int] = {}

    def check(self, lines: list[bytes], first: int = 1, *, numbers: list[int] | None = None) -> Lines:
        """All lines, or `Refused` (400, 403, 413, 422) that names the first bad one by its number.

        Each line is one JSON text without line breaks; together they are valid UTF-8.
        """
        now = from_micros(ports.wall())
        stamp = f',"time":"{format_time(now)}"}}'.encode()
        latest = now + AHEAD
        depth, proven, placed = self._limits.depth, self._proven, self._placed
        entries: list[Entry] = []
        keys: list[int] = []
        clamped = 0
        line = b""
        try:
            for line in lines:
                envelope = _decode(line)
                names = (envelope.source, envelope.type, envelope.kind)
                if names not in proven:
                    self._prove(names)
                time = envelope.time
                if ESCAPE in line or is_bracketed(line, depth) or envelope.data_base64 is not UNSET:
                    self._examine(line, envelope)
                if time is None:
                    data = _without_time(line) + stamp
                elif time > latest:
                    data, clamped = _clamped(line, now), clamped + 1
                else:
                    data = line
                key = envelope.partitionkey or envelope.subject or envelope.source
                partition = placed.get(key)
                if partition is None:
                    partition = self._place(key)
                entries.append(Entry(partition, data, False, key))
                keys.append(hash((names[0], envelope.id)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Refused) as error:
            index = len(entries)
            place = numbers[index] if numbers else first + index
            raise _explained(error, line, place if numbers or len(lines) > 1 else 0) from error
        return Lines(entries, keys, [hash(line) for line in lines], clamped)

    def _prove(self, names: tuple[str, str, str | None]) -> None:
        """None of the names is one that only the engine gives (W2)."""
        reserved(*names)
        if len(self._proven) >= PROVEN_LIMIT:
            self._proven.clear()
        self._proven.add(names)

    def _place(self, key: str) -> int:
        """The partition of a key that was not seen lately."""
        if len(self._placed) >= PLACED_LIMIT:
            self._placed.clear()
        self._placed[key] = partition = partition_of(key, self._partitions)
        return partition

    def _examine(self, line: bytes, envelope: DoorEnvelope) -> None:
        """What the quick look can't tell: depth, control characters in attributes, base64."""
        if too_deep(line, self._limits.depth):
            raise refused("invalid", f"the JSON is nested deeper than {self._limits.depth} levels")
        if b"\\" in line:
            attributes = (
                envelope.id, envelope.source, envelope.type, envelope.subject, envelope.kind, envelope.partitionkey,
            )  # fmt: skip
            if any(value is not None and not printable(value) for value in attributes):
                raise refused("invalid", "id, source, type, subject, kind and partitionkey hold no control characters")
        if envelope.data_base64 is not UNSET:
            _check_base64(line, bytes(envelope.data_base64))


def reserved(source: str, type_: str, kind: str | None) -> None:
    """Raise `Refused` (403) for names that only the engine gives (W2)."""
    for what, name in (("source", source), ("type", type_), ("kind", kind or "")):
        if name == ENGINE or name.startswith("eventflow."):
            raise refused(
                "reserved-name", f"{what} {name[:80]!r}: names beginning with 'eventflow.' are the engine's own"
            )
    for what, name in (("kind", kind or ""), ("type", type_)):
        if name.startswith("detector."):
            raise refused("reserved-name", f"{what} {name[:80]!r}: what detectors say is the engine's own")


def printable(text: str) -> bool:
    """Whether a text holds no control characters (CloudEvents 1.0, type system)."""
    return text.isprintable() or not any(c < " " or "\x7f" <= c <= "\x9f" for c in text)


def _without_time(line: bytes) -> bytes:
    """The line up to its last brace, with no attribute `time` in it (it may be there as null)."""
    if b'"time"' in line or b"\\" in line:
        parts = _parts.decode(line)
        if "time" in parts:
            del parts["time"]
            line = msgspec.json.encode(parts)
    return line.rstrip()[:-1]


def _clamped(line: bytes, now: datetime) -> bytes:
    """The line with the time it came; what it said is kept."""
    parts = _parts.decode(line)
    parts["timegiven"] = parts["time"]
    parts["time"] = Raw(f'"{format_time(now)}"'.encode())
    return msgspec.json.encode(parts)


def _check_base64(line: bytes, raw: bytes) -> None:
    parts: Any = _parts.decode(line)
    if "data" in parts:
        raise refused("invalid", "an event has data or data_base64, not both")
    try:
        base64.b64decode(msgspec.json.decode(raw, type=str), validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise refused("invalid", "data_base64 is not base64") from None


def _explained(error: Exception, line: bytes, number: int) -> Refused:
    """The refusal of one line, with its number where there are several."""
    where = f"line {number}: " if number else ""
    if isinstance(error, Refused):
        return Refused(error.status, error.code, where + error.detail, headers=error.headers)
    if isinstance(error, msgspec.ValidationError):
        code, detail = _invalid(error, line)
        return refused(code, where + detail)
    if isinstance(error, RecursionError):
        return refused("invalid", f"{where}the JSON is nested too deep")
    return refused("malformed", f"{where}not a JSON object: {_plain(str(error))}")


def _invalid(error: msgspec.ValidationError, line: bytes) -> tuple[str, str]:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as other:
        return "malformed", f"not JSON that can be read: {_plain(str(other))}"
    if not isinstance(found, dict):
        return "invalid", "an event is a JSON object"
    taken = [name for name in RESERVED_EXTENSIONS if name in found]
    if taken:
        return "reserved-name", f"the attribute {taken[0]!r} is set by the engine only"
    version = found.get("specversion")
    if version != "1.0":
        said = "there is no specversion" if version is None else f"specversion {str(version)[:20]!r} is not taken"
        return "invalid", f'{said}; this is CloudEvents 1.0, write "specversion": "1.0"'
    return "invalid", _plain(str(error))


def _plain(text: str) -> str:
    """The words of msgspec without its notation: `$.id` is the attribute id."""
    return text.replace("`$.", "`").replace(" - at `$`", "").replace("`", "'")[:300]
