"""The normalised shape: what a workflow sees of a push, a pull request, an alert, whoever sent it."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from eventflow.plugin import Delivery, SourceContext
from eventflow.plugin.toolkit.git import SHAPES
from eventflow.sources.alertmanager import FIELDS, Alertmanager
from eventflow.sources.github import GitHub, official
from eventflow.sources.gitlab import GitLab

FIXTURES = Path(__file__).parents[2] / "fixtures/payloads"
OPEN = {"auth": {"scheme": "none"}}
SOURCES = {
    "github": GitHub(SourceContext("hub", OPEN, ())), "gitlab": GitLab(SourceContext("lab", OPEN, ())),
    "alertmanager": Alertmanager(SourceContext("am", OPEN, ())), "grafana": Alertmanager(SourceContext("gr", OPEN, ())),
}  # fmt: skip
CASES = [
    (sender, case) for sender in SOURCES for case in json.loads((FIXTURES / sender / "cases.json").read_text())
    if "legacy" not in str(case)
]  # fmt: skip


def read(sender, name=None, body=None, event=None):
    """The drafts of a recorded file, or of a body."""
    headers = {"content-type": "application/json"}
    for case in [case for who, case in CASES if who == sender and case["file"] == name]:
        headers |= {key.lower(): value for key, value in case.get("headers", {}).items()}
        headers["content-type"] = case["content_type"]
    if event:
        headers["x-github-event"] = event
    sent = (FIXTURES / sender / name).read_bytes() if body is None else json.dumps(body).encode()
    delivery = Delivery(method="POST", path="/", query={}, headers=headers, body=sent, received=1_800_000_000_000_000)
    return SOURCES[sender].read(delivery)


def data(sender, name=None, **more):
    [draft] = read(sender, name, **more)
    return draft.data


@pytest.mark.parametrize(
    ("sender", "case"), CASES, ids=lambda value: value if isinstance(value, str) else value["file"]
)
def test_every_kind_has_all_its_fields(sender, case):
    for draft in read(sender, case["file"]):
        assert json.loads(msgspec.json.encode(draft.data)) == draft.data, "nothing but JSON"
        if draft.kind in SHAPES:
            assert list(draft.data) == ["repository", "sender", "url", *SHAPES[draft.kind]]
        if draft.kind.startswith("alert."):
            assert list(draft.data) == list(FIELDS)
        assert draft.extensions.get("partitionkey") != ""


def test_a_push_is_the_same_from_both_hosts():
    hub, lab = data("github", "push._.4.json"), data("gitlab", "gp-push-event.json")
    assert hub.keys() == lab.keys()
    assert hub["commits"][0].keys() == lab["commits"][0].keys() == {"id", "message", "author", "url"}
    assert lab | {
        "branch": "master", "tag": None, "ref": "refs/heads/master", "created": False, "deleted": False,
        "changed": ["CHANGELOG", "app/controller/application.rb"], "complete": False,
    } == lab  # fmt: skip
    assert lab["repository"]["full_name"] == "mike/diaspora"
    assert lab["url"].endswith(
        "/-/compare/95790bf891e76fee5e1747ab589903a6a1f80f22...da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
    )


def test_a_push_of_github():
    push = data("github", "push._.0.json")
    assert push["repository"] == {
        "full_name": "Codertocat/Hello-World", "url": "https://github.com/Codertocat/Hello-World",
        "default_branch": "master",
    }  # fmt: skip
    assert push["sender"]["login"] == "Codertocat"
    assert (push["ref"], push["branch"], push["tag"]) == ("refs/tags/simple-tag", None, "simple-tag")


def test_tags_have_one_kind_on_both_hosts():
    [hub], [lab] = read("github", "create._.0.json"), read("gitlab", "gp-tag-event.json")
    assert (hub.kind, hub.type) == ("git.tag", "com.github.create.tag")
    assert (lab.kind, lab.type) == ("git.tag", "com.gitlab.tag_push")
    assert (hub.data["action"], hub.data["tag"]) == ("created", "simple-tag")
    assert (lab.data["action"], lab.data["tag"]) == ("created", "v1.0.0")
    [branch] = read("github", event="delete", body={"ref": "old", "ref_type": "branch"})
    assert (branch.kind, branch.type, branch.data["action"]) == ("git.branch", "com.github.delete.branch", "deleted")
    assert (branch.data["ref"], branch.data["branch"], branch.subject) == ("refs/heads/old", "old", "old")


@pytest.mark.parametrize(
    ("action", "more", "word", "merged"),
    [
        ("open", {}, "opened", False), ("close", {"state": "closed"}, "closed", False),
        ("reopen", {}, "reopened", False),
        ("merge", {"state": "merged"}, "closed", True), ("update", {}, "edited", False),
        ("update", {"oldrev": "da15608"}, "synchronize", False), ("approved", {}, "approved", False),
        (None, {}, None, False),
    ],
)  # fmt: skip
def test_a_merge_request_is_a_pull_request_in_the_same_words(action, more, word, merged):
    body = {"object_kind": "merge_request", "object_attributes": {"iid": 7, "action": action, "state": "opened"} | more}
    found = data("gitlab", body=body)
    assert (found["action"], found["merged"], found["number"]) == (word, merged, 7)


def test_a_merged_pull_request_of_both():
    hub = data("github", "pull_request.closed.4.json")
    lab = data("gitlab", "scm-pull_request_merge.json")
    assert (hub["action"], hub["state"]) == (lab["action"], lab["state"]) == ("closed", "closed")
    assert lab["merged"] is True
    assert (lab["base"], lab["repository"]["full_name"]) == ("master", "gitlab-org/hello-world")


@pytest.mark.parametrize(
    ("word", "status", "conclusion"),
    [
        ("success", "completed", "success"), ("failed", "completed", "failure"), ("canceled", "completed", "cancelled"),
        ("running", "running", None), ("pending", "queued", None), ("manual", "manual", None), (None, None, None),
    ],
)  # fmt: skip
def test_how_a_pipeline_went_is_said_in_the_same_words(word, status, conclusion):
    body = {"object_kind": "pipeline", "object_attributes": {"status": word, "ref": "v1", "tag": True}}
    found = data("gitlab", body=body)
    assert (found["status"], found["conclusion"], found["tag"], found["branch"]) == (status, conclusion, "v1", None)
    done = data("github", event="workflow_run", body={"workflow_run": {"status": "completed", "conclusion": "failure"}})
    assert (done["status"], done["conclusion"]) == ("completed", "failure")


def test_a_comment_knows_what_it_is_on():
    assert data("github", "issue_comment.created.0.json")["on"] in {"issue", "pull_request"}
    assert data("github", "commit_comment.created.2.json")["on"] == "commit"
    assert data("gitlab", "scm-review_comment_create.json")["on"] == "pull_request"
    assert data("gitlab", "gp-confidential-comment-event.json")["confidential"] is True


def test_work_items_come_as_issues():
    body = {"object_kind": "work_item", "object_attributes": {"iid": 3, "state": "opened", "action": "open"}}
    [draft] = read("gitlab", body=body)
    assert (draft.kind, draft.type, draft.subject) == ("git.issue", "com.gitlab.issue.opened", "3")


@pytest.mark.parametrize(
    ("event", "body", "type_"),
    [
        ("push", {"action": "x"}, "com.github.push"),
        ("membership", {"scope": "team", "action": "added"}, "com.github.membership.team.added"),
        ("membership", {"action": "added"}, "com.github.membership.added"),
        ("deployment_status", {"deployment_status": {"state": "success"}}, "com.github.deployment_status.success"),
        ("deployment_status", {"deployment_status": 5}, "com.github.deployment_status"),
        ("repository_dispatch", {"action": "on-demand"}, "com.github.repository_dispatch.on-demand"),
        ("issues", {"action": "a\nb"}, "com.github.issues"),
        ("issues", {"action": "x" * 2000}, "com.github.issues"),
        ("issues", {"action": None}, "com.github.issues"),
        ("issues", {"action": ["opened"]}, "com.github.issues"),
    ],
)
def test_types_of_github(event, body, type_):
    assert read("github", event=event, body=body)[0].type == type_


def test_subjects_and_times_of_github_are_those_of_the_adapter_document():
    table = json.loads((FIXTURES / "cloudevents/adapter-github.json").read_text())
    assert len(table) == 71
    for event, row in table.items():
        subject = re.match(r'"([\w.]+)"', row["subject"])
        assert official.SUBJECT.get(event) == (subject and subject[1]), event
        assert official.TIME.get(event, ()) == tuple(re.findall(r'"([\w.]+)" value', row["time"])), event


T = "2026-01-02T03:04:05"


@pytest.mark.parametrize(
    ("name", "body", "time"),
    [
        (
            "release",
            {"action": "published", "release": {"published_at": T + "Z"}},
            T,
        ),
        (
            "check_run",
            {"check_run": {"completed_at": None, "started_at": T + "Z"}},
            T,
        ),
        ("issues", {"issue": {"updated_at": "yesterday"}}, None),
        ("issues", {"issue": {"updated_at": "9999-12-31T23:59:59-10:00"}}, None),
        ("installation", {"installation": {"updated_at": 1767323045}}, T),
        ("push", {"repository": {"updated_at": T + "Z"}}, None),
    ],
)
def test_times_of_github(name, body, time):
    found = read("github", event=name, body=body)[0].time
    assert (found and found.strftime("%Y-%m-%dT%H:%M:%S")) == time


def test_times_as_gitlab_writes_them():
    body = {"object_kind": "note", "object_attributes": {"created_at": "2017-12-10 16:38:25 +0200"}}
    assert read("gitlab", body=body)[0].time.isoformat() == "2017-12-10T14:38:25+00:00"


def alert(**more):
    return read(
        "alertmanager", body={"alerts": [{"labels": {"alertname": "A"}, "startsAt": "2026-01-01T00:00:00Z"} | more]}
    )


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"status": "firing"}, "alert.firing"), ({"status": "RESOLVED"}, "alert.resolved"), ({}, "alert.firing"),
        ({"endsAt": "0001-01-01T00:00:00Z"}, "alert.firing"), ({"endsAt": "2026-01-01T00:05:00Z"}, "alert.resolved"),
        ({"endsAt": "2099-01-01T00:00:00Z"}, "alert.firing"), ({"status": "no data!"}, "alert.firing"),
        ({"status": "pending"}, "alert.pending"),
    ],
)  # fmt: skip
def test_the_status_is_the_alerts_own(more, kind):
    [draft] = alert(**more)
    assert (draft.kind, draft.type) == (kind, f"io.prometheus.{kind}")


def test_an_alert_in_its_shape():
    [draft] = alert(
        status="resolved", endsAt="2026-01-01T00:05:00.123456111Z", fingerprint="f0", generatorURL="http://p/g",
        labels={"alertname": "Slow", "severity": "page", "job": "api", "n": 5}, annotations={"value": "1.5e2"},
    )  # fmt: skip
    assert draft.data | {
        "name": "Slow", "severity": "page", "service": "api", "fingerprint": "f0", "value": 150.0,
        "starts": "2026-01-01T00:00:00Z", "ends": "2026-01-01T00:05:00.123456Z", "links": {"generator": "http://p/g"},
        "labels": {"alertname": "Slow", "severity": "page", "job": "api", "n": "5"},
    } == draft.data  # fmt: skip
    assert (draft.subject, draft.id) == ("Slow", "f0/2026-01-01T00:00:00Z/resolved")
    assert draft.time.isoformat() == "2026-01-01T00:05:00.123456+00:00"


def test_the_same_moment_written_otherwise_is_the_same_alert():
    [one], [two] = alert(status="firing"), alert(status="firing", startsAt="2026-01-01T01:00:00.000+01:00")
    assert one.id == two.id


def test_without_a_start_the_bytes_tell_a_repeat():
    [one], [same], [other] = (alert(startsAt=start, n=n) for start, n in ((None, 1), (None, 1), (None, 2)))
    assert one.id == same.id != other.id


@pytest.mark.parametrize("given", ["", "x" * 65, "a/b", "é", 5, {}])
def test_a_fingerprint_that_is_none_is_replaced(given):
    [draft] = alert(fingerprint=given)
    assert len(draft.data["fingerprint"]) == 16
    assert draft.data["fingerprint"].isalnum()
