"""A member that the group does not take back: it says so, begins again with a new client, and is in at last."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from structlog.testing import capture_logs

from eventflow.buses.kafka import KafkaBus
from eventflow.kafka import membership
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import CONTROL_SUFFIX, Wanted


class Dawdling(ConsumerRebalanceListener):
    """Does not let go of its partitions until it is told to, and the whole group waits for it."""

    def __init__(self):
        self.go = asyncio.Event()

    async def on_partitions_revoked(self, revoked):
        if revoked:
            await self.go.wait()

    async def on_partitions_assigned(self, assigned):
        pass


async def until(true, within=30.0):
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.05)


@pytest.fixture
async def make_bus(kafka, topic):
    made = []

    async def make():
        made.append(KafkaBus(Connection((kafka.bootstrap,)), Wanted(topic, 2), shared=True, session=2.0))
        await made[-1].open()
        return made[-1]

    yield make
    for bus in made:
        await bus.close()


@pytest.fixture
async def dawdling(kafka, topic):
    """A stranger's member of our group that has some of the partitions, as soon as there are two."""
    listener = Dawdling()
    stranger = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=f"eventflow.{topic}.router", enable_auto_commit=False,
        auto_offset_reset="earliest", heartbeat_interval_ms=300, rebalance_timeout_ms=60_000,
    )  # fmt: skip
    stranger.subscribe([topic, topic + CONTROL_SUFFIX], listener=listener)
    yield stranger, listener
    listener.go.set()
    await stranger.stop()


@pytest.mark.timeout(120)
async def test_members_that_the_group_keeps_out_begin_again(make_bus, dawdling, monkeypatch):
    monkeypatch.setattr(membership, "HINTS", 0.3)
    monkeypatch.setattr(membership, "OUTSIDE", 1.0)
    stranger, listener = dawdling
    inside = (await make_bus()).subscribe("router", lambda _: 0)
    await until(lambda: inside.assigned)
    await stranger.start()
    await until(lambda: stranger.assignment() and inside.assigned)
    with capture_logs() as said:
        outside = (await make_bus()).subscribe("router", lambda _: 0)
        # 3 s: one that never was in, by its start; 3.3 s: one that was, at the eleventh look
        await until(lambda: all(any(f"for {s} s" in line.get("error", "") for line in said) for s in ("3", "3.3")))
        assert (inside.assigned, outside.assigned) == ((), ())
    listener.go.set()
    await until(lambda: inside.assigned and outside.assigned)
    assert not set(inside.assigned) & set(outside.assigned)
