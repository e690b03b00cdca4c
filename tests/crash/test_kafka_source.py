"""Kill -9 between the log having a message and Kafka knowing that: no message is lost, none counts twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from tests.crash.house import House

if TYPE_CHECKING:
    from pathlib import Path

NOTED = """
metadata: {name: Noted}
triggers:
  - {id: each, type: event, config: {source: orders}}
concurrency: {mode: parallel, max: 64}
steps:
  - {name: note, uses: run.annotate, with: {text: "came"}}
"""
COUNTED = """
metadata: {name: Counted}
triggers:
  - {id: most, type: event, config: {source: orders, key: event.partitionkey, limit: [{max: 80, per: 1d}]}}
concurrency: {mode: parallel, max: 64}
steps:
  - {name: note, uses: run.annotate, with: {text: "counted"}}
"""
ROUNDS, EACH, KEYS = 4, 100, 5


@pytest.mark.parametrize("bus", ["sqlite", "kafka"])
async def test_killed_after_storing_and_before_settling(kafka, topic, tmp_path: Path, bus: str):
    await kafka.create_topic(topic, partitions=3)
    log = {"url": f"kafka://{kafka.bootstrap}/{topic}.bus", "partitions": 6} if bus == "kafka" else "sqlite:"
    source = {"type": "kafka", "config": {"url": f"kafka://{kafka.bootstrap}/{topic}", "format": "json"}}
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer,
        House(tmp_path, "", {"noted": NOTED, "counted": COUNTED}, sources={"orders": source}, bus=log) as house,
    ):
        for round_ in range(ROUNDS):
            for number in range(EACH):
                await producer.send(topic, b"%d" % number, key=b"k%d" % (number % KEYS))
            await producer.flush()
            await house.launch({"EVENTFLOW_FAILPOINT": f"pull.stored:{round_ % 2 + 1}"})
            await producer.send(topic, b'"late"', key=b"k0")
            async with asyncio.timeout(60):
                assert house.process is not None
                while house.process.returncode is None and round_ % 2:
                    await asyncio.sleep(0.1)  # a second pull needs a second message
                    await producer.send(topic, b'"more"', key=b"k1")
                assert await house.process.wait() == -9, house.tail()
        await producer.flush()
        total = await _total(kafka, topic)
        await house.start()
        async with asyncio.timeout(60):
            while (await _runs(house, "noted")) < total:
                await asyncio.sleep(0.2)
        stored = [event for event in await house.every("/events") if event["source"] == "orders"]
        assert len(stored) > total, "nothing came twice, so nothing was tested"
        assert len({event["id"] for event in stored}) == total
        assert await _runs(house, "noted") == total
        # Every key has as many messages as its limit; one that was counted twice would leave no room for another.
        assert await _runs(house, "counted") == KEYS * ROUNDS * EACH // KEYS
        assert await house.stop(20) == 0


async def _runs(house: House, workflow: str) -> int:
    return len(await house.every(f"/runs?workflow={workflow}"))


async def _total(kafka, topic: str) -> int:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap) as consumer:
        return sum((await consumer.end_offsets([TopicPartition(topic, number) for number in range(3)])).values())
