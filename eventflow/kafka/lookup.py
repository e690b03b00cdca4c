"""Questions to the log that no subscription answers: what a partition holds, single records again, a search by id.

One client of its own, one question at a time, each bounded: whoever asks is told `StorageBusy` instead of waiting for a
broker that is away.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from eventflow import ports
from eventflow.errors import StorageBusy, StorageError
from eventflow.kafka.taming import STOP, commit_offsets, committed_offsets, count_partitions, stop_consumer, tame
from eventflow.model.record import Bounds, Record, Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from eventflow.kafka.connection import Connection
    from eventflow.kafka.records import Codec

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds that one question may take."""
CHUNK: Final = 2000
NEAR: Final = 500
"""Single records that lie so close together are read in one go."""


class Lookup:
    """Asks. `place(partition)` names topic and number; partitions that have none must not be asked for."""

    def __init__(self, connection: Connection, place: Callable[[int], tuple[str, int]], codec: Codec) -> None:
        """Only remember."""
        self._connection, self._place, self._codec = connection, place, codec
        self._client: Any = None
        self._turn = asyncio.Lock()
        self._closed = False

    async def open(self) -> None:
        """Connect. Raises `StorageBusy`."""
        async with self._turn:
            await self._bounded(self._connected())

    async def close(self) -> None:
        """Let go; who waits for an answer is told so."""
        self._closed = True
        with contextlib.suppress(TimeoutError):  # a client that is stopped while it connects leaves a connection open
            async with ports.deadline(STOP), self._turn:
                pass
        client, self._client = self._client, None
        if client is not None:
            await stop_consumer(client)

    async def bounds(self, partitions: Sequence[int]) -> dict[int, Bounds]:
        """What the partitions hold; the end is that of what may be read. Raises `StorageBusy`."""
        async with self._turn:
            return await self._bounded(self._bounds(partitions))

    async def count(self, topic: str) -> int:
        """How many partitions the topic has; 0 when it is not there. Raises `StorageBusy`."""
        async with self._turn:
            return await self._bounded(self._count(topic))

    async def hint(self, group: str, places: dict[int, int], note: str) -> None:
        """Commit offsets for a group that has no members, with a note beside each.

        Raises `StorageBusy`, `StorageError` where we may not.
        """
        async with self._turn:
            await self._bounded(self._hint(group, places, note))

    async def hinted(self, group: str, partitions: Sequence[int]) -> dict[int, tuple[int, str]]:
        """What a group was told, by partition: offset and note. Raises `StorageBusy`, `StorageError` as `hint` does."""
        async with self._turn:
            return await self._bounded(self._hinted(group, partitions))

    async def fetch(self, refs: Sequence[Ref]) -> dict[Ref, Record]:
        """Those of the records that are there. Raises `StorageBusy`."""
        found: dict[Ref, Record] = {}
        async with self._turn:
            wanted = sorted(set(refs))
            known = await self._bounded(self._bounds(sorted({ref.partition for ref in wanted})))
            wanted = [r for r in wanted if known[r.partition].start <= r.offset < known[r.partition].end]
            while wanted:
                first = wanted[0]
                near = [r for r in wanted if r.partition == first.partition and r.offset - first.offset < NEAR]
                records = await self._bounded(self._read(first.partition, first.offset, near[-1].offset + 1))
                found |= {record.ref: record for record in records if record.ref in near}
                wanted = wanted[len(near) :]
        return found

    async def search(self, partition: int, wanted: Callable[[bytes], bool], limit: int) -> list[Record]:
        """The newest records of a partition that are wanted, newest first. Raises `StorageBusy`."""
        found: list[Record] = []
        known = (await self.bounds([partition]))[partition]
        end = known.end
        while end > known.start and len(found) < limit:
            begin = max(known.start, end - CHUNK)
            async with self._turn:
                records = await self._bounded(self._read(partition, begin, end))
            found += [record for record in reversed(records) if wanted(record.data)]
            end = begin
            await ports.breathe()
        return found[:limit]

    def _ended(self) -> bool:
        return self._closed

    # --- inside --------------------------------------------------------------------------------------------------

    async def _bounded(self, question: Coroutine[Any, Any, T]) -> T:
        from aiokafka.errors import GroupAuthorizationFailedError, KafkaError

        try:
            async with ports.deadline(PATIENCE):
                return await question
        except GroupAuthorizationFailedError:
            raise StorageError("we may not use Kafka's group") from None
        except (KafkaError, OSError, TimeoutError) as error:
            client, self._client = self._client, None
            if client is not None:
                await stop_consumer(client, 0.5)
            raise StorageBusy(f"Kafka does not answer: {self._said(error)}") from None

    def _said(self, error: Exception) -> str:
        from aiokafka.errors import KafkaConnectionError

        if isinstance(error, TimeoutError):
            return f"nothing came within {PATIENCE:g} s"
        if isinstance(error, KafkaConnectionError):
            return f"no broker can be reached at {', '.join(self._connection.servers)}"
        return str(error).strip() or type(error).__name__

    async def _connected(self) -> Any:
        if self._ended():
            raise StorageError("the bus is closed")
        if self._client is None:
            from aiokafka import AIOKafkaConsumer

            client = AIOKafkaConsumer(
                **self._connection.client_options(),
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                fetch_max_wait_ms=1,  # a fetch that waits at the end of the log keeps the next question waiting
            )
            tame(client)
            try:
                await client.start()
            except BaseException:
                await stop_consumer(client, 0.5)
                raise
            self._client = client
            if self._ended():
                self._client = None
                await stop_consumer(client)
                raise StorageError("the bus is closed")
        return self._client

    async def _bounds(self, partitions: Sequence[int]) -> dict[int, Bounds]:
        from aiokafka import TopicPartition

        client = await self._connected()
        tps = {TopicPartition(*self._place(partition)): partition for partition in partitions}
        starts, ends = await asyncio.gather(client.beginning_offsets(list(tps)), client.end_offsets(list(tps)))
        return {partition: Bounds(starts[tp], ends[tp]) for tp, partition in tps.items()}

    async def _count(self, topic: str) -> int:
        client = await self._connected()
        return await count_partitions(client, topic)

    async def _hint(self, group: str, places: dict[int, int], note: str) -> None:
        client = await self._connected()
        await commit_offsets(client, group, [(*self._place(partition), at) for partition, at in places.items()], note)

    async def _hinted(self, group: str, partitions: Sequence[int]) -> dict[int, tuple[int, str]]:
        client = await self._connected()
        numbers = {self._place(partition): partition for partition in partitions}
        found = await committed_offsets(client, group, list(numbers))
        return {numbers[place]: told for place, told in found.items()}

    async def _read(self, partition: int, begin: int, end: int) -> list[Record]:
        """The records of [begin, end), which lies within the log."""
        from aiokafka import TopicPartition

        client, tp = await self._connected(), TopicPartition(*self._place(partition))
        if tp not in client.assignment():
            # All that were asked for stay assigned: another topic alone would have the metadata asked for each time.
            known = [*client.assignment(), tp]
            client.assign(known)
            for one in known:
                client.seek(one, 0)
            client.pause(*known)
        client.seek(tp, begin)
        client.resume(tp)
        records: list[Record] = []
        while await client.position(tp) < end:
            got = await client.getmany(tp, timeout_ms=200, max_records=end - begin)
            records += [record_of(partition, one, self._codec) for one in got.get(tp, ()) if one.offset < end]
        client.pause(tp)
        client.seek(tp, 0)  # what was fetched beyond and is not taken would keep the next fetch waiting
        return records


def record_of(partition: int, one: Any, codec: Codec) -> Record:
    """A record of Kafka as one of ours; Kafka's stamps are whole milliseconds."""
    return codec.read(partition, one.offset, one.timestamp * 1000, one.value, one.headers)
