"""The rows of many series at once, as columns: what `Adaptive` does to one row, in the same order of operations.

A file of its own because it needs numpy. Only +, -, x, /, comparison and choice are used, which IEEE 754 fixes to the
last bit, one rounding each; so columns and single rows give equal bits. A series that occurs more than once is cut into
*waves*: the first row of each series, then the second of each, and so on while a wave is worth it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eventflow.detectors.adaptive import CLIP, CROSSOVER, HIGHEST, LARGEST, LEARNING, WIDTH

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from numpy.typing import NDArray


def waves(
    state: array[float],
    slots: Sequence[int],
    values: Sequence[float],
    config: Any,
    scores: list[float],
    notes: list[tuple[float, float]],
) -> Sequence[int]:
    """Score and learn as many rows as come in waves of `CROSSOVER` or more; the rows that are left, in order."""
    numbers = np.frombuffer(state, dtype=np.float64).reshape(-1, WIDTH)
    slot_of = np.array(slots, dtype=np.intp)
    value_of = np.array(values, dtype=np.float64)
    order = np.argsort(slot_of, kind="stable")
    turn = np.empty(len(slot_of), dtype=np.intp)
    first = np.flatnonzero(np.diff(slot_of[order], prepend=-1))
    turn[order] = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
    sizes = np.bincount(turn)
    whole = int(np.argmax(sizes < CROSSOVER)) if (sizes < CROSSOVER).any() else len(sizes)
    for wave in range(whole):
        rows = np.flatnonzero(turn == wave)
        answer, level, size = _wave(numbers, slot_of[rows], value_of[rows], config)
        for row, score, expected, unit in zip(
            rows.tolist(), answer.tolist(), level.tolist(), size.tolist(), strict=True
        ):
            scores[row] = score
            notes[row] = (expected, unit)
    return np.flatnonzero(turn >= whole).tolist()


def _wave(
    numbers: NDArray[np.float64], slots: NDArray[np.intp], value: NDArray[np.float64], config: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """One row of each of these series: score, level before it, scale before it."""
    before = numbers[slots]
    rows, level, spread, last, step, mean, deviation = before.T
    usable = (value > -LARGEST) & (value < LARGEST)
    new = rows == 0
    x = np.where(usable, value, 0.0)
    size = np.maximum(np.maximum(1.25 * spread, 0.05 * deviation), step)
    distance = np.abs(x - level)
    sized = size != 0
    ratio = np.divide(distance, size, out=np.where(distance != 0, rows, 0.0), where=sized)
    score = np.where(rows >= LEARNING, np.minimum(ratio, HIGHEST), np.nan)
    plain = 1.0 / (rows + 1.0)
    rate = np.maximum(config.scale, plain)
    change = np.abs(x - last)
    smaller = (change != 0) & ((step == 0) | (change < step))
    after = np.empty_like(before)
    after[:, 0] = np.minimum(rows + 1.0, HIGHEST)
    after[:, 1] = level + np.maximum(config.level, plain) * (x - level)
    after[:, 2] = spread + rate * (np.minimum(distance, np.where(sized, CLIP * size, np.inf)) - spread)
    after[:, 3] = x
    after[:, 4] = np.where(smaller, change, step)
    after[:, 5] = mean + rate * (x - mean)
    after[:, 6] = deviation + rate * (np.abs(x - mean) - deviation)
    return _edges(numbers, slots, value, before, after, score, size, usable, new)


def _edges(
    numbers: NDArray[np.float64],
    slots: NDArray[np.intp],
    value: NDArray[np.float64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    score: NDArray[np.float64],
    size: NDArray[np.float64],
    usable: NDArray[np.bool_],
    new: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The first row of a series, and values that are no finite numbers; then the new state is written."""
    level = before[:, 1].copy()
    if (first := new & usable).any():
        after[first] = 0.0
        after[first, 0] = 1.0
        for column in (1, 3, 5):  # level, last, mean
            after[first, column] = value[first]
    if not usable.all():
        after[~usable] = before[~usable]
        infinite = ~usable & (before[:, 0] >= LEARNING) & ~np.isnan(value)
        score = np.where(usable, score, np.where(infinite, HIGHEST, np.nan))
        size = np.where(usable, size, np.nan)
    numbers[slots] = after
    level[new] = np.nan
    return score, level, np.where(new, np.nan, size)
