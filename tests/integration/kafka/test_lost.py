"""A log that is not what it was: retention passed us, the topic was made anew, partitions came: never in silence."""

import asyncio
import contextlib
import json

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from eventflow.buses.kafka import KafkaBus
from eventflow.errors import PartitionHalted, StorageError
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import CONTROL_SUFFIX, Wanted
from eventflow.model.control import ADDED, HALTED
from eventflow.model.record import CONTROL, Entry
from eventflow.plugin.one_series import find_detector
from eventflow.route.router import Router
from eventflow.stores.sqlite import SqliteStore


def line(number):
    return json.dumps({"specversion": "1.0", "id": str(number), "source": "s", "type": "t", "subject": "k"}).encode()


@contextlib.asynccontextmanager
async def admin(kafka):
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await client.start()
    yield client
    await client.close()


@contextlib.asynccontextmanager
async def deciding(kafka, topic, place, partitions=1):
    """A bus and a running router on it, over the store of `place`."""
    bus, store = KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, partitions)), SqliteStore(place / "store.db")
    await bus.open()
    await store.open()
    router = Router(bus, store, detectors=find_detector)
    running = asyncio.ensure_future(router.run())
    try:
        yield bus, router
    finally:
        router.drain()
        await running
        await store.close()
        await bus.close()


async def until(condition, within=30):
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


async def decided(kafka, topic, place, number, partitions=1):
    """So many events are published and decided; then the process ends."""
    async with deciding(kafka, topic, place, partitions) as (bus, router):
        await bus.publish([Entry(0, line(n)) for n in range(number)])
        await until(lambda: router.positions.get(0) == number)


async def alarms(bus):
    """The types of the records of the control partition."""
    reader, found = bus.subscribe("alarms", lambda _: 0), []
    while batch := await reader.read(100, 0.5, partitions=[CONTROL]):
        found += [json.loads(record.data)["type"] for record in batch.records]
    await reader.close()
    return found


async def halts(kafka, topic, place, partition=0):
    """The sentence with which the partition stands still after a start; the alarm is on control."""
    async with deciding(kafka, topic, place) as (bus, router):
        await until(lambda: router.halted)
        assert list(router.halted) == [partition]
        assert HALTED in await alarms(bus)
        assert not router.ready
        return router.halted[partition]


async def written(kafka, topic, number, partitions=1):
    """Somebody has written into the topic while we were away."""
    bus = KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, partitions))
    await bus.open()
    await bus.publish([Entry(partition, line(f"later {n}")) for n in range(number) for partition in range(partitions)])
    await bus.close()


async def made_anew(kafka, topic, number, partitions=1):
    """The data topic is deleted and made again, and has so many other records."""
    await kafka.delete_topic(topic)
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(RuntimeError, AssertionError):
                await kafka.create_topic(topic, partitions=partitions, **{"message.timestamp.type": "LogAppendTime"})
                break
            await asyncio.sleep(0.1)
    await written(kafka, topic, number, partitions)


async def test_retention_that_passed_us(kafka, topic, tmp_path):
    await decided(kafka, topic, tmp_path, 20)
    await written(kafka, topic, 30)
    async with admin(kafka) as client:
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=45)})
    sentence = await halts(kafka, topic, tmp_path)
    assert "stands at 20" in sentence
    assert "its log holds 45 to 50: the log was cut, 25 records that were not decided are gone" in sentence


async def test_a_topic_made_anew_and_shorter(kafka, topic, tmp_path):
    await decided(kafka, topic, tmp_path, 20)
    await made_anew(kafka, topic, 5)
    sentence = await halts(kafka, topic, tmp_path)
    assert "its log holds 0 to 5: the log was cut or replaced" in sentence


async def test_a_topic_made_anew_and_longer(kafka, topic, tmp_path):
    await decided(kafka, topic, tmp_path, 20)
    await made_anew(kafka, topic, 50)
    sentence = await halts(kafka, topic, tmp_path)
    assert "its log holds 0 to 50: the log was cut or replaced, it is not the one that was decided" in sentence


async def test_retention_that_passes_a_reader(kafka, topic):
    """Also one that is reading stops, with the number of records that are lost."""
    bus = KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, 1))
    await bus.open()
    await bus.publish([Entry(0, line(n)) for n in range(40)])
    reader = bus.subscribe("a", lambda _: 0)
    assert (await reader.read(10, 10.0)).end == 10
    async with admin(kafka) as client:
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=35)})
    reader.rewind(0, 10)
    with pytest.raises(
        PartitionHalted, match="is to be read from 10, but its log begins at 35: retention has taken 25"
    ):
        await reader.read(10, 10.0)
    assert await reader.read(10, 0) is None
    await bus.close()


@pytest.mark.parametrize(
    ("number", "said"),
    [(5, "its log ends at 5: the topic was made anew"), (50, "record 19 is not the one that was read")],
)
async def test_a_topic_made_anew_under_a_router(kafka, topic, tmp_path, number, said):
    """It notices by itself, also where the new log reaches beyond where it stands."""
    async with deciding(kafka, topic, tmp_path) as (bus, router):
        await bus.publish([Entry(0, line(n)) for n in range(20)])
        await until(lambda: router.positions.get(0) == 20)
        await made_anew(kafka, topic, number)
        await until(lambda: 0 in router.halted)
        assert said in router.halted[0]


@pytest.mark.parametrize("number", [5, 50])
async def test_a_topic_made_anew_under_a_reader_that_was_handed_nothing(kafka, topic, number):
    """It stands at the end and waits. Each partition says so once, and does not keep the others from being read."""
    bus = KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, 2))
    await bus.open()
    await bus.publish([Entry(partition, line(n)) for n in range(20) for partition in (0, 1)])
    reader = bus.subscribe("a", lambda partition: 0 if partition == CONTROL else 20)
    assert await reader.read(10, 1.0) is None
    await made_anew(kafka, topic, number, partitions=2)
    halted = []
    async with asyncio.timeout(30):
        while len(halted) < 2:
            try:
                assert await reader.read(10, 0.2) is None
            except PartitionHalted as error:
                halted.append(error.partition)
    assert sorted(halted) == [0, 1]
    await bus.publish([Entry(CONTROL, b"c")])
    assert (await reader.read(10, 10.0)).partition == CONTROL
    reader.rewind(0, 0)
    assert (await reader.read(10, 10.0)).start == 0
    await bus.close()


async def test_partitions_that_are_added(kafka, topic, tmp_path):
    """They are read and own no keys, and an alarm says so; after a restart as well."""
    async with deciding(kafka, topic, tmp_path, partitions=2) as (bus, router):
        await until(lambda: router.ready)
        async with admin(kafka) as client:
            await client.create_partitions({topic: NewPartitions(3)})
        await until(lambda: 2 in router.positions)
        assert (bus.partitions, bus.added) == (2, 1)
        assert ADDED in await alarms(bus)
        with pytest.raises(ValueError, match="partition 2 does not exist"):
            await bus.publish([Entry(2, line(0))])
    async with deciding(kafka, topic, tmp_path, partitions=2) as (bus, router):
        await until(lambda: 2 in router.positions)
        assert not router.halted


async def test_the_control_topic_made_anew(kafka, topic, tmp_path):
    """Control is compared like the rest."""
    async with deciding(kafka, topic, tmp_path) as (bus, router):
        await bus.publish([Entry(CONTROL, line(n)) for n in range(5)])
        await until(lambda: router.positions.get(CONTROL) == 5)
    await kafka.delete_topic(topic + CONTROL_SUFFIX)
    async with deciding(kafka, topic, tmp_path) as (_, router):
        await until(lambda: CONTROL in router.halted)


async def test_a_topic_deleted_under_a_running_router_is_not_made_again(kafka, topic, tmp_path):
    """Else events would be accepted into a log that nobody decides."""
    async with deciding(kafka, topic, tmp_path) as (bus, router):
        await bus.publish([Entry(0, line(n)) for n in range(5)])
        await until(lambda: router.positions.get(0) == 5)
        await kafka.delete_topic(topic)
        async with asyncio.timeout(60):
            while "is not there any more; restore it" not in bus.full:
                with contextlib.suppress(StorageError):
                    await bus.publish([Entry(0, line("later"))])
                await asyncio.sleep(0.1)
        async with admin(kafka) as client:
            assert topic not in await client.list_topics()
        await kafka.create_topic(topic, **{"message.timestamp.type": "LogAppendTime"})
        await until(lambda: 0 in router.halted)
        await until(lambda: not bus.full)
