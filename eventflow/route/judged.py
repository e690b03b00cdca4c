"""What is remembered of one series of a condition trigger, and the bytes it is kept as.

Two hands change a series, each in log order and each its own fields: the panel (which samples were seen, the slot of
the detector) when a batch is gathered, the Judge and the noise words when it is decided. Both hold the object itself,
so a series that is forgotten at a later row is still whole for an earlier one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.model.event import Micros
from eventflow.route.rarity import Rarity

if TYPE_CHECKING:
    from collections.abc import Iterator

IDENTITY: Final = 6
"""Bytes that stand for an event: one in 10^12 is taken for another."""
IDENTITIES: Final = 32 * IDENTITY
SAID: Final = (
    ("raised", "learning"), ("raised", "normal"), ("raised", "ignored"), ("raised", "quiet"), ("raised", "at_most"),
    ("holding", "pending"), ("raised", "open"), ("holding", "clearing"), ("raised", "raised"), ("raised", "cleared"),
    ("cooldown", "cooldown"), ("limited", "limit"), ("inputs_valid", "inputs"), ("started", "fired"),
)  # fmt: skip
"""By the Judge's answer, and then by what came after an edge: stage and reason, as the ring of a series holds it."""
_RING: Final = 4
_SEEN: Final = struct.Struct("<hqqBdd")
_PACK: Final = msgspec.msgpack.Encoder().encode
_UNPACK: Final = msgspec.msgpack.Decoder().decode
NOWHERE: Final[Micros] = -(1 << 62)


class Alarm(msgspec.Struct):
    """A series that is strange: `open` once the alarm was raised, before that it waits for `for`.

    `since`: log time of the first strange row. `rows` under the open alarm, `calm` of them in a row not strange.
    `clearing`: since when it is calm, where `clear_for` asks. `due`: when its timer fires. `event`: the row that a
    firing by timer will carry: (partition, offset, log time, CloudEvents JSON). `verdict`: the facts of that row.
    """

    open: bool
    since: Micros
    rows: int = 0
    calm: int = 0
    clearing: Micros | None = None
    due: Micros = 0
    rarity: float = 0.0
    score: float = 0.0
    event: tuple[int, int, Micros, bytes] = (0, 0, 0, b"")
    verdict: dict[str, Any] = {}
    settled: bool = False
    """It ended because it lasted: what was strange is the new level."""


class Judged:
    """One series. `touched` is on the trigger's clock, all other times are log times of the series' own events."""

    __slots__ = (
        "alarm", "alarms", "alarms_row", "armed", "at", "bits", "came", "fired", "first", "group", "halved", "key",
        "last", "name", "peak", "quiet_at", "quiet_row", "raises", "rarities", "rarity", "recent", "relearn", "rings",
        "rows", "seen", "slot", "touched",
    )  # fmt: skip

    def __init__(self, name: tuple[str, str], key: str, *, absolute: bool) -> None:
        """Nothing is known of it."""
        self.name, self.key, self.group = name, key, ""
        # changed when a batch is gathered
        self.slot = -1
        self.touched: Micros = 0
        self.came: Micros = 0
        self.seen = b""
        self.last: tuple[float, ...] = ()
        # changed when it is decided
        self.at: Micros = NOWHERE
        self.first: Micros = NOWHERE
        self.rows = 0
        self.rarities = None if absolute else Rarity()
        self.rarity = 0.0
        self.alarms, self.alarms_row = 0.0, 0
        self.bits = 0
        self.quiet_at: Micros = NOWHERE
        self.quiet_row = 0
        self.peak = 0.0
        self.relearn = 0
        self.halved: Micros = NOWHERE
        self.raises: tuple[Micros, ...] = ()
        self.alarm: Alarm | None = None
        self.armed: Micros = 0
        """The timer that the heap of memory holds for it."""
        self.fired: Micros | None = None
        self.rings: list[list[Micros]] = []
        self.recent = bytearray()

    @property
    def is_learning(self) -> bool:
        """Whether its last sample could not be judged yet."""
        return bool(self.recent) and list(self.notes())[-1][3] == 0

    def note(self, partition: int, offset: int, log_time: Micros, code: int, value: float, score: float) -> None:
        """Keep what became of a row in the ring of the last four, for `explain` (W14)."""
        recent = self.recent
        if len(recent) == _RING * _SEEN.size:
            del recent[: _SEEN.size]
        recent += _SEEN.pack(partition, offset, log_time, code, value, score)

    def amend(self, code: int) -> None:
        """The last row's answer is another one: what came after the edge."""
        self.recent[-17] = code

    def notes(self) -> Iterator[tuple[int, int, Micros, int, float, float]]:
        """The last of them, oldest first."""
        yield from _SEEN.iter_unpack(self.recent)

    def seen_of(self, partition: int, offset: int, value: float, score: float) -> dict[str, Any]:
        """What was seen at one of the last rows, as JSON: all of the verdict where the alarm remembers it."""
        alarm = self.alarm
        if alarm is not None and alarm.verdict and alarm.event[:2] == (partition, offset):
            return dict(alarm.verdict)
        found: dict[str, Any] = {"value": value, "score": score}
        if self.rarities is not None:
            found["learned"] = self.rarities.total
        return {name: number for name, number in found.items() if number == number}  # noqa: PLR0124 - NaN is no JSON

    # --- bytes -------------------------------------------------------------------------------------------------------

    def pack(self) -> bytes:
        """The series as a slot of memory."""
        rarities = self.rarities.pack() if self.rarities is not None else None
        return _PACK(
            (
                self.group, self.touched, self.came, self.seen, self.last, self.at, self.first, self.rows, rarities,
                self.alarms, self.alarms_row, self.bits, self.quiet_at, self.quiet_row, self.peak, self.relearn,
                self.halved, self.raises, self.alarm, self.fired, self.rings, bytes(self.recent),
            )
        )  # fmt: skip

    @classmethod
    def unpack(cls, name: tuple[str, str], key: str, data: bytes) -> Judged:
        """What `pack` gave."""
        one = cls(name, key, absolute=True)
        (
            one.group, one.touched, one.came, one.seen, one.last, one.at, one.first, one.rows, rarities,
            one.alarms, one.alarms_row, one.bits, one.quiet_at, one.quiet_row, one.peak, one.relearn,
            one.halved, raises, alarm, one.fired, one.rings, recent,
        ) = _UNPACK(data)  # fmt: skip
        one.rarities = Rarity.unpack(rarities) if rarities is not None else None
        one.raises, one.last = tuple(raises), tuple(one.last)
        one.alarm = msgspec.convert(alarm, Alarm) if alarm is not None else None
        one.armed = one.alarm.due if one.alarm is not None else 0
        one.recent = bytearray(recent)
        return one
