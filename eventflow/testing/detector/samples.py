"""Made-up samples that detectors stumble over: noise, days, gaps, steps, spikes, and what is no number at all.

Apart from the suite, because whoever writes a detector wants to look at them too. All of it is a function of a seed.
"""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECOND: Final = 1_000_000
BEGIN: Final = 1_700_000_000 * SECOND


class Sample(msgspec.Struct, frozen=True):
    """One row before it has a slot."""

    key: str
    group: str
    time: int
    log_time: int
    values: tuple[float, ...]


def series(
    values: Sequence[float],
    width: int = 1,
    *,
    key: str = "a",
    group: str = "",
    every: int = 10 * SECOND,
    times: Callable[[int], int] | None = None,
) -> list[Sample]:
    """One series with these values, a row each ten seconds; further features follow the first."""
    return [
        Sample(
            key=key,
            group=group,
            time=times(at) if times else BEGIN + at * every,
            log_time=BEGIN + at * every,
            values=(value, *(value * (0.5 + feature) + at % (feature + 2) for feature in range(width - 1))),
        )
        for at, value in enumerate(values)
    ]


def chance(seed: int) -> Random:
    """Dice that fall the same each time."""
    return Random(seed)  # noqa: S311 - nothing here is a secret


def noise(count: int, seed: int = 1) -> list[float]:
    """A level of 100 that moves by 5."""
    dice = chance(seed)
    return [dice.gauss(100.0, 5.0) for _ in range(count)]


def shapes(count: int) -> dict[str, list[float]]:
    """Series that have driven detectors mad."""
    dice = chance(7)
    return {
        "constant": [5.0] * count,
        "constant zero": [0.0] * count,
        "two values": [float(dice.random() < 0.3) for _ in range(count)],
        "rarely another value": [float(at % 97 == 0) for at in range(count)],
        "spikes": [1e6 if dice.random() < 0.01 else dice.gauss(10, 1) for _ in range(count)],
        "counting": [float(at) for at in range(count)],
        "a shift": [*noise(count // 2), *(value + 1000 for value in noise(count - count // 2, 2))],
        "tiny": [1e-300 * value for value in noise(count)],
        "huge": [1e300 * value for value in noise(count)],
        "huge both ways": [math.copysign(1.7e308, dice.random() - 0.5) for _ in range(count)],
        "the smallest there are": [5e-324 * dice.randrange(3) for _ in range(count)],
    }


def mixture(count: int, width: int, seed: int = 3) -> list[Sample]:
    """Several series of two groups in one log: noise, counts, days, spikes, missing and infinite values, gaps."""
    dice = chance(seed)
    keys = [(f"key-{at}", ("one", "two")[at % 2]) for at in range(7)]
    rows: list[Sample] = []
    now = BEGIN
    for at in range(count):
        now += dice.choice((0, 1_000, 100_000)) + (25 * SECOND if at % 50 == 49 else 0)
        now += 3600 * SECOND if at % 211 == 210 else 0
        which = dice.randrange(len(keys))
        key, group = keys[which]
        values = [_value(dice, which, at) for _ in range(width)]
        if dice.random() < 0.02:
            values[dice.randrange(width)] = dice.choice((math.nan, math.inf, -math.inf))
        time = now - dice.randrange(120) * SECOND if at % 10 == 3 else now
        rows.append(Sample(key=key, group=group, time=time, log_time=now, values=tuple(values)))
    return rows


def crowd(count: int, width: int) -> list[Sample]:
    """Many series within one second, each some times."""
    dice = chance(6)
    values = [(key, noise(3, key)) for key in range(count)]
    rows = [(dice.random(), key, at, value) for key, few in values for at, value in enumerate(few)]
    return [
        Sample(f"key-{key}", "", BEGIN, BEGIN, tuple(value + feature for feature in range(width)))
        for _, key, _, value in sorted(rows)
    ]


def _value(dice: Random, which: int, at: int) -> float:
    if which == 0:
        return float(dice.randrange(3))
    if which == 1:
        return 7.0 if dice.random() < 0.98 else 8.0
    wave = math.sin(at / 60.0) * 20.0 if which == 2 else 0.0
    spike = 500.0 if dice.random() < 0.01 else 0.0
    return 100.0 * which + wave + spike + dice.gauss(0.0, 5.0)
