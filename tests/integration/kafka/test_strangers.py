"""Strangers at the bus's own topic: their events count, what is none is a dead letter, and they can read ours.

The stranger is confluent-kafka, with a partitioner of its own.
"""

import asyncio
import json
from contextlib import asynccontextmanager

import msgspec
from confluent_kafka import Consumer, Producer

from eventflow import Eventflow
from eventflow.console.reads import event_body
from eventflow.kafka import cloudevents
from eventflow.model.control import START, TICK, Start, Tick
from eventflow.model.control import record as engine_record
from eventflow.model.record import CONTROL, Entry, Ref

NOTED = """
metadata: {name: Noted}
triggers:
  - {id: each, type: event, config: {event: order.*}}
steps:
  - {name: note, uses: run.annotate, with: {text: came}}
"""
FIRST = """
metadata: {name: First}
triggers:
  - {id: per_customer, type: event, config: {event: order.*, key: event.data.customer, limit: [{max: 1, per: 1d}]}}
steps:
  - {name: note, uses: run.annotate, with: {text: first}}
"""
PARTITIONS = 6


@asynccontextmanager
async def house(kafka, topic, tmp_path):
    for name, text in (("noted", NOTED), ("first", FIRST)):
        (tmp_path / "workflows").mkdir(exist_ok=True)
        (tmp_path / "workflows" / f"{name}.yaml").write_text(text)
    settings = {
        "data_dir": str(tmp_path / "data"), "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"},
        "bus": {"url": f"kafka://{kafka.bootstrap}/{topic}", "partitions": PARTITIONS},
        "workflows": str(tmp_path / "workflows"),
    }  # fmt: skip
    async with Eventflow(settings) as flow:
        await flow.ready()
        yield flow


def event(number, **more):
    fields = {"specversion": "1.0", "id": str(number), "source": "/shop", "type": "order.created"}
    return json.dumps({**fields, "data": {"customer": f"c{number % 7}"}, **more}).encode()


def binary(number):
    headers = {"ce_specversion": "1.0", "ce_id": str(number), "ce_source": "/shop", "ce_type": "order.paid",
               "content-type": "application/json"}  # fmt: skip
    return json.dumps({"customer": f"c{number % 7}"}).encode(), headers


def send(kafka, topic, messages, **where):
    """Each message is (value, headers); sent by the stranger, its keys by its own partitioner."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})
    for number, (value, headers) in enumerate(messages):
        producer.produce(topic, value, key=f"key{number % 11}", headers=headers, **where)
    assert producer.flush(20) == 0


async def runs(flow, workflow, count):
    async with asyncio.timeout(60):
        while (found := (await flow.store.counts()).get((workflow, "succeeded"), 0)) < count:
            await asyncio.sleep(0.05)
    return found


async def dead(flow, count):
    async with asyncio.timeout(30):
        while len(found := await flow.store.dead(1000)) < count:
            await asyncio.sleep(0.05)
    return [letter for _, letter in found]


async def test_events_of_strangers_in_both_modes_start_runs(kafka, topic, tmp_path):
    async with house(kafka, topic, tmp_path) as flow:
        structured = {"content-type": "application/cloudevents+json"}
        messages = [(event(number), structured) for number in range(100)]
        messages += [binary(number) for number in range(100, 200)]
        await asyncio.to_thread(send, kafka, topic, messages)
        await runs(flow, "noted", 200)
        assert await runs(flow, "first", 7) == 7
        assert await flow.store.dead(10) == []
        assert (await flow.store.counts())["noted", "succeeded"] == 200


async def test_what_is_no_event_or_a_forgery_is_a_dead_letter_and_never_fatal(kafka, topic, tmp_path):
    ours = {"content-type": "application/cloudevents+json; charset=UTF-8"}
    start = engine_record(START, "forged", 1_700_000_000_000_000, Start("noted"))
    tick = engine_record(TICK, "forged", 1_700_000_000_000_000, Tick(1_700_000_000_000_000))
    strange = [
        (b"", None), (b"\xff\x00garbage", None), (b"[]", ours), (b'"text"', ours), (b"null", ours), (None, None),
        (event(1, specversion="0.3"), ours), (b"[" * 100_000, ours), (event(2, source="eventflow"), ours), (tick, ours),
        (start, ours), (event(3, sourcename="github"), ours), (event(4, eventflowhops=1), ours),
        (event(5, kind="detector.raised"), ours), (tick, {**ours, "eventflow-seal": b"x" * 32}),
        (b"{}", {"ce_id": b"\xff"}), (b"{}", {"content-type": "application/cloudevents-batch+json"}),
    ]  # fmt: skip
    async with house(kafka, topic, tmp_path) as flow:
        await asyncio.to_thread(send, kafka, topic, strange)
        await asyncio.to_thread(send, kafka, f"{topic}.control", [(start, ours), (event(6), ours)])
        letters = await dead(flow, len(strange) + 2)
        assert len(letters) == len(strange) + 2
        assert all(letter.error.startswith("NotAnEvent: ") for letter in letters), {one.error for one in letters}
        kept = [value if value and len(value) <= 64 << 10 else b"" for value, _ in strange]  # no more of one
        assert sorted(letter.data for letter in letters) == sorted([*kept, start, event(6)])
        for letter in letters:
            [record] = await flow.bus.fetch([letter.ref])
            assert await flow.explain(letter.ref) == []
            assert any(letter.error in note for note in await flow.why.notes(record))
            shown = event_body(record)
            assert shown.data is None
        await asyncio.to_thread(send, kafka, topic, [(event(7), ours)])
        assert await runs(flow, "noted", 1) == 1
        assert flow.halted == {}


async def test_a_sealed_record_cannot_be_moved_and_a_copy_changes_nothing(kafka, topic, tmp_path):
    async with house(kafka, topic, tmp_path) as flow:
        start = engine_record(START, "s1", flow.bus.now(), Start("noted"))
        await flow.bus.publish([Entry(CONTROL, start)])
        await runs(flow, "noted", 1)
        messages = await asyncio.to_thread(read, kafka, f"{topic}.control")
        [(value, headers)] = [(value, headers) for value, headers in messages if b'"s1"' in value]
        assert "eventflow-seal" in headers
        await asyncio.to_thread(send, kafka, f"{topic}.control", [(value, headers)] * 3)
        await asyncio.to_thread(send, kafka, topic, [(value, headers)])
        [letter] = await dead(flow, 1)
        assert "moved" in letter.error
        await asyncio.to_thread(send, kafka, topic, [(event(1), {"content-type": "application/cloudevents+json"})])
        assert await runs(flow, "noted", 2) == 2


async def test_a_stranger_reads_what_we_write(kafka, topic, tmp_path):
    async with house(kafka, topic, tmp_path) as flow:
        made = [flow.event("order.created", {"customer": f"c{number}"}, subject=f"s{number}") for number in range(50)]
        await flow.emit(*made)
        found = await asyncio.to_thread(read, kafka, topic, 50)
    ours = {}
    for value, headers in found:
        line = cloudevents.line(value, list(headers.items()))
        one = msgspec.json.decode(line)
        if one["source"] != "eventflow":
            ours[one["id"]] = (one["data"], one["subject"])
    assert ours == {one.id: (one.data, one.subject) for one in made}


async def test_its_own_records_are_what_the_engine_reads_again_after_a_restart(kafka, topic, tmp_path):
    async with house(kafka, topic, tmp_path) as flow:
        await flow.emit(*[flow.event("order.created", {"customer": "c1"}, subject=f"s{n}") for n in range(20)])
        await runs(flow, "noted", 20)
        assert await runs(flow, "first", 1) == 1
    async with house(kafka, topic, tmp_path) as flow:
        await flow.emit(*[flow.event("order.created", {"customer": "c1"}, subject=f"s{n}") for n in range(20)])
        await runs(flow, "noted", 40)
        assert (await flow.store.counts())["first", "succeeded"] == 1
        assert await flow.store.dead(10) == []
        assert await flow.bus.fetch([Ref(CONTROL, 10_000)]) == [None]


def read(kafka, topic, least=1):
    """What a stranger's consumer finds: (value, headers) of at least so many messages, then what comes in a moment."""
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": f"{topic}-stranger", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found = []
    try:
        for _ in range(200):
            batch = consumer.consume(500, timeout=0.3)
            if not batch and len(found) >= least:
                return found
            found += [(one.value(), dict(one.headers() or ())) for one in batch if not one.error()]
    finally:
        consumer.close()
    raise AssertionError(f"only {len(found)} of {least} messages came")
