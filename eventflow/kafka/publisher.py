"""Writing: everything that waits goes out in one round of batches, and is acknowledged when all replicas have it.

One round at a time, so order needs no care. A round that failed or was not answered in time leaves it unknown what was
written; aiokafka's producer must then be replaced, since a failed batch poisons its partition (its issue 1017) and a
batch without an answer would be sent for ever. While there is no producer, publishes are refused at once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from eventflow import ports
from eventflow.errors import EventflowError, Overloaded, Refused, StorageBusy, StorageError, StorageUnclear
from eventflow.kafka.taming import stop_producer, tame
from eventflow.model.event import Micros
from eventflow.model.record import Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from eventflow.kafka.connection import Connection
    from eventflow.kafka.records import Codec

log = structlog.get_logger("eventflow.kafka")

BATCH: Final = 1 << 20
"""Bytes of one batch, before compression."""
OVERHEAD: Final = 512
"""What Kafka adds to a record and its batch, at most."""
OWN_RESERVE: Final = 64 << 10
"""By so much an event from outside must stay below the largest message, since the engine may have to forward it."""
_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


class _Put(msgspec.Struct):
    """One call of `publish`."""

    entries: Sequence[Entry]
    size: int
    done: asyncio.Future[None]


class Acknowledged(msgspec.Struct, frozen=True):
    """A batch that is written: where it ends, the log's stamp (0: the topic keeps the sender's time), and how many."""

    partition: int
    end: int
    stamp: Micros
    count: int


class Publisher:
    """Writes entries to partitions of topics.

    `place(partition)` names topic and partition of an entry; `codec` makes its record; `look` is asked before a new
    producer is made, and may raise. `deadline` (seconds): how long an answer is waited for. `queue_bytes`: how much may
    wait. `hear` gets each acknowledgement and `rounds` how long a round took and how many records it had, none
    where its outcome is unknown.
    """

    def __init__(
        self,
        connection: Connection,
        place: Callable[[int], tuple[str, int]],
        codec: Codec,
        *,
        deadline: float,
        queue_bytes: int,
        look: Callable[[], Awaitable[int]],
        hear: Callable[[Acknowledged], None],
        rounds: Callable[[float, int], None],
    ) -> None:
        """Only remember; `open` does it."""
        self._connection, self._place, self._codec = connection, place, codec
        self._deadline, self._queue_bytes = deadline, queue_bytes
        self._look, self._hear, self._rounds = look, hear, rounds
        self._producer: Any = None
        self._waiting: deque[_Put] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()
        self._tasks = ports.Tasks()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self._largest = BATCH
        self.away = "the bus is not open"
        """Why nothing can be written now; empty while it can."""

    @property
    def largest(self) -> int:
        """Bytes of the largest record that the topic takes."""
        return self._largest

    async def open(self) -> None:
        """Make the first producer. Raises what `look` raises, `StorageBusy`."""
        await self._make()
        self._worker = self._tasks.spawn(self._work(), "kafka.publish")

    async def publish(self, entries: Sequence[Entry]) -> None:
        """Return once all replicas that must have all entries have them. Order is that of the calls.

        Raises `Refused` (413), `Overloaded`, `StorageBusy`: nothing was tried; `StorageUnclear`: nobody knows.
        """
        if self._closed:
            raise StorageError("the bus is closed: nothing more is taken")
        if self.away:
            raise StorageBusy(f"{self.away}; nothing was written. It goes on by itself")
        size = self._measure(entries)
        if self._bytes + size > self._queue_bytes and self._waiting:
            raise Overloaded("too much waits to be written; send it again")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Put(entries, size, done))
        self._bytes += size
        self._woken.set()
        await done

    def _measure(self, entries: Sequence[Entry]) -> int:
        """Bytes of all. Raises `Refused` where one is larger than it may be."""
        lengths = [len(entry.data) for entry in entries]
        most = self._largest - OVERHEAD
        if max(lengths) > most - OWN_RESERVE:
            for entry, length in zip(entries, lengths, strict=True):
                if length > (most if entry.own or entry.partition < 0 else most - OWN_RESERVE):
                    raise Refused(
                        413, "too-large",
                        f"an event of {length} bytes is larger than the bus takes ({most - OWN_RESERVE})",
                    )  # fmt: skip
        return sum(lengths)

    async def close(self) -> None:
        """Write what waits, in bounded time, and let go."""
        self._closed = True
        self._woken.set()
        if self._worker is not None:
            await ports.wait_for([self._worker], self._deadline + 1.0)
        await self._tasks.close()
        self._fail_waiting(StorageError("the bus is closed: nothing more is taken"))
        if self._producer is not None:
            await stop_producer(self._producer)
            self._producer = None

    # --- the worker ----------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while not (self._closed and not self._waiting):
            if not self._waiting:
                self._woken.clear()
                await self._woken.wait()
                continue
            puts, began = self._take(), ports.boot()
            try:
                async with ports.deadline(self._deadline):
                    written = await self._write([entry for put in puts for entry in put.entries])
            except Exception as error:  # noqa: BLE001 - unknown is unknown, whatever the reason
                await self._failed(puts, error)
                continue
            self._rounds((ports.boot() - began) / ports.SECOND, written)
            for put in puts:
                if not put.done.done():
                    put.done.set_result(None)

    def _take(self) -> list[_Put]:
        """What waits, or so much of it as makes a good round."""
        puts: list[_Put] = []
        size = 0
        while self._waiting and (not puts or size + self._waiting[0].size <= 4 * BATCH):
            put = self._waiting.popleft()
            size += put.size
            puts.append(put)
        self._bytes -= size
        return puts

    async def _write(self, entries: Sequence[Entry]) -> int:
        lanes: defaultdict[int, list[Entry]] = defaultdict(list)
        for entry in entries:
            lanes[entry.partition].append(entry)
        await asyncio.gather(*[self._write_lane(partition, lane) for partition, lane in lanes.items()])
        return len(entries)

    async def _write_lane(self, partition: int, entries: Sequence[Entry]) -> None:
        """All entries of one partition, in order, as few batches as they fit in."""
        producer, (topic, number), record = self._producer, self._place(partition), self._codec.record
        sent, batch = [], producer.create_batch()
        for entry in entries:
            key, value, headers = record(entry)
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                sent.append((await producer.send_batch(batch, topic, partition=number), batch.record_count()))
                batch = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value, headers=headers)
        sent.append((await producer.send_batch(batch, topic, partition=number), batch.record_count()))
        for future, count in sent:
            answer = await future
            stamp = answer.timestamp * 1000 if answer.timestamp_type == 1 and answer.timestamp else 0
            self._hear(Acknowledged(partition, answer.offset + count, stamp, count))

    async def _failed(self, puts: Sequence[_Put], error: Exception) -> None:
        """Tell those of the round that nobody knows, those behind that nothing was tried; then make a new producer."""
        self._rounds(self._deadline, 0)
        seconds = f"no acknowledgement in {self._deadline:g} s" if isinstance(error, TimeoutError) else _said(error)
        self.away = f"Kafka does not take records: {seconds}"
        log.warning("kafka.publish_failed", error=seconds, records=sum(len(put.entries) for put in puts))
        unclear = f"{self.away}; whether these were written is unknown. Send them again"
        for put in puts:
            if not put.done.done():
                put.done.set_exception(StorageUnclear(unclear))
                put.done.exception()  # whoever was cancelled does not come to hear it
        self._fail_waiting(StorageBusy(f"{self.away}; nothing was written. It goes on by itself"))
        await self._replace()

    def _fail_waiting(self, error: StorageError) -> None:
        while self._waiting:
            put = self._waiting.popleft()
            if not put.done.done():
                put.done.set_exception(error)
                put.done.exception()
        self._bytes = 0

    async def _replace(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer, 0.5)
        for turn in range(1 << 30):
            if self._closed:
                return
            try:
                await self._make()
            except EventflowError as error:
                self.away = f"Kafka does not take records: {error}"
                await ports.sleep(_PAUSES[min(turn, len(_PAUSES) - 1)] * (0.5 + ports.uniform()))
            else:
                log.info("kafka.publish_again")
                return

    async def _make(self) -> None:
        """A producer that is connected. Raises `EventflowError`."""
        from aiokafka import AIOKafkaProducer
        from aiokafka.errors import KafkaError

        self._largest = await self._look()
        producer = AIOKafkaProducer(
            **self._connection.client_options(),
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=min(BATCH, self._largest),
            max_request_size=self._largest + BATCH,
            linger_ms=0,
        )
        tame(producer)
        try:
            async with ports.deadline(self._deadline):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await stop_producer(producer, 0.5)
            raise StorageBusy(f"no connection for writing: {_said(error)}") from None
        except BaseException:
            await stop_producer(producer, 0.5)
            raise
        self._producer, self.away = producer, ""


def _said(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
