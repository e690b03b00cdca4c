"""The CloudEvents binding of Kafka: the official cases, both modes both ways, and whatever else may come."""

import contextlib
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.kafka import cloudevents
from eventflow.kafka.cloudevents import NotCloudEvent

FEATURE = Path(__file__).parents[2] / "fixtures/cloudevents/kafka-protocol-binding.feature"
names = st.from_regex(r"[a-z][a-z0-9]{0,19}", fullmatch=True).filter(
    lambda name: name not in {"data", "specversion", "id", "source", "type", "datacontenttype", "partitionkey"}
)
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
events = st.builds(
    lambda attributes, extensions, data: {**extensions, "specversion": "1.0", **attributes, **data},
    st.fixed_dictionaries(
        {"id": texts, "source": texts, "type": texts}, optional={"subject": texts, "partitionkey": texts}
    ),
    st.dictionaries(names, texts, max_size=4),
    st.one_of(
        st.just({}),
        values.map(lambda data: {"data": data, "datacontenttype": "application/json"}),
        st.text(st.characters(exclude_categories=("Cs",))).map(lambda d: {"data": d, "datacontenttype": "text/plain"}),
        st.binary().map(
            lambda data: {"data_base64": msgspec.json.encode(data)[1:-1].decode(), "datacontenttype": "x/y"}
        ),
    ),
)
anything = st.tuples(
    st.none() | st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b'{"id":1}', b'{"a":"\\ud800"}', b"[" * 9999]),
    st.lists(
        st.tuples(
            st.sampled_from(["content-type", "Content-Type", "ce_id", "ce_type", "ce_", "ce_data", "x"]),
            st.none() | st.binary(max_size=20)
            | st.sampled_from([b"application/cloudevents+json", b"application/json", b"text/plain; charset=latin-1"]),
        ),
        max_size=4,
    ),
)  # fmt: skip


def scenarios():
    """Every case of the official feature file, its outlines expanded."""
    text = FEATURE.read_text()
    for block in re.split(r"\n\s*Scenario(?: Outline)?: ", text)[1:]:
        title, _, body = block.partition("\n")
        body, _, examples = body.partition("Examples:")
        rows = [row[0] for row in _table(examples)[1:]] or [""]
        payload, wanted = re.findall(r'"""\n(.*?)"""', body, re.DOTALL)
        given_part, _, then = body.partition("Then the attributes are:")
        for row in rows:
            headers = {key: value.replace("<contentType>", row) for key, value in _table(given_part)[1:]}
            yield pytest.param(payload, headers, dict(_table(then)[1:]), wanted, id=f"{title.strip()} {row}".strip())


def _table(text):
    rows = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    return [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]


@pytest.mark.parametrize(("payload", "headers", "attributes", "data"), list(scenarios()))
def test_official_conformance(payload, headers, attributes, data):
    found = msgspec.json.decode(
        cloudevents.line(payload.encode(), [(name, value.encode()) for name, value in headers.items()])
    )
    assert found.pop("data") == json.loads(data)
    assert found == attributes


def test_there_are_three_official_cases():
    assert len(list(scenarios())) == 3


@given(events)
def test_an_event_comes_back_from_both_modes(event):
    line = msgspec.json.encode(event)
    key, value, headers = cloudevents.structured(line)
    assert msgspec.json.decode(cloudevents.line(value, headers)) == event
    assert (key or b"").decode() == event.get("partitionkey", "")
    key, value, headers = cloudevents.binary(line)
    assert msgspec.json.decode(cloudevents.line(value, headers)) == event
    assert (key or b"").decode() == event.get("partitionkey", "")
    assert cloudevents.is_cloudevent(headers)


@given(anything)
def test_whatever_comes_is_an_object_or_refused_with_a_reason(message):
    value, headers = message
    with contextlib.suppress(NotCloudEvent):
        line = cloudevents.line(value, headers)
        assert b"\n" not in line
        assert isinstance(msgspec.json.decode(line, type=dict[str, msgspec.Raw]), dict)


def test_binary_headers_are_utf_8_as_they_are():
    line = cloudevents.line(b"", [("ce_id", "Zürich €%20".encode()), ("ce_type", b"t")])
    assert msgspec.json.decode(line) == {"id": "Zürich €%20", "type": "t", "data_base64": ""}


def test_a_null_value_is_an_event_without_data_in_binary_mode_only():
    assert msgspec.json.decode(cloudevents.line(None, [("ce_id", b"1")])) == {"id": "1"}
    with pytest.raises(NotCloudEvent, match="null"):
        cloudevents.line(None, [("content-type", b"application/cloudevents+json")])


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ([("content-type", b"application/cloudevents-batch+json")], "batches"),
        ([("content-type", b"application/cloudevents+avro")], "formats"),
        ([("content-type", b"application/cloudevents+json; charset=utf-16")], "UTF-8"),
        ([("ce_id", b"1"), ("ce_id", b"2")], "twice"),
        ([("content-type", b"a/b"), ("Content-Type", b"c/d"), ("ce_id", b"1")], "twice"),
        ([("ce_data", b"1")], "no attribute"),
        ([("ce_id", b"\xff")], "UTF-8"),
        ([], "neither"),
    ],
)
def test_what_is_refused_and_why(headers, word):
    with pytest.raises(NotCloudEvent, match=word):
        cloudevents.line(b"{}", headers)


def test_an_extension_that_is_an_object_has_no_binary_form():
    with pytest.raises(NotCloudEvent, match="list"):
        cloudevents.binary(b'{"specversion":"1.0","id":"1","source":"s","type":"t","x":[1]}')
