"""Records that end the process: noticed after two deaths at one place, then taken one at a time (W17).

Normal running writes nothing for this but one mark when a process takes its first record of a partition. Two marks of
others at the same `memory_at` mean that two processes died there: from here up to the end that the log has now, each
record is marked, decided and committed alone, with a checkpoint, so that the next start is exactly at the record that
did not come through. One that three processes began alone is buried as a dead letter. A process that is killed from
outside buries nothing, unless that happens three times in the moments between one record's mark and its commit.
"""

from __future__ import annotations

from typing import Final, Protocol

from eventflow import ports

DEATHS: Final = 2
"""So many processes died here before we go one record at a time."""
TRIES: Final = 3
"""So often a record is begun alone."""


class Settings(Protocol):
    """Where marks are made: a ledger, or somebody patient before it."""

    async def setting(self, name: str, value: str) -> str:
        """See `Ledger.setting`."""
        ...


class Marks:
    """Marks of one process, kept in the store's settings, which keep whatever was written first."""

    def __init__(self, ledger: Settings) -> None:
        """Mark as a process of its own."""
        self._ledger = ledger
        self._token = ports.random_bytes(8).hex()
        self._made: dict[int, tuple[int, int, bool]] = {}

    def first(self, partition: int) -> bool:
        """Whether this process has not begun anything of the partition yet."""
        return partition not in self._made

    async def died(self, partition: int, memory_at: int, era: int = 0) -> bool:
        """Begin with what follows `memory_at`; whether others died there so that it must go one at a time.

        `era`: which of the partition's logs it is.
        """
        before, alone = await self._mark(partition, memory_at, era, "many")
        return alone > 0 or before >= DEATHS

    async def tries(self, partition: int, memory_at: int, era: int = 0) -> int:
        """Begin the one record that follows `memory_at`, alone; how many others began it alone before, at most three.

        Where this process has made its mark already it makes no second one.
        """
        made = self._made.get(partition)
        if made is None or made[0] != memory_at or not made[2]:
            return (await self._mark(partition, memory_at, era, "alone"))[1]
        return made[1]

    async def _mark(self, partition: int, memory_at: int, era: int, how: str) -> tuple[int, int]:
        """Make a mark behind those of others; how many there are, and how many of them for a record alone."""
        before, alone, mine = 0, 0, f"{how} {self._token}"
        place = f"{memory_at}.{era}" if era else str(memory_at)
        while alone < TRIES:
            found = await self._ledger.setting(f"begun/{partition}/{place}/{before + 1}", mine)
            if found == mine:
                break
            before += 1
            alone += found.startswith("alone")
        self._made[partition] = (memory_at, alone, how == "alone")
        return before, alone
