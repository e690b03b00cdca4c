"""A data directory that was decided from one bus is not run on another one, where its positions mean nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from eventflow import Eventflow
from eventflow.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
metadata: {name: Note}
triggers:
  - {id: thing, type: event, config: {event: thing}}
steps:
  - {name: note, uses: run.annotate, with: {text: seen}}
"""


def house(tmp_path: Path, bus: str) -> Eventflow:
    (tmp_path / "workflows").mkdir(exist_ok=True)
    (tmp_path / "workflows" / "note.yaml").write_text(TEXT)
    given = {"data_dir": str(tmp_path / "data"), "workflows": [str(tmp_path / "workflows")], "bus": bus}
    return Eventflow(given, doors=False)


async def one_run(flow: Eventflow, runs: int) -> None:
    await flow.ready()
    await flow.emit(flow.event("thing", {}))
    async with asyncio.timeout(30):
        while len(await flow.store.runs(10)) < runs:
            await asyncio.sleep(0.02)


async def test_another_bus_is_refused_and_does_no_harm(tmp_path: Path) -> None:
    async with house(tmp_path, "sqlite:") as flow:
        await one_run(flow, 1)
    for _ in range(2):
        with pytest.raises(SettingsError, match=r"made with the bus sqlite: and the settings say memory:"):
            await house(tmp_path, "memory:").open()
    async with house(tmp_path, "sqlite:") as flow:
        await one_run(flow, 2)
        assert flow.halted == {}


async def test_a_bus_that_was_never_reached_is_not_remembered(tmp_path: Path) -> None:
    flow = house(tmp_path, "kafka://127.0.0.1:1/wrong")
    flow.bus._patience = 0.0
    with pytest.raises(Exception, match="nobody listens"):
        await flow.open()
    async with house(tmp_path, "sqlite:") as flow:
        await one_run(flow, 1)
