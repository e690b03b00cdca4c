"""Runs one source that fetches: pulls, stores by the gateway, settles, and begins anew after an error (W24).

What cannot become an event is written to the log as a refusal, which the router makes a dead letter of, and the source
goes on behind it. Nothing is settled before the log has it, so a crash repeats messages and loses none; repeats carry
the same identities.
"""

from __future__ import annotations

import base64
import contextlib
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from eventflow import ports
from eventflow.errors import EventflowError, Overloaded, Refused, SettingsError, StorageError, StorageLost
from eventflow.ingest.drafts import Drafts
from eventflow.ingest.lines import Lines
from eventflow.ingest.mapping import SourceMapping
from eventflow.model.control import REFUSED, Refusal, record
from eventflow.model.identity import partition_of
from eventflow.model.record import Entry
from eventflow.web.problems import CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.ingest.gateway import Gateway
    from eventflow.model.event import Micros
    from eventflow.plugin import Delivery
    from eventflow.plugin.source import Pull

    _Made = tuple[Delivery, Lines, bool]
    """A delivery, its lines, and whether their ids were chosen by the sender."""

log = structlog.get_logger("eventflow.ingest")

LIMIT: Final = 500
"""Messages of one pull, at most."""
WAIT: Final = 0.5
"""Seconds that one pull may wait for messages; a stop waits as long."""
LEASE: Final[Micros] = 10 * ports.SECOND
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 30.0
BODY_LIMIT: Final = 64 << 10
"""So much of a refused message is kept."""


class Leases(Protocol):
    """What of the store is needed here."""

    async def lease(self, name: str, worker: str, ttl: Micros, now: Micros) -> bool:
        """Take or keep a lease."""
        ...


class Puller:
    """Keeps one configured source running until drained."""

    def __init__(self, gateway: Gateway, source: Pull, leases: Leases, *, worker: str) -> None:
        """Compile the mapping. Raises `SettingsError`."""
        name = source.context.name
        self._gateway, self._source, self._leases, self._worker = gateway, source, leases, worker
        self._sender = gateway.sender(name, source.context.settings.get("rate"))
        self._drafts = Drafts(
            name, source.name, SourceMapping(name, source.context.settings), partitions=gateway.bus.partitions,
            depth=gateway.limits.depth,
        )  # fmt: skip
        self._refused = gateway.metrics.requests_refused
        self._draining = False
        self._pause = FIRST_PAUSE
        self._leased: Micros = 0
        self.trouble = ""
        """Why it does not fetch now; empty while it does, or while another process does."""

    @property
    def name(self) -> str:
        """The configured source's name."""
        return self._source.context.name

    def drain(self) -> None:
        """Store what is in hand and end `run`."""
        self._draining = True

    async def run(self) -> None:
        """Fetch until drained. Raises nothing that another try may mend."""
        while not self._draining:
            try:
                if not await self._has_lease():
                    await self._rest(1.0)
                    continue
                await self._source.open()
                await self._fetch()
            except (StorageError, SettingsError, Overloaded) as error:
                if isinstance(error, StorageLost):
                    raise
                await self._wait_out(error)
            finally:
                await self._source.close()
        await self._let_go()

    async def _fetch(self) -> None:
        """Pull, store and settle while the lease is ours."""
        while not self._draining and await self._has_lease():
            deliveries = await self._source.pull(LIMIT, WAIT)
            self._pause, self.trouble = FIRST_PAUSE, ""
            if deliveries:
                if not await self._store(deliveries):
                    return
                ports.failpoint("pull.stored")
                await self._source.settle()

    async def _has_lease(self) -> bool:
        now = ports.boot()
        if self._leased and now - self._leased < LEASE // 3:
            return True
        kept = await self._leases.lease(f"source:{self.name}", self._worker, LEASE, self._gateway.bus.now())
        self._leased = now if kept else 0
        return kept

    async def _let_go(self) -> None:
        """Let another process go on at once."""
        if self._leased:
            with contextlib.suppress(StorageError):
                await self._leases.lease(f"source:{self.name}", self._worker, 0, self._gateway.bus.now())

    # --- storing -----------------------------------------------------------------------------------------------------

    async def _store(self, deliveries: Sequence[Delivery]) -> bool:
        """Bring all of them to the log, as events or as refusals; false when the house closes before that."""
        made: list[_Made] = []
        refused: list[tuple[Delivery, Refused]] = []
        for delivery in deliveries:
            try:
                made.append((delivery, *self._drafts.finish(self._source.read(delivery), delivery)))
            except Refused as refusal:
                refused.append((delivery, refusal))
        for chosen, some in groupby(made, lambda one: one[2]):
            found = await self._accept_some(list(some), chosen=chosen)
            if found is None:
                return False
            refused += found
        return await self._bury(refused)

    async def _accept_some(self, made: Sequence[_Made], *, chosen: bool) -> list[tuple[Delivery, Refused]] | None:
        """Store events together; those that contradict what came before are returned. None when the house closes."""
        with contextlib.suppress(Refused):
            return [] if await self._accept(_joined([lines for _, lines, _ in made]), chosen=chosen) else None
        refused = []
        for delivery, lines, _ in made:
            try:
                if not await self._accept(lines, chosen=chosen):
                    return None
            except Refused as refusal:
                refused.append((delivery, refusal))
        return refused

    async def _accept(self, lines: Lines, *, chosen: bool) -> bool:
        """Store events, waiting for room as long as it takes. Raises `Refused` (409)."""
        size = sum(len(entry.data) for entry in lines.entries)
        while not self._draining:
            try:
                self._gateway.look(self._sender, size)
                await self._gateway.accept(self._sender, lines, chosen=chosen)
            except Refused as refusal:
                if refusal.status not in {429, 503}:
                    raise
                await self._wait_out(refusal)
            else:
                return True
        return False

    async def _bury(self, refused: Sequence[tuple[Delivery, Refused]]) -> bool:
        """Write the refusals to the log, waiting for room as long as it takes."""
        if not refused:
            return True
        for _, refusal in refused:
            self._refused.labels(refusal.code if refusal.code in CODES else "other").inc()
        name = self.name
        _, first = refused[0]
        log.warning("source.refused", source=name, messages=len(refused), reason=first.detail)
        entries = [_entry(name, delivery, refusal, self._gateway.bus.partitions) for delivery, refusal in refused]
        while not self._draining:
            try:
                await self._gateway.bus.publish(entries)
            except StorageLost:
                raise
            except (StorageError, Overloaded) as error:
                await self._wait_out(error)
            else:
                return True
        return False

    # --- waiting -----------------------------------------------------------------------------------------------------

    async def _wait_out(self, error: EventflowError) -> None:
        """Tell what is wrong, once until it changes, and wait, each time longer."""
        if str(error) != self.trouble:
            log.warning("source.waiting", source=self.name, error=str(error))
        self.trouble = str(error)
        await self._rest(self._pause * (0.5 + ports.uniform()))
        self._pause = min(LONGEST_PAUSE, self._pause * 2)

    async def _rest(self, seconds: float) -> None:
        """Wait, but not beyond a drain."""
        end = ports.boot() + int(seconds * ports.SECOND)
        while not self._draining and (left := end - ports.boot()) > 0:
            await ports.sleep(min(WAIT, left / ports.SECOND))


def _joined(some: Sequence[Lines]) -> Lines:
    return Lines(
        [entry for lines in some for entry in lines.entries], [key for lines in some for key in lines.keys],
        [body for lines in some for body in lines.bodies], sum(lines.clamped for lines in some),
    )  # fmt: skip


def _entry(name: str, delivery: Delivery, refusal: Refused, partitions: int) -> Entry:
    """The record of a refusal; the same message gives the same id."""
    place = " ".join(f"{word} {delivery.query[word]}" for word in ("topic", "partition", "offset", "id")
                     if word in delivery.query)  # fmt: skip
    body = delivery.body[:BODY_LIMIT]
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    id_ = blake2b(f"{name}\0{place}\0".encode() + delivery.body, digest_size=16).hexdigest()
    what = Refusal(name, place or delivery.path, refusal.code, refusal.detail, text, encoded)
    return Entry(partition_of(name, partitions), record(REFUSED, id_, delivery.received, what), own=True)
