"""`POST /in/<source>`: who may send, what becomes of it, and that a repeat is one event."""

import base64
import hashlib
import hmac
import json
import time

import pytest

from eventflow.buses.memory import MemoryBus
from eventflow.ingest.source import SourceDoor, door_path
from eventflow.plugin import SourceContext
from eventflow.sources.webhook import Webhook
from tests.integration.doors.open_house import House

OLD, NEW = b"old-secret-0123456789", b"new-secret-0123456789"
STANDARD = b"whsec_" + base64.b64encode(b"standard-secret-0123456789")


def source(name, auth, secrets=(NEW, OLD), **settings):
    def door(gateway):
        webhook = Webhook(SourceContext(name, {"auth": auth, **settings}, secrets if auth["scheme"] != "none" else ()))
        return {door_path(name, None): SourceDoor(gateway, webhook)}

    return door


SOURCES = {
    "github": source("github", {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="}),
    "shop": source("shop", {"scheme": "hmac", "header": "X-Sig", "encoding": "base64", "algorithm": "sha512"}),
    "alerts": source("alerts", {"scheme": "bearer"}),
    "gitlab": source("gitlab", {"scheme": "bearer", "header": "X-Gitlab-Token"}),
    "standard": source("standard", {"scheme": "standard-webhooks"}, (STANDARD, OLD)),
    "open": source(
        "open",
        {"scheme": "none"},
        map={
            "type": "'pull.' + body.action",
            "kind": "'git.pull'",
            "subject": "body.repository",
            "time": "body.at",
            "data": "{'number': body.number, 'agent': headers['user-agent']}",
        },
        dedup="body.repository + '#' + string(body.number)",
        partition_key="event.data.number",
    ),
    "mapped": source("mapped", {"scheme": "none"}, map={"id": "headers['x-id']", "type": "query.type"}),
}


@pytest.fixture
async def house():
    def doors(gateway):
        return {path: door for make in SOURCES.values() for path, door in make(gateway).items()}

    async with House(MemoryBus(), doors=doors) as made:
        yield made


def github(body, secret=NEW):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()}


def standard(body, secret=b"standard-secret-0123456789", *, id_="msg_1", at=0, extra=""):
    stamp = str(int(time.time()) + at)
    digest = hmac.new(secret, f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = extra + "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": signature}


async def post(house, name, body, headers, kind="application/json"):
    return await house.post(body, kind, path=f"/in/{name}", token=None, **headers)


BODY = b'{"action": "opened",\n "number": 7}'


@pytest.mark.parametrize("secret", [NEW, OLD])
async def test_hmac_with_either_live_secret(house, secret):
    assert (await post(house, "github", BODY, github(BODY, secret))).body == {"accepted": 1, "duplicates": 0}
    [stored] = await house.records()
    del stored["time"]
    assert stored.pop("id") == hashlib.blake2b(BODY, digest_size=16).hexdigest()
    assert stored == {
        "specversion": "1.0", "source": "github", "type": "webhook.github", "sourcename": "github",
        "sourcetype": "webhook", "data": {"action": "opened", "number": 7},
    }  # fmt: skip


async def test_other_encodings_and_hashes(house):
    signature = base64.b64encode(hmac.new(OLD, BODY, hashlib.sha512).digest()).decode()
    assert (await post(house, "shop", BODY, {"X-Sig": signature})).status == 202
    assert (await post(house, "shop", BODY, {"X-Sig": signature.rstrip("=")})).status == 401
    assert (await post(house, "alerts", BODY, {"Authorization": f"Bearer {OLD.decode()}"})).status == 202
    assert (await post(house, "alerts", BODY, {"Authorization": OLD.decode()})).status == 401
    assert (await post(house, "gitlab", b"1", {"X-Gitlab-Token": NEW.decode()})).status == 202


WRONG = {
    "absent": {},
    "empty": {"X-Hub-Signature-256": ""},
    "no prefix": {"X-Hub-Signature-256": github(BODY)["X-Hub-Signature-256"][7:]},
    "another secret": github(BODY, b"x" * 20),
    "another body": github(BODY + b" "),
    "another hash": {"X-Hub-Signature-256": "sha1=" + hmac.new(NEW, BODY, hashlib.sha1).hexdigest()},
    "the old header": {"X-Hub-Signature": "sha1=" + hmac.new(NEW, BODY, hashlib.sha1).hexdigest()},
    "cut": {"X-Hub-Signature-256": github(BODY)["X-Hub-Signature-256"][:-2]},
    "not hex": {"X-Hub-Signature-256": "sha256=" + "zz" * 32},
    "not ascii": {"X-Hub-Signature-256": "sha256=" + "é" * 64},
    "no secret at all": github(BODY, b""),
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
async def test_a_wrong_signature_is_refused(house, headers):
    answer = await post(house, "github", BODY, headers)
    assert (answer.status, answer.body["code"]) == (401, "signature")
    assert await house.records() == []


async def test_every_byte_of_a_signed_body_counts(house):
    signed = github(BODY)
    for place in range(len(BODY)):
        for flip in (0x01, 0x20, 0x80):
            changed = BODY[:place] + bytes([BODY[place] ^ flip]) + BODY[place + 1 :]
            assert (await post(house, "github", changed, signed)).status == 401, (place, flip)
    for changed in (BODY[:-1], BODY + b"\n", b" " + BODY, BODY.replace(b"\n", b"\r\n"), b""):
        assert (await post(house, "github", changed, signed)).status == 401
    assert await house.records() == []


async def test_every_character_of_a_signature_counts(house):
    [(name, text)] = github(BODY).items()
    for place in range(len(text)):
        changed = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
        assert (await post(house, "github", BODY, {name: changed})).status == 401, place


async def test_a_repeated_signature_header_is_refused(house):
    signature = github(BODY)["X-Hub-Signature-256"]
    head = f"POST /in/github HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\nX-Hub-Signature-256: {signature}\r\n"
    twice = f"X-Hub-Signature-256: {signature}\r\n\r\n"
    assert b" 401 " in await house.raw((head + twice).encode() + BODY)


async def test_standard_webhooks(house):
    assert (await post(house, "standard", BODY, standard(BODY))).status == 202
    assert (await post(house, "standard", BODY, standard(BODY, OLD, id_="2", at=-290))).status == 202
    several = standard(BODY, id_="3", at=290, extra="v1a,AAAA v1,  v1,notbase64 ")
    assert (await post(house, "standard", BODY, several)).status == 202
    assert [one["id"] for one in await house.records()] == ["msg_1", "2", "3"]


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-timestamp": "0"}, {"webhook-timestamp": ""}, {"webhook-timestamp": "٣٤"}, {"webhook-id": "other"},
        {"webhook-timestamp": "99999999999999999999"}, {"webhook-signature": ""}, {"webhook-signature": "v1,"},
        {"webhook-signature": "v2,x"}, {"webhook-signature": "v1,é"}, {"webhook-signature": "nocomma"},
    ],
    ids=str,
)  # fmt: skip
async def test_standard_webhooks_refused(house, change):
    assert (await post(house, "standard", BODY, standard(BODY) | change)).status == 401


async def test_standard_webhooks_out_of_time(house):
    for at in (-320, 320):
        assert (await post(house, "standard", BODY, standard(BODY, at=at))).status == 401


async def test_a_replay_is_answered_and_not_stored_again(house):
    assert (await post(house, "standard", BODY, standard(BODY))).body == {"accepted": 1, "duplicates": 0}
    assert (await post(house, "standard", BODY, standard(BODY, at=1))).body == {"accepted": 0, "duplicates": 1}
    other = b'{"action": "closed"}'
    assert (await post(house, "standard", other, standard(other))).status == 409
    assert (await post(house, "github", BODY, github(BODY))).body["accepted"] == 1
    assert (await post(house, "github", BODY, github(BODY, OLD))).body["duplicates"] == 1
    assert len(await house.records()) == 2


async def test_mapping(house):
    body = {"action": "opened", "number": 7, "repository": "acme/shop", "at": "2026-01-01T00:00:00+01:00"}
    answer = await post(house, "open", json.dumps(body).encode(), {"User-Agent": "hub"})
    assert answer.body == {"accepted": 1, "duplicates": 0}
    [stored] = await house.records()
    assert stored == {
        "specversion": "1.0", "id": "acme/shop#7", "source": "open", "type": "pull.opened", "kind": "git.pull",
        "subject": "acme/shop", "time": "2025-12-31T23:00:00Z", "data": {"number": 7, "agent": "hub"}, "body": body,
        "sourcename": "open", "sourcetype": "webhook", "partitionkey": "7",
    }  # fmt: skip
    again = await post(house, "open", json.dumps(body | {"action": "closed"}).encode(), {"User-Agent": "hub"})
    assert again.body == {"accepted": 0, "duplicates": 1}


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/in/mapped?type=t", {}, 422, "invalid"),
        ("/in/mapped?type=eventflow.tick", {"X-Id": "1"}, 403, "reserved-name"),
        ("/in/mapped?type=", {"X-Id": "1"}, 422, "invalid"),
        ("/in/mapped", {"X-Id": "1"}, 422, "invalid"),
        ("/in/mapped?type=t%00", {"X-Id": "1"}, 422, "invalid"),
        ("/in/mapped?type=t", {"X-Id": "x" * 1025}, 422, "invalid"),
        ("/in/mapped?type=t", {"X-Id": "1"}, 202, None),
    ],
)
async def test_what_a_mapping_makes_is_checked(house, path, headers, status, code):
    answer = await house.post(b"1", "application/json", path=path, token=None, **headers)
    assert (answer.status, answer.body.get("code")) == (status, code)
    assert house.errors == []


async def test_text_and_bytes(house):
    for number, (kind, body) in enumerate([("text/plain", "é\n".encode()), ("image/png", b"\x89\x00")]):
        headers = {"Authorization": f"Bearer {NEW.decode()}", "Idempotency-Key": str(number)}
        assert (await post(house, "alerts", body, headers, kind)).status == 202
    first, second = await house.records()
    assert first["data"] == "é\n"
    assert second["data_base64"] == "iQA="
