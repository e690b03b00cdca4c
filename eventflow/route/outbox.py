"""The outbox: what transactions of the store wanted to say, published and then deleted, by one at a time (W22, W24).

An event may be published twice (a crash between publishing and deleting); its identity is that of its row, so it counts
once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from eventflow import ports
from eventflow.errors import Overloaded, StorageBusy, StorageFull, StorageUnclear
from eventflow.model.control import ALARMS
from eventflow.model.event import Envelope
from eventflow.model.identity import partition_of
from eventflow.model.record import CONTROL, Entry

if TYPE_CHECKING:
    from eventflow.model.event import Micros
    from eventflow.plugin.bus import Bus
    from eventflow.plugin.store import Store

log = structlog.get_logger("eventflow.route")

_LIMIT: Final = 500
_LEASE: Final[Micros] = 10_000_000
_POLL: Final = 1.0
_ENVELOPE = msgspec.json.Decoder(Envelope).decode


class Outbox:
    """Publish what lies in the store's outbox, until drained."""

    def __init__(self, bus: Bus, store: Store, *, worker: str) -> None:
        """Work as `worker` under the lease `outbox`."""
        self._bus = bus
        self._store = store
        self._worker = worker
        self._event = asyncio.Event()
        self._draining = False

    def wake(self) -> None:
        """There is something new."""
        self._event.set()

    def drain(self) -> None:
        """Publish what is there and end `run`."""
        self._draining = True
        self._event.set()

    async def run(self) -> None:
        """Publish until drained; waits by itself when there is no room. Raises `StorageLost`, `StorageDamaged`."""
        while True:
            self._event.clear()
            try:
                sent = await self._round()
            except (StorageFull, StorageBusy, StorageUnclear, Overloaded) as error:
                log.warning("outbox.waiting", error=str(error))
                sent = 0
            if sent:
                continue
            if self._draining:
                return
            try:
                async with ports.deadline(_POLL):
                    await self._event.wait()
            except TimeoutError:
                continue

    async def _round(self) -> int:
        """Publish some rows; returns how many."""
        if not await self._store.lease("outbox", self._worker, _LEASE, self._bus.now()):
            return 0
        rows = await self._store.outbox(_LIMIT)
        if rows:
            await self._bus.publish([self._entry(data) for _, data in rows])
            ports.failpoint("outbox.published")
            await self._store.outbox_done([id_ for id_, _ in rows])
        return len(rows)

    def _entry(self, data: bytes) -> Entry:
        envelope = _ENVELOPE(data)
        if envelope.type in ALARMS:
            return Entry(CONTROL, data)
        return Entry(partition_of(envelope.key, self._bus.partitions), data, own=True)
