"""The reader's side of the store contract: lists, pages, counts."""
# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from eventflow.errors import NotFound
from eventflow.model.record import Ref
from eventflow.testing.store.house import OTHER, WORKFLOW, House, StoreSuite, event, firing

if TYPE_CHECKING:
    from pathlib import Path


class HistoryTests(StoreSuite):
    """`History`, but for what other parts already look at."""

    async def test_runs_are_listed_newest_first_in_pages(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await self._some(house)
            assert await self._listed(house) == ["run_8", "run_7", "run_6", "run_5", "run_4", "run_3", "run_2", "run_1"]
            assert await self._listed(house, limit=3) == ["run_8", "run_7", "run_6"]
            assert await self._listed(house, limit=3, after="run_6") == ["run_5", "run_4", "run_3"]
            assert await self._listed(house, after="run_1") == []

    async def test_runs_are_chosen_by_workflow_status_and_event(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await self._some(house)
            assert await self._listed(house, workflow=OTHER.id) == ["run_7", "run_5", "run_3", "run_1"]
            assert await self._listed(house, workflow="never") == []
            assert await self._listed(house, status=["succeeded"]) == ["run_1"]
            assert await self._listed(house, status=["failed", "suppressed"]) == ["run_8", "run_2"]
            assert await self._listed(house, status=["running", "waiting", "paused", "queued"]) == [
                "run_7", "run_6", "run_5", "run_4", "run_3",
            ]  # fmt: skip
            assert await self._listed(house, status=["running", "running"], limit=2) == ["run_7", "run_6"]
            assert await self._listed(house, status=["running"], limit=2, after="run_6") == ["run_5"]
            assert await self._listed(house, workflow=OTHER.id, status=["running", "succeeded"]) == [
                "run_7", "run_5", "run_1",
            ]  # fmt: skip
            assert await self._listed(house, event=Ref(0, 2)) == ["run_6", "run_2"]
            assert await self._listed(house, event=Ref(0, 2), status=["running"]) == ["run_6"]
            assert await self._listed(house, event=Ref(0, 1), workflow=OTHER.id, limit=1, after="run_5") == ["run_1"]
            assert await self._listed(house, event=Ref(0, 99)) == []

    async def test_a_run_that_never_was_is_not_found(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            for ask in (house.store.run, house.store.read, house.store.run_events):
                with pytest.raises(NotFound):
                    await ask("run_never")
            with pytest.raises(NotFound):
                await house.store.runs(10, after="run_never")

    async def test_counts_are_what_a_count_of_the_list_gives(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await self._some(house)
            expected: dict[tuple[str, str], int] = {}
            for run in await house.store.runs(100):
                for key in ((run.workflow, run.status), ("", run.status)):
                    expected[key] = expected.get(key, 0) + 1
            assert {key: n for key, n in (await house.store.counts()).items() if n} == expected

    async def _some(self, house: House) -> None:
        """Eight runs, odd ones of the other workflow, event n mod 4: ended, paused, waiting, running, suppressed."""
        other = {"workflow": OTHER.id, "definition": OTHER.hash, "group": OTHER.id}
        for n in range(1, 9):
            await house.fire(firing(f"run_{n}", events=(event(n % 4),), shadow=n == 8, **(other if n % 2 else {})))
        claims = await house.claim()
        await house.append(claims["run_1"], status="succeeded")
        await house.append(claims["run_2"], status="failed", reason="timeout")
        await house.append(claims["run_3"], status="paused")
        await house.append(claims["run_4"], status="waiting")
        assert {run.workflow for run in await house.store.runs(10)} == {WORKFLOW.id, OTHER.id}

    async def _listed(self, house: House, limit: int = 100, after: str | None = None, **chosen: object) -> list[str]:
        return [run.id for run in await house.store.runs(limit, after, **chosen)]  # type: ignore[arg-type]
