"""Topics of others as a source, in a whole house on a real broker."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from eventflow import Eventflow
from eventflow.cli.doctor.bench import Bench
from eventflow.cli.doctor.kafka import checks
from eventflow.cli.doors import Door
from eventflow.model.record import Ref

CE = [("content-type", b"application/cloudevents+json")]


def cloudevent(id_, **more):
    return json.dumps({"specversion": "1.0", "id": id_, "source": "/shop", "type": "order.created", **more}).encode()


@asynccontextmanager
async def house(tmp_path, url, *, secrets=(), **config):
    """A house with the one source `orders`; fields beside `config` go to the source."""
    fields = {name: config.pop(name) for name in ("map", "partition_key") if name in config}
    source = {"type": "kafka", "config": {"url": url, **config}, **fields}
    if secrets:
        (tmp_path / "password").write_text(secrets)
        source["auth"] = {"secrets": [f"file:{tmp_path / 'password'}"]}
    settings = {
        "data_dir": str(tmp_path / "data"), "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"},
        "workflows": str(tmp_path), "sources": {"orders": source},
    }  # fmt: skip
    async with Eventflow(settings) as flow:
        await flow.ready()
        yield flow


async def send(kafka, topic, *messages):
    """Each message is (value, headers, key)."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for value, headers, key in messages:
            await producer.send_and_wait(topic, value, key=key, headers=headers, partition=0)


async def events(flow, count):
    """The first `count` events of the log that are not the engine's."""
    async with asyncio.timeout(30):
        while True:
            bounds = await flow.bus.bounds(0)
            records = await flow.bus.fetch([Ref(0, offset) for offset in range(bounds.start, bounds.end)])
            found = [json.loads(record.data) for record in records]
            found = [one for one in found if one["source"] != "eventflow"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def dead(flow, count):
    async with asyncio.timeout(30):
        while len(found := await flow.store.dead(100)) < count:
            await asyncio.sleep(0.05)
    return [letter for _, letter in reversed(found)]


async def test_cloudevents_in_both_modes_and_what_is_none(kafka, topic, tmp_path):
    await kafka.create_topic(topic)
    binary = [("ce_specversion", b"1.0"), ("ce_id", b"2"), ("ce_source", b"/shop"), ("ce_type", b"order.paid"),
              ("ce_traceparent", b"00-1-2-01"), ("content-type", b"application/json")]  # fmt: skip
    await send(
        kafka, topic,
        (cloudevent("1", data={"total": 3}, partitionkey="mine"), CE, b"ann"),
        (b"no event", [], None),
        (b'{"total": 4}', binary, b"bob"),
        (cloudevent("3", specversion="0.3"), CE, None),
        (cloudevent("4", source="eventflow"), CE, None),
        (cloudevent("5", sourcename="github"), CE, None),
        (None, [], b"carl"),
        (cloudevent("1", data={"total": 9}), CE, None),
        (cloudevent("6"), CE, b"\xff"),
    )  # fmt: skip
    async with house(tmp_path, f"kafka://{kafka.bootstrap}/{topic}") as flow:
        one, two, gone, last = await events(flow, 4)
        letters = await dead(flow, 5)
    assert (one["id"], one["data"], one["partitionkey"]) == ("1", {"total": 3}, "mine")
    assert (two["id"], two["type"], two["data"], two["partitionkey"]) == ("2", "order.paid", {"total": 4}, "bob")
    assert two["traceparent"] == "00-1-2-01"
    assert (gone["kind"], gone["partitionkey"], "data" in gone) == ("kafka.tombstone", "carl", False)
    assert (last["id"], "partitionkey" in last) == ("6", False)
    assert {event["sourcename"] for event in (one, two, gone, last)} == {"orders"}
    said = [letter.error for letter in letters]
    for text, word in zip(said, ("neither", "0.3", "engine's own", "engine only", "another body"), strict=True):
        assert word in text
        assert f"topic {topic} partition 0 offset" in text
    assert msgspec.json.decode(letters[0].data)["data"]["body"] == "no event"


async def test_json_goes_through_the_mapping(kafka, topic, tmp_path):
    await kafka.create_topic(topic)
    before = int(time.time() * 1000)
    new, old = [("X-Kind", b"new")], [("x-kind", b"old")]
    await send(kafka, topic, (b'{"no": 7, "who": "ann"}', new, b"k"), (b"{", [], None))
    await send(kafka, topic, (b'{"who": "bob"}', new, None), (b'{"no": 8, "who": "c"}', old, None))
    mapping = {"id": "string(body.no)", "type": '"order." + headers["x-kind"]', "subject": "body.who + query.partition"}
    async with house(tmp_path, f"kafka://{kafka.bootstrap}/{topic}", format="json", map=mapping) as flow:
        one, two = await events(flow, 2)
        broken, unmapped = await dead(flow, 2)
    assert (one["id"], one["type"], one["subject"], one["data"]["no"]) == ("7", "order.new", "ann0", 7)
    assert (two["id"], two["type"]) == ("8", "order.old")
    assert msgspec.convert(one["time"], type=datetime).timestamp() * 1000 >= before
    assert "not JSON" in broken.error
    assert "map.id" in unmapped.error


async def test_a_mapped_id_that_comes_again_with_another_body_is_a_dead_letter(kafka, topic, tmp_path):
    await kafka.create_topic(topic)
    bodies = (b'{"no": 7, "state": "placed"}', b'{"no": 7, "state": "paid"}', b'{"no": 7, "state": "placed"}')
    await send(kafka, topic, *((body, [], None) for body in bodies))
    url = f"kafka://{kafka.bootstrap}/{topic}"
    async with house(tmp_path, url, format="json", map={"id": "string(body.no)"}) as flow:
        [letter] = await dead(flow, 1)
        assert "offset 1: an event with this source and id came before, with another body" in letter.error
        assert [one["data"]["state"] for one in await events(flow, 1)] == ["placed"]


async def test_text_and_bytes_keep_their_place_as_id(kafka, topic, tmp_path):
    await kafka.create_topic(topic)
    await send(kafka, topic, ("grüße".encode(), [], None), (b"\xff", [], None))
    async with house(tmp_path, f"kafka://{kafka.bootstrap}/{topic}", format="text") as flow:
        [one] = await events(flow, 1)
        await dead(flow, 1)
    assert one["data"] == "grüße"
    assert one["id"].startswith(f"{topic}/0/0@")
    assert one["type"] == f"kafka.{topic}"
    other = tmp_path / "other"
    other.mkdir()
    async with house(other, f"kafka://{kafka.bootstrap}/{topic}", format="bytes", group=f"{topic}-2") as flow:
        assert [event["data_base64"] for event in await events(flow, 2)] == ["Z3LDvMOfZQ==", "/w=="]


async def test_latest_and_a_time_are_where_a_new_group_begins(kafka, topic, tmp_path):
    await kafka.create_topic(topic)
    await send(kafka, topic, (b"old", [], None))
    await asyncio.sleep(0.01)
    middle = time.time_ns() // 1_000_000 + 1
    await asyncio.sleep(0.01)
    await send(kafka, topic, (b"new", [], None))
    url = f"kafka://{kafka.bootstrap}/{topic}"
    stamp = datetime.fromtimestamp(middle / 1000, UTC).isoformat()
    async with house(tmp_path, url, format="text", start=stamp) as flow:
        assert [event["data"] for event in await events(flow, 1)] == ["new"]
    late = tmp_path / "late"
    late.mkdir()
    async with house(late, url, format="text", group=f"{topic}-late", start="latest") as flow:
        pull = flow._doors._pullers._pullers[0]._source
        async with asyncio.timeout(20):
            while not pull._partitions:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.6)  # one pull has begun
        await send(kafka, topic, (b"newest", [], None))
        assert [event["data"] for event in await events(flow, 1)] == ["newest"]


async def test_a_second_start_goes_on_where_the_first_was(kafka, topic, tmp_path):
    await kafka.create_topic(topic)
    url = f"kafka://{kafka.bootstrap}/{topic}"
    await send(kafka, topic, (b"a", [], None))
    async with house(tmp_path, url, format="text") as flow:
        await events(flow, 1)
    await send(kafka, topic, (b"b", [], None))
    async with house(tmp_path, url, format="text") as flow:
        assert [event["data"] for event in await events(flow, 2)] == ["a", "b"]


async def test_messages_that_retention_took_are_told_and_it_goes_on(kafka, topic, tmp_path):
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.records_to_delete import RecordsToDelete
    from aiokafka.structs import TopicPartition

    await kafka.create_topic(topic)
    url = f"kafka://{kafka.bootstrap}/{topic}"
    await send(kafka, topic, (b"0", [], None))
    async with house(tmp_path, url, format="text") as flow:
        await events(flow, 1)
    await send(kafka, topic, *[(str(number).encode(), [], None) for number in range(1, 6)])
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=4)})
    await admin.close()
    async with house(tmp_path, url, format="text") as flow:
        assert [event["data"] for event in await events(flow, 3)] == ["0", "4", "5"]
        [letter] = await dead(flow, 1)
    assert "3 messages were removed" in letter.error


async def test_partitions_that_are_added_are_read(kafka, topic, tmp_path):
    from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

    await kafka.create_topic(topic)
    async with house(tmp_path, f"kafka://{kafka.bootstrap}/{topic}", format="text") as flow:
        await send(kafka, topic, (b"0", [], None))
        await events(flow, 1)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.create_partitions({topic: NewPartitions(2)})
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            await producer.send_and_wait(topic, b"1", partition=1)
        assert {event["data"] for event in await events(flow, 2)} == {"0", "1"}


async def test_the_broker_goes_and_comes_back(own_kafka, topic, tmp_path):
    kafka = await asyncio.to_thread(own_kafka)
    await kafka.create_topic(topic)
    async with house(tmp_path, f"kafka://{kafka.bootstrap}/{topic}", format="text") as flow:
        await send(kafka, topic, (b"a", [], None))
        await events(flow, 1)
        await asyncio.to_thread(kafka.nodes[0].kill)
        await asyncio.to_thread(kafka.nodes[0].restart)
        await send(kafka, topic, (b"b", [], None))
        assert [event["data"] for event in await events(flow, 2)] == ["a", "b"]


async def test_doctor_looks_at_sources_too(kafka, topic, tmp_path):
    await kafka.create_topic(topic)
    file = tmp_path / "eventflow.yaml"
    urls = {"here": f"kafka://{kafka.bootstrap}/{topic}", "gone": f"kafka://{kafka.bootstrap}/{topic}-gone"}
    sources = {name: {"type": "kafka", "config": {"url": url}} for name, url in urls.items()}
    file.write_text(json.dumps({"data_dir": str(tmp_path / "data"), "sources": sources}))
    bench = Bench(Door(str(file), as_json=False))
    here, gone = await asyncio.to_thread(lambda: list(checks(bench)))
    assert (here.level, here.sentence) == ("ok", "source here reaches its topics")
    assert gone.level == "fail"
    assert gone.sentence.startswith(f"source gone: there is no topic '{topic}-gone'")


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_log_in_and_tls(secured, topic, tmp_path, listener):
    await secured.create_topic(topic)
    await send(secured, topic, (b"a", [], None))
    url = f"kafka://{secured.at(listener)}/{topic}"
    tls = {"tls": {"ca": str(secured.certificates.ca)}} if "SSL" in listener else {}
    sasl = {"username": "ef", "mechanism": "SCRAM-SHA-512"}
    async with house(tmp_path, url, format="text", secrets="s3cret", sasl=sasl, **tls) as flow:
        await events(flow, 1)
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    async with house(wrong, url, format="text", secrets="wrong", sasl=sasl, **tls) as flow:
        async with asyncio.timeout(20):
            while not (trouble := flow._doors._pullers.trouble):
                await asyncio.sleep(0.05)
    assert "wrong user name or password" in trouble["orders"]
    assert "sources.orders.config.sasl" in trouble["orders"]


async def test_a_topic_that_is_not_there_is_waited_for(kafka, topic, tmp_path):
    async with house(tmp_path, f"kafka://{kafka.bootstrap}/{topic}", format="text") as flow:
        async with asyncio.timeout(20):
            while not (trouble := flow._doors._pullers.trouble):
                await asyncio.sleep(0.05)
        assert f"no topic '{topic}'" in trouble["orders"]
        assert b'eventflow_source_waiting{source="orders"} 1.0' in await flow._doors.metrics()
        await kafka.create_topic(topic)
        await send(kafka, topic, (b"a", [], None))
        await events(flow, 1)


@pytest.fixture
def secured(own_kafka):
    return own_kafka(listeners=("SASL_PLAINTEXT", "SASL_SSL"), users={"ef": "s3cret"})
