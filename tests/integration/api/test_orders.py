"""What people do through the API: ask, start, answer, cancel, run again; and how mistakes are answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api


async def test_an_event_walks_to_a_question_and_its_answer_ends_the_run(api: Api) -> None:
    await api.emit(id="1", type="ask.please", subject="tea", data={"n": 2})
    await api.emit(id="2", type="ask.please", subject="milk", data={"n": 1})
    (run,) = await api.runs(1, "waiting")
    _, questions = await api.ask("GET", "/api/v1/approvals")
    (question,) = questions["items"]
    assert (question["run"], question["title"]) == (run["id"], "Do tea?")
    assert [case["name"] for case in question["cases"]] == ["yes_please", "no_thanks"]
    status, answer = await api.ask("POST", f"/api/v1/approvals/{run['id']}", "operator", json={"case": "maybe"})
    assert (status, answer["code"]) == (422, "invalid")
    assert "yes_please, no_thanks" in answer["detail"]
    status, answer = await api.ask("POST", f"/api/v1/approvals/{run['id']}", "operator", json={"case": "yes_please"})
    assert (status, answer["run"]) == (202, run["id"])
    (run,) = await api.runs(1, "succeeded")
    _, detail = await api.ask("GET", f"/api/v1/runs/{run['id']}")
    assert detail["inbox"][0]["payload"]["by"] == "operator"
    status, answer = await api.ask("POST", f"/api/v1/approvals/{run['id']}", "operator", json={"case": "yes_please"})
    assert (status, answer["code"]) == (409, "conflict")


async def test_explain_says_for_both_what_happened(api: Api) -> None:
    await api.emit(id="1", type="ask.please", subject="tea", data={"n": 2})
    await api.emit(id="2", type="ask.please", subject="milk", data={"n": 1})
    await api.runs(1, "waiting")
    _, told = await api.ask("GET", "/api/v1/explain/1")
    assert [(one["stage"], one["reason"]) for one in told["outcomes"] if one["workflow"] == "ask"] == [
        ("started", "fired")
    ]
    assert len(told["runs"]) == 1
    _, told = await api.ask("GET", "/api/v1/explain/2")
    (outcome,) = [one for one in told["outcomes"] if one["workflow"] == "ask"]
    assert (outcome["stage"], outcome["reason"], outcome["values"]) == ("filtered", "filter_false", {"event.data.n": 1})
    status, answer = await api.ask("GET", "/api/v1/explain/3")
    assert (status, answer["code"]) == (404, "not-found")


async def test_a_start_with_an_idempotency_key_starts_once(api: Api) -> None:
    body = {"inputs": {"what": "coffee"}}
    path = "/api/v1/workflows/ask/run"
    first = await api.ask("POST", path, json=body, headers={"Idempotency-Key": "k1"})
    again = await api.ask("POST", path, json=body, headers={"Idempotency-Key": "k1"})
    other = await api.ask("POST", path, json=body, headers={"Idempotency-Key": "k2"})
    assert first == again
    assert first[0] == other[0] == 202
    runs = await api.runs(2, "waiting")
    assert {run["id"] for run in runs} == {first[1]["run"], other[1]["run"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/api/v1/workflows/nope/run", {}, 404, "no workflow 'nope'"),
        ("POST", "/api/v1/workflows/ask/run", {"inputs": {"wat": 1}}, 422, "there are: what"),
        ("POST", "/api/v1/workflows/ask/run", {"input": {}}, 422, "there are: inputs"),
        ("POST", "/api/v1/workflows/ask/run", [], 422, "JSON object"),
        ("POST", "/api/v1/runs/run_nope/cancel", {}, 404, "run_nope"),
        ("GET", "/api/v1/runs?limit=0", None, 422, "from 1 to 200"),
        ("GET", "/api/v1/runs?lmit=2", None, 422, "there are:"),
        ("GET", "/api/v1/runs?status=done", None, 422, "succeeded"),
        ("GET", "/api/v1/events/evt_!!", None, 422, "handle"),
        ("GET", "/api/v1/events?after=x", None, 422, "page before"),
        ("GET", "/", None, 404, "/api/openapi.json"),
    ],
)
async def test_mistakes_are_told(api: Api, method: str, path: str, body: object, status: int, says: str) -> None:
    got, answer = await api.ask(method, path, json=body)
    assert got == status, answer
    assert says in answer["detail"]


async def test_cancel_and_run_again(api: Api) -> None:
    await api.emit(id="1", type="ask.please", subject="tea", data={"n": 2})
    (run,) = await api.runs(1, "waiting")
    await api.ask("POST", f"/api/v1/runs/{run['id']}/cancel", json={"comment": "no tea"})
    (run,) = await api.runs(1, "cancelled")
    assert run["reason"] == "by_person"
    status, answer = await api.ask("POST", f"/api/v1/runs/{run['id']}/rerun")
    assert status == 202
    runs = await api.runs(2, "cancelled", "waiting")
    assert {one["id"]: one["rerun_of"] for one in runs} == {run["id"]: None, answer["run"]: run["id"]}


async def test_a_step_that_is_not_there_repeats_nothing(api: Api) -> None:
    await api.emit(id="1", type="ask.please", subject="tea", data={"n": 2})
    (run,) = await api.runs(1, "waiting")
    for wrong, says in (("persn", "did you mean 'person'?"), ("x", "there are: person, done")):
        status, answer = await api.ask("POST", f"/api/v1/runs/{run['id']}/rerun", json={"from_step": wrong})
        assert (status, answer["code"]) == (422, "invalid")
        assert says in answer["detail"]
    status, _ = await api.ask("POST", f"/api/v1/runs/{run['id']}/rerun", json={"from_step": "person"})
    assert status == 202
    assert len(await api.runs(2, "waiting")) == 2


async def test_pause_gives_the_place_back_and_resume_asks_again(api: Api) -> None:
    await api.emit(id="1", type="ask.please", subject="tea", data={"n": 2})
    (run,) = await api.runs(1, "waiting")
    await api.ask("POST", f"/api/v1/runs/{run['id']}/pause")
    await api.runs(1, "paused")
    await api.ask("POST", f"/api/v1/runs/{run['id']}/resume")
    await api.runs(1, "waiting")
    await api.ask("POST", f"/api/v1/approvals/{run['id']}", json={"case": "no_thanks"})
    (run,) = await api.runs(1, "failed")


async def test_pages_of_events_and_runs_meet_every_item_once(api: Api) -> None:
    for n in range(17):
        await api.emit(id=str(n), type="ask.please", subject="tea", data={"n": n})
    await api.runs(15, "waiting")
    for path, expected in (("/api/v1/events", 17), ("/api/v1/runs", 15)):
        seen: list[str] = []
        after = ""
        while after is not None:
            _, page = await api.ask("GET", f"{path}?limit=7" + (f"&after={after}" if after else ""))
            seen += [item.get("handle") or item["id"] for item in page["items"]]
            after = page["next"]
        assert len(seen) == len(set(seen)) == expected


async def test_a_start_with_an_input_of_the_wrong_type_is_refused_at_once(api: Api) -> None:
    status, answer = await api.ask("POST", "/api/v1/workflows/ask/run", json={"inputs": {"what": 5}})
    assert (status, answer["code"]) == (422, "invalid")
    assert "'what' must be a string" in answer["detail"]
    assert await api.flow.store.runs(10) == []


async def test_a_filter_that_can_never_be_true_is_told(api: Api, tmp_path) -> None:
    (tmp_path / "workflows" / "never.yaml").write_text(NEVER)
    await api.flow.reload()
    async with asyncio.timeout(30):
        while True:
            await api.emit(id=str(api.flow.bus.now()), type="thing", data={"n": 5})
            _, never = await api.ask("GET", "/api/v1/workflows/never")
            if never["triggers"][0]["findings"]:
                break
            await asyncio.sleep(0.05)
    said = " ".join(never["triggers"][0]["findings"])
    assert "event.data.n == 'five'" in said
    assert "it can never be true" in said
    _, ask = await api.ask("GET", "/api/v1/workflows/ask")
    assert ask["triggers"][0]["findings"] == []


NEVER = """
metadata: {name: Never}
triggers:
  - {id: t, type: event, config: {event: thing, filter: "event.data.n == 'five'"}}
steps:
  - {name: s, uses: debug.log, with: {message: hello}}
"""
