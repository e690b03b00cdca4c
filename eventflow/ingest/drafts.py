"""From a source's drafts to lines of the log: what is open is filled in, what is the engine's is refused.

The door sets `sourcename` and `sourcetype`; a draft without an id gets one from the bytes of its delivery, so that the
same delivery twice is one event.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from eventflow import ports
from eventflow.ingest import forms
from eventflow.ingest.lines import AHEAD, LONGEST, Lines, printable, reserved
from eventflow.model.control import RESERVED_EXTENSIONS
from eventflow.model.event import KNOWN, format_time, from_micros
from eventflow.model.identity import partition_of
from eventflow.model.record import Entry
from eventflow.web.limits import too_deep
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from eventflow.ingest.mapping import SourceMapping
    from eventflow.plugin import Delivery, Draft


class Drafts:
    """Finishes the drafts of one configured source."""

    def __init__(self, name: str, type_: str, mapping: SourceMapping, *, partitions: int, depth: int) -> None:
        """`name` as configured, `type_` the source's component."""
        self._name, self._type = name, type_
        self._mapping = mapping
        self._partitions, self._depth = partitions, depth

    def finish(self, drafts: Sequence[Draft], delivery: Delivery) -> tuple[Lines, bool]:
        """The lines, and whether the sender chose all ids. Raises `Refused` (400, 403, 422)."""
        now = from_micros(ports.wall())
        lines = Lines([], [], [], 0)
        chosen, clamped = True, 0
        for number, given in enumerate(drafts):
            draft = self._mapping.apply(given, delivery)
            chosen = chosen and draft.sender_id and draft.id is not None
            fields, body = self._fields(draft, delivery, number, now)
            clamped += "timegiven" in fields
            line = _encoded(fields)
            if too_deep(line, self._depth):
                raise refused("invalid", f"the JSON is nested deeper than {self._depth} levels")
            lines.entries.append(Entry(self._partition(fields, line), line))
            lines.keys.append(hash((fields["source"], fields["id"])))
            lines.bodies.append(body)
        return msgspec.structs.replace(lines, clamped=clamped), chosen

    def _fields(self, draft: Draft, delivery: Delivery, number: int, now: datetime) -> tuple[dict[str, Any], int]:
        source = draft.source or self._name
        reserved(source, draft.type, draft.kind)
        id_ = draft.id if draft.id is not None else _derived(delivery.body, number)
        for what, text in (("id", id_), ("source", source), ("type", draft.type), ("subject", draft.subject or "-")):
            if not 0 < len(text) <= LONGEST or not printable(text):
                raise refused("invalid", f"{what} must have 1 to {LONGEST} characters and no control characters")
        fields: dict[str, Any] = {"specversion": "1.0", "id": id_, "source": source, "type": draft.type}
        time = draft.time or now
        fields["time"] = format_time(time)
        if time > now + AHEAD:
            fields["timegiven"], fields["time"] = fields["time"], format_time(now)
        fields |= {name: value for name, value in (("subject", draft.subject), ("kind", draft.kind)) if value}
        fields |= _extensions(draft)
        fields |= {"sourcename": self._name, "sourcetype": self._type}
        if draft.body is not None:
            fields["body"] = _json(draft.body)
        if isinstance(draft.data, bytes):
            fields["data_base64"] = draft.data
        elif draft.data is not None:
            fields["data"] = _json(draft.data)
        self._choose_key(fields, draft)
        return fields, hash((number, delivery.body))

    def _choose_key(self, fields: dict[str, Any], draft: Draft) -> None:
        """Put in the partition key that the settings ask for."""
        if self._mapping.has_key:
            view = {**fields, "time": draft.time, "data": _plain(draft.data), "body": _plain(draft.body or draft.data)}
            key = self._mapping.key(view)
            if key is not None:
                fields["partitionkey"] = key

    def _partition(self, fields: dict[str, Any], line: bytes) -> int:
        key = fields.get("partitionkey") or fields.get("subject") or fields["source"]
        return partition_of(str(key), self._partitions)


def _extensions(draft: Draft) -> dict[str, Any]:
    taken = [name for name in draft.extensions if name in RESERVED_EXTENSIONS or name in KNOWN]
    if taken:
        raise refused("reserved-name", f"the attribute {taken[0]!r} is set by the engine only")
    return dict(draft.extensions)


def _derived(body: bytes, number: int) -> str:
    """An id from the bytes of the delivery and the event's place in it."""
    found = blake2b(body, digest_size=16).hexdigest()
    return f"{found}-{number}" if number else found


def _json(value: Any) -> Any:
    return msgspec.Raw(forms.one_line(bytes(value))) if isinstance(value, msgspec.Raw) else value


def _plain(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def _encoded(fields: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(fields)
    except (TypeError, UnicodeEncodeError, OverflowError, RecursionError, ValueError) as error:
        raise refused("invalid", f"the event cannot be written as JSON: {error}") from error
