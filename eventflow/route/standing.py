"""Partitions that stand still until a person has decided, and what is said of partitions: to people, and to control.

Apart from the router's loop, because it outlives what is held: a partition that somebody has let go on, in this process
or in another, is known by its place in the store, and is then taken in hand anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from eventflow import ports
from eventflow.model.control import ADDED, HALTED
from eventflow.model.control import record as engine_record
from eventflow.model.record import CONTROL, Entry

if TYPE_CHECKING:
    from eventflow.model.event import Micros
    from eventflow.plugin.store import Ledger
    from eventflow.route.patience import Patient

log = structlog.get_logger("eventflow.route")


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

    def __init__(self, store: Ledger, patient: Patient) -> None:
        """None does."""
        self._store = store
        self._patient = patient
        self._at: dict[int, tuple[int, int, Micros] | None] = {}
        self._told: set[tuple[int, str]] = set()
        self.halted: dict[int, str] = {}
        """Partitions that cannot go on without a person, and why."""

    async def leave(self, partition: int, reason: str, last: str) -> None:
        """Do not decide this partition any more, and say so: to people, and to triggers on control.

        Unless another has gone on from `last`, the commit that we stand at, so that retention took only what is
        decided: then it is to be taken in hand anew, if it is ours at all.
        """
        at = (await self._store.partitions()).get(partition)
        if (await self._store.recall(partition)).last != last:
            log.info("route.overtaken", partition=partition, reason=reason)
            return
        self.halted[partition], self._at[partition] = reason, at
        if not self._tells(partition, reason):
            return
        log.error("route.halted", partition=partition, reason=reason)
        if partition != CONTROL:
            await self._say(HALTED, _Halted(partition, reason))

    async def reconsider(self) -> None:
        """Let go of partitions that are not where they stood still: somebody has accepted the loss (`route.loss`)."""
        if not self.halted:
            return
        known = await self._store.partitions()
        for partition in [one for one in self.halted if known.get(one) != self._at[one]]:
            log.warning("route.goes_on", partition=partition, at=known[partition][0], reason=self.halted.pop(partition))

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
