"""The one way in: sheds what can't be taken in time, tells doubles, publishes, and only then lets the door answer.

Every HTTP source goes through it with checked lines. Nothing is acknowledged before the bus has it for good (G1), and
nothing is remembered as known before that either (W13).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec
import structlog

from eventflow import ports
from eventflow.errors import Overloaded, StorageError, StorageFull, StorageLost
from eventflow.ingest.lines import Checker, Lines
from eventflow.ingest.rates import Rate
from eventflow.ingest.recent import Recent
from eventflow.observe.metrics import Metrics
from eventflow.web.limits import Limits
from eventflow.web.problems import overloaded, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventflow.plugin import Bus

log = structlog.get_logger("eventflow.ingest")

FULL_RETRY = 10
"""Seconds after which a sender may ask whether there is room on the disk again."""
KEPT: Final = 8 << 20
"""Bytes up to which a block is taken from memory that the process has already; see `_keep_memory`."""


class Accepted(msgspec.Struct, frozen=True):
    """The answer: how many events are new and stored, how many were known already."""

    accepted: int
    duplicates: int


class Sender:
    """Somebody who sends: a token or a configured source; has a rate of its own."""

    def __init__(self, name: str, rate: float | None, metrics: Metrics) -> None:
        """`name` is a metric's label: a name out of the settings."""
        self.name = name
        self.rate = Rate(rate)
        self.accepted = metrics.events_accepted.labels(name)
        self.duplicates = metrics.events_duplicate.labels(name)


class Gateway:
    """Takes checked lines to the bus."""

    def __init__(
        self,
        bus: Bus,
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        recent: Recent | None = None,
        lost: Callable[[StorageLost], object] = lambda _: None,
    ) -> None:
        """The bus must be open when the first event comes. `lost` hears when storage is lost: the house must end."""
        self._lost = lost
        self.bus = bus
        self.limits = limits or Limits()
        self.metrics = metrics or Metrics()
        self.recent = recent or Recent()
        self.checker = Checker(bus.partitions, self.limits)
        self._draining = False
        self._refusing = False
        self.held = 0
        """Bytes of bodies in memory: being read, checked or stored."""
        self._waiting: dict[int, int] = {}
        self._next = 0
        self._longest = int(self.limits.waiting_seconds * ports.SECOND)
        _keep_memory()

    def sender(self, name: str, rate: float | None = None) -> Sender:
        """Make a sender with its own rate (events a second)."""
        return Sender(name, rate, self.metrics)

    def drain(self) -> None:
        """Take nothing more; what is being stored is finished and answered."""
        self._draining = True

    def look(self, sender: Sender, size: int) -> None:
        """Ask before a body is read: raises `Refused` (429) or `Overloaded` (503). `size` as declared."""
        if self._draining:
            raise overloaded("draining", "this process is shutting down; send it again", 2)
        sender.rate.check()
        if self.held + size > self.limits.waiting_bytes:
            raise _too_much()
        if self._waiting and ports.boot() - next(iter(self._waiting.values())) > self._longest:
            raise overloaded("overloaded", "storing takes too long now; send it again")

    async def accept(self, sender: Sender, lines: Lines, *, chosen: bool = True) -> Accepted:
        """Store what is new; return once the bus has it.

        `chosen`: the sender chose the ids, so a known id with another body is a conflict; else it is a duplicate.
        Raises `Refused` (409), `Overloaded` (503) when nothing was stored or nobody knows.
        """
        duplicates = 0
        if not self.recent.are_new(lines.keys):
            lines, duplicates = self._sift(lines, chosen=chosen)
            sender.duplicates.inc(duplicates)
        if lines.entries:
            await self._publish(lines)
            sender.accepted.inc(len(lines.entries))
            sender.rate.charge(len(lines.entries))
            if lines.clamped:
                self.metrics.events_clamped.labels(sender.name).inc(lines.clamped)
        return Accepted(len(lines.entries), duplicates)

    async def _publish(self, lines: Lines) -> None:
        begun, mark = ports.boot(), self._next
        self._next += 1
        self._waiting[mark] = begun
        try:
            ports.failpoint("accept.before")
            await self.bus.publish(lines.entries)
            ports.failpoint("accept.stored")
        except StorageFull as error:
            self._refuse(error)
            raise overloaded("storage", "there is no room to store events; send it again later", FULL_RETRY) from None
        except Overloaded:
            raise
        except StorageError as error:
            if isinstance(error, StorageLost):
                self._lost(error)
            self._refuse(error)
            raise overloaded("storage", "the event may not have been stored; send it again later", 5) from None
        finally:
            del self._waiting[mark]
        if self._refusing:
            self._refusing = False
            log.warning("ingest.taking_again")
        self.recent.learn(lines.keys, lines.bodies)
        self.metrics.accept_seconds.observe((ports.boot() - begun) / ports.SECOND)

    def _refuse(self, error: StorageError) -> None:
        """Tell the log, once until something could be stored again."""
        if not self._refusing:
            self._refusing = True
            log.warning("ingest.refusing", reason=str(error) or type(error).__name__)

    def _sift(self, lines: Lines, *, chosen: bool) -> tuple[Lines, int]:
        """Only what is new; a known identity with another body is a conflict where the sender chose the id."""
        kept: list[int] = []
        here: dict[int, int] = {}
        for index, (key, body) in enumerate(zip(lines.keys, lines.bodies, strict=True)):
            known = here.get(key)
            known = self.recent.body(key) if known is None else known
            if known is None:
                here[key] = body
                kept.append(index)
            elif known != body and chosen:
                where = f"line {index + 1}: " if len(lines.keys) > 1 else ""
                raise refused("other-body", f"{where}an event with this source and id came before, with another body")
        return _only(lines, kept), len(lines.keys) - len(kept)


class Room:
    """What one request holds in memory, from the first piece of its body to the answer; use it in a `with` block."""

    __slots__ = ("_gateway", "_size")

    def __init__(self, gateway: Gateway) -> None:
        """Nothing yet."""
        self._gateway, self._size = gateway, 0

    def take(self, size: int) -> None:
        """Hold more. Raises `Overloaded` (503) when all requests together hold too much."""
        self._size += size
        self._gateway.held += size
        if self._gateway.held > self._gateway.limits.waiting_bytes:
            raise _too_much()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gateway.held -= self._size


def _keep_memory() -> None:
    """Have the C library keep freed memory for the next body.

    A batch of 1 MB is held three or four times on its way. glibc gives such blocks back as soon as they are free and
    asks for them anew, at a page fault for each 4 KB: a microsecond an event. It stops that up to the size of a block
    that was freed once (mallopt(3), the dynamic threshold of M_MMAP_THRESHOLD), so one is: none of its pages is ever
    touched. Elsewhere this does nothing.
    """
    bytes(KEPT)


def _too_much() -> Overloaded:
    return overloaded("overloaded", "too much is in progress; send it again")


def _only(lines: Lines, kept: Sequence[int]) -> Lines:
    return Lines(
        [lines.entries[index] for index in kept], [lines.keys[index] for index in kept],
        [lines.bodies[index] for index in kept], lines.clamped if kept else 0,
    )  # fmt: skip
