"""A log that was taken away under the store: its partition stands still and says why, and a stop still stops."""

from __future__ import annotations

import asyncio
import random
import shutil
from typing import TYPE_CHECKING

import aiohttp

from tests.crash.house import House, Sender, Sink
from tests.crash.test_kill import PLAIN, settle

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_replaced_log_halts_and_can_be_stopped(tmp_path: Path) -> None:
    rng = random.Random(3)
    async with Sink(rng, refuse=0) as sink, House(tmp_path, sink.url, {"plain": PLAIN}) as house:
        await house.start()
        sender = Sender(house, rng)
        sending = asyncio.ensure_future(sender.run("s", pause=0.01, keys=3))
        while len(sender.acked) < 20:
            await asyncio.sleep(0.01)
        sender.ended = True
        await sending
        await settle(house)
        assert await house.stop(10) == 0
        shutil.rmtree(house.data / "bus")
        await house.launch()
        async with aiohttp.ClientSession() as session:
            while "the log was cut or replaced" not in await why_not_ready(house, session):
                await asyncio.sleep(0.02)
        assert len(await house.every("/runs?status=succeeded")) == len(sender.acked)
        assert await house.stop(10) == 0


async def why_not_ready(house: House, session: aiohttp.ClientSession) -> str:
    address = house.addresses()
    if not address:
        return ""
    async with session.get(address["private"] + "/readyz") as answer:
        assert answer.status == 503
        return await answer.text()
