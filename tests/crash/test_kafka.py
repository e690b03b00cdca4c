"""Kills on Kafka: of eventflow, of the broker, of both; and a broker that is away for a minute.

The house is that of the other storms, on a log that lies elsewhere: nothing acknowledged is lost, nothing runs twice,
nothing stays open, and everything comes back alone.
"""

import asyncio
import random
import time
from pathlib import Path

import aiohttp
import pytest

from tests.crash.house import TOKEN, House, Sender, Sink
from tests.crash.test_kill import COUNTED, PLAIN, check, open_work, say, settle

KEYS = 40


class Storm:
    """A house on Kafka, a sink and senders; `events` tells what happened."""

    def __init__(self, root, bootstrap, topic, seed, partitions=3):
        self.rng = random.Random(seed)
        self.sink = Sink(self.rng)
        bus = {"url": f"kafka://{bootstrap}/{topic}", "partitions": partitions}
        self.make = lambda: House(root, self.sink.url, {"plain": PLAIN, "counted": COUNTED}, bus=bus)

    async def __aenter__(self):
        await self.sink.__aenter__()
        self.house = self.make()
        self.sender = Sender(self.house, self.rng)
        await self.house.start()
        self.senders = [asyncio.ensure_future(self.sender.run(f"s{n}", pause=0.08, keys=KEYS)) for n in range(8)]
        return self

    async def __aexit__(self, *error):
        self.sender.ended = True
        await asyncio.gather(*self.senders, return_exceptions=True)
        await self.house.__aexit__(*error)
        await self.sink.__aexit__(*error)

    async def ended(self):
        """Let everything come to its end, check it, stop; the figures."""
        self.sender.ended = True
        await asyncio.gather(*self.senders)
        await settle(self.house)
        found = await check(self.house, self.sink, self.sender)
        assert await self.house.stop(15) == 0, self.house.tail()
        return found


async def kills(tmp_path, bootstrap, topic, rounds, seed):
    async with Storm(tmp_path, bootstrap, topic, seed) as storm:
        met, slowest = 0, 0.0
        for _ in range(rounds):
            await asyncio.sleep(0.05 + storm.rng.random() * 0.6)
            met += bool(await open_work(storm.house))
            await storm.house.kill()
            began = time.monotonic()
            await storm.house.start()
            slowest = max(slowest, time.monotonic() - began)
        return await storm.ended() | {"met": met, "rounds": rounds, "slowest_start": round(slowest, 2)}


@pytest.mark.timeout(120)
async def test_rounds_of_kill(tmp_path, kafka, topic):
    say(await kills(tmp_path, kafka.bootstrap, topic, rounds=3, seed=1))


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_many_rounds_of_kill(tmp_path, kafka, topic):
    say(await kills(tmp_path, kafka.bootstrap, topic, rounds=100, seed=2))


async def broken_brokers(tmp_path, cluster, topic, rounds, seed):
    """A broker is killed and comes back, or is frozen and wakes, for seconds; the house is left alone.

    Of several it is never the first, which holds the only controller.
    """
    nodes, done = cluster.nodes[1:] or cluster.nodes, []
    async with Storm(tmp_path, cluster.bootstrap, topic, seed) as storm:
        for number in range(rounds):
            await asyncio.sleep(0.3 + storm.rng.random() * 1.5)
            away, node = storm.rng.choice([0.2, 1.0, 3.0, 7.0]), storm.rng.choice(nodes)
            if number % 2:
                node.freeze()
                await asyncio.sleep(away)
                node.thaw()
            else:
                await asyncio.to_thread(node.kill)
                await asyncio.sleep(away)
                await asyncio.to_thread(node.restart)
            done.append(("frozen" if number % 2 else "killed", away))
            before = len(storm.sender.acked)
            async with asyncio.timeout(30):
                while len(storm.sender.acked) < before + 20:
                    await asyncio.sleep(0.05)
        return await storm.ended() | {"rounds": done}


@pytest.mark.timeout(180)
async def test_a_broker_that_breaks(tmp_path, own_kafka, topic):
    cluster = await asyncio.to_thread(own_kafka)
    say(await broken_brokers(tmp_path, cluster, topic, rounds=2, seed=3))


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_broker_that_breaks_again_and_again(tmp_path, own_kafka, topic):
    cluster = await asyncio.to_thread(own_kafka)
    say(await broken_brokers(tmp_path, cluster, topic, rounds=20, seed=4))


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_cluster_whose_brokers_break_again_and_again(tmp_path, own_kafka, topic):
    """Leaders move: all is on three brokers, and two must have it."""
    cluster = await asyncio.to_thread(own_kafka, brokers=3, replication=3, min_insync=2)
    say(await broken_brokers(tmp_path, cluster, topic, rounds=20, seed=6))


async def both_killed(tmp_path, cluster, topic, rounds, seed):
    """Everything is killed, in any order, and comes back at once."""
    node = cluster.nodes[0]
    async with Storm(tmp_path, cluster.bootstrap, topic, seed) as storm:
        for _ in range(rounds):
            await asyncio.sleep(0.5 + storm.rng.random())
            ends = [storm.house.kill(), asyncio.to_thread(node.kill)]
            storm.rng.shuffle(ends)
            for end in ends:
                await end
                await asyncio.sleep(storm.rng.random() * 0.3)
            await asyncio.gather(storm.house.start(), asyncio.to_thread(node.restart))
        return await storm.ended() | {"rounds": rounds}


@pytest.mark.timeout(180)
async def test_both_are_killed(tmp_path, own_kafka, topic):
    say(await both_killed(tmp_path, await asyncio.to_thread(own_kafka), topic, rounds=2, seed=7))


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_both_are_killed_again_and_again(tmp_path, own_kafka, topic):
    say(await both_killed(tmp_path, await asyncio.to_thread(own_kafka), topic, rounds=20, seed=8))


async def away(tmp_path, cluster, topic, seconds, *, clean):
    """The broker is away for so long; what the door says meanwhile, and how long it takes after it is back."""
    node, answers = cluster.nodes[0], {}
    async with Storm(tmp_path, cluster.bootstrap, topic, 5) as storm:
        await asyncio.sleep(1.5)
        await asyncio.to_thread(node.stop if clean else node.kill)
        gone, cpu = time.monotonic(), spent(storm.house)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while time.monotonic() - gone < seconds:
                status, after = await post(session, storm.house)
                answers[status] = answers.get(status, 0) + 1
                assert status != 503 or after is not None, "503 without Retry-After"
                await asyncio.sleep(0.3)
            ready = await storm.house.is_ready()
        share = (spent(storm.house) - cpu) / (time.monotonic() - gone)
        assert not ready, "ready with a broker that is away"
        assert set(answers) == {503}, answers
        before = len(storm.sender.acked)
        await asyncio.to_thread(node.restart)
        back = time.monotonic()
        async with asyncio.timeout(30):
            while len(storm.sender.acked) < before + 20 or not await storm.house.is_ready():
                await asyncio.sleep(0.02)
        figures = {
            "answers": answers,
            "back_after": round(time.monotonic() - back, 2),
            "cpu_while_away": round(share, 3),
        }
        return await storm.ended() | figures


async def post(session, house):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"}
    event = {"specversion": "1.0", "id": str(time.monotonic_ns()), "source": "probe", "type": "probe.event"}
    async with session.post(house.addresses()["public"] + "/events", json=event, headers=headers) as answer:
        return answer.status, answer.headers.get("Retry-After")


def spent(house):
    """CPU seconds of the process."""
    fields = Path(f"/proc/{house.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.timeout(120)
async def test_a_broker_that_is_away(tmp_path, own_kafka, topic):
    cluster = await asyncio.to_thread(own_kafka)
    say(await away(tmp_path, cluster, topic, 7.0, clean=True))


@pytest.mark.long
@pytest.mark.parametrize("clean", [False, True], ids=["killed", "stopped"])
@pytest.mark.timeout(300)
async def test_a_broker_that_is_away_for_a_minute(tmp_path, own_kafka, topic, clean):
    cluster = await asyncio.to_thread(own_kafka)
    say(await away(tmp_path, cluster, topic, 60.0, clean=clean))
