"""Partitions that stand still until a person has decided, and what is said of partitions: to people, and to control.

Apart from the router's loop, because it outlives what is held: a partition that somebody has let go on, in this process
or in another, is known by its place in the store; one whose log was restored by that nothing is lost any more. Then it
is taken in hand anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from eventflow import ports
from eventflow.errors import StorageBusy
from eventflow.model.control import ADDED, HALTED
from eventflow.model.control import record as engine_record
from eventflow.model.record import CONTROL, Entry
from eventflow.route.loss import find

if TYPE_CHECKING:
    from eventflow.model.commit import Recalled
    from eventflow.model.event import Micros
    from eventflow.plugin.bus import Bus
    from eventflow.plugin.store import Ledger
    from eventflow.route.patience import Patient

log = structlog.get_logger("eventflow.route")

LOOK: Final[Micros] = 5 * ports.SECOND
"""So often is looked whether a log that had lost something was restored."""


class _Halted(msgspec.Struct):
    """The body of `eventflow.partition.halted`."""

    partition: int
    reason: str


class _Added(msgspec.Struct):
    """The body of `eventflow.partition.added`."""

    partition: int
    owning: int


class Standing:
    """Which partitions stand still, and where; what was said of any."""

    def __init__(self, bus: Bus, store: Ledger, patient: Patient) -> None:
        """None does."""
        self._bus = bus
        self._store = store
        self._patient = patient
        self._at: dict[int, Recalled] = {}
        self._lost: set[int] = set()
        self._looked: Micros = 0
        self._told: set[tuple[int, str]] = set()
        self.halted: dict[int, str] = {}
        """Partitions that cannot go on without a person, and why."""

    async def leave(self, partition: int, reason: str, last: str) -> None:
        """Do not decide this partition any more, and say so: to people, and to triggers on control.

        Unless another has gone on from `last`, the commit that we stand at, so that retention took only what is
        decided: then it is to be taken in hand anew, if it is ours at all.
        """
        recalled = await self._store.recall(partition)
        if recalled.last != last:
            log.info("route.overtaken", partition=partition, reason=reason)
            return
        self.halted[partition], self._at[partition] = reason, msgspec.structs.replace(recalled, slots={})
        self._lost.discard(partition)
        await self._is_restored(partition)
        if not self._tells(partition, reason):
            return
        log.error("route.halted", partition=partition, reason=reason)
        if partition != CONTROL:
            await self._say(HALTED, _Halted(partition, reason))

    async def reconsider(self) -> None:
        """Let partitions go that are not where they stood still, or have nothing lost any more.

        Somebody has accepted the loss (`route.loss`), or restored the log.
        """
        if not self.halted:
            return
        known = await self._store.partitions()
        for partition, at in [(one, self._at[one]) for one in self.halted]:
            if known.get(partition, (0, 0))[:2] != (at.position.offset, at.memory_at.offset):
                self._let_go(partition, "its loss was accepted")
        if ports.boot() - self._looked < LOOK:
            return
        self._looked = ports.boot()
        for partition in list(self.halted):
            if await self._is_restored(partition):
                self._let_go(partition, "its log was restored")

    async def _is_restored(self, partition: int) -> bool:
        """Whether nothing is lost now, and was before: who stands still for another reason goes on standing."""
        try:
            loss = await find(self._bus, self._at[partition], partition)
        except StorageBusy:
            return False
        if loss is not None:
            self._lost.add(partition)
        return loss is None and partition in self._lost

    def _let_go(self, partition: int, why: str) -> None:
        log.warning("route.goes_on", partition=partition, why=why, stood=self.halted.pop(partition))

    async def added(self, partition: int, owning: int) -> None:
        """Say once that there is a partition beyond N: it is read and owns no keys (W1)."""
        if self._tells(partition, "added"):
            log.warning("route.partition_added", partition=partition, owning=owning)
            await self._say(ADDED, _Added(partition, owning))

    def _tells(self, partition: int, what: str) -> bool:
        """Whether this was not said yet."""
        new = (partition, what) not in self._told
        self._told.add((partition, what))
        return new

    async def _say(self, type_: str, body: msgspec.Struct) -> None:
        await self._patient.publish([Entry(CONTROL, engine_record(type_, _new(), ports.wall(), body))])


def _new() -> str:
    return ports.random_bytes(12).hex()
