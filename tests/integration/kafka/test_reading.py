"""What a person reads of a log in Kafka: events sent twice, partitions added later, a broker that is away."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from tests.integration.cli.seat import ANY_PORTS, Seat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = """
metadata: {name: Note}
triggers:
  - {id: thing, type: event, config: {event: thing}}
steps:
  - {name: note, uses: run.annotate, with: {text: seen}}
"""
CE = [("content-type", b"application/cloudevents+json")]


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    somebody = Seat(tmp_path)
    yield somebody
    somebody.leave()


async def send(bootstrap: str, topic: str, partition: int, id_: str, source: str) -> None:
    event = {"specversion": "1.0", "id": id_, "source": source, "type": "thing"}
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, json.dumps(event).encode(), headers=CE, partition=partition)


async def garbage(bootstrap: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, b"garbage", partition=0)


async def add_partition(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_partitions({topic: NewPartitions(2)})
    await admin.close()


def test_tail_and_explain(own_kafka, topic, seat):
    cluster = own_kafka()
    (seat.place / "workflows").mkdir()
    (seat.place / "workflows/note.yaml").write_text(TEXT)
    (seat.place / "eventflow.yaml").write_text(ANY_PORTS + f"bus: 'kafka://{cluster.bootstrap}/{topic}'\n")
    seat.serve()
    out, err = seat.place / "tail.out", seat.place / "tail.err"
    with out.open("wb") as said, err.open("wb") as complained:
        command = [sys.executable, "-u", "-m", "eventflow", "tail", "--since", "1h"]
        tail = subprocess.Popen(command, cwd=seat.place, env=seat.env, stdout=said, stderr=complained)
    try:
        for source in ("/a", "/a", "/b"):
            asyncio.run(send(cluster.bootstrap, topic, 0, "twice" if source == "/a" else "other", source))
        seat.until(lambda: out.read_text().count("from /") == 3)
        assert "fired" in seat.told("explain", "twice")
        asyncio.run(send(cluster.bootstrap, topic, 0, "twice", "/b"))
        seat.until(lambda: "several events have the id" in seat.run("explain", "twice", ends=None).stderr)

        asyncio.run(garbage(cluster.bootstrap, topic))
        seat.until(lambda: "  no event\n    dead letter: it has no headers" in out.read_text())

        asyncio.run(add_partition(cluster.bootstrap, topic))
        asyncio.run(send(cluster.bootstrap, topic, 1, "added", "/added"))
        seat.until(lambda: "from /added" in out.read_text())
        assert "fired" in seat.told("explain", "added")

        cluster.nodes[0].kill()
        seat.until(lambda: "cannot be read now" in err.read_text(), within=60)
        assert "cannot be read now" in seat.run("explain", "twice", ends=1).stderr
        cluster.nodes[0].restart()
        seat.until(lambda: seat.run("emit", "thing", "--source", "/back", ends=None).returncode == 0, within=60)
        seat.until(lambda: "from /back" in out.read_text(), within=60)
        assert err.read_text().count("waiting") == 1
        assert "Traceback" not in seat.log()
    finally:
        tail.kill()
        tail.wait()
