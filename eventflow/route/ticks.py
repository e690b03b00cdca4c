"""Ticks and lag alarms: the records that the router appends because time went by (W4, W5, W21)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from eventflow import ports
from eventflow.model.control import LAG, TICK, Tick
from eventflow.model.control import record as engine_record
from eventflow.model.event import Micros
from eventflow.model.record import CONTROL, Entry

if TYPE_CHECKING:
    from collections.abc import Collection

    from eventflow.plugin.bus import Bus
    from eventflow.route.held import Held
    from eventflow.route.patience import Patient

log = structlog.get_logger("eventflow.route")

EVERY: Final[Micros] = 1_000_000
"""At most one tick per partition in this time."""
LAGGING: Final[Micros] = 60_000_000
"""A partition whose next record has waited so long is late, and says so as often."""
_IDLE: Final = 0.25


class Lag(msgspec.Struct, frozen=True):
    """The body of `eventflow.lag`: how many records wait, and for how long the next one has (microseconds)."""

    partition: int
    records: int
    waited: Micros


class Ticker:
    """Append what is due because of the time."""

    def __init__(self, bus: Bus, patient: Patient) -> None:
        """Append through `patient`."""
        self._bus = bus
        self._patient = patient
        self._lag_boot: Micros = 0

    async def tick(self, held: Collection[Held], deadline: Micros | None) -> float:
        """Append the ticks that are due; returns how long a read may wait, in seconds.

        On a data partition one is due when a timer is, or when somebody waits for the log to pass `deadline`, and there
        is nothing left to read. On control a timer brings one whether there is something to read or not, with the wall
        clock in it.
        """
        boot, now, wall, wait = ports.boot(), self._bus.now(), ports.wall(), _IDLE
        for one in held:
            clock = wall if one.partition == CONTROL else now
            timer = one.memory.due < clock
            if not timer and not (deadline is not None and one.log_time <= deadline < now):
                wait = min(wait, max(0.0, (one.memory.due - clock) / 1e6))
                continue
            if one.tick_boot and boot - one.tick_boot < EVERY:
                wait = min(wait, 0.05)
                continue
            idle = timer and one.partition == CONTROL
            if not idle and (await self._patient.bounds(one.partition)).end > one.offset:
                continue
            one.tick_boot = boot
            data = engine_record(TICK, ports.random_bytes(12).hex(), wall, Tick(wall))
            await self._patient.publish([Entry(one.partition, data, own=True)])
        return wait

    async def watch(self, held: Collection[Held]) -> None:
        """Tell control of data partitions that are far behind: not on the way that is late."""
        boot, now = ports.boot(), self._bus.now()
        if self._lag_boot and boot - self._lag_boot < LAGGING:
            return
        for one in held:
            if one.partition == CONTROL or not one.log_time or now - one.log_time < LAGGING:
                continue
            lag = await self._lag(one, now)
            if lag is not None:
                self._lag_boot = boot
                log.warning("route.lag", partition=lag.partition, records=lag.records, seconds=lag.waited // 1_000_000)
                data = engine_record(LAG, ports.random_bytes(12).hex(), ports.wall(), lag)
                await self._patient.publish([Entry(CONTROL, data)])

    async def _lag(self, one: Held, now: Micros) -> Lag | None:
        """How far behind a partition is, if its next record has waited long."""
        bounds = await self._patient.bounds(one.partition)
        if bounds.end <= one.offset:
            return None
        after = await self._patient.fetch([one.next_ref])
        if after[0] is None or now - after[0].log_time < LAGGING:
            return None
        return Lag(one.partition, bounds.end - one.offset, now - after[0].log_time)
