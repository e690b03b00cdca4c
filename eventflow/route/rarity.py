"""How rare a score is among all that the same series ever had: a histogram of its logarithm, and a tail beyond it.

Four counters to an octave, 128 of them round the first score that is not zero, so any unit will do. Below the 97 %
point a score's rarity is the share of scores at least as large; above it an exponential tail with the mean excess goes
on. From a decade and a half beyond what was really counted it grows by the logarithm only: no history is long enough
to tell by, but a greater score is always the rarer one, or a series' second outage would be no stranger than its first.

A series that is young, or had some outages before, knows its own tail badly: a few scores make its mean. So a type may
say how far its usual scores go (`Detector.tail`), and that is presumed with the weight of `PRESUMED` scores beyond the
97 % point: all there is at first, a half after some 700 scores, little after 7,000. (The mean of an exponential
with a conjugate prior.) Every number is a function of the scores and their order alone.
"""

from __future__ import annotations

from array import array
from math import log2, log10
from typing import Final

BINS: Final = 128
PER_OCTAVE: Final = 4
TAIL: Final = 0.03
BEYOND: Final = 1.5
"""Decades beyond one in all scores counted up to which the tail is taken at its word."""
PRESUMED: Final = 20
"""So many scores beyond the 97 % point weigh as much as what the type says of its tail."""
LN10: Final = 2.302585092994046
_EDGES: Final = (0, BINS - 1)
FULL: Final = 65_535
"""So many scores are counted; then all counters are halved."""


class Rarity:
    """The scores of one series: `total` of them; `top` is the counter of the 97 % point, `above` what lies over it."""

    __slots__ = ("above", "base", "counts", "top", "total", "zeros")

    def __init__(self) -> None:
        """Has seen nothing."""
        self.total = 0
        self.zeros = 0
        self.base = 0
        self.top = -1
        self.above = 0
        self.counts: array[int] | None = None

    def place(self, score: float) -> int:
        """The number of a score's counter; -1 for zero."""
        if score <= 0.0:
            return -1
        octave = int(log2(score) * PER_OCTAVE + 8192) - 8192
        if self.counts is None:
            return BINS // 2
        place = octave - self.base
        return 0 if place < 0 else place if place < BINS else BINS - 1

    def learn(self, score: float, place: int, weight: int = 1) -> None:
        """Count a score, `weight` times."""
        self.total += weight
        if place < 0:
            self.zeros += weight
        else:
            counts = self.counts
            if counts is None:
                counts = self.counts = array("H", bytes(2 * BINS))
                self.base = int(log2(score) * PER_OCTAVE + 8192) - 8192 - place
            elif place in _EDGES:
                place = self._fit(score, place)
            counts[place] = min(FULL, counts[place] + weight)
            if place > self.top:
                self.above += weight
        if self.total >= FULL:
            self.halve()
        else:
            self._settle()

    def _fit(self, score: float, place: int) -> int:
        """Move the counters to where this score has one of its own; what falls off below is counted in the lowest."""
        counts = self.counts
        octave = int(log2(score) * PER_OCTAVE + 8192) - 8192
        by = octave - self.base - place
        if counts is None or not by:
            return place
        if by < 0:
            by = -min(-by, BINS - 1 - max((at for at, count in enumerate(counts) if count), default=0))
            moved = array("H", bytes(-2 * by)) + counts[: BINS + by]
        elif by < BINS:
            moved = counts[by:] + array("H", bytes(2 * by))
            moved[0] = min(FULL, sum(counts[: by + 1]))
        else:
            moved = array("H", bytes(2 * BINS))
            moved[0] = min(FULL, sum(counts))
        counts[:] = moved
        self.base += by
        self.top, self.above = BINS - 1, 0
        self._settle()
        return min(BINS - 1, max(0, octave - self.base))

    def _settle(self) -> None:
        """Move the 97 % point to where it belongs."""
        limit, counts = TAIL * self.total, self.counts
        if counts is None:
            return
        while self.above > limit:
            self.top += 1
            self.above -= counts[self.top]
        while self.top >= 0 and self.above + counts[self.top] <= limit:
            self.above += counts[self.top]
            self.top -= 1

    def halve(self) -> None:
        """Forget half of everything."""
        counts = self.counts
        self.zeros //= 2
        if counts is not None:
            for place, count in enumerate(counts):
                if count:
                    counts[place] = count // 2
            self.total = self.zeros + sum(counts)
            self.top, self.above = BINS - 1, 0
            self._settle()
        else:
            self.total = self.zeros

    @property
    def most(self) -> float:
        """The greatest rarity that what was counted can speak for; what `of` says beyond only ranks."""
        return log10(self.total + 1) + BEYOND

    def of(self, score: float, place: int, usual: float = 0.0) -> float:
        """-log10 of the share of scores at least as large as this one, which is not counted itself.

        `usual`: the mean excess that the type says scores have over their 97 % point, as a share of it; 0: no word.
        """
        total, counts = self.total, self.counts
        if place < 0 or total == 0:
            return 0.0
        if counts is None:
            return self.most
        if place <= self.top:
            upper = self.above + sum(counts[place + 1 : self.top + 1])
            part = log2(score) * PER_OCTAVE - self.base - place
            inside = counts[place] * (1.0 - min(1.0, max(0.0, part)))
            return log10(total / max(1.0, upper + inside))
        rarity, most = self._tail(score, counts, usual), self.most
        return rarity if rarity <= most else most + log10(1.0 + rarity - most)

    def _tail(self, score: float, counts: array[int], usual: float) -> float:
        edge, share, excess = self._slope(counts, usual)
        if excess <= 0.0:
            return 1e9
        beyond = (score - edge) / excess
        return beyond / LN10 - log10(share) if beyond < 1e9 else 1e9

    def _slope(self, counts: array[int], usual: float) -> tuple[float, float, float]:
        """The 97 % point, the share beyond it, and the mean excess there."""
        edge = 2.0 ** ((self.top + 1 + self.base) / PER_OCTAVE) if self.top >= 0 else 0.0
        if self.above == 0:
            return edge, 1.0 / (self.total + 1), edge * (usual or 2.0 ** (1 / PER_OCTAVE) - 1.0)
        weight = PRESUMED if usual and edge else 0
        excess = weight * usual * edge
        for place in range(self.top + 1, BINS):
            if count := counts[place]:
                excess += count * (2.0 ** ((place + self.base + 0.5) / PER_OCTAVE) - edge)
        return edge, self.above / self.total, excess / (weight + self.above)

    def worth(self, rarity: float, usual: float = 0.0) -> float:
        """The score that is so rare by the tail; 0 where there is none to tell by."""
        if self.counts is None:
            return 0.0
        edge, share, excess = self._slope(self.counts, usual)
        return edge + excess * max(0.0, (rarity + log10(share)) * LN10)

    def weight(self) -> int:
        """How often a score must be counted so that about fifty of them are a fortieth of all."""
        return max(1, self.total // 2_000)

    # --- bytes -------------------------------------------------------------------------------------------------------

    def pack(self) -> tuple[object, ...]:
        """What is remembered, only the counters between the first and the last that count."""
        first, used = 0, b""
        if self.counts is not None:
            filled = [place for place, count in enumerate(self.counts) if count]
            if filled:
                first = filled[0]
                used = self.counts[first : filled[-1] + 1].tobytes()
        return (self.total, self.zeros, self.base, self.top, self.above, self.counts is not None, first, used)

    @classmethod
    def unpack(cls, packed: tuple[int, int, int, int, int, bool, int, bytes]) -> Rarity:
        """What `pack` gave."""
        one = cls()
        one.total, one.zeros, one.base, one.top, one.above, counted, first, used = packed
        if counted:
            one.counts = array("H", bytes(2 * first) + used + bytes(2 * (BINS - first) - len(used)))
        return one


__all__ = ["BINS", "FULL", "Rarity"]
