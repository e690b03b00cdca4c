"""An edited file comes into force by itself; a broken one leaves the old definition in force and says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from eventflow import Eventflow

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
metadata: {name: Note}
triggers:
  - {id: thing, type: event, config: {event: thing}}
steps:
  - {name: note, uses: debug.log, with: {message: "FIRST"}}
"""


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.02)


async def messages(flow: Eventflow) -> list[str]:
    found = []
    for run in reversed(await flow.store.runs(100, status=["succeeded"])):
        lines = [line.data.decode() for line in await flow.store.read(run.id)]
        found.append("SECOND" if "SECOND" in "".join(lines) else "FIRST")
    return found


@pytest.mark.timeout(120)
async def test_edit_break_and_delete(tmp_path: Path) -> None:
    file = tmp_path / "workflows" / "note.yaml"
    file.parent.mkdir()
    file.write_text(TEXT)
    settings = {"data_dir": str(tmp_path / "data"), "workflows": [str(file.parent)]}
    async with Eventflow(settings, doors=False) as flow:
        await flow.ready()

        async def said(*wanted: str) -> None:
            async def holds() -> bool:
                return await messages(flow) == list(wanted)

            await flow.emit(flow.event("thing"))
            await until(holds)

        async def in_force(number: int) -> None:
            async def holds() -> bool:
                return flow.catalogue.number == number and flow._router.catalogue == number

            await until(holds)

        await said("FIRST")
        file.write_text(TEXT.replace("FIRST", "SECOND"))
        await in_force(2)
        await said("FIRST", "SECOND")
        file.write_text(TEXT.replace("FIRST", "SECOND").replace("debug.log", "debug.lgo"))

        async def told() -> bool:
            return any(problem.code == "E211" for problem in flow.workflows.problems)

        await until(told)
        await said("FIRST", "SECOND", "SECOND")
        file.unlink()
        await in_force(3)
        await flow.emit(flow.event("thing"))
        await asyncio.sleep(0.3)
        assert await messages(flow) == ["FIRST", "SECOND", "SECOND"]


async def test_a_document_that_is_held_back_is_told_by_the_api_too(tmp_path: Path) -> None:
    folder = tmp_path / "workflows"
    folder.mkdir()
    (folder / "note.yaml").write_text(TEXT.replace("debug.log", "debug.lgo"))
    listen = {"public": "127.0.0.1:0", "private": "127.0.0.1:0"}
    settings = {"data_dir": str(tmp_path / "data"), "workflows": [str(folder)], "listen": listen}
    async with Eventflow(settings) as flow:
        connector = aiohttp.UnixConnector(flow.addresses["socket"])
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://x/api/v1/problems") as answer,
        ):
            (problem,) = [one for one in (await answer.json())["items"] if one["severity"] == "error"]
    assert (problem["code"], problem["held"], problem["line"]) == ("E211", True, 6)
