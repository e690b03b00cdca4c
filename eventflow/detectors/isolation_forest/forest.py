"""A forest as flat arrays: the scores of scikit-learn's `score_samples`, without its cost per call.

A forest is bytes made once by `training`; here they are read and used. Two forms:

* one feature: the forest is a step function of it. A row costs one bisection, and no numpy is needed.
* several: each level of all trees is one array, node i of level l having the children 2i and 2i + 1 of level l + 1, so
  that all trees (and rows) go down together, one level in a handful of numpy calls. A leaf that lies higher is led down
  to the last level by thresholds that everything is below of.

The mean path length is a sum of whole numbers (in units of 2^-44), which has no order of summation to depend on: any
cut of the rows gives the same bits. Thresholds are rounded down to float32, which is exact because scikit-learn rounds
the values to it.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPTH: Final = 8
"""Levels above the leaves: the logarithm of the largest sample."""
BLOCK: Final = 128
"""Rows that go down together: more do not fit into the cache (`bench/detectors.py`)."""
TOP: Final = 5
"""For a single row it is quicker to compare all nodes of so many levels than to pick."""
STEEP: Final = 16
"""Scores lie between 0.35 and 0.85; `strangeness` spreads them over enough octaves to tell them apart by logarithm."""


class Usual(msgspec.Struct, frozen=True):
    """Of each feature in the rows that were learned from: the median, and where all but 2 % lie."""

    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Forest(Protocol):
    """What can score rows."""

    @property
    def usual(self) -> Usual:
        """What the rows were like that it was made from."""

    def strangeness(self, rows: Sequence[tuple[float, ...]]) -> list[float]:
        """(2s)^16 of each row, s being the score of Liu, Ting and Zhou: 1 for an ordinary row. NaN for NaN."""


def score_of(strangeness: float) -> float:
    """The s of a strangeness: 0.5 is ordinary, towards 1 is strange. What `-score_samples` gives."""
    return float(strangeness ** (1.0 / STEEP) / 2.0)


def strangeness_of(total: int, unit: float) -> float:
    """From the sum of path lengths and what it is on average, both in the same unit."""
    return float(2.0 ** (STEEP * (1.0 - total / unit)))


class Steps(msgspec.Struct, frozen=True):
    """A forest over one feature: what is at most `edges[i]` has the strangeness `values[i]`."""

    usual: Usual
    edges: array[float]
    values: array[float]

    def strangeness(self, rows: Sequence[tuple[float, ...]]) -> list[float]:
        """One bisection each."""
        edges, values = self.edges, self.values
        return [values[bisect_left(edges, value)] if value == value else math.nan for (value,) in rows]  # noqa: PLR0124


class Trees:
    """A forest over several features."""

    def __init__(self, usual: Usual, made: dict[str, Any]) -> None:
        """From what `training` wrote."""
        import numpy as np

        self._np = np
        self.usual = usual
        self._trees, self._unit = made["trees"], made["unit"]
        feature = np.frombuffer(made["features"], dtype=np.uint8).astype(np.intp)
        threshold = np.frombuffer(made["thresholds"], dtype=np.float32)
        self._leaves = np.frombuffer(made["lengths"], dtype=np.int64)[np.frombuffer(made["leaves"], dtype=np.uint16)]
        ends = [self._trees * ((1 << level) - 1) for level in range(DEPTH + 1)]
        spans = [slice(begin, end) for begin, end in pairwise(ends)]
        self._features, self._thresholds = [feature[span] for span in spans], [threshold[span] for span in spans]
        self._top = feature[: ends[TOP]], threshold[: ends[TOP]], spans[:TOP]
        # Feature and threshold of a node side by side: one gather instead of two.
        pairs = np.empty((len(feature), 2), dtype=np.int32)
        pairs[:, 0], pairs[:, 1] = threshold.view(np.int32), feature
        packed = pairs.view(np.int64).ravel()
        self._nodes = [packed[span].copy() for span in spans]
        self._first = 2 * np.arange(self._trees)
        self._room: dict[int, tuple[Any, ...]] = {}

    def strangeness(self, rows: Sequence[tuple[float, ...]]) -> list[float]:
        """All trees at once, in blocks of rows."""
        np = self._np
        with np.errstate(over="ignore"):  # beyond float32 is infinite, and that is compared rightly
            table = np.array(rows, dtype=np.float32)
        if len(rows) == 1:
            totals = [self._one(table[0])]
        else:
            totals = []
            for begin in range(0, len(rows), BLOCK):
                totals += self._block(table[begin : begin + BLOCK])
        answers = [strangeness_of(total, self._unit) for total in totals]
        if np.isnan(table).any():
            missing = np.isnan(table).any(axis=1).tolist()
            answers = [math.nan if gone else answer for gone, answer in zip(missing, answers, strict=True)]
        return answers

    def _one(self, row: Any) -> int:
        """The sum of a row's path lengths."""
        features, thresholds, spans = self._top
        right = self._np.greater(row.take(features), thresholds)
        at = self._first + right[spans[0]]
        for span in spans[1:]:
            side = right[span].take(at)
            at += at
            at += side
        for features, thresholds in zip(self._features[TOP:], self._thresholds[TOP:], strict=True):
            side = row.take(features.take(at)) > thresholds.take(at)
            at += at
            at += side
        return int(self._leaves.take(at).sum())

    def _block(self, rows: Any) -> list[int]:
        """The same for rows that go down together."""
        np, flat = self._np, rows.ravel()
        at, node, features, thresholds, place, value, right, length, offset = self._buffers(*rows.shape)
        np.greater(rows.take(self._features[0], axis=1), self._thresholds[0], out=right)
        np.add(self._first, right, out=at)
        for nodes in self._nodes[1:]:
            nodes.take(at, out=node, mode="clip")
            np.add(features, offset, out=place)
            flat.take(place, out=value, mode="clip")
            np.greater(value, thresholds, out=right)
            np.add(at, at, out=at)
            np.add(at, right, out=at)
        totals: list[int] = self._leaves.take(at, out=length, mode="clip").sum(axis=1).tolist()
        return totals

    def _buffers(self, rows: int, width: int) -> tuple[Any, ...]:
        """Room to work in, kept for the sizes that come again: whole blocks and small ones."""
        if rows not in self._room:
            np, shape = self._np, (rows, self._trees)
            node = np.empty(shape, dtype=np.int64)
            if len(self._room) >= 16:
                self._room.clear()
            self._room[rows] = (
                np.empty(shape, dtype=np.intp),
                node,
                node.view(np.int32)[:, 1::2],
                node.view(np.float32)[:, 0::2],
                np.empty(shape, dtype=np.intp),
                np.empty(shape, dtype=np.float32),
                np.empty(shape, dtype=np.bool_),
                np.empty(shape, dtype=np.int64),
                (np.arange(rows) * width)[:, None],
            )
        return self._room[rows]


def read(model: bytes) -> Forest:
    """The forest that these bytes are."""
    made = msgspec.msgpack.decode(model)
    usual = Usual(*(tuple(made[name]) for name in ("middle", "low", "high")))
    if "edges" in made:
        return Steps(usual, array("d", made["edges"]), array("d", made["values"]))
    return Trees(usual, made)
