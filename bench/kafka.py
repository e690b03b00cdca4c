"""Kafka as the bus against bare aiokafka, and a router with one rule against FastStream, on a real broker.

Alternating pairs, CPU time of the client, median of five, after a warm-up; the broker is the tests' own, and where none
can be had that is said. FastStream is brought into a folder that is thrown away, beside the project's own aiokafka.
The router commits to a store that keeps nothing, since neither of its limits keeps anything.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench import ingest
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
from tests.peers.kafka_parts import Missing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Cost = tuple[float, float]

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


class Spent:
    """CPU and wall seconds an event, from the moment it is made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def each(self, count: int) -> Cost:
        """Until now, for each of so many events."""
        return (time.process_time() - self._cpu) / count, (time.perf_counter() - self._wall) / count


async def bare_read(bootstrap: str, topic: str) -> Cost:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, 0)
    seen, spent = 0, Spent()
    while seen < COUNT:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=BATCH)).values():
            for record in records:
                orjson.loads(record.value)
            seen += len(records)
    found = spent.each(seen)
    await consumer.stop()
    return found


async def router_read(bootstrap: str, topic: str, triggers: int) -> Cost:
    bus, store = bus_of(bootstrap, topic), Nowhere(front(triggers))
    await bus.open()
    router = Router(bus, store)  # type: ignore[arg-type]

    def decided() -> int:
        return sum(at for partition, at in router.positions.items() if partition >= 0)

    running = asyncio.get_running_loop().create_task(router.run())
    while router.catalogue != 1:  # noqa: ASYNC110 - the router tells nobody
        await asyncio.sleep(0.001)
    before, spent = decided(), Spent()  # compiling the catalogue is over
    while decided() < COUNT:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.002)
    found = spent.each(COUNT - before)
    router.drain()
    await running
    await bus.close()
    return found


# --- writing ------------------------------------------------------------------------------------------------------


async def bare_write(bootstrap: str, bodies: list[bytes]) -> Cost:
    """What a loop over `send_batch` costs for the same bodies: split, batch, wait for all replicas."""
    topic = await filled(bootstrap, [])
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type="zstd",
        max_batch_size=1 << 20, linger_ms=0,
    )  # fmt: skip
    await producer.start()
    spent = Spent()
    for number, body in enumerate(bodies):
        batch = producer.create_batch()
        for line in body.splitlines():
            if batch.append(key=None, value=line, timestamp=None) is None:
                await (await producer.send_batch(batch, topic, partition=number % PARTITIONS))
                batch = producer.create_batch()
                batch.append(key=None, value=line, timestamp=None)
        await (await producer.send_batch(batch, topic, partition=number % PARTITIONS))
    found = spent.each(COUNT)
    await producer.stop()
    return found


async def bus_write(bootstrap: str, bodies: list[bytes], *, door: bool) -> Cost:
    topic = f"bench-{next(numbers)}"
    bus = bus_of(bootstrap, topic)
    await bus.open()
    gateway = Gateway(bus)
    sender = gateway.sender("bench")
    spent = Spent()
    for number, body in enumerate(bodies):
        lines = body.splitlines()
        if door:
            await gateway.accept(sender, gateway.checker.check(lines))
        else:
            await bus.publish([Entry(number % PARTITIONS, line, key="k") for line in lines])
    found = spent.each(COUNT)
    await bus.close()
    return found


async def serve_door(bootstrap: str, topic: str) -> None:
    """The door alone, in a process of its own: HTTP, token, checks, bus."""
    from eventflow.ingest.door import PublicDoor
    from eventflow.ingest.events import EventsDoor
    from eventflow.web.listener import Listener
    from eventflow.web.tokens import Tokens

    bus = bus_of(bootstrap, topic)
    await bus.open()
    tokens = Tokens(settings=[("bench", ["events:write"], ingest.TOKEN)])
    door = PublicDoor({"/events": EventsDoor(Gateway(bus), tokens)})
    print(await Listener(door).listen("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


class Door(ingest.Server):
    """That process."""

    module = "bench.kafka"

    @property
    def cpu(self) -> float:
        """Seconds of CPU of all its threads so far, to the nanosecond."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


async def http_write(bootstrap: str, bodies: list[bytes]) -> Cost:
    """The same bodies over HTTP, one request after the other on one connection."""
    headers = ("Content-Type: application/x-ndjson", f"Authorization: Bearer {ingest.TOKEN}")
    requests = iter([ingest.request("/events", body, *headers) for body in bodies])
    door = await asyncio.to_thread(Door, "door", bootstrap, f"bench-{next(numbers)}")
    try:
        cpu, wall, loop = door.cpu, time.perf_counter(), asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: ingest.Wire(requests, []), "127.0.0.1", door.port)
        await wire.ended
        return (door.cpu - cpu) / COUNT, (time.perf_counter() - wall) / COUNT
    finally:
        door.stop()


# --- a peer -------------------------------------------------------------------------------------------------------


def bring_faststream(folder: Path) -> str:
    """Its version, or nothing where it can't be had. What the project has itself stays the project's."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(folder)]
    done = subprocess.run([*pip, "faststream[kafka]"], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  FastStream can't be had, its row is left out: {done.stderr.strip()[-200:]}")
        return ""
    sys.path.append(str(folder))
    import faststream  # noqa: F401 - see that it can be had before anything is measured

    return version("faststream")


async def faststream_read(bootstrap: str, topic: str) -> Cost:
    """The same rule in FastStream: a batch subscriber that decodes each message and asks one question.

    Counted from its first batch on, as our router is from its first catalogue.
    """
    from faststream import FastStream  # type: ignore[import-not-found]
    from faststream.kafka import KafkaBroker  # type: ignore[import-not-found]

    broker = KafkaBroker(bootstrap, logger=None)
    seen, first, hits, spent, done = 0, 0, 0, Spent(), asyncio.Event()

    @broker.subscriber(topic, batch=True, max_records=BATCH, auto_offset_reset="earliest", group_id=f"g{next(numbers)}")
    async def handle(messages: list[Any]) -> None:
        nonlocal seen, first, hits, spent
        for one in messages:
            event = one if isinstance(one, dict) else orjson.loads(one)
            data = event["data"]
            hits += event["type"] == "git.push" and data["service"] == "service-0" and data["name"] == "Rule0"
        seen += len(messages)
        if not first:
            first, spent = seen, Spent()
        if seen >= COUNT:
            done.set()

    app = FastStream(broker, logger=None)
    await app.start()
    await done.wait()
    found = spent.each(seen - first)
    await app.stop()
    return found


# --- the table ----------------------------------------------------------------------------------------------------


async def pairs(
    name: str, goal: float, limit: Callable[[], Awaitable[Cost]], ours: Callable[[], Awaitable[Cost]]
) -> None:
    await limit()
    await ours()
    found = [(*await limit(), *await ours()) for _ in range(5)]
    cpu = statistics.median(theirs / mine for theirs, _, mine, _ in found)
    wall = statistics.median(theirs / mine for _, theirs, _, mine in found)
    theirs, _, mine, _ = (statistics.median(column) * 1e6 for column in zip(*found, strict=True))
    print(
        f"  {name:<58} {cpu:.2f} CPU, {wall:.2f} wall (goal {goal})   {mine:.2f} µs CPU an event against {theirs:.2f}",
        flush=True,
    )


def foreign(event: dict[str, Any]) -> dict[str, Any]:
    """As a sender may say it: without what only a door adds, and of now."""
    kept = {name: value for name, value in event.items() if not name.startswith("source") or name == "source"}
    return kept | {"time": format_time(from_micros(wall()))}


async def measure(bootstrap: str) -> None:
    lines = [orjson.dumps(foreign(orjson.loads(record.data))) for record in events(COUNT)]
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
    await pairs(
        "NDJSON over HTTP, through the door ÷ bare send_batch", 0.7,
        lambda: bare_write(bootstrap, bodies), lambda: http_write(bootstrap, bodies),
    )  # fmt: skip
    for triggers, goal in ((1, 0.6), (1000, 0.3)):
        await pairs(
            f"router, {triggers} trigger(s) ÷ bare getmany + orjson.loads", goal,
            lambda: bare_read(bootstrap, topic), lambda triggers=triggers: router_read(bootstrap, topic, triggers),
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if found := await asyncio.to_thread(bring_faststream, Path(folder)):
            await pairs(
                f"router, one rule ÷ FastStream {found}, batch subscriber", 1.0,
                lambda: faststream_read(bootstrap, topic), lambda: router_read(bootstrap, topic, 1),
            )  # fmt: skip


def quiet() -> None:
    """No log lines in between."""
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def with_broker(work: Callable[[str], object]) -> None:
    """Call with the address of a broker; where there can be none, say so."""
    try:
        classes = archive()
    except Missing as missing:
        print(f"NO KAFKA, NOTHING IS MEASURED: {missing}")
        return
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), archive=classes) as cluster:
        work(cluster.bootstrap)


def main() -> None:
    quiet()
    if sys.argv[1:2] == ["door"]:
        asyncio.run(serve_door(*sys.argv[2:]))
        return
    with_broker(lambda bootstrap: asyncio.run(measure(bootstrap)))


if __name__ == "__main__":
    main()
