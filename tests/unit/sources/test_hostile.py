"""Bodies that nobody sends: fields gone, of other types, huge, nested, in any script; an event or a clear refusal."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.errors import Refused, SettingsError
from eventflow.ingest.drafts import Drafts
from eventflow.ingest.mapping import SourceMapping
from eventflow.plugin import Delivery, SourceContext
from eventflow.plugin.toolkit import payload
from eventflow.sources.alertmanager import Alertmanager
from eventflow.sources.github import GitHub
from eventflow.sources.gitlab import GitLab
from tests.unit.sources.test_shapes import CASES, FIXTURES, SOURCES

STATUSES = {400, 403, 415, 422}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
    | st.sampled_from(["\0", "x" * 3000, "2026-01-01T00:00:00Z", "refs/heads/ü🐛", 10**40, -1, "eventflow.run"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6,
)  # fmt: skip
RECORDED = [(who, case) for who, case in CASES if case["content_type"] == "application/json" and who != "grafana"]


def finish(sender, body, headers):
    """What the door makes of it: lines for the log, or a refusal."""
    delivery = Delivery(method="POST", path="/", query={}, headers=headers, body=body, received=1_800_000_000_000_000)
    drafts = Drafts(sender, sender, SourceMapping(sender, {}), partitions=4, depth=64)
    try:
        lines, _ = drafts.finish(SOURCES[sender].read(delivery), delivery)
        return [json.loads(entry.data) for entry in lines.entries]
    except Refused as error:
        refusal = error
    assert refusal.status in STATUSES
    assert refusal.detail
    return None


def paths(value, here=()):
    """Every place in a JSON value."""
    yield here
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(inner, (*here, key))


def changed(value, path, put):
    """The value with another one at a place; `...` takes it out."""
    if not path:
        return put
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and put is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], put)
    return copy


@given(st.data())
def test_anything_may_be_missing_null_or_something_else(data):
    sender, case = data.draw(st.sampled_from(RECORDED))
    body = json.loads((FIXTURES / sender / case["file"]).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        places = [path for path in paths(body) if path] or [()]
        place = data.draw(st.sampled_from(places))
        body = changed(body, place, data.draw(st.just(...) | st.none() | JSON)) if place else {}
    headers = {key.lower(): value for key, value in case.get("headers", {}).items()}
    sent = msgspec.json.encode(body)
    body = json.loads(sent)
    made = finish(sender, sent, headers)
    for event in made or ():
        assert event["kind"].startswith(("git.", "alert."))
        assert event["body"] == body or event["body"] in body["alerts"]


@given(JSON, st.text(max_size=30))
def test_any_json_at_all(body, name):
    text = msgspec.json.encode(body)
    for sender in SOURCES:
        finish(sender, text, {"x-github-event": name, "x-gitlab-event": name, "x-github-delivery": name})


@pytest.mark.parametrize("sender", ["github", "gitlab", "alertmanager"])
def test_too_deep_is_refused_and_wide_is_taken(sender):
    event = {"x-github-event": "push"}
    inner = b'{"object_kind": "push", "alerts": [{"labels": {"a": "b"}, "x": %b}]}'
    assert finish(sender, inner % (b"[" * 63 + b"]" * 63), event) is None
    assert finish(sender, inner % (b"[" * 50 + b"]" * 50), event)
    wide = b"[" + b",".join(b'{"k%d": "\xf0\x9f\x90\x9b"}' % n for n in range(50_000)) + b"]"
    assert finish(sender, inner % wide, event)


def test_a_push_of_two_thousand_commits():
    commits = [{"id": f"{n:040d}", "added": [f"f{n}"], "message": "m" * 200} for n in range(2048)]
    [event] = finish("github", json.dumps({"commits": commits}).encode(), {"x-github-event": "push"})
    assert len(event["data"]["changed"]) == 2048
    assert event["data"]["complete"] is False


@pytest.mark.parametrize(
    ("source", "settings", "secrets", "said"),
    [
        (GitHub, {}, [], "sources.x.auth.secrets is missing"),
        (GitHub, {"auth": {"scheme": "bearer"}}, [b"s" * 20], "signs with an HMAC"),
        (GitHub, {"config": {"events": []}}, [b"s" * 20], "sources.x.config"),
        (GitHub, {"auth": {"header": "X-Sig"}}, [b"s" * 20], "GitHub's own"),
        (GitLab, {"auth": {"header": "X-Sig"}}, [b"s" * 20], "GitLab's own"),
        (Alertmanager, {"auth": {"prefix": "Token "}}, [b"s" * 20], "always Authorization"),
        (GitLab, {}, [], "sources.x.auth.secrets is missing"),
        (GitLab, {"auth": {"scheme": "hmac"}}, [b"s" * 20], "not 'hmac'"),
        (GitLab, {}, [b"whsec_%%%"], "not base64"),
        (GitLab, {"auth": {"scheme": "standard-webhooks"}}, [b"s" * 20], "secrets is missing"),
        (GitLab, {"config": {"a": 1}}, [b"s" * 20], "sources.x.config"),
        (Alertmanager, {}, [], "sources.x.auth.secrets is missing"),
        (Alertmanager, {"auth": {"scheme": "standard-webhooks"}}, [b"s" * 20], "bearer and basic"),
        (Alertmanager, {"config": {"user": "x"}}, [b"s" * 20], "there is: username"),
        (Alertmanager, {"config": {"username": 5}}, [b"s" * 20], "is a text"),
    ],
)
def test_settings_that_cannot_work(source, settings, secrets, said):
    with pytest.raises(SettingsError) as error:
        source(SourceContext("x", settings, secrets))
    assert said in str(error.value)
    assert "s" * 20 not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "shown", "holds"),
    [
        ({}, "Basic " + base64.b64encode(b"anybody:secret").decode(), True),
        ({}, "bearer secret", True),
        ({}, "Basic " + base64.b64encode(b"secret").decode(), False),
        ({}, "Basic " + base64.b64encode(b"secret:").decode(), False),
        ({}, "Basic secret", False),
        ({}, "secret", False),
        ({"auth": {"scheme": "bearer"}}, "Basic " + base64.b64encode(b"a:secret").decode(), False),
        ({"auth": {"scheme": "basic"}}, "Bearer secret", False),
        ({"config": {"username": "prom"}}, "Basic " + base64.b64encode(b"prom:secret").decode(), True),
        ({"config": {"username": "prom"}}, "Basic " + base64.b64encode(b"other:secret").decode(), False),
        ({"config": {"username": "prom"}}, "Bearer secret", False),
    ],
)
def test_how_alertmanager_may_show_who_it_is(settings, shown, holds):
    source = Alertmanager(SourceContext("am", settings, [b"secret"]))
    delivery = Delivery(method="POST", path="/", query={}, headers={"authorization": shown}, body=b"", received=0)
    if holds:
        source.verify(delivery)
    else:
        with pytest.raises(Refused):
            source.verify(delivery)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_looks_never_raise(value):
    for look in (payload.text, payload.number, payload.flag, payload.moment):
        look({"a": {"b": value}}, "a.b", "a.b.c", "x")
    found = payload.attribute(value)
    assert found is None or 0 < len(found) <= payload.LONGEST
