"""`webhook`: settings that cannot work are refused at the start, and whatever comes is read or refused."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.errors import Refused, SettingsError
from eventflow.ingest.mapping import SourceMapping
from eventflow.ingest.source import door_path
from eventflow.plugin import Delivery, SourceContext
from eventflow.plugin.registry import find
from eventflow.plugin.source import Source
from eventflow.sources.webhook import Webhook
from eventflow.testing.source import SourceContract


def delivery(body=b"{}", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(method="POST", path="/in/x", query={}, headers=named, body=body, received=0)


class TestBearer(SourceContract):
    def source(self, secrets):
        return Webhook(SourceContext("shop", {"auth": {"scheme": "bearer"}}, secrets))

    def authentic(self, body, secret):
        return delivery(body, authorization=f"Bearer {secret.decode()}", content_type="application/json")

    bodies = (b'{"a": 1}', b"[]", b"\xff", b"[" * 100_000)


def test_it_is_found_by_its_name():
    assert find("source", "webhook", Source) is Webhook


@pytest.mark.parametrize(
    ("settings", "secrets", "said"),
    [
        ({}, [b"x" * 20], "scheme"),
        ({"auth": {"scheme": "hmca"}}, [b"x" * 20], "hmac"),
        ({"auth": {"scheme": "hmac", "header": "X"}}, [], "secrets"),
        ({"auth": {"scheme": "hmac"}}, [b"x" * 20], "header"),
        ({"auth": {"scheme": "none"}, "config": {"tpye": "x"}}, [], "tpye"),
        ({"auth": {"scheme": "standard-webhooks"}}, [b"whsec_%%"], "base64"),
    ],
)
def test_settings_that_cannot_work(settings, secrets, said):
    with pytest.raises(SettingsError, match=said) as error:
        Webhook(SourceContext("shop", settings, secrets))
    assert "sources.shop" in str(error.value)
    assert "x" * 20 not in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [{"map": {"type": "body."}}, {"map": {"nme": "1"}}, {"dedup": "nobody.id"}, {"partition_key": "headers.x"}],
)
def test_expressions_that_cannot_work(settings):
    with pytest.raises(SettingsError, match=r"sources\.shop"):
        SourceMapping("shop", settings)


@given(st.binary(max_size=100), st.sampled_from(["", "application/json", "text/plain", "image/png", "a/b; charset=x"]))
def test_any_body_is_read_or_refused(body, kind):
    source = Webhook(SourceContext("shop", {"auth": {"scheme": "none"}}, []))
    good = kind.startswith(("text", "image")) or kind == ""
    try:
        [draft] = source.read(delivery(body, content_type=kind))
    except Refused:
        assert body
        assert kind != "image/png"
    else:
        assert good or not body or kind == "application/json"
        if isinstance(draft.data, msgspec.Raw):
            json.loads(bytes(draft.data))


def test_paths():
    assert door_path("shop", None) == "/in/shop"
    assert door_path("shop", "/hooks/shop") == "/hooks/shop"
    with pytest.raises(SettingsError):
        door_path("shop", "/events")
