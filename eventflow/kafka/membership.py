"""Which partitions are ours: all of them, or what a consumer group gives us.

Apart from reading on purpose. The consumer of the group reads nothing: every partition is paused, so none of aiokafka's
surprises between an assignment and the first fetch can happen, and a rebalance keeps nobody from reading what is still
theirs to finish. What becomes of a batch in hand is the store's business: its fence refuses what another has overtaken.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from eventflow import ports
from eventflow.errors import StorageBusy
from eventflow.kafka.taming import STOP, is_member, show_alive, stop_consumer, tame
from eventflow.model.record import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from eventflow.kafka.connection import Connection

log = structlog.get_logger("eventflow.kafka")

FINISH: Final = 1.0
"""Seconds that a rebalance waits for the batch in hand."""
HINTS: Final = 5.0
"""Seconds between two hints of how far we are."""
OUTSIDE: Final = 15.0
"""Seconds beyond a session for which a client may try to be taken back (its issue 847: it may never be)."""
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0)


class Membership(Protocol):
    """What a subscription reads by. `epoch` rises with each change of `assigned`."""

    assigned: tuple[int, ...]
    epoch: int

    def found(self, partitions: int) -> None:
        """The data topic has so many partitions now."""
        ...

    def handed_out(self) -> None:
        """A batch is in somebody's hands from now on."""
        ...

    def finished(self) -> None:
        """It no longer is."""
        ...

    def hint(self, positions: Mapping[int, int]) -> None:
        """So far the partitions are read; for lag dashboards, nobody relies on it."""
        ...

    def hints(self) -> dict[int, int]:
        """What somebody else has to tell Kafka for us; empty where we do it."""
        ...

    async def close(self) -> None:
        """End; others may have the partitions."""
        ...


class Alone:
    """The only reader of a bus: no group, no waiting for one."""

    def __init__(self, partitions: int) -> None:
        """All partitions."""
        self.epoch = 1
        self._hints: dict[int, int] = {}
        self.assigned: tuple[int, ...] = (CONTROL, *range(partitions))

    def found(self, partitions: int) -> None:
        """The topic has so many partitions now."""
        if partitions > len(self.assigned) - 1:
            self.assigned = (CONTROL, *range(partitions))
            self.epoch += 1

    def handed_out(self) -> None:
        """Nobody waits for it."""

    def finished(self) -> None:
        """Nobody waits for it."""

    def hint(self, positions: Mapping[int, int]) -> None:
        """Kept for whoever tells them."""
        self._hints.update(positions)

    def hints(self) -> dict[int, int]:
        """A group without members takes them from anybody."""
        found, self._hints = self._hints, {}
        return found

    async def close(self) -> None:
        """Nothing to end."""


class Member:
    """A member of a consumer group, for as long as it lives; a client that fails is replaced with back-off.

    `session` (seconds): how long the others wait for one that does not answer. `number(topic, partition)` gives our
    number of a partition of Kafka, and `rebalanced` hears of each rebalance.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Collection[str],
        *,
        session: float,
        number: Callable[[str, int], int],
        rebalanced: Callable[[], None],
    ) -> None:
        """Only remember; `open` begins."""
        self._connection, self._group, self._topics = connection, group, tuple(topics)
        self._session, self._number, self._rebalanced = session, number, rebalanced
        self.epoch = 0
        self.assigned: tuple[int, ...] = ()
        self._given: dict[int, Any] = {}
        self._hints: dict[int, int] = {}
        self._hinted: dict[int, int] = {}
        self._free = asyncio.Event()
        self._free.set()
        self._consumer: Any = None
        self._tasks = ports.Tasks(self._broken)
        self._outside = 0
        """At how many looks in a row the group did not have us."""
        self._staying: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    def open(self) -> None:
        """Join, and stay."""
        self._staying = self._tasks.spawn(self._stay(), "kafka.member")

    def found(self, partitions: int) -> None:
        """The group sees that by itself."""

    def handed_out(self) -> None:
        """A rebalance waits for this batch, a little."""
        self._free.clear()

    def finished(self) -> None:
        """A rebalance need not wait."""
        self._free.set()

    def hint(self, positions: Mapping[int, int]) -> None:
        """Commit these now and then."""
        self._hints.update(positions)

    def hints(self) -> dict[int, int]:
        """None: only a member may."""
        return {}

    async def close(self) -> None:
        """Leave the group, in bounded time."""
        self._ended.set()
        self._free.set()
        if self._staying is not None:  # a client that is broken off while it starts leaves its connection open
            await ports.wait_for([self._staying], STOP)
        await self._tasks.close()
        await self._let_go()

    # --- what the group's consumer calls -------------------------------------------------------------------------

    async def revoked(self) -> None:
        """Everything is taken: the batch in hand may be finished, then nothing is ours until the next assignment."""
        try:
            async with ports.deadline(FINISH):
                await self._free.wait()
        except TimeoutError:
            log.info("kafka.batch_dropped", group=self._group)
        self._take({})

    def given(self, mine: Collection[Any]) -> None:
        """These are ours. Nothing is awaited here, since no heartbeats are sent meanwhile."""
        if self._consumer is None:
            return  # closed meanwhile
        for tp in mine:
            self._consumer.seek(tp, 0)  # a valid position, else committed offsets would be asked for
        if mine:
            self._consumer.pause(*mine)
        self._rebalanced()
        self._take({self._number(tp.topic, tp.partition): tp for tp in mine})

    def _take(self, given: dict[int, Any]) -> None:
        self._given, self.assigned = given, tuple(sorted(given))
        self._hints, self._hinted = {}, {}
        self.epoch += 1

    # --- inside --------------------------------------------------------------------------------------------------

    async def _stay(self) -> None:
        """Be a member; begin again when the client has failed."""
        turn = 0
        while not self._ended.is_set():
            try:
                await self._join()
                while not await self._ends_within(HINTS):
                    await self._tend()
                    turn = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the group is joined again
                log.warning("kafka.member_failed", group=self._group, error=str(error) or type(error).__name__)
            self._take({})
            await self._let_go()
            await self._ends_within(_PAUSES[min(turn, len(_PAUSES) - 1)])
            turn += 1

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with ports.deadline(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def _join(self) -> None:
        from aiokafka import AIOKafkaConsumer

        rebalance = max(self._session, 5.0)
        # A request to join is answered when the slowest member has joined; given up before, it brings one more round.
        options = self._connection.client_options() | {"request_timeout_ms": int((rebalance + 5.0) * 1000)}
        consumer = AIOKafkaConsumer(
            **options,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=int(self._session * 1000),
            rebalance_timeout_ms=int(rebalance * 1000),
            heartbeat_interval_ms=int(min(3.0, self._session / 4) * 1000),
            max_poll_interval_ms=10 * 60_000,
        )
        tame(consumer)
        self._consumer, self._outside = consumer, 0
        consumer.subscribe(list(self._topics), listener=_listener(self))
        try:
            async with ports.deadline(self._session + OUTSIDE):
                await consumer.start()  # it comes back with the first assignment
        except TimeoutError:
            raise self._kept_out(self._session + OUTSIDE) from None

    async def _tend(self) -> None:
        """Say that we are alive (a member that asks for nothing is sent away after ten minutes); commit the hints."""
        show_alive(self._consumer)
        self._outside = 0 if is_member(self._consumer) else self._outside + 1
        if self._outside * HINTS > self._session + OUTSIDE:
            raise self._kept_out(self._outside * HINTS)
        wanted = {p: at for p, at in self._hints.items() if self._hinted.get(p) != at and p in self._given}
        if not wanted:
            return
        from aiokafka.errors import IllegalStateError, KafkaError

        try:
            async with ports.deadline(HINTS):
                await self._consumer.commit({self._given[p]: at for p, at in wanted.items()})
        except (KafkaError, IllegalStateError, TimeoutError):
            # No second try before the next assignment: it would cost the group another rebalance.
            self._hints = {}
        else:
            self._hinted.update(wanted)

    def _kept_out(self, seconds: float) -> StorageBusy:
        return StorageBusy(f"not in the group for {seconds:g} s, though nothing has failed")

    async def _let_go(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    def _broken(self, name: str, error: BaseException) -> None:
        log.error("kafka.member_ended", task=name, error=str(error))


def _listener(member: Member) -> Any:
    """Aiokafka's way of telling, made where aiokafka is loaded."""
    from aiokafka import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
        async def on_partitions_revoked(self, revoked: Any) -> None:
            if revoked:
                await member.revoked()

        async def on_partitions_assigned(self, assigned: Any) -> None:
            member.given(assigned)

    return Listener()
