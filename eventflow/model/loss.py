"""What a partition has lost that stands still because its log is not the one it decided, and where it could go on.

Made from the store's position and the log as it is now (`route.loss`); a person who accepts it names its number again.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from eventflow.model.event import Micros
from eventflow.model.record import CONTROL, Position

ERA: Final = "era"
"""The slot of a partition's memory that counts how often its log was replaced by another (W8)."""


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """`retention`: the log begins behind the position. `replaced`: it is not the log that was decided.

    It stands at `position`, its log holds `start` to `end`, it would go on at `to`. `lost`: how many records are gone
    that were not decided; None: nobody can tell. `gap`: how many decided ones are gone that memory has not taken in.
    `last` is the commit that stands there.
    """

    partition: int
    reason: Literal["retention", "replaced"]
    position: int
    start: int
    end: int
    to: Position
    lost: int | None
    gap: int
    last: str

    @property
    def sentence(self) -> str:
        """What is lost."""
        stands = f"{name_of(self.partition)} stands at {self.position}, and its log holds {self.start} to {self.end}"
        if self.reason == "retention":
            gap = f"; of what was decided, memory lacks {records(self.gap)}" if self.gap else ""
            return f"{stands}: the log was cut, {_gone(self.lost or 0)}{gap}"
        return (
            f"{stands}: the log was cut or replaced, it is not the one that was decided; how much the old one held "
            f"from {self.position} on nobody can tell"
        )

    @property
    def outlook(self) -> str:
        """What becomes of the partition when this is accepted."""
        passed = self.to.offset - self.start if self.reason == "replaced" else 0
        known = f"; {records(passed)} before it are older than what was decided last and count as decided"
        waiting = records(self.end - self.to.offset)
        return f"it goes on at {self.to.offset} with the memory it has, {waiting} to decide{known if passed else ''}"


class LossAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `eventflow.partition.loss_accepted`: the numbers of the loss; who accepted it, when, why."""

    partition: int
    reason: str
    lost: int | None
    gap: int
    position: int
    to: int
    by: str
    at: Micros
    sentence: str
    comment: str = ""


class _Event(msgspec.Struct):
    data: LossAccepted


def accepted_in(data: bytes) -> LossAccepted | None:
    """What an event of that kind says; None for another one's bytes."""
    try:
        return msgspec.json.decode(data, type=_Event).data
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def name_of(partition: int) -> str:
    """What people call a partition in a sentence."""
    return "the control partition" if partition == CONTROL else f"partition {partition}"


def records(number: int) -> str:
    """A number of records, in words."""
    return f"{number} record{'' if number == 1 else 's'}"


def _gone(number: int) -> str:
    if number == 1:
        return "1 record that was not decided is gone"
    return f"{number or 'no'} records that were not decided are gone"
