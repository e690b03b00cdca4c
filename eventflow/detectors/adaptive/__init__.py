"""`adaptive`: how far the value is from where the series was lately, in units of how much it usually moves.

A level follows the series quickly, a scale slowly; the score is the distance to the level divided by the scale. It asks
for nothing and adapts to everything, so it is the type to begin with: it says that something *changed*, and is quiet
again some 30 rows after a shift, whatever the new level is.

Per series seven numbers of 8 bytes:

    rows    how many were learned, up to a bound
    level   exponential mean, rate `level`: what is expected next
    spread  exponential mean of the distance to the level, rate `scale`; a distance counts `CLIP` scales at most, so
            that one outage does not make the next one look usual
    last    the value before
    step    the smallest change between two values: what counts one by one cannot be stranger than in whole steps
    mean, deviation   exponential mean and mean absolute deviation, rate `scale`: the size of slow movements

The scale is the largest of 1.25 x spread (the standard deviation, were it normal), 5 % of `deviation` and `step`.
Until a rate has enough rows its mean is the plain one. A series that was constant for n rows has no scale: its first
change scores n.
"""

from __future__ import annotations

import math
from array import array
from importlib.util import find_spec
from math import nan
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from eventflow.plugin import Detector, DetectorContext, Explanation, Rows, Scores
from eventflow.plugin.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH: Final = 7
"""Numbers per series."""
NUMBERS: Final = Struct(f"={WIDTH}d")
SIZE: Final = NUMBERS.size
LEARNING: Final = 10.0
"""Rows of a series before the first score."""
CLIP: Final = 5.0
HIGHEST: Final = 1e6
"""No score is higher; also the score of an infinite value."""
LARGEST: Final = 1e150
"""Values beyond are taken for infinite: their differences could not be computed with."""
CROSSOVER: Final = 160
"""From so many series in one call numpy, where it is installed, beats a loop: see `bench/detectors.py`."""
BAND: Final = 3.0
"""Scales on both sides of the level that an explanation calls usual."""


class Adaptive(Detector):
    """Distance from a level that follows quickly, in units of a scale that follows slowly."""

    name = "adaptive"
    scale = "relative"
    tail = 0.16  # of normal noise: the density at 2.17 is 2.53 times what lies beyond it, and 2.53 / 2.17 is 1.16

    class Config(BaseModel):
        """Two rates. The defaults are a compromise that did well on all public series."""

        model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
        level: float = Field(0.1, gt=0, le=1)
        """Share of each row in the level: 0.1 follows within about 10 rows."""
        scale: float = Field(0.003, gt=0, le=1)
        """Share of each row in the scale: 0.003 remembers about 300 rows."""

    def __init__(self, config: Any, context: DetectorContext) -> None:
        """`config` is a `Config`."""
        super().__init__(config, context)
        self._slots = Slots()
        self._state = array("d")
        self._rates = config.level, config.scale
        self._columns = find_spec("numpy") is not None

    def series(self, key: str, group: str) -> int:
        """Its slot; a new one has learned nothing. Groups do not matter here: no model is shared."""
        slot = self._slots.find(key, group)
        if slot is not None:
            return slot
        slot = self._slots.add(key, group)
        self._make_room(slot)
        self._state[slot * WIDTH : (slot + 1) * WIDTH] = array("d", bytes(SIZE))
        return slot

    def drop(self, slot: int) -> None:
        """Forget it."""
        self._slots.drop(slot)

    def _make_room(self, slot: int) -> None:
        """By a new array and not in place, which numpy's view of the old one would forbid."""
        if (missing := (slot + 1) * WIDTH - len(self._state)) > 0:
            self._state = self._state + array("d", bytes(8 * max(missing, len(self._state) // 2 // WIDTH * WIDTH)))

    # --- rows --------------------------------------------------------------------------------------------------------

    def update_many(self, rows: Rows) -> Scores:
        """By arrays where many series come at once, else one by one; the same operations, so the same bits."""
        slots, count = rows.slots, len(rows.slots)
        if count == 1:
            self._slots.changed.add(slots[0])
            score, note = self._one(self._state, slots[0] * SIZE, rows.values[0][0])
            return Scores(values=(score,), notes=(note,))
        self._slots.changed.update(slots)
        values = [value for (value,) in rows.values]
        scores, notes = [nan] * count, [(nan, nan)] * count
        left: Sequence[int] = range(count)
        if self._columns and count >= CROSSOVER and len(set(slots)) >= CROSSOVER:
            from eventflow.detectors.adaptive.waves import waves

            left = waves(self._state, slots, values, self.config, scores, notes)
        state, one = self._state, self._one
        for row in left:
            scores[row], notes[row] = one(state, slots[row] * SIZE, values[row])
        return Scores(values=scores, notes=notes)

    def _one(self, state: array[float], at: int, value: float) -> tuple[float, tuple[float, float]]:
        """Score and learn one value; the series' numbers begin at byte `at`. `waves` does the same to columns."""
        rows, level, spread, last, step, mean, deviation = NUMBERS.unpack_from(state, at)
        if not -LARGEST < value < LARGEST:
            known = rows >= LEARNING and value == value  # noqa: PLR0124 - NaN
            return (HIGHEST if known else nan), (level if rows else nan, nan)
        if not rows:
            NUMBERS.pack_into(state, at, 1.0, value, 0.0, value, 0.0, value, 0.0)
            return nan, (nan, nan)
        # Comparisons and not max and min: half the time of the whole.
        size = 1.25 * spread
        other = 0.05 * deviation
        size = other if other > size else size  # noqa: FURB136
        size = step if step > size else size  # noqa: FURB136
        distance = abs(value - level)
        score = nan
        if rows >= LEARNING:
            score = distance / size if size else (rows if distance else 0.0)
            score = score if score < HIGHEST else HIGHEST  # noqa: FURB136
        fast, slow = self._rates
        plain = 1.0 / (rows + 1.0)
        if plain > slow:
            slow = plain
            fast = plain if plain > fast else fast  # noqa: FURB136
        change = abs(value - last)
        if change and (not step or change < step):
            step = change
        clipped = CLIP * size if size and distance > CLIP * size else distance
        NUMBERS.pack_into(
            state,
            at,
            rows + 1.0 if rows < HIGHEST else rows,
            level + fast * (value - level),
            spread + slow * (clipped - spread),
            value,
            step,
            mean + slow * (value - mean),
            deviation + slow * (abs(value - mean) - deviation),
        )
        return score, (level, size)

    # --- memory ------------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, bytes | None]:
        """A part for each series that changed: whose it is and its seven numbers."""
        parts: dict[str, bytes | None] = {}
        numbers = memoryview(self._state).cast("B")
        for slot in self._slots.take_changed():
            name = self._slots.name(slot)
            parts[str(slot)] = None
            if name is not None:
                parts[str(slot)] = msgspec.msgpack.encode((*name, numbers[slot * SIZE : (slot + 1) * SIZE]))
        return parts

    def load(self, parts: Mapping[str, bytes]) -> None:
        """The series there were, each in its slot."""
        saved = {int(slot): msgspec.msgpack.decode(part, type=tuple[str, str, bytes]) for slot, part in parts.items()}
        self._slots.restore((slot, key, group) for slot, (group, key, _) in saved.items())
        for slot, (_, _, numbers) in sorted(saved.items()):
            self._make_room(slot)
            self._state[slot * WIDTH : (slot + 1) * WIDTH] = array("d", numbers)

    def explain(self, values: tuple[float, ...], note: Any) -> Explanation:
        """Where the series was, and the band it usually keeps to."""
        level, size = note
        if math.isnan(size):
            said = "no finite number" if not math.isfinite(values[0]) else f"{values[0]:.6g} is the first of its series"
            return Explanation(expected=None if math.isnan(level) else level, because=said)
        if not size:
            return Explanation(expected=level, low=level, high=level, because=f"constant at {level:.6g} until now")
        times = abs(values[0] - level) / size
        side = "above" if values[0] > level else "below"
        because = f"{values[0]:.6g} is {times:.3g} times the usual movement {side} {level:.6g}"
        return Explanation(expected=level, low=level - BAND * size, high=level + BAND * size, because=because)
