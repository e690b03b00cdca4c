"""Lines at the door: whatever comes is taken as the same event, or refused with a reason; never anything else."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.errors import Refused
from eventflow.ingest import forms
from eventflow.ingest.lines import Checker
from eventflow.model.event import decode
from eventflow.model.identity import partition_of
from eventflow.web.limits import Limits

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30).filter(
    lambda text: not text.startswith(("eventflow", "detector."))
)
EXTENSIONS = st.dictionaries(st.from_regex(r"\A[a-z]{3,12}\Z"), names, max_size=3)
KNOWN = {
    "id",
    "source",
    "type",
    "time",
    "subject",
    "data",
    "kind",
    "body",
    "specversion",
    "partitionkey",
    "datacontenttype",
}
times = st.datetimes(datetime(1, 1, 2), datetime(2026, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat)  # noqa: DTZ001


@st.composite
def events(draw):
    event = {
        "specversion": "1.0",
        "id": draw(names),
        "source": draw(names),
        "type": draw(names),
        "data": draw(json_values),
    }
    for name, value in (("subject", names), ("kind", names), ("time", times), ("partitionkey", names)):
        if draw(st.booleans()):
            event[name] = draw(value)
    return {name: value for name, value in draw(EXTENSIONS).items() if name not in KNOWN} | event


@given(st.lists(events(), min_size=1, max_size=5), st.booleans())
def test_a_good_event_is_stored_as_it_is(many, ascii_only):
    body = "\n".join(json.dumps(one, ensure_ascii=ascii_only) for one in many).encode("utf-8", "surrogatepass")
    lines, numbers = forms.ndjson(body)
    checked = Checker(7, Limits()).check(lines, numbers=numbers)
    for entry, given_ in zip(checked.entries, many, strict=True):
        stored = json.loads(entry.data)
        if "time" not in given_:
            assert decode(entry.data).time.tzinfo is UTC
            del stored["time"]
        assert stored == json.loads(json.dumps(given_))
        key = given_.get("partitionkey") or given_.get("subject") or given_["source"]
        assert entry.partition == partition_of(key, 7)
        assert b"\n" not in entry.data
        if "time" in given_:
            assert entry.data in lines


@given(st.binary(max_size=200) | events().map(lambda event: json.dumps(event).encode()), st.data())
def test_any_bytes_are_taken_or_refused(line, data):
    if line and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(line) - 1))
        line = line[:place] + data.draw(st.binary(max_size=3)) + line[place + 1 :]
    refusal, checked = outcome(line)
    if refusal is None:
        decode(checked.entries[0].data)
    else:
        assert refusal.status in {400, 403, 413, 422}
        assert refusal.detail


def outcome(line):
    """The refusal or the checked line; anything else fails the test."""
    try:
        forms.check_text(line)
        return None, Checker(1, Limits()).check([forms.one_line(line)])
    except Refused as refusal:
        return refusal, None


@given(st.sampled_from(["source", "type", "kind"]), st.data())
def test_no_spelling_of_a_reserved_name_gets_in(attribute, data):
    spelled = "".join(data.draw(st.sampled_from([c, f"\\u{ord(c):04x}"])) for c in "eventflow.tick")
    name = "".join(data.draw(st.sampled_from([c, f"\\u{ord(c):04x}"])) for c in attribute)
    line = f'{{"specversion":"1.0","id":"1","source":"s","type":"t","{name}":"{spelled}"}}'.encode()
    refusal, _ = outcome(line)
    assert refusal is not None
    assert refusal.code == "reserved-name"


@pytest.mark.parametrize("name", ["eventflow", "eventflow.", "eventflow.x.y"])
@pytest.mark.parametrize("attribute", ["source", "type", "kind"])
def test_reserved_names(name, attribute):
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"} | {attribute: name}
    with pytest.raises(Refused) as refusal:
        Checker(1, Limits()).check([json.dumps(event).encode()])
    assert refusal.value.status == 403


@pytest.mark.parametrize("name", ["eventflows", "Eventflow", "my.eventflow.x", "detector", "detectors.x"])
def test_names_that_only_look_alike(name):
    event = {"specversion": "1.0", "id": "1", "source": name, "type": name}
    Checker(1, Limits()).check([json.dumps(event).encode()])


def test_the_first_bad_line_is_named_and_nothing_is_told_of_the_inside():
    good = b'{"specversion":"1.0","id":"1","source":"s","type":"t"}'
    with pytest.raises(Refused) as refusal:
        Checker(1, Limits()).check([good, b'{"specversion":"1.0","id":5,"source":"s","type":"t"}', b"{"])
    assert refusal.value.detail == "line 2: Expected 'str', got 'int' - at 'id'"


def test_many_names_do_not_make_it_grow():
    checker = Checker(1, Limits())
    for number in range(10_000):
        checker.check([msgspec.json.encode({"specversion": "1.0", "id": "1", "source": f"s{number}", "type": "t"})])
    assert len(checker._proven) <= 4096


@given(
    st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=5), st.text(" \r\n\t", max_size=3)
)
def test_line_breaks_in_json_become_spaces(value, space):
    text = space + json.dumps(value, indent=1).replace("\n", space or "\r") + space
    assert forms.one_line(text.encode()) == text.strip().replace("\r", " ").replace("\n", " ").encode()
    assert json.loads(forms.one_line(text.encode())) == value
