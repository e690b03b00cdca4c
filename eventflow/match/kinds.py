"""Which kinds of values can be equal or ordered at all."""

from __future__ import annotations

from typing import Final

NUMBERS: Final = frozenset(("int", "uint", "double", "number"))


def alike(a: str, b: str) -> bool:
    """Whether values of two kinds may be equal or ordered. null is like everything: a field may be null."""
    return a == b or "dyn" in {a, b} or "null" in {a, b} or (a in NUMBERS and b in NUMBERS)


def with_article(kind: str) -> str:
    """A kind in a sentence: an int, a string."""
    return f"{'an' if kind[0] in 'aio' else 'a'} {kind}"
