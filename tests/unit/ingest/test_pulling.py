"""A source that fetches, run by its room: nothing is settled before the log has it, and nothing stops it for good."""

import asyncio
import json

import pytest

from eventflow.buses.memory import MemoryBus
from eventflow.errors import Refused, StorageBusy, StorageFull
from eventflow.ingest import pulling
from eventflow.ingest.gateway import Gateway
from eventflow.ingest.pulling import Puller
from eventflow.model.control import REFUSED, refused
from eventflow.model.record import Ref
from eventflow.plugin import Delivery, Draft, Pull, SourceContext
from eventflow.stores.sqlite import SqliteStore


class Queue(Pull):
    """Messages from a list; what was not settled comes again."""

    name = "queue"

    def __init__(self, messages, **settings):
        super().__init__(SourceContext("queue", settings, ()))
        self.messages, self.settled, self.at = list(messages), 0, 0
        self.opened = self.closed = 0
        self.away = 0
        """So many times it cannot be opened."""

    def read(self, delivery):
        if delivery.body == b"poison":
            raise Refused(422, "invalid", "this is poison")
        return [Draft(type="t", id=delivery.query["id"], data=json.loads(delivery.body))]

    async def open(self):
        self.opened += 1
        if self.away:
            self.away -= 1
            raise StorageBusy("nobody is there")
        self.at = self.settled

    async def pull(self, limit, wait):
        found = self.messages[self.at : self.at + min(limit, 3)]
        if not found:
            await asyncio.sleep(min(wait, 0.01))
        self.at += len(found)
        start = self.at - len(found)
        return [
            Delivery(method="QUEUE", path="q", query={"id": f"id{start + n}"}, headers={}, body=body, received=1)
            for n, body in enumerate(found)
        ]

    async def settle(self):
        self.settled = self.at

    async def close(self):
        self.closed += 1


class Full(MemoryBus):
    """Has no room for a while."""

    refusals = 0

    async def publish(self, entries):
        if self.refusals:
            self.refusals -= 1
            raise StorageFull("no room")
        await super().publish(entries)


@pytest.fixture
async def store(tmp_path):
    made = SqliteStore(tmp_path / "store.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def bus():
    made = Full()
    await made.open()
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(pulling, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(pulling, "LONGEST_PAUSE", 0.02)


async def lines(bus):
    end = (await bus.bounds(0)).end
    return [json.loads(record.data) for record in await bus.fetch([Ref(0, offset) for offset in range(end)])]


async def drained(puller, running):
    puller.drain()
    async with asyncio.timeout(5):
        await running


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_messages_are_stored_in_order_and_then_settled(bus, store):
    source = Queue([b"%d" % n for n in range(10)])
    puller = Puller(Gateway(bus), source, store, worker="w")
    running = asyncio.ensure_future(puller.run())
    await until(lambda: source.settled == 10)
    await drained(puller, running)
    assert [line["data"] for line in await lines(bus)] == list(range(10))
    assert source.opened == 1
    assert source.closed >= 1


async def test_without_room_it_waits_and_settles_nothing(bus, store):
    bus.refusals = 10**9
    source = Queue([b"1", b"2", b"3", b"4"])
    puller = Puller(Gateway(bus), source, store, worker="w")
    running = asyncio.ensure_future(puller.run())
    await until(lambda: bus.refusals < 10**9 - 3)
    assert "no room" in puller.trouble
    assert source.settled == 0
    bus.refusals = 0
    await until(lambda: source.settled == 4)
    assert puller.trouble == ""
    await drained(puller, running)
    assert [line["data"] for line in await lines(bus)] == [1, 2, 3, 4]


async def test_an_end_while_waiting_settles_nothing(bus, store):
    bus.refusals = 10**9
    source = Queue([b"1"])
    puller = Puller(Gateway(bus), source, store, worker="w")
    running = asyncio.ensure_future(puller.run())
    await until(lambda: bus.refusals < 10**9)
    await drained(puller, running)
    assert source.settled == 0
    assert await lines(bus) == []


async def test_poison_is_kept_with_its_reason_and_it_goes_on(bus, store):
    source = Queue([b"1", b"poison", b"2", b"poison"])
    puller = Puller(Gateway(bus), source, store, worker="w")
    running = asyncio.ensure_future(puller.run())
    await until(lambda: source.settled == 4)
    await drained(puller, running)
    found = await lines(bus)
    assert [line["data"] for line in found if line["type"] == "t"] == [1, 2]
    letters = [line for line in found if line["type"] == REFUSED]
    assert len({letter["id"] for letter in letters}) == 2
    assert [letter["data"]["body"] for letter in letters] == ["poison", "poison"]
    assert refused(json.dumps(letters[0]).encode()) == "source 'queue', id id1: this is poison"


async def test_a_refusal_without_room_is_not_lost_either(bus, store):
    bus.refusals = 3
    source = Queue([b"poison"])
    puller = Puller(Gateway(bus), source, store, worker="w")
    running = asyncio.ensure_future(puller.run())
    await until(lambda: source.settled == 1)
    await drained(puller, running)
    assert [line["type"] for line in await lines(bus)] == [REFUSED]


async def test_an_end_that_is_away_is_told_and_tried_again(bus, store):
    source = Queue([b"1"])
    source.away = 3
    puller = Puller(Gateway(bus), source, store, worker="w")
    running = asyncio.ensure_future(puller.run())
    await until(lambda: puller.trouble)
    assert puller.trouble == "nobody is there"
    await until(lambda: source.settled == 1)
    assert source.opened == 4
    assert puller.trouble == ""
    await drained(puller, running)


async def test_only_one_process_fetches_and_the_next_goes_on_at_once(bus, store):
    sources = [Queue([b"1"]), Queue([b"1", b"2"])]
    pullers = [Puller(Gateway(bus), source, store, worker=f"w{n}") for n, source in enumerate(sources)]
    first = asyncio.ensure_future(pullers[0].run())
    await until(lambda: sources[0].settled == 1)
    second = asyncio.ensure_future(pullers[1].run())
    await until(lambda: sources[1].closed >= 1)
    assert sources[1].opened == 0
    await drained(pullers[0], first)
    await until(lambda: sources[1].settled == 2)
    await drained(pullers[1], second)


async def test_a_known_message_is_stored_once(bus, store):
    gateway = Gateway(bus)
    for _ in range(2):
        source = Queue([b"1", b"2"])
        puller = Puller(gateway, source, store, worker="w")
        running = asyncio.ensure_future(puller.run())
        await until(lambda source=source: source.settled == 2)
        await drained(puller, running)
    assert [line["data"] for line in await lines(bus)] == [1, 2]


async def test_a_rate_holds_it_back_and_loses_nothing(bus, store):
    source = Queue([b"%d" % n for n in range(9)], rate=30)
    puller = Puller(Gateway(bus), source, store, worker="w")
    running = asyncio.ensure_future(puller.run())
    await until(lambda: source.settled == 9)
    await drained(puller, running)
    assert [line["data"] for line in await lines(bus)] == list(range(9))
