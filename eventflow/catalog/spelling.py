"""Did you mean: the known word that a written one was probably meant to be."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def distance(a: str, b: str) -> int:
    """How many letters must be added, dropped, changed or swapped with a neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The closest known word, if it is close enough to be meant; the first by letters where two are equally close.

    Where none is close, the only one that begins so: `prod` for `production`.
    """
    return _nearest(word, frozenset(known))


@lru_cache(maxsize=4_000)
def _nearest(word: str, known: frozenset[str]) -> str | None:
    plain = _plain(word)
    best: tuple[int, str] | None = None
    words = sorted(known)
    for candidate in words:
        other = _plain(candidate)
        if min(len(plain), len(other)) < 3 and plain != other:  # of two letters one is half the word
            continue
        most = max(1, min(len(plain), len(other)) // 3)
        if abs(len(plain) - len(other)) > most:
            continue
        found = distance(plain, other)
        if found <= most and (best is None or (found, candidate) < best):
            best = (found, candidate)
    if best is None and len(plain) > 2:
        longer = [candidate for candidate in words if _plain(candidate).startswith(plain)]
        return longer[0] if len(longer) == 1 else None
    return best[1] if best else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the known words where there are few, or nothing."""
    words = sorted(set(known))
    if (close := nearest(word, words)) is not None:
        return f"did you mean '{close}'?"
    return f"there are: {', '.join(words)}" if 0 < len(words) <= 12 else ""


def _plain(word: str) -> str:
    return word[:64].lower().replace("-", "_").replace(" ", "_")
