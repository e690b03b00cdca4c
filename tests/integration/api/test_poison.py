"""An event that nobody can read is a dead letter; the API shows it and everything around it."""

import asyncio

import aiohttp
import pytest


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
