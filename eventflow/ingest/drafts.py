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
from eventflow.model.event import KNOWN, Envelope, format_time, from_micros
from eventflow.model.identity import partition_of
from eventflow.model.record import Entry
from eventflow.plugin import Draft
from eventflow.web.limits import too_deep
from eventflow.web.problems import refused

HEADS_LIMIT = 256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from eventflow.ingest.mapping import SourceMapping
    from eventflow.model.event import Micros
    from eventflow.plugin import Delivery


class Drafts:
    """Finishes the drafts of one configured source."""

    def __init__(self, name: str, type_: str, mapping: SourceMapping, *, partitions: int, depth: int) -> None:
        """`name` as configured, `type_` the source's component."""
        self._name, self._type = name, type_
        self._mapping = mapping
        self._partitions, self._depth = partitions, depth
        self._heads: dict[str, bytes] = {}
        self._second, self._stamp = -1, ""

    def finish(self, drafts: Sequence[Draft], delivery: Delivery) -> tuple[Lines, bool]:
        """The lines, and whether the sender chose all ids. Raises `Refused` (400, 403, 422)."""
        now = ports.wall()
        entries: list[Entry] = []
        keys: list[int] = []
        bodies: list[int] = []
        chosen, clamped = True, 0
        for number, given in enumerate(drafts):
            draft = self._mapping.apply(given, delivery)
            chosen = chosen and draft.sender_id and draft.id is not None
            id_ = draft.id if draft.id is not None else _derived(delivery.body, number)
            line = self._plain_line(draft, id_, now)
            if line is None:
                line, late = self._line(draft, id_, from_micros(now))
                clamped += late
            if too_deep(line, self._depth):
                raise refused("invalid", f"the JSON is nested deeper than {self._depth} levels")
            entries.append(Entry(self._partition(line), line))
            keys.append(hash((draft.source or self._name, id_)))
            bodies.append(hash((number, delivery.body)))
        return Lines(entries, keys, bodies, clamped), chosen

    def _plain_line(self, draft: Draft, id_: str, now: Micros) -> bytes | None:
        """The usual case put together from bytes: a type, an id, JSON as it came; None for anything more."""
        if (
            not isinstance(draft.data, msgspec.Raw)
            or self._mapping.has_key
            or len(id_) > 64
            or not (id_.isascii() and id_.isalnum())
        ):
            return None
        if draft.source or draft.kind or draft.subject or draft.time or draft.extensions or draft.body is not None:
            return None
        head = self._heads.get(draft.type)
        if head is None:
            head = self._head(draft.type)
        second, micros = divmod(now, ports.SECOND)
        if second != self._second:
            self._second, self._stamp = second, from_micros(second * ports.SECOND).strftime("%Y-%m-%dT%H:%M:%S")
        middle = f'{id_}","time":"{self._stamp}.{micros:06d}Z","data":'
        return b"".join((head, middle.encode(), forms.one_line(bytes(draft.data)), b"}"))

    def _head(self, type_: str) -> bytes:
        """What all plain events of this type begin with; kept for a bounded number of types."""
        fields, _ = self._attributes(Draft(type=type_), "-", from_micros(0))
        fields = {name: value for name, value in fields.items() if name not in {"id", "time"}}
        if len(self._heads) >= HEADS_LIMIT:
            self._heads.clear()
        self._heads[type_] = _encoded(fields)[:-1] + b',"id":"'
        return self._heads[type_]

    def _line(self, draft: Draft, id_: str, now: datetime) -> tuple[bytes, bool]:
        """Any event, field by field, and whether its time was set back."""
        fields, clamped = self._attributes(draft, id_, now)
        if draft.body is not None:
            fields["body"] = _json(draft.body)
        if isinstance(draft.data, bytes):
            fields["data_base64"] = draft.data
        elif draft.data is not None:
            fields["data"] = _json(draft.data)
        self._choose_key(fields, draft)
        return _encoded(fields), clamped

    def _attributes(self, draft: Draft, id_: str, now: datetime) -> tuple[dict[str, Any], bool]:
        source = draft.source or self._name
        reserved(source, draft.type, draft.kind)
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
        return fields, time > now + AHEAD

    def _choose_key(self, fields: dict[str, Any], draft: Draft) -> None:
        """Put in the partition key that the settings ask for."""
        if self._mapping.has_key:
            view = {**fields, "time": draft.time, "data": _plain(draft.data), "body": _plain(draft.body or draft.data)}
            key = self._mapping.key(view)
            if key is not None:
                fields["partitionkey"] = key

    def _partition(self, line: bytes) -> int:
        if self._partitions == 1:
            return 0
        return partition_of(msgspec.json.decode(line, type=Envelope).key, self._partitions)


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
