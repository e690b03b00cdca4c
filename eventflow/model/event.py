"""An event: one thing that happened, as CloudEvents 1.0.

On the log an event is its CloudEvents JSON in one line, with these extension attributes of ours:
`kind` (the name normalised by the source), `body` (what the sender sent, when `data` is a normalised shape of it),
`sourcename` and `sourcetype` (which configured source took it), `partitionkey` (the official extension), and on
events that the engine emits `eventflowchain` and `eventflowhops` (W23).

The hot path never builds an `Event`: ingest checks an `Envelope`, the router reads a projection of used fields.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

Micros = int
"""Microseconds: since the Unix epoch for a point in time, else a duration."""

ENGINE = "eventflow"
"""The source of everything the engine itself says; reserved for it (W2)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

KNOWN = frozenset(("specversion", "id", "source", "type", "time", "subject", "data", "data_base64", "kind", "body"))
"""Attributes with a field of their own; every other one is an extension (`datacontenttype` among them)."""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """The attributes that the door needs to look at; everything else stays undecoded."""

    id: str = ""
    source: str = ""
    type: str = ""
    specversion: str = ""
    time: str | None = None
    subject: str | None = None
    kind: str | None = None
    partitionkey: str | None = None
    datacontenttype: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: msgspec.Raw = msgspec.Raw()

    @property
    def key(self) -> str:
        """What the partition is chosen by: the partition key, else the subject, else the source (W1)."""
        return self.partitionkey or self.subject or self.source


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event, whole and decoded. `data` and `body` are JSON values, text, or bytes."""

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None = None
    kind: str | None = None
    data: Any = None
    body: Any = None
    extensions: dict[str, Any] = {}

    @property
    def identity(self) -> tuple[str, str]:
        """What makes two deliveries the same event (W3)."""
        return (self.source, self.id)

    @property
    def key(self) -> str:
        """What the partition is chosen by (W1)."""
        return str(self.extensions.get("partitionkey") or self.subject or self.source)

    def view(self) -> dict[str, Any]:
        """The event as expressions see it: attributes and extensions at the top, `body` falling back to `data`."""
        body = self.data if self.body is None else self.body
        return {
            **self.extensions,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time,
            "subject": self.subject,
            "kind": self.kind,
            "data": self.data,
            "body": body,
        }

    def encode(self) -> bytes:
        """The event as one line of CloudEvents JSON, the form it has on the log."""
        fields: dict[str, Any] = {"specversion": "1.0", "id": self.id, "source": self.source, "type": self.type}
        fields["time"] = self.time if self.time.tzinfo is UTC else self.time.astimezone(UTC)
        if self.subject is not None:
            fields["subject"] = self.subject
        if self.kind is not None:
            fields["kind"] = self.kind
        if self.body is not None:
            fields["body"] = self.body
        fields |= self.extensions
        if isinstance(self.data, bytes):
            fields["data_base64"] = self.data
        elif self.data is not None:
            fields["data"] = self.data
        return msgspec.json.encode(fields)


def decode(line: bytes | memoryview | msgspec.Raw) -> Event:
    """Read one event from its CloudEvents JSON. Raises `msgspec.DecodeError` or `ValueError` on what is none."""
    fields = msgspec.json.decode(line, type=dict[str, Any])
    data = fields.pop("data", None)
    if "data_base64" in fields:
        data = msgspec.convert(fields.pop("data_base64"), bytes)
    extensions = {name: value for name, value in fields.items() if name not in KNOWN}
    return Event(
        id=fields["id"],
        source=fields["source"],
        type=fields["type"],
        time=parse_time(fields["time"]) if "time" in fields else datetime.fromtimestamp(0, UTC),
        subject=fields.get("subject"),
        kind=fields.get("kind"),
        data=data,
        body=fields.get("body"),
        extensions=extensions,
    )


def parse_time(text: str) -> datetime:
    """An aware `datetime` from an RFC 3339 text; finer than microseconds is cut off. Raises `ValueError`."""
    try:
        time = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        message = f"{text!r} is not an RFC 3339 time such as 2026-01-31T12:00:00Z"
        raise ValueError(message) from error
    if time.tzinfo is None:
        message = f"{text!r} has no time zone; write 2026-01-31T12:00:00Z"
        raise ValueError(message)
    return time


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds where there are any."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_micros(micros: Micros) -> datetime:
    """An aware `datetime` in UTC from microseconds since the epoch, exactly."""
    days, rest = divmod(micros, 86_400_000_000)  # a large number of microseconds takes timedelta twice as long
    return _EPOCH + timedelta(days, 0, rest)


def to_micros(time: datetime) -> Micros:
    """Microseconds since the epoch from an aware `datetime`, exactly."""
    delta = time - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
