"""Inputs become the declared types, or every problem is told at once."""

import pytest

from eventflow.model.workflow import Input
from eventflow.route.inputs import BadInputs, complete


@pytest.mark.parametrize(
    ("spec", "given", "value"),
    [
        (Input(type="integer"), "12", 12),
        (Input(type="integer"), 12.0, 12),
        (Input(type="number"), "1.5e3", 1500.0),
        (Input(type="number"), 3, 3),
        (Input(type="boolean"), "True", True),
        (Input(type="duration"), "1h30m", "1h30m"),
        (Input(type="duration"), "PT5M", "PT5M"),
        (Input(type="list"), (1, 2), [1, 2]),
        (Input(type="object"), {"a": 1}, {"a": 1}),
        (Input(default="main"), None, "main"),
        (Input(), None, None),
        (Input(enum=("a", "b")), "b", "b"),
        (Input(pattern="^[0-9a-f]{7}$"), "0a1b2c3", "0a1b2c3"),
        (Input(type="integer", min=1, max=3), 3, 3),
        (Input(type="duration", min=60), "1m", "1m"),
    ],
)
def test_what_fits(spec, given, value):
    found = complete({"x": spec}, {"x": given})["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("spec", "given", "says"),
    [
        (Input(type="integer"), "1.5", "an integer"),
        (Input(type="integer"), True, "an integer"),
        (Input(type="number"), "nan", "a number"),
        (Input(type="boolean"), 1, "a boolean"),
        (Input(), 5, "a string"),
        (Input(type="duration"), "5", "a duration"),
        (Input(type="duration"), "P", "a duration"),
        (Input(type="duration"), "PT", "a duration"),
        (Input(type="list"), "a,b", "a list"),
        (Input(type="object"), [1], "an object"),
        (Input(required=True), None, "is required"),
        (Input(enum=("a", "b")), "c", "one of a, b"),
        (Input(pattern="^x$"), "xy", "pattern ^x$"),
        (Input(type="integer", max=3), 4, "at most 3"),
        (Input(min=2), "x", "at least 2"),
        (Input(type="duration", max=60), "1m1s", "at most 60"),
        (Input(type="duration", max=60), "PT2M", "at most 60"),
    ],
)
def test_what_does_not_fit(spec, given, says):
    with pytest.raises(BadInputs) as caught:
        complete({"x": spec}, {"x": given})
    assert says in caught.value.problems["x"]


def test_all_problems_at_once():
    with pytest.raises(BadInputs) as caught:
        complete({"a": Input(required=True), "b": Input(type="integer")}, {"b": "x", "c": 1})
    assert set(caught.value.problems) == {"a", "b", "c"}
    assert "input 'c' is not declared" in str(caught.value)
