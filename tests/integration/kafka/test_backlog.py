"""A log full of data: control comes first all the same, and what is fetched meanwhile does not pile up in memory."""

import asyncio

from eventflow.buses.kafka import KafkaBus
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import Wanted
from eventflow.model.record import CONTROL, Entry

PARTITIONS, ROUNDS, LIMIT = 2, 40, 100
LINE = b'{"specversion":"1.0","id":"%d","source":"s","type":"t"}'


async def test_what_waits_for_control_does_not_gather_data(kafka, topic):
    """Aiokafka fetches nothing from a broker while it holds unread records of it: these are not to be taken for that.

    A batch of control may be waited for again and again, so whatever is kept at each wait must not grow.
    """
    bus = KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, PARTITIONS))
    await bus.open()
    try:
        for partition in range(PARTITIONS):
            await bus.publish([Entry(partition, LINE % n) for n in range(20_000)])
        subscription = bus.subscribe("g", lambda partition: 0)
        async with asyncio.timeout(30):
            while (batch := await subscription.read(LIMIT, 5.0)) is None or batch.partition == CONTROL:
                pass
            most = 0
            for number in range(ROUNDS):
                await bus.publish([Entry(CONTROL, LINE % number, own=True)])
                while (batch := await subscription.read(LIMIT, 5.0)) is None:
                    pass
                assert batch.partition == CONTROL, f"data before control, in round {number}"
                assert [record.offset for record in batch.records] == [number]
                most = max(most, sum(map(len, subscription._buffer.values())))
        assert most <= LIMIT
    finally:
        await bus.close()
