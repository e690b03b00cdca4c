"""The broker of the suite does what its users rely on: ready when told, the same data after a kill, all listeners."""

import asyncio
import contextlib
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def test_what_was_sent_is_read_again_after_a_kill_and_a_freeze(own_kafka, topic):
    kafka = await asyncio.to_thread(own_kafka)
    await kafka.create_topic(topic, partitions=2, **{"message.timestamp.type": "LogAppendTime"})
    [node] = kafka.nodes
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        sent = await producer.send_and_wait(topic, b"before", partition=1)
        assert sent.timestamp_type == 1
    await asyncio.to_thread(node.kill)
    await asyncio.to_thread(node.restart)
    node.freeze()
    async with asyncio.timeout(20):
        later = asyncio.create_task(_read(kafka.bootstrap, topic))
        await asyncio.wait([later], timeout=0.3)
        assert not later.done()
        node.thaw()
        assert await later == [b"before"]


@pytest.mark.parametrize(
    ("listener", "mechanism"),
    [("SASL_PLAINTEXT", "PLAIN"), ("SASL_SSL", "SCRAM-SHA-512"), ("SASL_SSL", "SCRAM-SHA-256"), ("SSL", None)],
)
async def test_each_listener_takes_who_may_come_in(secured, topic, listener, mechanism):
    await secured.create_topic(topic)
    context = ssl.create_default_context(cafile=secured.certificates.ca) if "SSL" in listener else None
    sasl = {"sasl_mechanism": mechanism, "sasl_plain_username": "ef", "sasl_plain_password": "s3cret"}
    async with AIOKafkaProducer(
        bootstrap_servers=secured.at(listener), security_protocol=listener, ssl_context=context,
        **(sasl if mechanism else {}),
    ) as producer:  # fmt: skip
        assert (await producer.send_and_wait(topic, b"x")).offset == 0


async def test_three_brokers_go_on_when_one_is_killed(own_kafka, topic):
    kafka = await asyncio.to_thread(own_kafka, brokers=3, replication=3, min_insync=2)
    await kafka.create_topic(topic, partitions=3)
    kafka.nodes[2].kill()
    async with asyncio.timeout(30), AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        for partition in range(3):
            await producer.send_and_wait(topic, b"x", partition=partition)


async def test_the_shared_broker_makes_topics(kafka, topic):
    await kafka.create_topic(topic, partitions=3)
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap) as consumer:
        assert consumer.partitions_for_topic(topic) == {0, 1, 2}


def test_no_broker_outlives_a_test_process_that_is_killed(kafka_classes, tmp_path):
    program = (
        "import pathlib, signal, sys\n"
        "from tests.peers.kafka import Cluster\n"
        "cluster = Cluster(pathlib.Path(sys.argv[1]), archive=pathlib.Path(sys.argv[2]))\n"
        "print(cluster.start().nodes[0].process.pid, flush=True)\n"
        "signal.pause()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(kafka_classes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tests:
        broker = Path(f"/proc/{int(tests.stdout.readline())}")
        assert broker.exists()
        tests.kill()
    deadline = time.monotonic() + 20
    while _runs(broker):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(process):
    with contextlib.suppress(OSError):
        return "State:\tZ" not in (process / "status").read_text()
    return False


@pytest.fixture
def secured(own_kafka):
    return own_kafka(listeners=("SASL_PLAINTEXT", "SASL_SSL", "SSL"), users={"ef": "s3cret"})


async def _read(bootstrap, topic):
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    while True:
        try:
            await consumer.start()
            break
        except Exception:  # noqa: BLE001 - it is frozen; that it answers once it is thawed is what is tested
            await consumer.stop()
            consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    try:
        return [(await consumer.getone()).value]
    finally:
        await consumer.stop()
