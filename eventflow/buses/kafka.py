"""The log in Apache Kafka: a data topic, and a control topic of one partition beside it.

What is acknowledged is on every replica that must have it (acks=all); whether that survives a power cut is the topic's
doing, and `survives` says so. Positions are not Kafka's business: they are asked from the store at each assignment, and
what is committed to Kafka is a hint, for lag dashboards and against a second eventflow at the topic. How Kafka is
spoken to is `eventflow.kafka`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import structlog

from eventflow import ports
from eventflow.disk.search import has_id
from eventflow.errors import StorageBusy, StorageError
from eventflow.kafka.clock import BrokerClock
from eventflow.kafka.connection import reach_patiently
from eventflow.kafka.lookup import Lookup
from eventflow.kafka.membership import Alone, Member
from eventflow.kafka.presence import Presence, reason
from eventflow.kafka.publisher import Publisher
from eventflow.kafka.reader import Reader
from eventflow.kafka.records import Plain
from eventflow.kafka.rivals import Rivals, decided, group_of
from eventflow.kafka.tails import Tails
from eventflow.kafka.topics import LARGEST, Topic, Wanted, prepare, remarks
from eventflow.model.record import CONTROL, Bounds, Ref
from eventflow.plugin.bus import Survives

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventflow.kafka.connection import Connection
    from eventflow.kafka.membership import Membership
    from eventflow.kafka.records import Codec
    from eventflow.model.event import Micros
    from eventflow.model.record import Entry, Record
    from eventflow.plugin.bus import Subscription

log = structlog.get_logger("eventflow.kafka")

GROUP_TRIES: Final = 6
GROUP_PAUSE: Final = 0.5
"""Seconds."""


class Measures:
    """What the bus counts for metrics; `rounds` hears the seconds and records of each round of writing."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.rebalances = 0
        self.unclear = 0
        self.rounds: Callable[[float, int], object] = lambda _seconds, _records: None


class KafkaBus:
    """The bus on a topic.

    `shared`: other processes read the same partitions, so they are divided by a consumer group; else all are ours.
    `deadline` (seconds): how long an acknowledgement is waited for. `session` (seconds): how long the group waits for a
    member that is silent. `patience` (seconds): how long `open` waits for brokers that are starting.
    """

    name = "kafka"

    def __init__(
        self,
        connection: Connection,
        wanted: Wanted,
        *,
        shared: bool = False,
        deadline: float = 5.0,
        session: float = 10.0,
        patience: float = 30.0,
        queue_bytes: int = 64 << 20,
        codec: Codec | None = None,
    ) -> None:
        """Only remember; `open` does it."""
        self._connection, self._wanted = connection, wanted
        self._shared, self._deadline, self._session = shared, deadline, session
        self._patience, self._queue_bytes = patience, queue_bytes
        self.codec: Codec = codec or Plain()
        self.measures = Measures()
        self._topics: tuple[Topic, Topic] | None = None
        self._partitions_there = wanted.partitions
        self._clock = BrokerClock()
        self._rivals = Rivals(self._wanted.topic)
        self._presence = Presence()
        self._readers: dict[Reader, str] = {}
        self._memberships: dict[str, Membership] = {}
        self._tasks = ports.Tasks()
        self._open = False
        self._new()

    def _new(self) -> None:
        self._lookup = Lookup(self._connection, self._place, self.codec)
        self._tails = Tails(self._lookup, self._clock, self._place)
        self._publisher = Publisher(
            self._connection, self._place, self.codec, deadline=self._deadline, queue_bytes=self._queue_bytes,
            look=self._look, hear=self._tails.acknowledged, rounds=self._round,
        )  # fmt: skip

    # --- what it is ----------------------------------------------------------------------------------------------

    @property
    def survives(self) -> Survives:
        """What an acknowledged event survives: as both topics are kept."""
        if self._topics is None:
            return Survives.PROCESS
        kept = {topic.survives for topic in self._topics}
        return Survives.POWER if kept == {Survives.POWER} else Survives.PROCESS

    @property
    def topics(self) -> tuple[Topic, Topic]:
        """Data and control as they were last looked at."""
        if self._topics is None:
            raise StorageError("the bus is not open")
        return self._topics

    @property
    def partitions(self) -> int:
        """N, the data partitions that own keys."""
        return self._wanted.partitions

    @property
    def added(self) -> int:
        """Data partitions of the topic beyond N: they are read and own no keys (W1)."""
        return max(0, self._partitions_there - self.partitions)

    @property
    def full(self) -> str:
        """Why events from outside are refused now, or the next one would be; empty while that is not known."""
        return self._publisher.away or self._presence.away

    @property
    def rival(self) -> str:
        """What is to be said of another eventflow that decides this log too; empty without one."""
        return self._rivals.trouble

    def now(self) -> Micros:
        """The log clock: the broker's, as far as it shows."""
        return self._clock.now()

    # --- life ----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, make or check the topics. Raises `SettingsError`, `ComponentError`, `StorageBusy`."""
        if self._open:
            return
        await reach_patiently(self._connection, self._patience)
        self._topics = await prepare(self._connection, self._wanted)
        self._partitions_there = self._topics[0].partitions
        for remark in remarks(*self._topics, self._wanted):
            log.warning("kafka.topic", message=remark)
        self._new()
        try:
            await self._lookup.open()
            await self._publisher.open()
        except BaseException:
            await self._let_go()
            raise
        self._open, self._presence = True, Presence()
        self._tasks.spawn(self._watch(), "kafka.watch")

    async def close(self) -> None:
        """Write what waits, end the subscriptions, let go, all in bounded time; twice is fine."""
        if not self._open:
            return
        self._open = False
        await self._let_go()

    async def _let_go(self) -> None:
        await self._tasks.close()
        await self._publisher.close()
        for reader in list(self._readers):
            await reader.close()
        await self._lookup.close()

    # --- the contract --------------------------------------------------------------------------------------------

    async def publish(self, entries: Sequence[Entry]) -> None:
        """Append all entries; see `eventflow.plugin.bus.Bus`. Raises `StorageUnclear` where nobody knows."""
        partitions = self.partitions
        for partition in {entry.partition for entry in entries}:
            if not CONTROL <= partition < partitions:
                raise ValueError(f"partition {partition} does not exist: there are {partitions} and control")
        if entries:
            await self._publisher.publish(entries)

    def subscribe(self, group: str, position: Callable[[int], int]) -> Subscription:
        """Read what is ours."""
        if group not in self._memberships:
            self._memberships[group] = self._join(group)
        reader = Reader(
            self._connection, self._memberships[group], self._tails, self.codec, position=position, leave=self._left
        )
        self._readers[reader] = group
        return reader

    async def fetch(self, refs: Sequence[Ref]) -> list[Record | None]:
        """Single records again, in the order asked. Raises `StorageBusy`."""
        known = [ref for ref in refs if CONTROL <= ref.partition < self._partitions_there]
        found = await self._lookup.fetch(known) if known else {}
        return [found.get(ref) for ref in refs]

    async def bounds(self, partition: int) -> Bounds:
        """What the partition holds now. Raises `StorageBusy`."""
        return (await self._tails.bounds([partition]))[partition]

    async def retain(self, keep: Callable[[int], int]) -> None:
        """Kafka keeps its log small by itself, by the topic's settings."""

    async def find(self, identity: str, limit: int) -> list[Ref]:
        """The newest places of events with this id. Raises `StorageBusy`."""
        found: list[Record] = []
        for partition in (CONTROL, *range(self._partitions_there)):
            found += await self._lookup.search(partition, lambda line: has_id(line, identity), limit)
        found.sort(key=lambda one: (one.log_time, one.partition == CONTROL, one.ref), reverse=True)
        return [record.ref for record in found[:limit]]

    async def decided_before(self, group: str) -> str:
        """Why a store that has decided nothing must not begin with this log: another has; empty where it may.

        Who may not ask Kafka's group, or gets no answer of it, begins.
        """
        name = self._group(group)
        for _ in range(GROUP_TRIES):
            try:
                return decided(self._wanted.topic, name, await self._lookup.hinted(name, self._every()))
            except StorageBusy:
                await ports.sleep(GROUP_PAUSE)  # a Kafka that has just started makes its own topics first
            except StorageError:
                break
        return ""

    def _join(self, group: str) -> Membership:
        """All subscriptions of a group in this process share what the process is given."""
        if not self._shared:
            return Alone(self._partitions_there)
        member = Member(
            self._connection, self._group(group), (self._wanted.topic, self._wanted.control),
            session=self._session, number=self._number, rebalanced=self._rebalanced,
        )  # fmt: skip
        member.open()
        return member

    async def _left(self, reader: Reader) -> None:
        group = self._readers.pop(reader)
        if group not in self._readers.values():
            await self._memberships.pop(group).close()

    # --- inside --------------------------------------------------------------------------------------------------

    def _place(self, partition: int) -> tuple[str, int]:
        return (self._wanted.control, 0) if partition == CONTROL else (self._wanted.topic, partition)

    def _number(self, topic: str, partition: int) -> int:
        return CONTROL if topic == self._wanted.control else partition

    async def _look(self) -> int:
        """The topics again, before a new producer; returns the largest record that both take."""
        if self._open:
            self._topics = await prepare(self._connection, self._wanted, make=False)
        return min(topic.number("max.message.bytes", LARGEST) for topic in self.topics)

    def _round(self, seconds: float, records: int) -> None:
        """A round has ended; without records when nobody knows how."""
        if records:
            self._presence.answered()  # a look may have to wait where much is written
            self.measures.rounds(seconds, records)
        else:
            self.measures.unclear += 1

    def _rebalanced(self) -> None:
        self.measures.rebalances += 1

    async def _watch(self) -> None:
        """See whether Kafka answers, also when nobody publishes, and partitions that somebody has added.

        And tell Kafka's group how far we are, for lag dashboards, and hear who else does; who may not, does without.
        """
        while True:
            await ports.sleep(self._presence.pause)
            try:
                self._found(await self._lookup.count(self._wanted.topic))
                await self._lookup.bounds((CONTROL, *range(self.partitions)))  # the leader of each answers
            except StorageError as error:
                self._presence.failed(await reason(self._connection, str(error)))
                continue
            self._presence.answered()
            for group, membership in list(self._memberships.items()):
                if hints := membership.hints():
                    with contextlib.suppress(StorageError):
                        self._rivals.seen(await self._lookup.hinted(self._group(group), self._every()))
                        await self._lookup.hint(self._group(group), hints, self._rivals.note)

    def _every(self) -> tuple[int, ...]:
        return (CONTROL, *range(self._partitions_there))

    def _found(self, partitions: int) -> None:
        """The topic has so many partitions now."""
        if partitions > self._partitions_there:
            self._partitions_there = partitions
            for membership in self._memberships.values():
                membership.found(partitions)

    def _group(self, name: str) -> str:
        """Kafka's name for one of our groups."""
        return group_of(self._wanted.topic, name)
