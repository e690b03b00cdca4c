"""Kafka as the bus against bare aiokafka, and a router with one rule against FastStream, on a real broker.

Alternating pairs in one process, CPU time of the client, median of five, after a warm-up; the broker is the tests' own.
FastStream is measured where it is installed.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.route import Nowhere, events, front
from eventflow.buses.kafka import KafkaBus
from eventflow.ingest.gateway import Gateway
from eventflow.kafka.codec import SealedCodec
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import Wanted
from eventflow.model.event import format_time, from_micros
from eventflow.model.record import Entry
from eventflow.ports import wall
from eventflow.route.router import Router
from tests.peers.kafka import Cluster, archive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PARTITIONS, COUNT, BATCH = 4, 40_000, 1000
numbers = iter(range(1 << 30))


def bus_of(bootstrap: str, topic: str) -> KafkaBus:
    return KafkaBus(Connection((bootstrap,)), Wanted(topic, PARTITIONS), codec=SealedCodec(bytes(32)))


async def filled(bootstrap: str, lines: list[bytes]) -> str:
    """A topic with these events, spread over its partitions."""
    topic = f"bench-{next(numbers)}"
    bus = bus_of(bootstrap, topic)
    await bus.open()
    for start in range(0, len(lines), BATCH):
        await bus.publish([Entry(start // BATCH % PARTITIONS, line) for line in lines[start : start + BATCH]])
    await bus.close()
    return topic


# --- reading ------------------------------------------------------------------------------------------------------


async def bare_read(bootstrap: str, topic: str) -> float:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, 0)
    seen, began = 0, time.process_time()
    while seen < COUNT:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=BATCH)).values():
            for record in records:
                orjson.loads(record.value)
            seen += len(records)
    spent = time.process_time() - began
    await consumer.stop()
    return spent


async def router_read(bootstrap: str, topic: str, triggers: int) -> float:
    bus, store = bus_of(bootstrap, topic), Nowhere(front(triggers))
    await bus.open()
    router = Router(bus, store)  # type: ignore[arg-type]
    began = time.process_time()
    running = asyncio.get_running_loop().create_task(router.run())
    while router.catalogue != 1:  # noqa: ASYNC110 - the router tells nobody
        await asyncio.sleep(0.001)
    compiled = time.process_time() - began
    while sum(at for partition, at in router.positions.items() if partition >= 0) < COUNT:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.002)
    spent = time.process_time() - began - compiled
    router.drain()
    await running
    await bus.close()
    return spent


# --- writing ------------------------------------------------------------------------------------------------------


async def bare_write(bootstrap: str, bodies: list[bytes]) -> float:
    """What a loop over `send_batch` costs for the same bodies: split, batch, wait for all replicas."""
    topic = await filled(bootstrap, [])
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type="zstd",
        max_batch_size=1 << 20, linger_ms=0,
    )  # fmt: skip
    await producer.start()
    began = time.process_time()
    for number, body in enumerate(bodies):
        batch = producer.create_batch()
        for line in body.splitlines():
            if batch.append(key=None, value=line, timestamp=None) is None:
                await (await producer.send_batch(batch, topic, partition=number % PARTITIONS))
                batch = producer.create_batch()
                batch.append(key=None, value=line, timestamp=None)
        await (await producer.send_batch(batch, topic, partition=number % PARTITIONS))
    spent = time.process_time() - began
    await producer.stop()
    return spent


async def bus_write(bootstrap: str, bodies: list[bytes], *, door: bool) -> float:
    topic = f"bench-{next(numbers)}"
    bus = bus_of(bootstrap, topic)
    await bus.open()
    gateway = Gateway(bus)
    sender = gateway.sender("bench")
    began = time.process_time()
    for number, body in enumerate(bodies):
        lines = body.splitlines()
        if door:
            await gateway.accept(sender, gateway.checker.check(lines))
        else:
            await bus.publish([Entry(number % PARTITIONS, line, key="k") for line in lines])
    spent = time.process_time() - began
    await bus.close()
    return spent


# --- a peer -------------------------------------------------------------------------------------------------------


async def faststream_read(bootstrap: str, topic: str) -> float:
    """The same rule in FastStream: a batch subscriber that decodes each message and asks one question."""
    from faststream import FastStream  # type: ignore[import-not-found]
    from faststream.kafka import KafkaBroker  # type: ignore[import-not-found]

    broker = KafkaBroker(bootstrap, logger=None)
    seen, hits, done = 0, 0, asyncio.Event()

    @broker.subscriber(topic, batch=True, max_records=BATCH, auto_offset_reset="earliest", group_id=f"g{next(numbers)}")
    async def handle(messages: list[Any]) -> None:
        nonlocal seen, hits
        for one in messages:
            event = one if isinstance(one, dict) else orjson.loads(one)
            data = event["data"]
            hits += event["type"] == "git.push" and data["service"] == "service-0" and data["name"] == "Rule0"
        seen += len(messages)
        if seen >= COUNT:
            done.set()

    app = FastStream(broker, logger=None)
    began = time.process_time()
    await app.start()
    await done.wait()
    spent = time.process_time() - began
    await app.stop()
    return spent


# --- the table ----------------------------------------------------------------------------------------------------


async def pairs(
    name: str, goal: float, limit: Callable[[], Awaitable[float]], ours: Callable[[], Awaitable[float]]
) -> None:
    await limit()
    await ours()
    found = [(await limit(), await ours()) for _ in range(5)]
    ratio = statistics.median(theirs / mine for theirs, mine in found)
    theirs, mine = (statistics.median(column) / COUNT * 1e6 for column in zip(*found, strict=True))
    print(f"  {name:<58} {ratio:.2f} (goal {goal})   {mine:.2f} µs an event against {theirs:.2f}", flush=True)


def _foreign(event: dict[str, Any]) -> dict[str, Any]:
    """As a sender may say it: without what only a door adds, and of now."""
    kept = {name: value for name, value in event.items() if not name.startswith("source") or name == "source"}
    return kept | {"time": format_time(from_micros(wall()))}


async def measure(bootstrap: str) -> None:
    lines = [orjson.dumps(_foreign(orjson.loads(record.data))) for record in events(COUNT)]
    bodies = [b"\n".join(lines[start : start + BATCH]) for start in range(0, COUNT, BATCH)]
    topic = await filled(bootstrap, lines)
    print(f"{COUNT} events of {sum(map(len, lines)) // COUNT} B, {PARTITIONS} partitions, zstd")
    await pairs(
        "bus.publish ÷ bare send_batch", 0.7,
        lambda: bare_write(bootstrap, bodies), lambda: bus_write(bootstrap, bodies, door=False),
    )  # fmt: skip
    await pairs(
        "NDJSON checked and published ÷ bare send_batch", 0.7,
        lambda: bare_write(bootstrap, bodies), lambda: bus_write(bootstrap, bodies, door=True),
    )  # fmt: skip
    for triggers, goal in ((1, 0.6), (1000, 0.3)):
        await pairs(
            f"router, {triggers} trigger(s) ÷ bare getmany + orjson.loads", goal,
            lambda: bare_read(bootstrap, topic), lambda triggers=triggers: router_read(bootstrap, topic, triggers),
        )  # fmt: skip
    try:
        await pairs(
            "router, one rule ÷ FastStream, batch subscriber", 1.0,
            lambda: faststream_read(bootstrap, topic), lambda: router_read(bootstrap, topic, 1),
        )  # fmt: skip
    except ImportError:
        print("  FastStream is not installed: pip install 'faststream[kafka]'")


def main() -> None:
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), archive=archive()) as cluster:
        asyncio.run(measure(cluster.bootstrap))


if __name__ == "__main__":
    main()
