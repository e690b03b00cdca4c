"""YAML as version 1.2 means it, with places."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.catalog.document import Document
from eventflow.catalog.nodes import Mapping, Scalar, Sequence
from eventflow.catalog.reading import decode, read


def value(text):
    doc = Document("f.yaml")
    assert decode(doc, text.encode())
    node = read(doc)
    assert doc.problems == [], text
    return node.plain()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"), ("NO", "NO"),
        ("true", True), ("True", True), ("FALSE", False), ("tRue", "tRue"),
        ("~", None), ("null", None), ("Null", None), ("nULL", "nULL"),
        ("12", 12), ("-7", -7), ("+7", 7), ("012", 12), ("0o17", 15), ("0x1F", 31),
        ("1_000", "1_000"), ("12:30:45", "12:30:45"),
        ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("-1.5E-2", -0.015), ("1.2.3", "1.2.3"),
        ("2026-01-01", "2026-01-01"), ("0b11", "0b11"), ("'12'", "12"), ('"true"', "true"), ("=", "="),
        ("9223372036854775807", 2**63 - 1),
    ],
)  # fmt: skip
def test_unquoted_values_mean_what_yaml_1_2_says(written, meant):
    found = value(f"a: {written}\n")["a"]
    assert (found, type(found)) == (meant, type(meant))


CHARACTERS = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"), exclude_characters="\u2028\u2029")
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.text("abc_", min_size=1, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(CHARACTERS, max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from("abcdef"), JSON, min_size=1))
def test_json_is_yaml(data):
    assert value(json.dumps(data, ensure_ascii=False)) == data
    assert value(json.dumps(data, indent=2, ensure_ascii=False)) == data


@given(st.dictionaries(st.sampled_from("abcdef"), JSON, min_size=1), st.sampled_from([None, 1, 3]))
def test_every_node_stands_where_it_is_written(data, indent):
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    doc = Document("f.yaml")
    decode(doc, text.encode())
    lines = text.split("\n")

    def look(node):
        rest = lines[node.line - 1][node.column - 1 :]
        if isinstance(node, Scalar):
            assert rest.startswith(json.dumps(node.value, ensure_ascii=False))
        elif isinstance(node, Sequence):
            assert rest.startswith("[")
            for item in node.items:
                look(item)
        elif isinstance(node, Mapping):
            assert rest.startswith("{")
            for key, inner in node.values.items():
                assert lines[node.keys[key].line - 1][node.keys[key].column - 1 :].startswith(json.dumps(key))
                look(inner)

    look(read(doc))


def test_all_duplicate_keys_are_told():
    doc = Document("f.yaml")
    decode(doc, b"a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n")
    assert read(doc).plain() == {"a": 1, "b": {"c": 1}}
    assert [(problem.code, problem.line, problem.column) for problem in doc.problems] == [
        ("E107", 2, 11),
        ("E107", 3, 1),
        ("E107", 4, 1),
    ]


def test_aliases_within_bounds_are_read():
    assert value("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n") == {
        "a": {"b": [1, 2]},
        "c": {"b": [1, 2]},
        "d": [{"b": [1, 2]}, {"b": [1, 2]}],
    }


def test_fifty_deep_is_read_and_one_more_is_not():
    assert value("a: " + "[" * 49 + "]" * 49)
    doc = Document("f.yaml")
    decode(doc, ("a: " + "[" * 50 + "]" * 50).encode())
    assert read(doc) is None
    assert [problem.code for problem in doc.problems] == ["E109"]


def test_twenty_aliases_are_read_and_one_more_is_not():
    assert len(value("a: &x 1\nb: [" + "*x, " * 20 + "]\n")["b"]) == 20
    doc = Document("f.yaml")
    decode(doc, ("a: &x 1\nb: [" + "*x, " * 21 + "]\n").encode())
    assert read(doc) is None
    assert [problem.code for problem in doc.problems] == ["E113"]
