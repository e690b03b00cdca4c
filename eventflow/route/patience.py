"""Commits and publishes that do not give up: no room is waited out, an unclear result is asked for again (W10).

The same commit, with the same id, is repeated, so a first try that did its work is recognised by the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from eventflow import ports
from eventflow.errors import (
    Overloaded,
    StorageBusy,
    StorageDamaged,
    StorageError,
    StorageFull,
    StorageHeld,
    StorageLost,
    StorageUnclear,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.model.commit import Commit
    from eventflow.model.record import Bounds, Entry, Record, Ref
    from eventflow.plugin.bus import Bus
    from eventflow.plugin.store import Admitted, Ledger

log = structlog.get_logger("eventflow.route")
_PAUSE: Final = 0.5


class Patient:
    """Write to the store and to the bus; `waiting` says why it does not go on at the moment, empty when it does."""

    def __init__(self, bus: Bus, store: Ledger) -> None:
        """Wait for nothing."""
        self._bus = bus
        self._store = store
        self.waiting = ""

    async def commit(self, commit: Commit) -> Admitted:
        """Repeat the same commit until its result is clear. Raises `Fenced`, and what must end the process."""
        while True:
            try:
                admitted = await self._store.commit(commit)
            except (StorageLost, StorageDamaged, StorageHeld):
                raise
            except (StorageError, ConnectionError, TimeoutError) as error:
                await self._pause(error, f"partition {commit.partition}: the store does not take a commit")
            else:
                self.waiting = ""
                return admitted

    async def publish(self, entries: Sequence[Entry]) -> None:
        """Append records of the engine's own; return when the bus has them for good. Raises `StorageLost`."""
        while True:
            try:
                await self._bus.publish(entries)
            except (StorageFull, StorageBusy, StorageUnclear, Overloaded) as error:
                await self._pause(error, "the bus does not take the engine's records")
            else:
                self.waiting = ""
                return

    @property
    def partitions(self) -> int:
        """N of the bus."""
        return self._bus.partitions

    @property
    def resumed(self) -> bool:
        """Whether an earlier log of the same readers is gone, as its bus declares."""
        return bool(getattr(self._bus, "resumed", False))

    async def bounds(self, partition: int) -> Bounds:
        """What the partition holds; waits as long as the bus does not answer."""
        while True:
            try:
                found = await self._bus.bounds(partition)
            except StorageBusy as error:
                await self._pause(error, "the bus does not answer")
            else:
                self.waiting = ""
                return found

    async def fetch(self, refs: Sequence[Ref]) -> list[Record | None]:
        """Single records again; waits as long as the bus does not answer."""
        while True:
            try:
                found = await self._bus.fetch(refs)
            except StorageBusy as error:
                await self._pause(error, "the bus does not answer")
            else:
                self.waiting = ""
                return found

    async def setting(self, name: str, value: str) -> str:
        """The value first written under `name`; waits as long as it cannot be written."""
        while True:
            try:
                kept = await self._store.setting(name, value)
            except (StorageFull, StorageBusy) as error:
                await self._pause(error, "the store does not take a mark")
            else:
                self.waiting = ""
                return kept

    async def _pause(self, error: Exception, what: str) -> None:
        if not self.waiting:
            log.warning("route.waiting", what=what, error=str(error))
        self.waiting = f"{what}: {error}"
        await ports.sleep(_PAUSE)
