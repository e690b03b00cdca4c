"""What a partition has lost whose log does not hold where it stands; and going on without it, when a person says so.

The order cannot be a record, since the control partition may be the one that stands still, and no record's effect is a
jump. So it is a commit like any other: it names the commit it follows, moves position and `memory_at` at once, and
holds a dead letter and an engine event that say what was lost. Before it the partition stands still; after it every
router recovers from it (W10, docs/decisions/0006).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from eventflow.errors import Conflict
from eventflow.model.commit import Checkpoint, Commit
from eventflow.model.control import LOSS_ACCEPTED
from eventflow.model.control import record as engine_record
from eventflow.model.loss import ERA, Loss, LossAccepted
from eventflow.model.outcome import DeadLetter
from eventflow.model.record import Position, Ref, mark_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.model.commit import Recalled
    from eventflow.model.event import Micros
    from eventflow.model.record import Bounds, Record

_NEAR: Final = 32
"""So many offsets are looked at together: a log may have gaps."""


class Log(Protocol):
    """A bus as far as it is read here."""

    async def bounds(self, partition: int) -> Bounds:
        """What the partition holds."""
        ...

    async def fetch(self, refs: Sequence[Ref]) -> list[Record | None]:
        """Single records again."""
        ...


async def find(log: Log, recalled: Recalled, partition: int) -> Loss | None:
    """What is lost between the store and the log; None where the log holds what is needed, and is the same."""
    bounds, position = await log.bounds(partition), recalled.position
    at, start = position.offset, bounds.start
    if not recalled.last or (recalled.memory_at.offset >= start and at == start):
        return None
    if at > bounds.end or (at > start and not await _same(log, partition, position)):
        to = await _later(log, partition, bounds, recalled.log_time)
        return _loss(recalled, partition, bounds, to)
    if recalled.memory_at.offset < start:
        return _loss(recalled, partition, bounds, position if at >= start else Position(start), at=max(at, start))
    return None


def _loss(recalled: Recalled, partition: int, bounds: Bounds, to: Position, at: int | None = None) -> Loss:
    """With `at` the log was cut, and begins or is decided there."""
    position, memory_at = recalled.position.offset, recalled.memory_at.offset
    return Loss(
        partition=partition, reason="replaced" if at is None else "retention", position=position, start=bounds.start,
        end=bounds.end, to=to, lost=None if at is None else at - position, gap=position - memory_at,
        last=recalled.last,
    )  # fmt: skip


async def _same(log: Log, partition: int, position: Position) -> bool:
    """Whether the record before the position is the one that was decided; one that is gone counts as such (W6)."""
    (before,) = await log.fetch([Ref(partition, position.offset - 1)])
    return before is None or mark_of(before) == position.mark


async def _later(log: Log, partition: int, bounds: Bounds, log_time: Micros) -> Position:
    """Where records begin that are later than all that was decided.

    Of a log that was made anew that is its start. One that was only cut short, or restored from a copy, holds what was
    decided already, and no batch is decided again onto memory that has taken it in (W10).
    """
    low, high = bounds.start, bounds.end
    while low < high:
        middle = (low + high) // 2
        record = await _first(log, partition, middle, high)
        if record is None or record.log_time > log_time:
            high = middle
        else:
            low = record.offset + 1
    before = (await log.fetch([Ref(partition, low - 1)]))[0] if low > bounds.start else None
    return Position(low, mark_of(before) if before is not None else b"")


async def _first(log: Log, partition: int, start: int, end: int) -> Record | None:
    for at in range(start, end, _NEAR):
        refs = [Ref(partition, offset) for offset in range(at, min(at + _NEAR, end))]
        found = next((record for record in await log.fetch(refs) if record is not None), None)
        if found is not None:
            return found
    return None


def accepted(
    loss: Loss, recalled: Recalled, *, id_: str, by: str, now: Micros, wall: Micros, waits: int, comment: str = ""
) -> Commit:
    """The commit that goes on without what is lost. `now` is the log clock, `waits` the newest catalogue.

    Memory is kept: what is lost counts as if it had never come. The numbers of a log that was replaced begin anew, so
    those who take its forwards must not hold them against the old ones (W8): that is the era. Raises `Conflict` when
    the partition has moved since the loss was found.
    """
    if recalled.last != loss.last:
        raise Conflict(f"partition {loss.partition} is not where it was when its loss was told; ask again")
    slots: dict[str, bytes | None] = {}
    if loss.reason == "replaced":
        slots[ERA] = b"%d" % (int(recalled.slots.get(ERA, b"0")) + 1)
    word = f" ({comment})" if comment else ""
    sentence = f"{loss.sentence}. {by} accepted this{word}; {loss.outlook}"
    said = LossAccepted(
        partition=loss.partition, reason=loss.reason, lost=loss.lost, gap=loss.gap, position=loss.position,
        to=loss.to.offset, by=by, at=wall, sentence=sentence, comment=comment,
    )  # fmt: skip
    event = engine_record(LOSS_ACCEPTED, id_, wall, said)
    letter = DeadLetter(ref=Ref(loss.partition, loss.position), log_time=now, error=sentence, data=event, always=True)
    return Commit(
        id=id_, follows=loss.last, partition=loss.partition, position=loss.to, log_time=recalled.log_time,
        waits=waits, checkpoint=Checkpoint(slots, recalled.catalogue), outbox=(event,), dead=(letter,),
    )  # fmt: skip
