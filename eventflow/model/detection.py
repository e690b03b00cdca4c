"""What a detector document says once it is read, and what is said of a sample: the words of the filtering layer.

`catalog` makes these from YAML, `route` judges by them, and a `Verdict` is what people and workflows get to see. The
definition of a detector is part of the workflow that uses it, so another detector is another definition (W11).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eventflow.model.event import Micros, format_time, from_micros

RAISED = "detector.raised"
CLEARED = "detector.cleared"
"""The types of the engine's events at the two edges of an alarm."""


class Bounds(msgspec.Struct, frozen=True):
    """A plain threshold: greater than `above`, or less than `below`. It ends at the clear level, where there is one."""

    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    clear_above: float | None = None


class Floor(msgspec.Struct, frozen=True):
    """A change from what was expected that is too small to alarm: in the value's unit, or as a share of it."""

    absolute: float = 0.0
    relative: float = 0.0


class AtMost(msgspec.Struct, frozen=True):
    """At most `max` alarms of a series in any stretch of `per`."""

    max: int
    per: Micros


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """What the Judge is told: the keys that all detector types have (workflow format 1.5).

    `sensitivity` N: a score must be as rare as one in N. `quiet`: the hold-off in log time; None: in samples.
    `at_least` (k, n): so many of the last n samples must be strange. `memory`: half-life of what is learned.
    """

    sensitivity: float = 1000.0
    quiet: Micros | None = None
    at_most: AtMost | None = None
    at_least: tuple[int, int] | None = None
    direction: Literal["up", "down", "both"] = "both"
    ignore_below: Floor = Floor()
    min_value: float | None = None
    warmup: Bounds | None = None
    memory: Micros | None = None


class DetectorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A detector as a workflow uses it: `type` with its own `config`, and what is the same for all types.

    `name` is the document that it comes from, empty for one written inline. `group` (CEL to text) makes like series
    share a model; `per_key` gives each its own. `features` are CEL by name, in the order of their names.
    """

    type: str
    name: str = ""
    config: dict[str, Any] = {}
    judging: Judging = Judging()
    group: str | None = None
    per_key: bool = False
    features: dict[str, str] = {}
    missing: Literal["ignore", "zero", "previous"] = "ignore"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What a condition trigger judges of the events that it watches, and when that starts the workflow.

    `value` is CEL to a number; None: the first feature. `for_` and `clear_for` are log time.
    """

    value: str | None
    detector: DetectorSpec
    for_: Micros | None = msgspec.field(name="for", default=None)
    clear_for: Micros | None = None
    fire_on: Literal["raise", "clear", "both"] = "raise"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a series at one sample or timer.

    `state` is `learning`, `normal`, `pending` (strange, not yet for as long as `for` asks), `alarm`, `clearing` or
    `cleared`. `rarity` N: as strange as one sample in N; None where that is not asked or common. `since` is when the
    samples became strange (log time). `because` is one sentence.
    """

    state: str
    score: float | None = None
    rarity: float | None = None
    value: float | None = None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    since: Micros | None = None
    because: str = ""

    def facts(self) -> dict[str, Any]:
        """As `trigger.*` and the engine's events carry it: JSON, `rarity` in words, `since` as RFC 3339."""
        found = {name: getattr(self, name) for name in ("state", "score", "value", "expected", "low", "high")}
        found["rarity"] = f"1 in {shown(self.rarity)}" if self.rarity is not None else None
        found["since"] = format_time(from_micros(self.since)) if self.since is not None else None
        return found | {"reason": self.because}


def shown(rarity: float) -> str:
    """A rarity's N for people: two digits that count."""
    if rarity < 10:
        return f"{rarity:.2g}"
    size = 10 ** (len(str(int(rarity))) - 2)
    return f"{round(rarity / size) * size:,}"
