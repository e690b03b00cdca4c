"""An event that nobody can read is a dead letter; the API shows it and everything around it."""

import asyncio
import json

import aiohttp
import pytest

from eventflow import Eventflow
from eventflow.model.control import DEAD_LETTERS_LIMIT
from eventflow.model.event import decode
from eventflow.model.record import CONTROL, Entry, Ref


@pytest.mark.parametrize("number", [b"1e999", b"9" * 5000], ids=["too large", "too long"])
async def test_a_number_that_fits_nowhere(api, number):
    lines = [
        b'{"specversion":"1.0","id":"%d","source":"s","type":"ask.please","data":{"n":%b}}' % (place, value)
        for place, value in enumerate([b"5", number, b"6"])
    ]
    headers = {"Authorization": f"Bearer {api.token('writer')}", "Content-Type": "application/x-ndjson"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(api.flow.addresses["public"] + "/events", data=b"\n".join(lines), headers=headers) as answer,
    ):
        assert answer.status == 202
    async with asyncio.timeout(20):
        while len((await api.ask("GET", "/api/v1/runs"))[1]["items"]) < 2:
            await asyncio.sleep(0.02)
    status, page = await api.ask("GET", "/api/v1/events")
    assert status == 200
    sent = [one for one in page["items"] if one["source"] == "s"]
    assert [(one["id"], one["data"]) for one in sent] == [("2", {"n": 6}), ("1", None), ("0", {"n": 5})]
    [letter] = (await api.ask("GET", "/api/v1/dead"))[1]["items"]
    assert letter["event"] == sent[1]["handle"]
    assert "out of range" in letter["error"]
    status, _ = await api.ask("GET", f"/api/v1/explain/{letter['event']}")
    assert status < 500


async def test_a_flood_of_them_is_bounded_and_never_silent(tmp_path):
    settings = {
        "data_dir": str(tmp_path / "data"), "workflows": [str(tmp_path / "workflows")], "limits": {"dead_letters": 10},
        "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"},
    }  # fmt: skip
    (tmp_path / "workflows").mkdir()
    trigger = "{type: event, config: {event: eventflow.dead_letters.limit}}"
    step = "{name: note, uses: debug.log, with: {message: too many}}"
    (tmp_path / "workflows/told.yaml").write_text(f"triggers: [{trigger}]\nsteps: [{step}]\n")
    async with Eventflow(settings) as flow:
        await flow.ready()
        for start in range(0, 60, 20):
            await flow.bus.publish([Entry(0, b"no event %d" % n) for n in range(start, start + 20)])
        async with asyncio.timeout(20):
            while flow.positions[0] < 60:
                await asyncio.sleep(0.02)
        connector = aiohttp.UnixConnector(flow.addresses["socket"])
        async with aiohttp.ClientSession(connector=connector) as session:

            async def get(path):
                async with session.get(f"http://x{path}") as answer:
                    assert answer.status == 200, await answer.text()
                    return await answer.read()

            kept = json.loads(await get("/api/v1/dead"))["items"]
            [beyond] = json.loads(await get("/api/v1/dead/beyond"))["items"]
            assert [one["event"] for one in kept] == [Ref(0, n).handle for n in range(9, -1, -1)]
            assert (beyond["workflow"], beyond["trigger"], beyond["count"]) == ("", "", 50)
            last = json.loads(await get(f"/api/v1/explain/{Ref(0, 59).handle}"))
            assert "not among those that are kept" in " ".join(last["notes"])
            metrics = (await get("/metrics")).decode()
            assert 'eventflow_dead_letters_beyond_total{trigger="",workflow=""} 50.0' in metrics
        async with asyncio.timeout(20):
            while (await flow.bus.bounds(CONTROL)).end < 1:
                await asyncio.sleep(0.02)
        [alert] = [decode(one.data) for one in await flow.bus.fetch([Ref(CONTROL, 0)]) if one is not None]
        async with asyncio.timeout(20):
            while not (runs := await flow.store.runs(5, workflow="told")):
                await asyncio.sleep(0.02)
        assert len(runs) == 1
        assert (alert.type, alert.data) == (DEAD_LETTERS_LIMIT, {"workflow": "", "trigger": "", "limit": 10})
