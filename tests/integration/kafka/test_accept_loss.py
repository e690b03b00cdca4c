"""Going on without what the log has lost, on a real broker, in the running process, with exact counts.

The key of the trigger is not the partition key, so forwards of the old log and of the new one are in it.
"""

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from eventflow import Event, Eventflow, settings
from eventflow.app.workflows import Workflows
from eventflow.buses.kafka import KafkaBus
from eventflow.errors import Conflict, NotFound, StorageError
from eventflow.kafka.codec import SealedCodec
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import CONTROL_SUFFIX, Wanted
from eventflow.model.control import FORWARD
from eventflow.model.identity import partition_of
from eventflow.model.record import CONTROL, Entry, Ref
from eventflow.plugin.one_series import find_detector
from eventflow.route.loss import accepted as loss_accepted
from eventflow.route.loss import find
from eventflow.route.router import Router
from eventflow.stores.sqlite import SqliteStore

PARTITIONS = 3
COUNTED = """
metadata: {name: Counted}
triggers:
  - id: came
    type: event
    config: {event: order, key: event.data.who, cooldown: 1ms}
steps: [{name: say, uses: debug.log, with: {message: hello}}]
"""
LOST = """
metadata: {name: Lost}
triggers: [{id: lost, type: event, config: {event: eventflow.partition.loss_accepted}}]
steps: [{name: say, uses: debug.log, with: {message: hello}}]
"""


class Shop:
    """A house on a topic of its own, closed and opened again at will; every order must become one run."""

    def __init__(self, kafka, topic, place):
        self.kafka, self.topic, self.place = kafka, topic, place
        (place / "workflows").mkdir()
        (place / "workflows/counted.yaml").write_text(COUNTED)
        (place / "workflows/lost.yaml").write_text(LOST)

    @contextlib.asynccontextmanager
    async def open(self):
        bus = {"url": f"kafka://{self.kafka.bootstrap}/{self.topic}", "partitions": PARTITIONS}
        given = {"data_dir": str(self.place / "data"), "bus": bus, "workflows": [str(self.place / "workflows")]}
        async with Eventflow(given, doors=False) as flow:
            await flow.ready()
            yield flow

    @contextlib.asynccontextmanager
    async def admin(self):
        client = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await client.start()
        yield client
        await client.close()

    async def cut(self, partition, offset):
        """Retention takes what is before."""
        async with self.admin() as client:
            await client.delete_records({TopicPartition(self.topic, partition): RecordsToDelete(before_offset=offset)})

    async def written(self, *given):
        """Orders are written while nobody decides; where each partition then ends."""
        bus = KafkaBus(Connection((self.kafka.bootstrap,)), Wanted(self.topic, PARTITIONS), codec=SealedCodec())
        await bus.open()
        events = [made(name) for name in given]
        await bus.publish([Entry(partition_of(event.key, PARTITIONS), event.encode()) for event in events])
        ends = [(await bus.bounds(partition)).end for partition in range(PARTITIONS)]
        await bus.close()
        return ends

    async def make_anew(self, name, partitions):
        """The topic is deleted and made again."""
        await self.kafka.delete_topic(name)
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(RuntimeError, AssertionError):
                    await self.kafka.create_topic(
                        name, partitions=partitions, **{"message.timestamp.type": "LogAppendTime"}
                    )
                    return
                await asyncio.sleep(0.1)


@pytest.fixture
def shop(kafka, topic, tmp_path):
    return Shop(kafka, topic, tmp_path)


def made(name):
    """The order of somebody; its partition goes by the last digit of the name."""
    return Event(
        id=name, source="test", type="order", kind="order", time=datetime(2026, 1, 1, tzinfo=UTC),
        subject="g" + name[-1], data={"who": name},
    )  # fmt: skip


async def order(flow, *given):
    """One order of each, sent again as long as nobody knows whether it was taken."""
    for name in given:
        async with asyncio.timeout(60):
            while True:
                try:
                    await flow.emit(made(name))
                    break
                except StorageError:
                    await asyncio.sleep(0.1)


async def runs(flow, workflow="counted"):
    counts = await flow.store.counts()
    return sum(number for (of, _), number in counts.items() if of == workflow)


async def until(condition, within=60):
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.02)


async def until_decided(flow, orders):
    """So many orders became runs, and nothing of the log is undecided."""

    async def done():
        ends = [(await flow.bus.bounds(partition)).end == at for partition, at in flow.positions.items()]
        return await runs(flow) >= orders and all(ends)

    await until(done)
    assert await runs(flow) == orders


async def until_halted(flow, *partitions):
    async def done():
        return set(partitions) <= set(flow.halted)

    await until(done)
    return {place.partition: place for place in await flow.partitions.places()}


async def accepted(flow, *partitions):
    """A person accepts what these have lost, and they go on."""
    for place in await flow.partitions.places():
        if place.partition in partitions:
            await flow.partitions.accept(place.partition, place.loss.lost, place.loss.to.offset, by="ann")

    async def going():
        return not flow.halted and set(partitions) <= set(flow.positions)

    await until(going)


async def test_retention_that_passed_while_the_process_was_down(shop):
    """What was lost is not there, all else is; the number must be named; and it stays known who accepted it."""
    async with shop.open() as flow:
        await order(flow, *names("a", 30))
        await until_decided(flow, 30)
    ends = await shop.written(*names("b", 40))
    await shop.cut(0, ends[0] - 2)
    async with shop.open() as flow:
        place = (await until_halted(flow, 0))[0]
        lost = ends[0] - 2 - place.position
        assert lost > 3
        assert (place.loss.lost, place.loss.to.offset, place.bounds.start) == (lost, ends[0] - 2, ends[0] - 2)
        for partition, number, to, error in (
            (0, lost - 1, ends[0] - 2, Conflict),
            (0, lost, ends[0] - 1, Conflict),
            (0, None, ends[0] - 2, Conflict),
            (1, 0, 0, Conflict),
            (7, 0, 0, NotFound),
        ):
            with pytest.raises(error):
                await flow.partitions.accept(partition, number, to, by="ann")
        await accepted(flow, 0)
        await until_decided(flow, 70 - lost)
        await until(lambda: at_least(flow, "lost", 1))
        assert "ann accepted this" in await flow.partitions.given_up(Ref(0, place.position))
        assert await flow.partitions.given_up(Ref(0, place.position - 1)) == ""
    async with shop.open() as flow:
        await order(flow, *names("c", 10))
        await until_decided(flow, 80 - lost)
        assert await runs(flow, "lost") == 1


@pytest.mark.parametrize("more", [5, 60])
async def test_a_topic_made_anew_under_the_running_process(shop, more):
    """Shorter and longer than before: all that comes is decided once, forwards of the new log included."""
    async with shop.open() as flow:
        await order(flow, *names("a", 30))
        await until_decided(flow, 30)
        assert any(FORWARD.encode() in record.data for record in await everything(flow))
        await shop.make_anew(shop.topic, PARTITIONS)
        await order(flow, *names("b", more))
        places = await until_halted(flow, *range(PARTITIONS))
        assert {place.loss.lost for place in places.values() if place.loss} == {None}
        await accepted(flow, *range(PARTITIONS))
        await until_decided(flow, 30 + more)
        await order(flow, *names("c", 30))
        await until_decided(flow, 60 + more)
    async with shop.open() as flow:
        await order(flow, *names("d", 10))
        await until_decided(flow, 70 + more)
        assert await runs(flow, "lost") == PARTITIONS


async def test_control_made_anew(shop):
    """The order to go on is no record, so it reaches also the partition that orders come through."""
    async with shop.open() as flow:
        await order(flow, *names("a", 10))
        await flow.bus.publish([Entry(CONTROL, flow.event("note", {}).encode())])
        await until_decided(flow, 10)
    await shop.make_anew(shop.topic + CONTROL_SUFFIX, 1)
    async with shop.open() as flow:
        await until_halted(flow, CONTROL)
        await order(flow, *names("b", 10))
        await until_decided(flow, 20)
        await accepted(flow, CONTROL)
        await until(lambda: at_least(flow, "lost", 1))


def names(word, number):
    return [f"{word}{n}" for n in range(number)]


async def at_least(flow, workflow, number):
    return await runs(flow, workflow) >= number


async def everything(flow):
    """All records of the data partitions."""
    bounds = {partition: await flow.bus.bounds(partition) for partition in range(PARTITIONS)}
    refs = [Ref(partition, n) for partition, one in bounds.items() for n in range(one.start, one.end)]
    return [record for record in await flow.bus.fetch(refs) if record is not None]


async def test_two_routers_of_a_group_go_on(shop):
    """Neither is the one that the person spoke to: each finds in the store that its partitions may go on."""
    given = settings.given({"data_dir": str(shop.place / "data"), "workflows": [str(shop.place / "workflows")]})
    store = SqliteStore(shop.place / "store.db")
    await store.open()
    await Workflows(given).activate(store, 0)
    wanted, reach = Wanted(shop.topic, PARTITIONS), Connection((shop.kafka.bootstrap,))
    buses = [KafkaBus(reach, wanted, shared=True, session=3.0) for _ in range(2)]
    for bus in buses:
        await bus.open()
    routers = [Router(bus, store, detectors=find_detector) for bus in buses]
    running = [asyncio.ensure_future(router.run()) for router in routers]

    async def publish(*given):
        events = [made(name) for name in given]
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(StorageError):
                    await buses[0].publish([Entry(partition_of(e.key, PARTITIONS), e.encode()) for e in events])
                    return
                await asyncio.sleep(0.1)

    async def started(number):
        counts = await store.counts()
        return sum(found for (of, _), found in counts.items() if of == "counted") == number

    async def all_halted():
        return set().union(*(router.halted for router in routers)) >= set(range(PARTITIONS))

    async def all_going():
        held = [partition for router in routers for partition in router.positions]
        return sorted(held) == [CONTROL, *range(PARTITIONS)] and not any(router.halted for router in routers)

    try:
        await until(all_going)
        await publish(*names("a", 30))
        await until(lambda: started(30))
        await shop.make_anew(shop.topic, PARTITIONS)
        await publish(*names("b", 60))
        await until(all_halted)
        for partition in range(PARTITIONS):
            recalled = await store.recall(partition)
            loss = await find(buses[0], recalled, partition)
            waits, _ = await store.catalogue()
            jump = loss_accepted(loss, recalled, id_=f"jump {partition}", by="ann", now=0, wall=0, waits=waits)
            await store.commit(jump)
        await until(all_going)
        await until(lambda: started(90))
    finally:
        for router in routers:
            router.drain()
        await asyncio.gather(*running)
        for bus in buses:
            await bus.close()
        await store.close()
