"""The identities seen lately, for the answer's `duplicates` and for 409; best effort, nothing relies on it (W13).

Kept are two 64-bit hashes an event, of the identity and of the body, keyed anew in each process. A chance collision of
the first alone shows as another body; both together have a chance of 2⁻¹²⁸. Two generations: when the young one is
full it becomes the old one, so an identity is remembered for at least `size` others and forgetting costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Recent:
    """At most twice `size` identities; about 100 bytes each."""

    def __init__(self, size: int = 50_000) -> None:
        """Knows nothing."""
        self._size = size
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def __len__(self) -> int:
        """How many identities are known now."""
        return len(self._young) + len(self._old)

    def are_new(self, keys: Sequence[int]) -> bool:
        """Whether none of the keys is known and none comes twice: the usual case, in four steps of C."""
        distinct = set(keys)
        return (
            len(distinct) == len(keys)
            and self._young.keys().isdisjoint(distinct)
            and self._old.keys().isdisjoint(distinct)
        )

    def body(self, key: int) -> int | None:
        """The hash of the body that is known under this identity."""
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def learn(self, keys: Sequence[int], bodies: Sequence[int]) -> None:
        """Remember identities that the bus has now."""
        self._young.update(zip(keys, bodies, strict=True))
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}
