"""`${{ }}` in documents."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.match import Env, EvaluationError, ExpressionError, template

ENV = Env({"event": None, "inputs": None})
NAMES = {
    "event": {
        "n": 3,
        "f": 2.0,
        "big": 1234567.5,
        "s": "text",
        "list": [1, "a"],
        "map": {"a": {"b": None}},
        "none": None,
        "yes": True,
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    },
    "inputs": {"x": "y"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${{ event.n }}", 3),
        ("  ${{ event.list }}\n", [1, "a"]),
        ("${{ event.none }}", None),
        ("${{ event.yes }}", True),
        ("n=${{ event.n }}", "n=3"),
        ("${{ event.n }}${{ event.s }}", "3text"),
        ("${{ event.f }} ${{ event.big }}", "2 1234567.5"),
        ("a ${{ event.list }} ${{ event.map }}", 'a [1,"a"] {"a":{"b":null}}'),
        ("at ${{ event.time }}", "at 2026-01-02T03:04:05Z"),
        ("$${{ event.n }}", "${{ event.n }}"),
        ("a $${{ x }} ${{ event.n }}", "a ${{ x }} 3"),
        ("{{ jinja }} $5 }}", "{{ jinja }} $5 }}"),
        ("${{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("${{ '}}' + \"}}\" }}", "}}}}"),
        ("${{ event.yes }}!", "true!"),
        ("${{ 1u }}", 1),
    ],
)
def test_scalars(text: str, value: object) -> None:
    got = template(text, ENV).render(NAMES)
    assert got == value
    assert type(got) is type(value)


def test_nested_values_keep_their_shape() -> None:
    made = template({"a": ["${{ event.n }}", {"b": "x${{ inputs.x }}"}, 5, None], "c": "plain"}, ENV)
    assert made.render(NAMES) == {"a": [3, {"b": "xy"}, 5, None], "c": "plain"}
    assert made.names == {"event", "inputs"}
    assert made.paths == {("event", "n"), ("inputs", "x")}
    assert not made.is_constant
    assert template({"a": ["plain", "$${{ x }}"]}, ENV).is_constant


@given(st.text())
def test_one_pass_only(text: str) -> None:
    assert template("${{ event.s }}", ENV).render({"event": {"s": text}}) == text
    assert template("<${{ event.s }}>", ENV).render({"event": {"s": text}}) == f"<{text}>"


@given(st.text().filter(lambda t: "${{" not in t))
def test_text_without_expressions_is_itself(text: str) -> None:
    made = template(text, ENV)
    assert made.is_constant
    assert made.render({}) == text


def test_null_inside_text_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="null inside text"):
        template("a ${{ event.none }}", ENV).render(NAMES)


def test_problems_have_their_place_in_the_whole_text() -> None:
    with pytest.raises(ExpressionError) as caught:
        template("first\nsecond ${{ evnt.x }}", ENV)
    assert [(p.line, p.column) for p in caught.value.problems] == [(2, 12)]
    with pytest.raises(ExpressionError) as caught:
        template({"a": "${{ evnt.x }}", "b": ["${{ foo() }}", "${{ never closed"]}, ENV)
    assert [p.code for p in caught.value.problems] == ["E320", "E321", "E310"]
