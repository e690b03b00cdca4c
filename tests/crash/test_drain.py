"""SIGTERM under load: it ends by itself with 0, and the next start goes on with everything that was accepted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING

from tests.crash.house import House, Sender, Sink
from tests.crash.test_kill import PLAIN, settle

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_drain_under_load_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    rng = random.Random(5)
    async with Sink(rng, refuse=0.05) as sink, House(tmp_path, sink.url, {"plain": PLAIN}) as house:
        sender = Sender(house, rng)
        await house.start()
        senders = [asyncio.ensure_future(sender.run(f"s{n}", pause=0.05, keys=5)) for n in range(8)]
        for _ in range(3):
            await asyncio.sleep(1)
            assert await house.stop(10) == 0, house.tail()
            await house.start()
        sender.ended = True
        await asyncio.gather(*senders)
        await settle(house)
        runs = await house.every("/runs")
        assert Counter(run["status"] for run in runs) == {"succeeded": len(runs)}
        assert set(sender.acked) <= {run["inputs"]["id"] for run in runs}
        repeated = Counter(call.key for call in sink.calls if call.status == 200)
        assert set(repeated.values()) == {1}, "a drain is no reason to call twice"
