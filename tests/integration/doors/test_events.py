"""`POST /events`: every form is stored as one line of CloudEvents JSON, and answered only then."""

import gzip
import json
import zlib

import pytest

from tests.integration.doors.open_house import READER, SECRET, event

NDJSON = "application/x-ndjson"


def lines(*events):
    return "\n".join(json.dumps(one) for one in events).encode()


async def test_structured_is_stored_as_it_came_with_the_time_it_came(house):
    answer = await house.post(event())
    assert (answer.status, answer.body) == (202, {"accepted": 1, "duplicates": 0})
    [stored] = await house.records()
    assert stored.pop("time").endswith("Z")
    assert stored == event()


async def test_a_time_is_kept_to_the_letter(house):
    await house.post(event(time="2026-01-01T00:00:00.123456789+02:00"))
    [stored] = await house.records()
    assert stored["time"] == "2026-01-01T00:00:00.123456789+02:00"


async def test_pretty_printed_becomes_one_line(house):
    text = json.dumps(event(data={"text": "a\nb", "n": 2**70, "f": 1.0}), indent=2).encode() + b"\r\n"
    assert (await house.post(text)).status == 202
    [stored] = await house.records()
    assert stored["data"] == {"text": "a\nb", "n": 2**70, "f": 1.0}


async def test_binary(house):
    headers = {
        "ce_specversion": "1.0", "ce_id": "7", "ce_source": "/a%20b", "ce_type": "t", "ce_subject": '"Fran%C3%A7ois"',
        "ce_time": "2026-01-01T00:00:00Z", "ce_mine": "x%25",
    }  # fmt: skip
    assert (await house.post(b'{"a": 1.0}', "application/json; charset=utf-8", **headers)).status == 202
    [stored] = await house.records()
    assert stored == {
        "specversion": "1.0", "id": "7", "source": "/a b", "type": "t", "subject": "François", "mine": "x%",
        "time": "2026-01-01T00:00:00Z", "datacontenttype": "application/json; charset=utf-8", "data": {"a": 1.0},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "stored"),
    [
        ("text/plain", "grüß".encode(), {"data": "grüß"}),
        ("application/octet-stream", b"\x00\xff", {"data_base64": "AP8="}),
        ("application/json", b"", {}),
        ("application/problem+json", b"[1]", {"data": [1]}),
    ],
)
async def test_binary_data_by_its_content_type(house, kind, body, stored):
    answer = await house.post(body, kind, ce_specversion="1.0", ce_id="7", ce_source="s", ce_type="t")
    assert answer.status == 202, answer.body
    [found] = await house.records()
    assert {name: found[name] for name in ("data", "data_base64") if name in found} == stored


async def test_batch_and_ndjson_keep_their_order(house):
    many = [event(id=str(n)) for n in range(3)]
    assert (await house.post(many, "application/cloudevents-batch+json")).body == {"accepted": 3, "duplicates": 0}
    more = [event(id=str(n)) for n in range(3, 6)]
    text = b"\r\n\n".join(json.dumps(one).encode() for one in more) + b"\n"
    assert (await house.post(text, NDJSON)).body == {"accepted": 3, "duplicates": 0}
    assert [one["id"] for one in await house.records()] == list("012345")


async def test_a_batch_is_all_or_nothing_and_the_line_is_named(house):
    text = lines(event(id="a")) + b"\n\n" + lines(event(id="b"), {"id": "c"}, event(id="d"))
    answer = await house.post(text, NDJSON)
    assert answer.status == 422
    assert "line 4" in answer.body["detail"]
    assert await house.records() == []
    assert (await house.post(lines(event(id="a")), NDJSON)).body == {"accepted": 1, "duplicates": 0}


async def test_a_long_batch_names_its_line_too(house):
    text = lines(*[event(id=str(n)) for n in range(2500)]) + b"\n{\n" + lines(event(id="x"))
    answer = await house.post(text, NDJSON)
    assert answer.status == 400
    assert "line 2501" in answer.body["detail"]
    assert (await house.post(lines(*[event(id=str(n)) for n in range(2500)]), NDJSON)).body["accepted"] == 2500


async def test_a_repeat_is_answered_and_not_stored_again(house):
    await house.post(event())
    assert (await house.post(event())).body == {"accepted": 0, "duplicates": 1}
    text = lines(event(), event(id="2"), event(id="2"))
    assert (await house.post(text, NDJSON)).body == {"accepted": 1, "duplicates": 2}
    assert [one["id"] for one in await house.records()] == ["1", "2"]


async def test_a_known_id_with_another_body_is_a_conflict(house):
    await house.post(event())
    answer = await house.post(event(data=2))
    assert (answer.status, answer.body["code"]) == (409, "other-body")
    answer = await house.post(lines(event(id="3"), event(id="3", data=0)), NDJSON)
    assert answer.status == 409
    assert len(await house.records()) == 1
    assert (await house.post(event(source="other", data=2))).status == 202


async def test_a_time_too_far_ahead_is_set_back_and_marked(house):
    await house.post(event(time="2999-01-01T00:00:00Z", data={"big": 2**70}))
    [stored] = await house.records()
    assert stored["timegiven"] == "2999-01-01T00:00:00Z"
    assert stored["time"] < "2999"
    assert stored["data"] == {"big": 2**70}


async def test_a_time_that_is_null_is_as_none(house):
    await house.post(b'{"specversion":"1.0","id":"1","source":"s","type":"t","time":null,"data":"\\"time\\""} ')
    [stored] = await house.records()
    assert stored["time"] > "2000"
    assert stored["data"] == '"time"'


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_compressed_bodies_are_unpacked(house, encoding, pack):
    packed = pack(json.dumps(event()).encode())
    assert (await house.post(packed, Content_Encoding=encoding)).body == {"accepted": 1, "duplicates": 0}


async def test_who_may_send(house):
    assert (await house.post(event(), token=None)).body["code"] == "credentials"
    assert (await house.post(event(), token="ef_wrong")).status == 401
    assert (await house.post(event(), token=READER)).body["code"] == "scope"
    assert await house.records() == []


async def test_expect_continue_is_honoured(house):
    body = json.dumps(event()).encode()
    async with house.session.post(
        house.url + "/events",
        data=body,
        expect100=True,
        headers={
            "Content-Type": "application/cloudevents+json",
            "Authorization": f"Bearer {SECRET}",
        },
    ) as answer:
        assert answer.status == 202
