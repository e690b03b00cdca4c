"""The bus in memory keeps no event over a restart, and says so; runs and memory stay, and it goes on deciding."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from eventflow import Eventflow

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
metadata: {name: Once}
triggers:
  - {id: once, type: event, config: {event: thing, key: event.data.who, cooldown: 1h}}
steps:
  - {name: note, uses: debug.log, with: {message: hello}}
"""


async def live(settings: dict[str, object], life: int) -> Eventflow:
    """One life: everybody asks, and six that were never seen before; until the six have run."""
    flow = Eventflow(settings, doors=False)
    await flow.open()
    await flow.ready()
    for n in range(6):
        await flow.emit(flow.event("thing", {"who": "everybody"}), flow.event("thing", {"who": f"{life}.{n}"}))
    async with asyncio.timeout(30):
        while not {f"{life}.{n}" for n in range(6)} <= {run.key for run in await flow.store.runs(100)}:
            await asyncio.sleep(0.02)
    assert flow.halted == {}
    return flow


def settings(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "once.yaml").write_text(TEXT)
    bus = {"url": "memory:", "partitions": 3}
    return {"data_dir": str(tmp_path / "data"), "workflows": [str(tmp_path / "workflows")], "bus": bus}


async def test_drained_its_memory_stays(tmp_path: Path) -> None:
    given = settings(tmp_path)
    for life in range(3):
        flow = await live(given, life)
        runs = await flow.store.runs(100)
        await flow.close()
        assert len(runs) == len({run.key for run in runs}) == 1 + 6 * (life + 1)


async def test_dead_without_a_word_it_goes_on_all_the_same(tmp_path: Path) -> None:
    given = settings(tmp_path)
    for life in range(3):
        flow = await live(given, life)
        flow.failure = RuntimeError("as if it had died: nothing is drained")
        await flow.close()
