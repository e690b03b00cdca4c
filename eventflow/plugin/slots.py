"""Which series has which slot: the bookkeeping that every detector type needs, kept once.

A slot is the lowest free number, so that the numbers after `load` go on as they would have without it. What a type
knows of a series it keeps under the slot; this class remembers whose it is and which of them changed since the last
dump. A thing of its own because a series that is forgotten, comes back, or is saved half way is where detectors go
wrong.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Slots:
    """Series by key and group, each with a small number."""

    def __init__(self) -> None:
        self._slots: dict[tuple[str, str], int] = {}
        self._names: list[tuple[str, str] | None] = []
        self._free: list[int] = []
        self.changed: set[int] = set()
        """Slots whose series came, went or was touched since `take_changed`; whoever learns adds to it."""

    def __len__(self) -> int:
        """How many numbers were ever in use at once: every slot is below it."""
        return len(self._names)

    def find(self, key: str, group: str) -> int | None:
        """The slot of a series that is known."""
        return self._slots.get((group, key))

    def add(self, key: str, group: str) -> int:
        """The lowest free slot for a series that is not known yet."""
        name = (group, key)
        if self._free:
            slot = heapq.heappop(self._free)
            self._names[slot] = name
        else:
            slot = len(self._names)
            self._names.append(name)
        self._slots[name] = slot
        self.changed.add(slot)
        return slot

    def drop(self, slot: int) -> None:
        """Free a slot; one that is free already stays so."""
        name = self._names[slot] if slot < len(self._names) else None
        if name is None:
            return
        del self._slots[name]
        self._names[slot] = None
        heapq.heappush(self._free, slot)
        self.changed.add(slot)

    def name(self, slot: int) -> tuple[str, str] | None:
        """(group, key) of a slot that is in use."""
        return self._names[slot] if slot < len(self._names) else None

    def take_changed(self) -> list[int]:
        """What changed since the last call, in order."""
        changed = sorted(self.changed)
        self.changed.clear()
        return changed

    def restore(self, named: Iterable[tuple[int, str, str]]) -> None:
        """Take over (slot, key, group) of a saved detector, in any order, into an empty object."""
        for slot, key, group in named:
            self._names += [None] * (slot + 1 - len(self._names))
            self._names[slot] = (group, key)
            self._slots[group, key] = slot
        self._free = [slot for slot, name in enumerate(self._names) if name is None]  # ascending: a heap already
