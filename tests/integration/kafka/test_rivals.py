"""Two data directories at one topic: a new one is refused, and two that run are told of each other."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka.admin import AdminClient

from eventflow import Eventflow
from eventflow.errors import SettingsError
from eventflow.kafka.connection import Connection
from eventflow.kafka.doctor import examine
from eventflow.kafka.topics import Wanted

TEXT = """
metadata: {name: Note}
triggers:
  - {id: thing, type: event, config: {event: thing}}
steps:
  - {name: note, uses: run.annotate, with: {text: seen}}
"""


def house(tmp_path, kafka, topic, name):
    (tmp_path / "workflows").mkdir(exist_ok=True)
    (tmp_path / "workflows" / "note.yaml").write_text(TEXT)
    bus = f"kafka://{kafka.bootstrap}/{topic}"
    given = {"data_dir": str(tmp_path / name), "workflows": [str(tmp_path / "workflows")], "bus": bus}
    return Eventflow(given, doors=False)


async def told(kafka, group):
    """How many places the group has."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    found = await admin.list_consumer_group_offsets(group)
    await admin.close()
    return len([one for one in found.values() if one.offset > 0])


async def until(holds):
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.1)


def forget(kafka, group):
    """As `kafka-consumer-groups --delete` does."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    [done] = admin.delete_consumer_groups([group]).values()
    done.result(20)


async def test_a_new_data_directory_does_not_decide_again_what_another_has(kafka, topic, tmp_path):
    group = f"eventflow.{topic}.router"
    async with house(tmp_path, kafka, topic, "one") as flow:
        await flow.ready()
        await flow.emit(flow.event("thing", {}))
        await until(lambda: _is(told(kafka, group)))
    with pytest.raises(SettingsError, match=r"decided before, with another data_dir \(\d records"):
        await house(tmp_path, kafka, topic, "two").open()
    asked = Connection((kafka.bootstrap,)), Wanted(topic, 1)
    assert "decided before" in (await examine(*asked, {}))[-1].sentence
    assert "decided before" not in str(await examine(*asked, {0: 1}))
    async with house(tmp_path, kafka, topic, "one") as flow:
        await flow.ready()
        assert flow.trouble() == {}
    await asyncio.to_thread(forget, kafka, group)
    async with house(tmp_path, kafka, topic, "two") as flow:
        await flow.ready()
        await until(lambda: _is(flow.store.runs(10)))


async def test_two_that_run_are_told_of_each_other(kafka, topic, tmp_path):
    async with house(tmp_path, kafka, topic, "one") as one, house(tmp_path, kafka, topic, "two") as two:
        await asyncio.gather(one.ready(), two.ready())
        async with asyncio.timeout(60):
            while not ("rival" in one.trouble() and "rival" in two.trouble()):
                await one.emit(one.event("thing", {}))
                await asyncio.sleep(0.2)
        assert "stop one of them" in one.trouble()["rival"]


async def _is(found):
    return bool(await found)
