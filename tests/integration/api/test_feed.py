"""What happens now, in the order of the log: every event once, decided, from wherever somebody begins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api


async def page(api: Api, **query: Any) -> dict[str, Any]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    status, answer = await api.ask("GET", f"/api/v1/feed?{asked}", token="reader")
    assert status == 200, answer
    return dict(answer)


async def all_from(api: Api, **query: Any) -> list[dict[str, Any]]:
    """Page by page, until nothing more comes."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await page(api, limit=3, **query)
        found += answer["items"]
        if answer["next"] == query.get("after"):
            return found
        query = {"after": answer["next"]}


async def test_each_event_once_in_order_with_its_outcome(api: Api) -> None:
    for n in range(8):
        await api.emit(id=f"e{n}", type="ask.please", subject="tea", data={"n": n})
    await api.runs(6, "waiting")
    found = await all_from(api, since="2000-01-01T00:00:00Z")
    assert [item["event"]["id"] for item in found] == [f"e{n}" for n in range(8)]
    mine = [[one["reason"] for one in item["outcomes"] if one["workflow"] == "ask"] for item in found]
    assert mine == [["filter_false"]] * 2 + [["fired"]] * 6
    assert all(one["stage"] != "matched" for item in found for one in item["outcomes"])


async def test_it_begins_now_and_waits_for_what_comes(api: Api) -> None:
    await api.emit(id="before", type="ask.please", subject="tea", data={"n": 2})
    await api.runs(1, "waiting")
    start = await page(api)
    assert start["items"] == []
    waiting = asyncio.ensure_future(page(api, after=start["next"], wait=20))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await api.emit(id="now", type="thing", subject="x")
    answer = await asyncio.wait_for(waiting, 15)
    assert [item["event"]["id"] for item in answer["items"]] == ["now"]


async def test_a_time_begins_in_the_middle(api: Api) -> None:
    await api.emit(id="first", type="thing")
    await asyncio.sleep(0.02)
    await api.emit(id="second", type="thing")
    _, event = await api.ask("GET", "/api/v1/events/second")
    found = await all_from(api, since=event["logged"].replace("+", "%2B"))
    assert [item["event"]["id"] for item in found] == ["second"]


async def test_what_people_order_is_in_it_and_ticks_are_not(api: Api) -> None:
    start = await page(api)
    await api.emit(id="1", type="ask.please", subject="tea", data={"n": 2})
    [run] = await api.runs(1, "waiting")
    await api.ask("POST", f"/api/v1/runs/{run['id']}/cancel", json={"comment": "no"})
    await api.runs(1, "cancelled")
    async with asyncio.timeout(10):
        types: list[str] = []
        while "eventflow.run.finished" not in types:
            types = [item["event"]["type"] for item in await all_from(api, after=start["next"])]
    assert types == ["ask.please", "eventflow.run.cancel", "eventflow.run.finished"]


@pytest.mark.parametrize(
    "query", ["after=x", "after=0-", "after=7-1", "after=0--1", "since=yesterday", "wait=31", "wait=-1", "limit=0"]
)
async def test_a_place_that_cannot_be_is_refused(api: Api, query: str) -> None:
    status, answer = await api.ask("GET", f"/api/v1/feed?{query}")
    assert (status, answer["code"]) == (422, "invalid")
