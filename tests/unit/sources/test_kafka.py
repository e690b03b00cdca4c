"""The settings of the source `kafka`: each mistake is named with its place; nothing is connected to."""

import sys

import pytest

from eventflow.errors import ComponentError, SettingsError
from eventflow.plugin import Delivery, SourceContext
from eventflow.sources.kafka import Kafka

URL = "kafka://a:9092,b:9092/orders,payments"


def made(*secrets, **config):
    return Kafka(SourceContext("orders", {"config": {"url": URL, **config}}, secrets))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"url": "orders"}, ("config.url", "kafka://host:port")),
        ({"url": "kafka://a:9092"}, ("config.url",)),
        ({"url": "kafka://a:9092/"}, ("config.url",)),
        ({"url": "kafka://a:9092/x,,y"}, ("config.url",)),
        ({"url": "kafka://a:port/x"}, ("a:port", "host:port")),
        ({"start": "newest"}, ("config.start", "earliest")),
        ({"start": "2026-01-01T00:00:00"}, ("config.start", "zone")),
        ({"format": "avro"}, ("format",)),
        ({"topics": ["x"]}, ("topics",)),
        ({"sasl": {"username": "ef"}}, ("auth.secrets", "sasl")),
        ({"sasl": {"username": "ef", "mechanism": "GSSAPI"}}, ("mechanism",)),
    ],
)
def test_mistakes_are_named(config, words):
    with pytest.raises(SettingsError) as caught:
        made(**config)
    assert all(word in str(caught.value) for word in ("orders", *words) if word)


def test_what_is_right_is_taken():
    source = made(b"pw", start="2026-01-01T00:00:00Z", sasl={"username": "ef"}, tls={})
    assert "pw" not in repr(source._connection)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cramjam", None)
    with pytest.raises(ComponentError, match="pip install"):
        made()


def test_headers_that_are_no_text_come_through_whole():
    headers = {"ce_specversion": "1.0", "ce_id": "a\udcff", "ce_source": "s", "ce_type": "t"}
    delivery = Delivery(method="KAFKA", path="orders", query={}, headers=headers, body=b"", received=0)
    with pytest.raises(Exception, match="not UTF-8"):
        made().read(delivery)
