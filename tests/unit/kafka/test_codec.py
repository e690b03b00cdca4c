"""The bus's own topic, where strangers write too: only what is sealed is the engine's, and nothing is fatal (W2)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.kafka import cloudevents
from eventflow.kafka.codec import SealedCodec
from eventflow.kafka.seal import HEADER, KEY_BYTES, Seal
from eventflow.model.control import FORWARD, TICK, Tick
from eventflow.model.control import record as engine_record
from eventflow.model.event import format_time, from_micros
from eventflow.model.record import CONTROL, Entry

NOW = 1_700_000_000_000_000
KEY = bytes(range(KEY_BYTES))
EVENT = b'{"specversion":"1.0","id":"1","source":"shop","type":"order","time":"2023-11-14T22:13:20Z","data":{"a":1}}'
TICKED = engine_record(TICK, "t1", NOW, Tick(NOW))
STRUCTURED = cloudevents.STRUCTURED_HEADERS


def read(value, headers, partition=0, key=KEY):
    return SealedCodec(key).read(partition, 7, NOW, value, headers)


def event(**changes):
    return msgspec.json.encode({**msgspec.json.decode(EVENT), **changes})


def test_what_we_write_is_what_we_read():
    codec = SealedCodec(KEY)
    for entry in (Entry(0, EVENT), Entry(3, TICKED, own=True), Entry(CONTROL, TICKED), Entry(1, event(sourcename="x"))):
        key, value, headers = codec.record(entry)
        record = codec.read(entry.partition, 7, NOW, value, headers)
        assert (record.data, record.fault) == (entry.data, "")
        assert key == (None if entry.data == TICKED else b"shop")


def test_only_what_claims_to_be_ours_is_sealed():
    codec = SealedCodec(KEY)
    assert codec.record(Entry(0, EVENT))[2] == STRUCTURED
    assert HEADER in dict(codec.record(Entry(0, EVENT, own=True))[2])
    assert HEADER in dict(codec.record(Entry(0, event(sourcetype="github")))[2])


def test_what_of_ours_would_not_pass_a_door_is_sealed_and_read():
    codec = SealedCodec(KEY)
    for line in (event(subject="s" * 5000), event(id=""), b"no event"):
        _, value, headers = codec.record(Entry(0, line, own=True))
        assert codec.read(0, 7, NOW, value, headers).data == line
        assert not codec.read(0, 7, NOW, value, headers).fault


@pytest.mark.parametrize(
    "line",
    [
        TICKED,
        event(source="eventflow"),
        event(source="eventflow.x"),
        event(type=FORWARD),
        event(kind="detector.raised"),
        event(type="detector.raised"),
        event(eventflowchain="a"),
        event(eventflowhops=0),
        event(eventflowhops=None),
        event(sourcename="github"),
        event(sourcetype="github"),
        EVENT.replace(b'"shop"', b'"event\\u0066low"'),
        EVENT[:-1] + b',"source":"eventflow"}',
        EVENT[:-1] + b',"sourcen\\u0061me":"github"}',
    ],
)
def test_a_stranger_cannot_speak_for_the_engine(line):
    other = SealedCodec(bytes(KEY_BYTES)).record(Entry(0, line, own=True))[2]
    for headers in (STRUCTURED, other, [*STRUCTURED, (HEADER, b"")], [*STRUCTURED, (HEADER, None)]):
        record = read(line, headers)
        assert record.fault
        assert record.data == line
    _, value, headers = cloudevents.binary(line)
    assert read(value, headers).fault or b"null" in line


@given(st.integers(0, len(TICKED) - 1), st.integers(1, 255))
def test_a_seal_is_of_every_byte(at, change):
    headers = SealedCodec(KEY).record(Entry(0, TICKED))[2]
    headers = [headers[0], (HEADER, Seal(KEY).sign(0, TICKED))]
    forged = bytearray(TICKED)
    forged[at] ^= change
    assert read(bytes(forged), headers).fault


def test_a_seal_is_of_its_partition():
    headers = SealedCodec(KEY).record(Entry(0, TICKED, own=True))[2]
    assert not read(TICKED, headers).fault
    assert read(TICKED, headers, partition=1).fault
    assert read(TICKED, headers, partition=CONTROL).fault


def test_a_stranger_may_not_write_to_control():
    assert not read(EVENT, STRUCTURED).fault
    assert "control" in read(EVENT, STRUCTURED, partition=CONTROL).fault


@pytest.mark.parametrize(
    ("value", "headers", "word"),
    [
        (b"garbage", [], "no headers"),
        (b"garbage", STRUCTURED, "malformed"),
        (b"[]", STRUCTURED, "object"),
        (b"\xff", STRUCTURED, ""),
        (None, STRUCTURED, "null"),
        (None, [("x", b"y")], "tombstone"),
        (event(specversion="0.3"), STRUCTURED, "specversion"),
        (event(id=""), STRUCTURED, "id"),
        (event(type=3), STRUCTURED, "type"),
        (event(time="yesterday"), STRUCTURED, "time"),
        (event(id="a\nb"), STRUCTURED, "control characters"),
        (b"[" * 100_000, STRUCTURED, ""),
        (b"{}", [("ce_id", b"1"), ("content-type", b"application/json")], "specversion"),
    ],
)
def test_what_is_no_event_says_why_and_keeps_the_bytes(value, headers, word):
    record = read(value, headers)
    assert word in record.fault
    assert record.fault
    assert record.data == (value or b"")


@given(
    st.none() | st.binary(max_size=200),
    st.lists(st.tuples(st.sampled_from(["content-type", "ce_id", HEADER]), st.none() | st.binary(max_size=40))),
)
def test_nothing_raises(value, headers):
    assert read(value, headers).fault


def test_foreign_events_in_both_modes_are_read_alike():
    for _, value, headers in (
        cloudevents.structured(EVENT),
        cloudevents.binary(event(datacontenttype="application/json")),
    ):
        found = msgspec.json.decode(read(value, headers).data)
        found.pop("datacontenttype", None)
        assert found == msgspec.json.decode(EVENT)


def test_a_missing_time_and_one_far_ahead_become_the_log_time():
    bare = msgspec.json.decode(EVENT)
    del bare["time"]
    wanted = format_time(from_micros(NOW))
    assert msgspec.json.decode(read(msgspec.json.encode(bare), STRUCTURED).data)["time"] == wanted
    found = msgspec.json.decode(read(event(time="2099-01-01T00:00:00Z"), STRUCTURED).data)
    assert (found["time"], found["timegiven"]) == (wanted, "2099-01-01T00:00:00Z")


def test_lines_stay_one_line():
    pretty = msgspec.json.format(EVENT, indent=2)
    assert b"\n" not in read(pretty, STRUCTURED).data
