"""A record under decision: what the stages of a trigger look at, and how their answers are written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.model.control import KEYS_LIMIT, KeysLimit
from eventflow.model.control import record as engine_record
from eventflow.model.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.model.event import Micros
    from eventflow.model.record import Ref
    from eventflow.route.effects import Effects
    from eventflow.route.memory import Memory, Name
    from eventflow.route.rules import Front

MINUTE: Final[Micros] = 60_000_000
_DAY: Final[Micros] = 86_400_000_000
_TOLD: Final = "keys told"
"""Beside the stages in what is kept: on which day it was said that no new key is taken."""
KEPT: Final = 20
"""So many refusals are kept per trigger, stage and minute; all are counted (W14)."""


class Case:
    """One record: `log_time` is the source record's own where it was forwarded (W4)."""

    __slots__ = ("data", "event", "log_time", "ref")

    def __init__(self, ref: Ref, log_time: Micros, data: bytes, event: Mapping[str, Any]) -> None:
        """A record and its event as expressions see it."""
        self.ref = ref
        self.log_time = log_time
        self.data = data
        self.event = event

    @property
    def chain(self) -> tuple[str, ...]:
        """The workflows that led to this event (W23)."""
        text = self.event.get("eventflowchain")
        return tuple(text.split(",")) if isinstance(text, str) and text else ()

    @property
    def hop(self) -> int:
        """How many workflows led to this event."""
        hops = self.event.get("eventflowhops")
        return hops if isinstance(hops, int) else 0


class Desk:
    """Where a batch is decided: memory, rules in force, effects so far; counts are local until `settle`."""

    __slots__ = ("counts", "effects", "front", "memory", "owed", "partition", "partitions")

    def __init__(self, memory: Memory, front: Front, effects: Effects, partition: int, partitions: int) -> None:
        """Begin a batch of `partition`, one of `partitions` data partitions or control."""
        self.memory = memory
        self.front = front
        self.effects = effects
        self.partition = partition
        self.partitions = partitions
        self.counts: dict[tuple[Name, str], int] = {}
        self.owed: dict[int, list[Name]] = {}
        """Owner → triggers that must keep the record under decision (W8)."""

    def count(self, name: Name, reason: str) -> None:
        """One more answer of the trigger to a record."""
        pair = (name, reason)
        self.counts[pair] = self.counts.get(pair, 0) + 1

    def count_timer(self, name: Name, reason: str) -> None:
        """What became of a timer: apart from the answers to records (W14)."""
        timers = self.memory.trigger(name).timers
        timers[reason] = timers.get(reason, 0) + 1

    def refuse(self, name: Name, case: Case, stage: str, reason: str, key: str | None = None, **values: Any) -> None:
        """The trigger's stage said no: count it, and keep it if it is among the first of its minute."""
        self.count(name, reason)
        self.keep(name, case.ref, case.log_time, stage, reason, key, values)

    def keep(
        self, name: Name, ref: Ref, log_time: Micros, stage: str, reason: str, key: str | None, values: dict[str, Any]
    ) -> None:
        """Keep an outcome if it is among the first of its trigger, stage and minute."""
        if reason == "key_limit":
            self._tell(name, ref, log_time, values["limit"])
        kept = self.memory.trigger(name).kept
        minute = log_time // MINUTE
        at, number = kept.get(stage, (minute, 0))
        if at != minute:
            at, number = minute, 0
        if number >= KEPT:
            return
        kept[stage] = (at, number + 1)
        self.effects.outcomes.append(
            Outcome(
                ref=ref, log_time=log_time, workflow=name[0], trigger=name[1], stage=stage, reason=reason, key=key,
                values=values,
            )
        )  # fmt: skip

    def _tell(self, name: Name, ref: Ref, log_time: Micros, limit: int) -> None:
        """Say that the trigger takes no new key, once a day (W15)."""
        kept, day = self.memory.trigger(name).kept, log_time // _DAY
        if kept.get(_TOLD, (None, 0))[0] != day:
            kept[_TOLD] = (day, 1)
            id_ = f"{ref.handle}/keys/{name[0]}/{name[1]}"
            self.effects.outbox.append(engine_record(KEYS_LIMIT, id_, log_time, KeysLimit(*name, limit)))

    def settle(self) -> None:
        """Write the counts into memory."""
        for (name, reason), number in self.counts.items():
            counts = self.memory.trigger(name).counts
            counts[reason] = counts.get(reason, 0) + number
        self.counts.clear()


def said(error: BaseException) -> str:
    """An exception for people: its kind and its text."""
    return f"{type(error).__name__}: {error}"
