"""A subscription: batches of the partitions that a membership names, control first, from positions kept elsewhere.

Its consumer belongs to no group. At each change of the membership it is given the partitions and, in the same turn of
the loop, a position for each, so there is no moment in which anything could be fetched from a wrong place; and no
position that the log does not have is ever replaced by one that it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog

from eventflow import ports
from eventflow.errors import PartitionHalted, StorageBusy, StorageError
from eventflow.kafka.lookup import record_of
from eventflow.kafka.taming import place_of, stop_consumer, tame, troubles
from eventflow.model.record import CONTROL, Batch, Bounds, Ref, mark_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from eventflow.kafka.connection import Connection
    from eventflow.kafka.membership import Membership
    from eventflow.kafka.records import Codec
    from eventflow.kafka.tails import Tails
    from eventflow.model.event import Micros
    from eventflow.model.record import Record

log = structlog.get_logger("eventflow.kafka")

FETCH: Final = 1 << 20
GRACE: Final = 5.0
"""Seconds for which also a read that must not wait waits for records that are known to be there."""
_SLICE: Final = 0.2
_PAUSE: Final = 0.25
"""Seconds after which is tried again what has just failed, whatever a read may wait: a refusal comes at once."""
_UNSURE: Final = -1
"""No number of troubles: look again whether the logs are the same."""
_TOLD: Final[Micros] = 10 * ports.SECOND
"""So often is said that reading waits."""


class Reader:
    """A `Subscription` (see `eventflow.plugin.bus`)."""

    def __init__(
        self,
        connection: Connection,
        membership: Membership,
        tails: Tails,
        codec: Codec,
        *,
        position: Callable[[int], int],
        leave: Callable[[Reader], Awaitable[None]],
    ) -> None:
        """Ask `position` at each assignment; `leave` is called at the end."""
        self._connection, self._membership, self._tails, self._codec = connection, membership, tails, codec
        self._position, self._leave = position, leave
        self._epoch = 0
        self._at: dict[int, int] = {}
        self._halted: set[int] = set()
        self._rewinds: dict[int, int] = {}
        self._buffer: dict[int, list[Any]] = {}
        self._bounds: dict[int, Bounds] = {}
        self._tps: dict[int, Any] = {}
        self._stale = True
        """Whether the consumer has not been told yet what to read."""
        self._marks: dict[int, bytes] = {}
        """What the record before our place was, by partition."""
        self._troubles = 0
        self._told: Micros = 0
        self._last = CONTROL
        self._consumer: Any = None
        self._closed = False

    @property
    def assigned(self) -> tuple[int, ...]:
        """The partitions it reads now."""
        self._follow()
        return tuple(sorted(self._at))

    @property
    def epoch(self) -> int:
        """Rises when partitions were taken or given: what somebody knows of any of them may be out of date."""
        self._follow()
        return self._epoch

    def rewind(self, partition: int, offset: int) -> None:
        """Read the partition from `offset` on. One that is not ours now is asked for when it is assigned."""
        self._follow()
        if partition not in self._at:
            return
        self._at[partition] = offset
        self._halted.discard(partition)
        self._buffer.pop(partition, None)
        self._bounds.pop(partition, None)
        self._marks.pop(partition, None)
        self._rewinds[partition] = self._rewinds.get(partition, 0) + 1
        if not self._stale:
            self._consumer.seek(self._tps[partition], offset)

    async def close(self) -> None:
        """Stop reading, leave the group; a read that waits raises `StorageError`."""
        if self._closed:
            return
        self._closed = True
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)
        await self._leave(self)

    async def read(self, limit: int, wait: float, *, partitions: Sequence[int] | None = None) -> Batch | None:
        """The next records of one partition; see `eventflow.plugin.bus.Subscription`."""
        began, known = ports.boot(), self._epoch  # what the reader acts on; others may look at us from now on
        await ports.breathe()  # whoever only ever reads must not keep heartbeats from being sent
        self._membership.finished()
        self._membership.hint({p: at for p, at in self._at.items() if p not in self._halted})
        while True:
            if self._closed:
                raise StorageError("the subscription is closed")
            self._follow()
            if known not in {0, self._epoch}:
                return None  # whoever reads must see first that owners have changed
            ready = await self._ready()
            looked = [p for p in self.assigned if partitions is None or p in partitions] if ready else []
            if (batch := await self._next(limit, looked)) is not None:
                self._membership.handed_out()
                return batch
            waited = (ports.boot() - began) / ports.SECOND
            unread = not ready or any(self._unread(p) for p in looked)
            left = max(wait, GRACE if unread else 0.0) - waited
            if left <= 0:
                return None
            await self._fill(looked, limit, min(left, _SLICE))

    # --- following the membership --------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Take over what the membership says now; positions are asked for anew."""
        if self._closed or self._membership.epoch == self._epoch:
            return
        self._epoch = self._membership.epoch
        self._at = {partition: self._position(partition) for partition in self._membership.assigned}
        self._halted.clear()
        self._buffer.clear()
        self._bounds.clear()
        self._marks.clear()
        self._stale = True

    async def _ready(self) -> bool:
        """Whether the consumer reads what is assigned; tries to bring that about."""
        try:
            if self._consumer is None:
                consumer = await self._connect()
                if self._closed:
                    await stop_consumer(consumer)
                    raise StorageError("the subscription is closed")
                self._consumer = consumer
            self._follow()
            if not self._at:
                return False
            missing = [p for p in self._at if p not in self._bounds]
            if missing:
                epoch, found = self._epoch, await self._tails.bounds(missing)
                before = await self._tails.fetch([Ref(p, at - 1) for p in missing if (at := self._at[p]) > 0])
                if epoch == self._epoch:
                    self._bounds |= found
                    self._learn(before)
        except StorageBusy as error:
            await self._wait(error)
            return False
        if self._stale and self._consumer is not None:
            self._tell()
        return not self._stale

    def _learn(self, before: Mapping[Ref, Record]) -> None:
        """Take note of the records before our places where nothing was handed out yet."""
        for ref, record in before.items():
            if self._at[ref.partition] == ref.offset + 1:
                self._marks.setdefault(ref.partition, mark_of(record))

    async def _wait(self, error: Exception) -> None:
        """Give it a moment before it is tried again, and say why now and then."""
        if not self._told or ports.boot() - self._told >= _TOLD:
            self._told = ports.boot()
            log.warning("kafka.reading_waits", error=str(error) or type(error).__name__)
        await ports.sleep(_PAUSE)

    def _tell(self) -> None:
        """Assign and seek, in one turn of the loop."""
        self._tps = {partition: self._tails.tp(partition) for partition in self._at}
        self._consumer.assign(list(self._tps.values()))
        for partition, tp in self._tps.items():
            self._consumer.seek(tp, self._at[partition])
        self._stale = False

    async def _connect(self) -> Any:
        from aiokafka import AIOKafkaConsumer
        from aiokafka.errors import KafkaError

        consumer = AIOKafkaConsumer(
            **self._connection.client_options(),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH,
            fetch_max_wait_ms=100,  # a new position takes effect when the fetch under way has been answered
        )
        tame(consumer)
        try:
            async with ports.deadline(GRACE):
                await consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await stop_consumer(consumer, 0.5)
            raise StorageBusy(f"no connection for reading: {str(error) or type(error).__name__}") from None
        except BaseException:
            await stop_consumer(consumer, 0.5)
            raise
        self._stale = True
        return consumer

    # --- batches -------------------------------------------------------------------------------------------------

    def _order(self, looked: Sequence[int]) -> list[int]:
        """Control, then the data partitions that come after the one read last, in a circle."""
        return sorted(looked, key=lambda partition: (partition != CONTROL, partition <= self._last, partition))

    async def _next(self, limit: int, looked: Sequence[int]) -> Batch | None:
        """A batch that can be had without waiting. Raises `PartitionHalted`, once a partition."""
        if looked and troubles(self._consumer) != self._troubles and not await self._same_log():
            return None
        for partition in self._order(looked):
            if partition in self._halted:
                continue
            await self._hold(partition)
            records = await self._take(partition, limit)
            if records:
                start = self._at[partition]
                end = self._at[partition] = records[-1].offset + 1
                if partition != CONTROL:
                    self._last = partition
                self._tails.read(partition, end, records[-1].log_time)
                self._marks[partition] = mark_of(records[-1])
                return Batch(partition, start, end, records)
            if partition == CONTROL and self._unread(CONTROL):
                return None
        return None

    async def _same_log(self) -> bool:
        """After trouble: whether each log still has the record before our place; false when nobody answers.

        A topic that was made anew and has grown beyond our place, or soon does, would else be read on as if nothing
        had been. Raises `PartitionHalted`, at each call for one partition.
        """
        seen, marks = troubles(self._consumer), {p: m for p, m in self._marks.items() if p not in self._halted}
        refs = [Ref(partition, self._at[partition] - 1) for partition in marks]
        try:
            bounds = await self._tails.bounds(list(marks))
            found = await self._tails.fetch(refs)
        except StorageBusy:
            return False
        for ref in refs:
            mark, record, known = marks[ref.partition], found.get(ref), bounds[ref.partition]
            is_short = ref.offset >= known.end
            is_another = record is not None and mark_of(record) != mark  # one that retention took is no other
            if self._marks.get(ref.partition) == mark and (is_short or is_another):
                self._halted.add(ref.partition)
                gone = not_held(ref.partition, ref.offset + 1, known) if is_short else _another(ref)
                raise PartitionHalted(gone, partition=ref.partition)
        self._troubles = seen
        return True

    async def _hold(self, partition: int) -> None:
        """Raise `PartitionHalted` where the log does not hold the position."""
        bounds, at = self._bounds.get(partition), self._at[partition]
        if bounds is None or bounds.start <= at <= max(bounds.end, self._tails.end(partition)):
            return
        self._halted.add(partition)
        raise PartitionHalted(not_held(partition, at, bounds), partition=partition)

    async def _take(self, partition: int, limit: int) -> list[Record]:
        """Records that are here already."""
        held = self._buffer.pop(partition, [])
        if len(held) < limit:
            held += (await self._ask([partition], 0, limit - len(held))).get(partition, [])
        elif len(held) > limit:
            self._buffer[partition] = held[limit:]
        return [record_of(partition, one, self._codec) for one in held[:limit]]

    async def _fill(self, looked: Sequence[int], limit: int, seconds: float) -> None:
        """Wait for records of any of these, and keep what comes."""
        looked = [partition for partition in looked if partition not in self._halted]
        if not looked:
            await ports.sleep(min(seconds, 0.02))
            return
        if CONTROL in looked and self._unread(CONTROL):
            looked = [CONTROL]  # it comes before all data, of which more would be kept at each turn without a limit
        for partition, records in (await self._ask(looked, seconds, limit)).items():
            self._buffer.setdefault(partition, []).extend(records)

    async def _ask(self, partitions: Sequence[int], seconds: float, limit: int) -> dict[int, list[Any]]:
        """Aiokafka's records by partition, without those that a rewind has made void meanwhile."""
        from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError

        consumer, epoch = self._consumer, self._epoch
        rewinds = {partition: self._rewinds.get(partition, 0) for partition in partitions}
        tps = {self._tps[partition]: partition for partition in partitions}
        try:
            found = await consumer.getmany(*tps, timeout_ms=int(seconds * 1000), max_records=limit)
        except (OffsetOutOfRangeError, CorruptRecordException) as error:
            await self._out_of_range(partitions, error)
            return {}
        except KafkaError as error:
            await self._wait(error)
            return {}
        if epoch != self._epoch or self._stale:
            return {}
        kept = {}
        for tp, records in found.items():
            partition = tps[tp]
            if rewinds[partition] == self._rewinds.get(partition, 0):
                kept[partition] = records
            else:  # from before the rewind or from after it: nobody can tell, so once more
                consumer.seek(tp, self._at[partition])
        return kept

    async def _out_of_range(self, partitions: Sequence[int], error: Exception) -> None:
        """See which partition's position is gone; `_hold` or `_same_log` then says so, whatever has come meanwhile."""
        if type(error).__name__ == "CorruptRecordException":
            partition = partitions[0]
            self._halted.add(partition)
            raise PartitionHalted(
                f"{name(partition)}: the record at {self._at[partition]} or behind it is damaged ({error})",
                partition=partition,
            )
        self._troubles = _UNSURE
        try:
            self._bounds |= await self._tails.bounds(list(partitions))
        except StorageBusy:
            await ports.sleep(0.2)

    def _unread(self, partition: int) -> bool:
        """Whether records are known to be there that were not handed out."""
        if partition in self._halted:
            return False
        if self._buffer.get(partition):
            return True
        bounds, tp = self._bounds.get(partition), self._tps.get(partition)
        end = max(bounds.end if bounds else 0, self._tails.end(partition))
        if tp is not None and not self._stale:
            position, stable = place_of(self._consumer, tp)
            end = max(end, stable)
            if position > self._at[partition]:
                # The log ends in what is no record: the marker of a transaction.
                self._tails.hole(partition, self._at[partition], position)
                return position < end
        return end > self._at[partition]


def name(partition: int) -> str:
    """What people call a partition."""
    return "the control partition" if partition == CONTROL else f"partition {partition}"


def _another(ref: Ref) -> str:
    """The sentence for a log that has another record where ours was."""
    return (
        f"{name(ref.partition)}: record {ref.offset} is not the one that was read: the topic was made anew, and "
        f"{ref.offset + 1} records of the new log were not decided; see eventflow partition list"
    )


def not_held(partition: int, at: int, bounds: Bounds) -> str:
    """The sentence for a position that the log does not have, with what was lost."""
    if at > bounds.end:
        return (
            f"{name(partition)} is to be read from {at}, but its log ends at {bounds.end}: the topic was made anew; "
            f"what was between is gone, and {bounds.end - bounds.start} records of the new log were not decided; see "
            "eventflow partition list"
        )
    return (
        f"{name(partition)} is to be read from {at}, but its log begins at {bounds.start}: retention has taken "
        f"{bounds.start - at} records that were not decided; see eventflow partition list"
    )
