"""What GitHub, GitLab, Alertmanager and Grafana really sent, through their sources on a real socket."""

import hmac
import json
import time
from collections import Counter

import msgspec
import pytest

from eventflow.buses.memory import MemoryBus
from eventflow.ingest.forms import one_line
from eventflow.ingest.source import SourceDoor
from eventflow.plugin import SourceContext
from eventflow.sources.gitlab import GitLab
from tests.integration.doors.open_house import House
from tests.integration.doors.payloads import FIXTURES, OLD, SECRET, SIGNING, official_type, open_house, send_all, signed

ADAPTER = json.loads((FIXTURES / "cloudevents/adapter-github.json").read_text())
ADVISORY = (FIXTURES / "github/security_advisory.updated.2.json").read_bytes()
PUSH = (FIXTURES / "gitlab/gp-push-event.json").read_bytes()


@pytest.fixture
async def house():
    async with open_house() as made:
        yield made
    assert made.errors == []


async def lines(house):
    subscription = house.bus.subscribe("lines", lambda _: 0)
    batch = await subscription.read(1000, 0, partitions=[0])
    await subscription.close()
    return [bytes(record.data) for record in batch.records]


async def post(house, sender, body, headers, kind="application/json"):
    sent = {"X-GitHub-Event": "security_advisory"} if sender == "github" else {}
    return await house.post(body, kind, path=f"/in/{sender}", token=None, **(sent | headers))


# --------------------------------------------------------------------------------------------------- every file


async def test_every_delivery_of_github_has_its_official_type_and_its_own_body(house):
    sent = await send_all(house, FIXTURES, "github")
    assert [one.case["file"] for one in sent if one.status != 202] == []
    stored = await lines(house)
    for one in sent:
        event = one.case["headers"]["X-GitHub-Event"]
        if event == "ping":
            assert one.events == []
            continue
        [made] = one.events
        assert made["type"] == official_type(ADAPTER, event, made["body"])
        assert made["kind"].startswith("git.")
        assert made["data"]["sender"].keys() == {"login", "type", "email"}
        if one.case["content_type"] == "application/json":
            assert made["body"] == json.loads(one.body)
            assert any(b'"body":' + one_line(one.body) in line for line in stored), one.case["file"]
    by_file = {one.case["file"]: one.events for one in sent}
    for name in ("push._.0", "pull_request.opened.0"):
        assert by_file[f"{name}.form"][0]["data"] == by_file[f"{name}.json"][0]["data"]
        assert by_file[f"{name}.form"][0]["body"] == by_file[f"{name}.json"][0]["body"]


async def test_every_delivery_of_gitlab(house):
    sent = await send_all(house, FIXTURES, "gitlab")
    assert [one.case["file"] for one in sent if one.status != 202] == []
    for one in sent:
        [made] = one.events
        assert made["body"] == json.loads(one.body)
        assert made["type"].startswith("com.gitlab.")
        assert made["kind"].startswith("git.")
    types = {one.case["file"]: one.events[0]["type"].removeprefix("com.gitlab.") for one in sent}
    assert types | {
        "gp-push-event.json": "push", "gp-tag-event.json": "tag_push",
        "gp-confidential-issue-event.json": "issue.opened",
        "gp-comment-commit-event.json": "note.commit", "scm-review_comment_create.json": "note.merge_request",
        "gp-confidential-comment-event.json": "note.issue", "scm-pull_request_merge.json": "merge_request.merge",
        "gp-pipeline-event.json": "pipeline.success", "gp-job-event.json": "job.created",
        "gp-wikipage-event.json": "wiki_page.create", "gp-system-project-created.json": "project_create",
    } == types  # fmt: skip


async def test_every_notification_of_alertmanager_is_one_event_for_each_alert(house):
    sent = await send_all(house, FIXTURES, "alertmanager")
    assert [one.case["file"] for one in sent if one.status != 202] == []
    told = [alert for one in sent for alert in json.loads(one.body)["alerts"]]
    different = {(one.get("fingerprint") or str(one["labels"]), one["startsAt"], one["status"]) for one in told}
    stored = [event for one in sent for event in one.events]
    assert len(stored) == len(different) < len(told)
    assert sum(one.answer["duplicates"] for one in sent) == len(told) - len(different)
    assert Counter(one["kind"] for one in stored) == Counter(f"alert.{status}" for _, _, status in different)
    whole = one_line(b"\n".join(one.body for one in sent))
    for line in await lines(house):
        own = bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw])["body"])
        assert own in whole, "the sender's own bytes, escapes and all"
        assert json.loads(own) in told


async def test_grafana_is_taken_where_it_speaks_the_same_format(house):
    sent = await send_all(house, FIXTURES, "grafana")
    assert {one.case["file"]: one.status for one in sent if "legacy" not in str(one.case)} == {
        "zulip-alert_values_v11.json": 202
    }
    assert {one.status for one in sent if "legacy" in str(one.case)} == {422}
    [event] = [event for one in sent for event in one.events]
    assert (event["kind"], event["data"]["name"]) == ("alert.firing", "Memory (copy)")
    assert event["data"]["values"] == {"A": 2473545728, "B": 0, "C": 1, "minute": 9}
    assert event["data"]["links"].keys() == {"generator", "silence", "dashboard", "panel", "image", "alertmanager"}


# -------------------------------------------------------------------------------------------------- who may send


@pytest.mark.parametrize(("sender", "body"), [("github", ADVISORY), ("gitlab", PUSH)])
async def test_no_byte_of_a_signed_body_may_differ(house, sender, body):
    shown = signed(sender, body, key=SIGNING)
    for place in range(len(body)):
        changed = body[:place] + bytes([body[place] ^ (1 << place % 8)]) + body[place + 1 :]
        assert (await post(house, sender, changed, shown)).status == 401, place
    for other in (body[:-1], body[: len(body) // 2], b"", body + b"\n", b" " + body, body.replace(b"{", b"{ ", 1)):
        assert (await post(house, sender, other, shown)).status == 401
    assert await house.records() == []
    assert (await post(house, sender, body, shown)).status == 202


@pytest.mark.parametrize("sender", ["github", "gitlab", "alertmanager"])
async def test_both_secrets_hold_while_one_replaces_the_other(house, sender):
    body = b'{"alerts": [], "object_kind": "push"}'
    for secret in (SECRET, OLD):
        assert (await post(house, sender, body, signed(sender, body, secret))).status == 202
    for secret in (b"a-secret-of-nobody-0123456789", SECRET[:-1], SECRET + b"0", b""):
        assert (await post(house, sender, body, signed(sender, body, secret))).status == 401
    assert (await post(house, sender, body, {})).status == 401


async def test_the_old_signature_of_github_does_not_open(house):
    sha1 = {"X-Hub-Signature": "sha1=" + hmac.new(SECRET, ADVISORY, "sha1").hexdigest()}
    right = signed("github", ADVISORY)["X-Hub-Signature-256"]
    assert (await post(house, "github", ADVISORY, sha1)).status == 401
    for wrong in (
        right[7:],
        right.replace("sha256", "sha1"),
        right.replace("sha256", "SHA256"),
        right[:-1],
        right + "0",
    ):
        assert (await post(house, "github", ADVISORY, {"X-Hub-Signature-256": wrong})).status == 401


async def test_a_wrong_signature_of_gitlab_does_not_fall_back_to_the_token(house):
    token = signed("gitlab", PUSH)
    good = signed("gitlab", PUSH, key=SIGNING)
    assert (await post(house, "gitlab", PUSH, token | good)).status == 202
    other = signed("gitlab", PUSH, key=b"another key of 24 bytes.", id_="2")
    for wrong in (
        other,
        good | {"webhook-signature": ""},
        good | {"webhook-signature": "v1,"},
        good | {"webhook-id": "2"},
    ):
        assert (await post(house, "gitlab", PUSH, token | wrong)).status == 401
    for at in (time.time() - 320, time.time() + 320):
        assert (await post(house, "gitlab", PUSH, token | signed("gitlab", PUSH, key=SIGNING, at=at))).status == 401
    without = {name: value for name, value in good.items() if name != "webhook-timestamp"}
    assert (await post(house, "gitlab", PUSH, token | without)).status == 401


# -------------------------------------------------------------------------------------------------- what is twice


async def test_a_redelivery_is_a_duplicate(house):
    delivery = {"X-GitHub-Delivery": "d1"} | signed("github", ADVISORY)
    assert (await post(house, "github", ADVISORY, delivery)).body == {"accepted": 1, "duplicates": 0}
    assert (await post(house, "github", ADVISORY, delivery)).body == {"accepted": 0, "duplicates": 1}
    old = {"X-GitHub-Delivery": "d1"} | signed("github", ADVISORY, OLD)
    assert (await post(house, "github", ADVISORY, old)).body == {"accepted": 0, "duplicates": 1}
    key = {"Idempotency-Key": "k1", "X-Gitlab-Event-UUID": "u"}
    assert (await post(house, "gitlab", PUSH, key | signed("gitlab", PUSH))).body["accepted"] == 1
    assert (await post(house, "gitlab", PUSH, key | signed("gitlab", PUSH, OLD))).body["duplicates"] == 1
    again = key | {"Idempotency-Key": "k2"} | signed("gitlab", PUSH)
    assert (await post(house, "gitlab", PUSH, again)).body["accepted"] == 1, "hooks of one event share the event's UUID"


async def test_a_mapping_sees_what_was_sent_and_what_was_made_of_it():
    """Hooks of a project and of its group fire both; a mapping may call that one event."""
    settings = {
        "auth": {"scheme": "none"}, "dedup": "headers['x-gitlab-event-uuid'] + body.object_kind",
        "map": {"subject": "data.branch"},
    }  # fmt: skip

    def doors(gateway):
        return {"/in/gitlab": SourceDoor(gateway, GitLab(SourceContext("gitlab", settings, ())))}

    async with House(MemoryBus(), doors=doors) as house:
        for key in ("k1", "k2"):
            shown = {"Idempotency-Key": key, "X-Gitlab-Event-UUID": "u1"}
            answer = await post(house, "gitlab", PUSH, shown)
            assert answer.body == {"accepted": int(key == "k1"), "duplicates": int(key == "k2")}
        [event] = await house.records()
        assert (event["id"], event["subject"], event["body"]) == ("u1push", "master", json.loads(PUSH))


async def test_a_delivery_without_an_id_is_known_by_its_bytes(house):
    shown = signed("gitlab", PUSH)
    assert (await post(house, "gitlab", PUSH, shown)).body["accepted"] == 1
    assert (await post(house, "gitlab", PUSH, shown)).body["duplicates"] == 1
    other = PUSH.replace(b"John Smith", b"Ann Smith")
    assert (await post(house, "gitlab", other, signed("gitlab", other))).body["accepted"] == 1


def alert(status="firing", starts="2026-01-01T00:00:00Z", ends="0001-01-01T00:00:00Z", fingerprint="f1", **labels):
    return {
        "status": status, "labels": {"alertname": "A"} | labels, "annotations": {}, "startsAt": starts, "endsAt": ends,
        "generatorURL": "", "fingerprint": fingerprint,
    }  # fmt: skip


async def notify(house, *alerts, **group):
    body = json.dumps({"version": "4", "status": "firing", "groupKey": "{}:{}", "alerts": alerts} | group).encode()
    return (await post(house, "alertmanager", body, signed("alertmanager", body))).body


async def test_an_alert_fires_resolves_and_flaps(house):
    assert await notify(house, alert()) == {"accepted": 1, "duplicates": 0}
    assert await notify(house, alert(), alert(fingerprint="f2")) == {"accepted": 1, "duplicates": 1}
    reminder = alert() | {"annotations": {"value": "93"}}
    assert await notify(house, reminder, repeat="changed") == {"accepted": 0, "duplicates": 1}
    over = alert("resolved", ends="2026-01-01T00:05:00Z")
    assert await notify(house, over, alert(fingerprint="f2")) == {"accepted": 1, "duplicates": 1}
    again = alert(starts="2026-01-01T01:00:00Z")
    assert await notify(house, again) == {"accepted": 1, "duplicates": 0}
    kinds = [(one["kind"], one["data"]["fingerprint"], one["data"]["ends"]) for one in await house.records()]
    assert kinds == [
        ("alert.firing", "f1", None), ("alert.firing", "f2", None), ("alert.resolved", "f1", "2026-01-01T00:05:00Z"),
        ("alert.firing", "f1", None),
    ]  # fmt: skip


async def test_the_same_alert_twice_in_one_notification(house):
    assert await notify(house, alert(), alert()) == {"accepted": 1, "duplicates": 1}


async def test_without_a_fingerprint_the_labels_tell_alerts_apart(house):
    one, two = alert(fingerprint=None, host="a"), alert(fingerprint=None, host="b")
    swapped = one | {"labels": dict(reversed(one["labels"].items()))}
    assert await notify(house, one, two) == {"accepted": 2, "duplicates": 0}
    assert await notify(house, swapped) == {"accepted": 0, "duplicates": 1}
    del two["fingerprint"]
    assert await notify(house, two) == {"accepted": 0, "duplicates": 1}


async def test_a_group_that_was_cut_says_how_much_is_missing(house):
    await notify(house, alert(), truncatedAlerts=9, groupLabels={"alertname": "A"}, receiver="ops")
    [event] = await house.records()
    assert event["data"]["group"] | {"truncated": 9, "alerts": 1, "receiver": "ops"} == event["data"]["group"]


# ------------------------------------------------------------------------------------------------ clear refusals


@pytest.mark.parametrize(
    ("sender", "body", "kind", "status"),
    [
        ("github", b"{", "application/json", 400),
        ("github", b"[]", "application/json", 422),
        ("github", b'{"action": "\xff"}', "application/json", 400),
        ("github", b"{}", "application/xml", 415),
        ("github", b"payload=%7B%7D", "application/x-www-form-urlencoded", 202),
        ("github", b"payload=%7B", "application/x-www-form-urlencoded", 400),
        ("github", b"load=%7B%7D", "application/x-www-form-urlencoded", 400),
        ("github", b"payload=%7B%7D&payload=%7B%7D", "application/x-www-form-urlencoded", 400),
        ("github", b"payload=%ff", "application/x-www-form-urlencoded", 400),
        ("github", b"{}", "application/json; charset=utf-8", 202),
        ("github", b"{}", "application/json; charset=latin-1", 415),
        ("gitlab", b"{}", "application/json", 422),
        ("gitlab", b'{"object_kind": "<b>"}', "application/json", 422),
        ("gitlab", b'{"object_kind": "brand_new"}', "application/json", 202),
        ("gitlab", b"object_kind=push", "application/x-www-form-urlencoded", 415),
        ("alertmanager", b"{}", "application/json", 422),
        ("alertmanager", b'{"alerts": {}}', "application/json", 422),
        ("alertmanager", b'{"alerts": [{}, 5]}', "application/json", 422),
        ("alertmanager", b'{"alerts": []}', "application/json", 202),
        ("alertmanager", b'{"alerts": [{}]}', "application/json", 202),
        ("alertmanager", b'{"alerts": [{"labels": 5, "annotations": [], "status": 7}]}', "application/json", 202),
        ("alertmanager", b"", "application/json", 400),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_reason(house, sender, body, kind, status):
    answer = await post(house, sender, body, signed(sender, body), kind)
    assert answer.status == status
    assert status == 202 or len(answer.body["detail"]) > 10


async def test_github_must_say_which_event_it_is(house):
    for name in ("", "push now", "p" * 101, "push/../x"):
        shown = {"X-GitHub-Event": name} | signed("github", ADVISORY)
        assert (await post(house, "github", ADVISORY, shown)).status == 400
    shown = {"X-GitHub-Event": "brand_new_event"} | signed("github", ADVISORY)
    assert (await post(house, "github", ADVISORY, shown)).status == 202
    [event] = await house.records()
    assert (event["type"], event["kind"]) == ("com.github.brand_new_event.updated", "git.brand_new_event")


async def test_numbers_and_escapes_come_through_untouched(house):
    body = b'{"action":"x\\u003c\\/y","n":9007199254740993,"f":1.0,"e":1e2,\n "big":123456789012345678901234567890}'
    shown = {"X-GitHub-Event": "star"} | signed("github", body)
    assert (await post(house, "github", body, shown)).status == 202
    [line] = await lines(house)
    assert b'"body":' + body.replace(b"\n", b" ") in line
