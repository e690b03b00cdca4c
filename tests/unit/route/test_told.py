"""The words of refusals: values as JSON, spans in two units, and what was likely meant."""

import pytest

from eventflow.match import Atom
from eventflow.match.values import MISSING
from eventflow.route import told


@pytest.mark.parametrize(
    ("micros", "says"),
    [
        (0, "0ms"), (1_500, "1ms"), (999_999, "999ms"), (1_000_000, "1s"), (59_900_000, "59s"), (60_000_000, "1m"),
        (200_000_000, "3m20s"), (3_600_000_000, "1h"), (3_605_000_000, "1h"), (90_000_000_000, "1d1h"), (-5, "0ms"),
    ],
)  # fmt: skip
def test_spans(micros, says):
    assert told.span(micros) == says


@pytest.mark.parametrize(
    ("value", "says"),
    [(None, "null"), (True, "true"), ("a", '"a"'), ([None, 1.5], "[null,1.5]"), (MISSING, "absent"), ({}, "{}")],
)
def test_values(value, says):
    assert told.json_of(value) == says


def test_a_long_value_is_cut():
    assert len(told.json_of("x" * 500)) == 78


@pytest.mark.parametrize(
    ("wanted", "seen", "near"),
    [
        ("order.created", "order.create", True),
        ("order.created", "order.deleted", False),
        ("order.created", "git.push", False),
        ("order.*", "orders.x", False),
        (("main", "master"), "mian", False),
        (("production", "x"), "prodution", True),
    ],
)
def test_what_is_nearly_the_same_is_said(wanted, seen, near):
    sentence, values = told.of_atom({"type": seen}, Atom(("type",), "glob", wanted))
    assert ("nearly the same" in sentence) is near
    assert values == {"event.type": seen}


def test_a_group_tells_what_is_there():
    group = tuple(Atom(path, "glob", ("git.*",)) for path in (("type",), ("kind",)))
    assert told.of_group({"type": "a", "kind": None}, group)[0] == 'event.type is "a", wanted "git.*"'
    assert (
        told.of_group({"type": "a", "kind": "b"}, group)[0] == 'event.type is "a" and event.kind is "b", wanted "git.*"'
    )
    assert told.of_group({}, group)[0] == 'event.type is absent and event.kind is absent, wanted "git.*"'


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("event.data.totl", "; did you mean event.data.total?"),
        ("event.data.zzz", "; event.data has: total, who"),
        ("event.body.x", ""),
    ],
)
def test_what_lies_beside_a_missing_field(path, says):
    assert told.missing({"data": {"total": 1, "who": "a"}}, [path]) == says
