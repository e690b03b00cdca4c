"""What is looked at quickly at the door gives the answer of the slow look, for good and for hostile lines."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from eventflow.errors import Refused
from eventflow.ingest.lines import Checker
from eventflow.model.identity import partition_of
from eventflow.web.limits import Limits, depth

PARTITIONS, MOST = 5, Limits().depth


def mostly(usual, odd):
    """The odd one in ten."""
    return st.integers(0, 9).flatmap(lambda number: usual if number else odd)


good = st.sampled_from(["a", "web-1", "é", "😀", "[{" * 40]).map(json.dumps)
names = mostly(good, st.sampled_from(['"eventflow.x"', '"\\u0065ventflow"', '"\\ud800"', "5", '""']))


@st.composite
def nested(draw):
    """Brackets about as deep as the bound, with brackets in keys and in values beside them, mostly closed."""
    some = draw(st.lists(st.sampled_from(["[", "[ ", '{"a":', '{"[{":', '{ "\\"{" : ']), min_size=1, max_size=4))
    text, closing = "", ""
    for one in (some * 80)[: draw(st.sampled_from([1, 20, 62, 63, 64, 65, 70]))]:
        text += one + draw(st.sampled_from(["", "", '"}]",', '"\\\\",', "[[]],"])) * (one[0] == "[")
        closing = ("]" if one[0] == "[" else "}") + closing
    return text + "0" + closing[: draw(st.sampled_from([None] * 7 + [-1]))]


odd = st.sampled_from(["NaN", "1e999", "9" * 400, '"\\ud800"', "[1,]"]) | st.text('[{}]",:\\ 1a', max_size=20)
values = mostly(nested() | good | st.sampled_from(["-0", '"\\ud83d\\ude00"', '"IiI="', "null"]), odd)
times = mostly(st.sampled_from(['"2020-01-01T00:00:00Z"', '"9020-01-01T00:00:00Z"', "null"]), st.just('"x"'))
MORE = {"subject": names, "partitionkey": names, "kind": names, "id": names, "data_base64": values, "time": times}


@st.composite
def hostile(draw):
    """A line that is nearly an event: an attribute may be odd or come twice, in any order."""
    members = [("specversion", '"1.0"'), *((name, draw(names)) for name in ("id", "source", "type"))]
    members += [(name, draw(MORE[name])) for name in draw(st.lists(st.sampled_from([*MORE]), max_size=3))]
    members += [(name, draw(values)) for name in draw(st.sampled_from([["data"], ["d\\u0061ta", "x"], ["x", "x"]]))]
    return ("{" + ",".join(f'"{name}":{value}' for name, value in draw(st.permutations(members))) + "}").encode()


def outcome(checker: Checker, line: bytes):
    """All that anybody sees of a line: what is stored and where, or the refusal."""
    try:
        found = checker.check([line])
    except Refused as refusal:
        return refusal.status, refusal.code, refusal.detail
    entry = found.entries[0]
    parts = msgspec.json.decode(entry.data, type=dict[str, msgspec.Raw])
    if b'"time"' not in line or b"null" in line or b"9020" in line:
        parts.pop("time")  # the clock's
    return entry.partition, entry.key, {name: bytes(raw) for name, raw in parts.items()}, found.keys, found.clamped


@given(st.lists(hostile(), min_size=1, max_size=6))
def test_a_quick_look_answers_as_the_slow_one(many):
    """One checker that remembers all of them against a new one for each, and against the depth that was counted."""
    checker = Checker(PARTITIONS, Limits())
    for line in [*many, *many]:
        found = outcome(checker, line)
        assert found == outcome(Checker(PARTITIONS, Limits()), line)
        if not isinstance(found[2], str):
            assert found[0] == partition_of(found[1], PARTITIONS)
            assert depth(line, MOST) <= MOST
        elif "deeper" in found[2]:
            assert depth(line, MOST) > MOST


def test_many_keys_are_placed_and_do_not_make_it_grow():
    checker = Checker(PARTITIONS, Limits())
    keys = [f"k{number}" for number in range(10_000)]
    many = [
        msgspec.json.encode({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": key})
        for key in [*keys, *keys[:100]]
    ]
    found = checker.check(many).entries
    assert [entry.partition for entry in found] == [partition_of(entry.key, PARTITIONS) for entry in found]
    assert [entry.key for entry in found] == [*keys, *keys[:100]]
    assert len(checker._placed) <= 4096
