"""Each way in which aiokafka surprises, on a real broker, and that it does not reach us; see docs/decisions/0004-…."""

import asyncio
import contextlib
import logging
import os

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from eventflow.buses.kafka import KafkaBus
from eventflow.errors import StorageBusy, StorageError, StorageUnclear
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import CONTROL_SUFFIX, Wanted
from eventflow.model.record import CONTROL, Entry

PARTITIONS = 6


def bus_of(kafka, topic, *, partitions=PARTITIONS, **settings):
    return KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, partitions), **settings)


@contextlib.asynccontextmanager
async def opened(*args, **settings):
    bus = bus_of(*args, **settings)
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


async def written(bus, lines):
    """Publish until it is taken: a sender that repeats what is unclear."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await bus.publish(lines)
            except (StorageBusy, StorageUnclear):
                await asyncio.sleep(0.05)


async def until_refused(bus, line):
    """A change of a topic's settings takes a moment."""
    async with asyncio.timeout(20):
        while True:
            await bus.publish([Entry(0, line)])


# --- a position that is not Kafka's ---------------------------------------------------------------------------------


async def test_every_joiner_begins_where_the_store_says(kafka, topic):
    """Whoever joins and whoever stays reads each partition from the position, also while records come all the time."""
    async with opened(kafka, topic) as writer:
        for partition in range(PARTITIONS):
            await writer.publish([Entry(partition, b"x")] * 50)
        firsts = []
        for _ in range(2):
            async with (
                opened(kafka, topic, shared=True, session=3.0) as one,
                opened(kafka, topic, shared=True, session=3.0) as two,
            ):
                readers = [one.subscribe("g", lambda p: 0 if p == CONTROL else 20)]
                firsts += await firsts_of(readers[0], PARTITIONS)
                readers.append(two.subscribe("g", lambda p: 0 if p == CONTROL else 30))
                await until_shared(readers)
                for reader, wanted in zip(readers, (20, 30), strict=True):
                    mine = [p for p in reader.assigned if p != CONTROL]
                    assert mine, "nothing was given to one of two"
                    got = await firsts_of(reader, len(mine))
                    assert {first for _, first in got} == {wanted}
        assert {first for _, first in firsts} == {20}


async def firsts_of(reader, count):
    """Partition and first offset of each partition's first batch of an epoch."""
    found, epoch = {}, reader.epoch
    async with asyncio.timeout(30):
        while len(found) < count:
            batch = await reader.read(5, 0.2)
            if reader.epoch != epoch:
                found, epoch = {}, reader.epoch
            if batch is not None and batch.partition != CONTROL:
                found.setdefault(batch.partition, batch.start)
    return list(found.items())


async def until_shared(readers):
    """Until every partition is somebody's, and each has some."""
    async with asyncio.timeout(30):
        while True:
            given = [reader.assigned for reader in readers]
            if all(given) and sorted(sum(given, ())) == [CONTROL, *range(PARTITIONS)]:
                return
            await asyncio.sleep(0.05)


async def test_reading_goes_on_while_a_member_keeps_the_group_waiting(kafka, topic):
    """aiokafka's own `getmany` would wait until the slow one has let go."""
    slow, let_go = asyncio.Event(), asyncio.Event()

    class Slow(ConsumerRebalanceListener):
        async def on_partitions_revoked(self, revoked):
            if revoked:
                slow.set()
                await let_go.wait()

        async def on_partitions_assigned(self, assigned):
            pass

    async with opened(kafka, topic, shared=True, session=2.0) as bus:
        reader = bus.subscribe("g", lambda _: 0)
        await bus.publish([Entry(0, b"x")])
        assert await reader.read(10, 20.0)
        other = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=f"eventflow.{topic}.g",
                                 session_timeout_ms=2000,
                                 rebalance_timeout_ms=6000, heartbeat_interval_ms=300)  # fmt: skip
        other.subscribe([topic, topic + CONTROL_SUFFIX], listener=Slow())
        starting = asyncio.ensure_future(other.start())
        while not starting.done():
            await reader.read(10, 0.05)
        third = bus_of(kafka, topic, shared=True, session=2.0)
        await third.open()
        third.subscribe("g", lambda _: 0)
        await slow.wait()
        for _ in range(10):
            await reader.read(10, 0.05)
        assert not let_go.is_set()
        let_go.set()
        await third.close()
        await other.stop()


async def test_offsets_in_kafka_are_a_hint_and_never_read(kafka, topic):
    """They come, for dashboards; a reader begins where its store says, whatever they are."""
    async with opened(kafka, topic) as bus:
        await bus.publish([Entry(0, b"x")] * 10)
        reader = bus.subscribe("router", lambda _: 0)
        assert (await reader.read(10, 10.0)).end == 10
        await reader.read(10, 0)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        async with asyncio.timeout(30):
            while not (told := await admin.list_consumer_group_offsets(f"eventflow.{topic}.router")):
                await asyncio.sleep(0.1)
        await admin.close()
        assert {place.offset for tp, place in told.items() if (tp.topic, tp.partition) == (topic, 0)} == {10}
        again = bus.subscribe("router", lambda partition: 3 if partition == 0 else 0)
        assert (await again.read(10, 10.0)).start == 3


# --- writing --------------------------------------------------------------------------------------------------------


async def test_a_poisoned_partition_is_healed(kafka, topic):
    """A batch that the broker refuses makes its producer useless for that partition; ours is replaced."""
    async with opened(kafka, topic, partitions=2) as bus:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        limit = {"max.message.bytes": "100000", "message.timestamp.type": "LogAppendTime"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=limit)])
        await admin.close()
        with pytest.raises(StorageUnclear, match="whether these were written is unknown"):
            await until_refused(bus, os.urandom(300_000))
        await written(bus, [Entry(0, b"small"), Entry(1, b"small")])
        assert bus.full == ""
        assert bus.measures.unclear == 1


async def test_stops_are_bounded_while_the_broker_does_not_answer(own_kafka, topic, swept):
    """A frozen broker: a publish ends as unclear, the bus closes, a reader ends, nothing hangs."""
    cluster = await asyncio.to_thread(own_kafka)
    bus = bus_of(cluster, topic, shared=True, deadline=1.0)
    await bus.open()
    reader = bus.subscribe("g", lambda _: 0)
    await bus.publish([Entry(0, b"x")])
    assert await reader.read(10, 20.0)
    cluster.nodes[0].freeze()
    try:
        async with asyncio.timeout(60):
            try:
                await bus.publish([Entry(0, b"y")])
            except StorageUnclear:
                pass
            else:
                raise AssertionError("acknowledged by a frozen broker")
            reading = asyncio.ensure_future(reader.read(10, 3600.0))
            await asyncio.sleep(0)
            await bus.close()
            with contextlib.suppress(StorageError):
                await reading
    finally:
        cluster.nodes[0].thaw()


async def test_a_broker_that_is_gone_brings_no_storm(own_kafka, topic, caplog, swept):
    """The only broker is stopped cleanly, so no partition has a leader: neither the log nor the wire fills up."""
    cluster = await asyncio.to_thread(own_kafka)
    bus = bus_of(cluster, topic, deadline=1.0)
    await bus.open()
    reader = bus.subscribe("g", lambda _: 0)
    await bus.publish([Entry(0, b"x")])
    assert await reader.read(10, 20.0)
    asked, ask = [], bus._lookup._client._client._metadata_update
    bus._lookup._client._client._metadata_update = lambda *a: asked.append(1) or ask(*a)
    await asyncio.to_thread(cluster.nodes[0].stop)
    caplog.clear()
    with caplog.at_level(logging.DEBUG - 5):
        for _ in range(4):
            with contextlib.suppress(StorageError):
                await bus.publish([Entry(0, b"y")])
            assert await reader.read(10, 0.1) is None
    lines = [line for line in caplog.records if line.name.startswith("aiokafka") and line.levelno >= logging.INFO]
    assert len(lines) < 150, f"{len(lines)} lines"
    assert len(asked) < 100
    await asyncio.to_thread(cluster.nodes[0].restart)
    await written(bus, [Entry(0, b"z")])
    async with asyncio.timeout(30):
        while (batch := await reader.read(10, 0.5)) is None or batch.records[-1].data != b"z":
            pass
    await bus.close()


# --- the loop -------------------------------------------------------------------------------------------------------


async def test_work_on_the_loop_keeps_no_heartbeat_from_being_sent(kafka, topic):
    """A reader that computes all the time, in pieces, far longer than its session, stays a member."""
    async with opened(kafka, topic, shared=True, session=1.5) as bus:
        reader = bus.subscribe("g", lambda _: 0)
        for _ in range(40):
            await bus.publish([Entry(n % PARTITIONS, b"x" * 100) for n in range(600)])
        loop, seen, epoch = asyncio.get_running_loop(), 0, None
        end = loop.time() + 6.0
        while seen < 24_000 or loop.time() < end:
            batch = await reader.read(100, 0)
            if batch is None:
                if seen == 24_000:
                    break
                continue
            epoch = epoch or reader.epoch
            seen += len(batch.records)
            piece = loop.time() + 0.02
            while loop.time() < piece:
                sum(range(100))
        assert reader.epoch == epoch, "the group has sent it away"
        assert bus.measures.rebalances == 1
