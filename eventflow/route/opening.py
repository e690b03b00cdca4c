"""Reading a record before anything is decided: whether it is the engine's own, and what a forward holds (W2, W8, W11).

Apart because a batch with condition triggers is read ahead (`panel`) and then decided, and both must see the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.model.control import ANSWER, CANCEL, FORWARD, PAUSE, REFUSED, RERUN, RESUME, SIGNAL, START, TICK, Forward
from eventflow.model.event import ENGINE
from eventflow.model.record import Ref
from eventflow.route.case import Case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.model.record import Record
    from eventflow.route.rules import Front

HOPS: Final = 16
ENGINE_RECORDS: Final = frozenset((TICK, FORWARD, START, ANSWER, CANCEL, PAUSE, RESUME, SIGNAL, RERUN, REFUSED))
_ENGINE_MARK: Final = b'"source":"eventflow"'
"""What every record of the engine contains as the engine writes it."""


class _Envelope(msgspec.Struct):
    data: Forward


_DECODE = msgspec.json.Decoder(_Envelope).decode


def is_engine(data: bytes, event: Mapping[str, Any]) -> bool:
    """Whether the event is a record of the engine's own, to be obeyed and not matched."""
    # The line last: searching it takes ten times as long as asking what was decoded of it.
    return event["source"] == ENGINE and event["type"] in ENGINE_RECORDS and _ENGINE_MARK in data


def open_forward(front: Front, record: Record) -> tuple[Forward, Case, frozenset[int] | None] | None:
    """What a forward holds: itself, the event's case, and, where it was selected by older rules, what selects it now.

    None when it was selected by rules that are not in force here yet (W11).
    """
    forward = _DECODE(record.data).data
    number = front.rules.number
    if forward.catalogue > number:
        return None
    data = bytes(forward.event)
    case = Case(Ref(forward.partition, forward.offset), forward.log_time, data, front.read(data))
    return forward, case, frozenset(front.match(case.event).ids) if forward.catalogue < number else None


def wanted(record: Record) -> int:
    """The catalogue number that a forward was selected by."""
    return _DECODE(record.data).data.catalogue
