"""Forty senders behind an action that takes its time: whoever sends is answered at once, all the same."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING

import aiohttp

from tests.crash.house import TOKEN, House, Sink

if TYPE_CHECKING:
    from pathlib import Path

SLOW = """
metadata: {name: Slow}
triggers:
  - {id: each, type: event, config: {event: load.event}}
concurrency: {mode: parallel, max: 8}
steps:
  - {name: one, uses: http.request, with: {method: POST, url: "http://SINK/one", json: {}}, timeout: 30s}
"""


async def test_no_sender_waits_for_an_action(tmp_path: Path) -> None:
    async with (
        Sink(random.Random(1), refuse=0, slow=0, least=3) as sink,
        House(tmp_path, sink.url, {"slow": SLOW}) as house,
        aiohttp.ClientSession() as session,
    ):
        await house.start()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"}

        async def send(n: int) -> int:
            event = {"specversion": "1.0", "id": str(n), "source": "load", "type": "load.event"}
            address = house.addresses()["public"] + "/events"
            async with session.post(address, data=json.dumps(event), headers=headers) as answer:
                assert answer.status == 202
            return sum(call.answered is not None for call in sink.calls)

        finished = await asyncio.gather(*(send(n) for n in range(40)))
        assert finished == [0] * 40, "somebody was answered only after an action had ended"
        while len(await house.every("/runs?status=succeeded")) < 40:
            await asyncio.sleep(0.1)
        assert len(sink.calls) == 40
