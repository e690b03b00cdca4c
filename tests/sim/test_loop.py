"""The loop keeps its word: what is killed never runs again, what is frozen runs later, a seed gives one order."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest
from loop import NODE, SimLoop, Stuck, run
from scenarios import BY_NAME
from stage import simulate

PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from scenarios import BY_NAME
from stage import simulate
print([simulate(BY_NAME[name], 3).trace for name in ("plain", "zombies", "groups")])
"""


@pytest.fixture
def loop():
    made = SimLoop(random.Random(1), max_steps=10_000)
    yield made
    made.bury()


def test_a_killed_node_runs_no_finally(loop):
    said = []

    async def victim():
        try:
            await asyncio.sleep(5)
            said.append("went on")
        finally:
            said.append("cleaned up")

    async def outside():
        loop.spawn("n#1", victim())
        await asyncio.sleep(1)
        loop.dead.add("n#1")
        await asyncio.sleep(10)

    run(loop, outside())
    assert said == []


def test_a_frozen_node_runs_when_it_thaws(loop):
    said = []

    async def sleeper():
        await asyncio.sleep(1)
        said.append(round(loop.now - 1_000))

    async def outside():
        loop.spawn("n#1", sleeper())
        await asyncio.sleep(0.5)
        loop.frozen["n#1"] = []
        await asyncio.sleep(9.5)
        loop.thaw("n#1")
        await asyncio.sleep(1)

    run(loop, outside())
    assert said == [10]


def test_time_jumps_to_the_next_timer_and_an_order_is_drawn(loop):
    order = []

    async def one(number):
        await asyncio.sleep(3600)
        order.append(number)

    async def outside():
        assert NODE.get() == ""
        await asyncio.gather(*(one(number) for number in range(20)))

    run(loop, outside())
    assert loop.now >= 4_600
    assert sorted(order) == list(range(20)) != order


def test_waiting_for_nothing_is_told(loop):
    async def outside():
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        run(loop, outside())


def test_a_seed_gives_the_same_simulation_twice():
    for name in ("plain", "orders"):
        assert simulate(BY_NAME[name], 5).trace == simulate(BY_NAME[name], 5).trace
    assert simulate(BY_NAME["plain"], 5).trace != simulate(BY_NAME["plain"], 6).trace


def test_the_hash_seed_of_python_changes_nothing():
    program = PROGRAM.format(folder=str(Path(__file__).parent))
    traces = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(traces) == 1
