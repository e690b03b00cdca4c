"""Records that end the process: noticed after two deaths at one place, then taken one at a time (W17).

Normal running writes nothing for this but one mark when a process takes its first record of a partition. Two marks of
others at the same `memory_at` mean that two processes died there: from here up to the end that the log has now, each
record is marked, decided and committed alone, with a checkpoint, so that the next start is exactly at the record that
did not come through. One with three marks of others is buried as a dead letter. A process that is killed from outside
buries nothing, unless that happens three times in the moments between one record's mark and its commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow import ports

if TYPE_CHECKING:
    from eventflow.plugin.store import Ledger

DEATHS: Final = 2
"""So many processes died here before we go one record at a time."""
TRIES: Final = 3
"""So often a record is begun alone."""


class Marks:
    """Marks of one process, kept in the store's settings, which keep whatever was written first."""

    def __init__(self, ledger: Ledger) -> None:
        """Mark as a process of its own."""
        self._ledger = ledger
        self._token = ports.random_bytes(8).hex()
        self._made: dict[int, tuple[int, int]] = {}

    async def begin(self, partition: int, memory_at: int) -> int:
        """Mark that this process begins what follows `memory_at`; how many others did so before, 0 to 3.

        Asking again for the same place gives the same answer and makes no second mark.
        """
        made = self._made.get(partition)
        if made is not None and made[0] == memory_at:
            return made[1]
        before = 0
        while before < TRIES:
            name = f"begun/{partition}/{memory_at}/{before + 1}"
            if await self._ledger.setting(name, self._token) == self._token:
                break
            before += 1
        self._made[partition] = (memory_at, before)
        return before

    def first(self, partition: int) -> bool:
        """Whether this process has not begun anything of the partition yet."""
        return partition not in self._made
