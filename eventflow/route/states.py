"""What is remembered of a trigger and of a key: plain structs, changed by `decide` and written as slots by `memory`."""

from __future__ import annotations

from typing import Any

import msgspec

from eventflow.model.event import Micros

Verdict = tuple[int, int, int, str, str]
"""(partition, offset, log time, stage, reason) of the last events of a key."""


class Sampled(tuple[int, int, int, str, str]):  # noqa: SLOT001 - a tuple has no room for one
    """The verdict on a sample of a condition trigger; `values` say what was seen."""

    values: dict[str, Any]


class TriggerState(msgspec.Struct):
    """A trigger on this partition.

    `rule` names the selector, key and schedule that the state belongs to (W11). `clock` is the highest log time of
    all its keys. `offsets` holds the highest forward taken per source partition (W8). `counts` are the reasons given
    at record rows, `timers` those given to timers (W14). `kept` says per stage how many refusals were kept in which
    minute. `next` is the schedule's next occurrence and `fires` when it really fires.
    """

    rule: str = ""
    clock: Micros = 0
    offsets: dict[str, int] = {}
    counts: dict[str, int] = {}
    timers: dict[str, int] = {}
    kept: dict[str, tuple[int, int]] = {}
    next: Micros | None = None
    fires: Micros = 0


class KeyState(msgspec.Struct):
    """A key of a trigger: `at` its log time, `fired` when it last fired, `rings` per limit the times of firings."""

    at: Micros = 0
    touched: Micros = 0
    fired: Micros | None = None
    rings: list[list[Micros]] = []
    verdicts: list[Verdict] = []


class Dedups:
    """When events with a dedup key came last: (key, dedup key) → (log time, trigger's clock), oldest clock first."""

    __slots__ = ("times",)

    def __init__(self) -> None:
        """Know of none."""
        self.times: dict[tuple[str, str], tuple[Micros, Micros]] = {}

    def expire(self, before: Micros, most: int) -> list[tuple[str, str]]:
        """Drop those older than `before`, and the oldest beyond `most`; returns what went."""
        gone = []
        while self.times:
            first = next(iter(self.times))
            if self.times[first][1] > before and len(self.times) < most:
                break
            del self.times[first]
            gone.append(first)
        return gone
