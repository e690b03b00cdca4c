"""`threshold`: a fixed bound. No model and no warm-up: the first sample counts.

The score is a function of the value alone, so nothing is remembered but which series there are. It is made such that
the two levels of a hysteresis are two levels of the score: 1 or more is outside the bound, below 0.5 is back inside the
clear level, and what lies between keeps an open alarm open and opens none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import msgspec
from pydantic import BaseModel, ConfigDict, FiniteFloat, model_validator

from eventflow.plugin import Detector, DetectorContext, Explanation, Rows, Scores
from eventflow.plugin.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Mapping

CLEARED = 0.5
HIGHEST = 1e6
"""Scores end here, so that an infinite value has a finite one."""


class Threshold(Detector):
    """Alarm when the value is above `above` or below `below`; with both, when it is outside of them."""

    name = "threshold"
    scale = "absolute"
    clears_below = CLEARED

    class Config(BaseModel):
        """One bound at least. A clear level says how far back the value must come before the alarm ends."""

        model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
        above: FiniteFloat | None = None
        """Alarm when the value is greater."""
        below: FiniteFloat | None = None
        """Alarm when the value is smaller."""
        clear_below: FiniteFloat | None = None
        """An alarm of `above` ends only when the value is less than this. Default: when it is not above any more."""
        clear_above: FiniteFloat | None = None
        """An alarm of `below` ends only when the value is greater than this. Default: when it is not below any more."""

        @model_validator(mode="after")
        def _makes_sense(self) -> Self:
            above, below, clear_above, clear_below = self.above, self.below, self.clear_above, self.clear_below
            if above is None and below is None:
                raise ValueError("give above, below, or both")
            if above is not None and below is not None and below >= above:
                raise ValueError(
                    f"below ({below:g}) must be less than above ({above:g}): an alarm is what lies outside"
                )
            if clear_below is not None and (above is None or clear_below > above):
                raise ValueError(f"clear_below ({clear_below:g}) is where an alarm of 'above' ends, so not beyond it")
            if clear_above is not None and (below is None or clear_above < below):
                raise ValueError(f"clear_above ({clear_above:g}) is where an alarm of 'below' ends, so not beyond it")
            return self

    def __init__(self, config: Any, context: DetectorContext) -> None:
        """`config` is a `Config`."""
        super().__init__(config, context)
        self._slots = Slots()
        # A bound from below is one from above for the negated value.
        self._bounds: list[tuple[float, float, float]] = []
        if config.above is not None:
            self._bounds.append((1.0, config.above, _clear(config.above, config.clear_below)))
        if config.below is not None:
            clear = -config.clear_above if config.clear_above is not None else None
            self._bounds.append((-1.0, -config.below, _clear(-config.below, clear)))

    def series(self, key: str, group: str) -> int:
        """Its slot; nothing else is kept of it."""
        slot = self._slots.find(key, group)
        return self._slots.add(key, group) if slot is None else slot

    def drop(self, slot: int) -> None:
        """Free its slot."""
        self._slots.drop(slot)

    def update_many(self, rows: Rows) -> Scores:
        """Each value against the bounds, the worse of both; NaN stays NaN."""
        (sign, bound, clear), *rest = self._bounds
        scores = [_beyond(sign * value, bound, clear) for (value,) in rows.values]
        for sign, bound, clear in rest:
            other = [_beyond(sign * value, bound, clear) for (value,) in rows.values]
            scores = [max(one, two) for one, two in zip(scores, other, strict=True)]
        return Scores(values=scores)

    def dump(self) -> dict[str, bytes | None]:
        """The series that came and went."""
        parts: dict[str, bytes | None] = {}
        for slot in self._slots.take_changed():
            name = self._slots.name(slot)
            parts[str(slot)] = msgspec.msgpack.encode(name) if name is not None else None
        return parts

    def load(self, parts: Mapping[str, bytes]) -> None:
        """The series there were."""
        names = ((int(slot), *msgspec.msgpack.decode(name, type=tuple[str, str])) for slot, name in parts.items())
        self._slots.restore((slot, key, group) for slot, group, key in names)

    def explain(self, values: tuple[float, ...], note: Any) -> Explanation:
        """Which bound, and where the alarm ends."""
        config, value = self.config, values[0]
        because = "within its bounds"
        if config.above is not None and value > config.above:
            because = f"{value:.6g} is above {config.above:g}" + _ends("below", config.clear_below)
        elif config.below is not None and value < config.below:
            because = f"{value:.6g} is below {config.below:g}" + _ends("above", config.clear_above)
        return Explanation(low=config.below, high=config.above, because=because)


def _clear(bound: float, wanted: float | None) -> float:
    """From where up an open alarm stays open: the clear level, or whatever is above the bound."""
    return math.nextafter(bound, math.inf) if wanted is None else wanted


def _ends(side: str, level: float | None) -> str:
    return "" if level is None else f" (ends {side} {level:g})"


def _beyond(value: float, bound: float, clear: float) -> float:
    """1 and more above `bound`, below `CLEARED` under `clear`, rising all the way."""
    unit = abs(bound) or 1.0
    if value > bound:
        return min(1.0 + (value - bound) / unit, HIGHEST)
    if value >= clear:
        return CLEARED + 0.25 * ((value - clear) / ((bound - clear) or 1.0))
    return 0.9 * CLEARED / (1.0 + (clear - value) / unit)
