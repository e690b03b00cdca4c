"""What would run is never refused, what an action's model refuses is always told, and `${{ }}` is let pass."""

import json
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eventflow.app.known import refusals
from eventflow.catalog import Known, Wants, check


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=2)
    weight: float = Field(1.0, gt=0)


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    to: str | list[str]
    count: int = Field(1, ge=0, le=10)
    ready: bool = False
    how: Literal["fast", "slow"] = "fast"
    parts: list[Part] = Field([], max_length=2)
    labels: dict[str, str] = {}
    anything: Any = None
    maybe: int | None = None

    @model_validator(mode="after")
    def not_both(self):
        if self.ready and self.how == "slow":
            raise ValueError("what is slow is never ready")
        return self


KNOWN = Known(
    action=lambda _: True,
    wants=lambda _: Wants(Wanted.model_json_schema(), lambda values: refusals(Wanted, values)),
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 12), st.floats(-2, 12).map(lambda x: round(x, 1)),
    st.sampled_from(["", "x", "fast", "slow", "sloow", "5", "5.0", "yes", "maybe", "a b"]),
)  # fmt: skip
NESTED = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "weight", "nmae", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = [*Wanted.model_fields, "cuont", "other"]


def told(with_):
    """The problems of a step that gives this; the document is JSON, which is YAML."""
    text = json.dumps({"steps": [{"name": "a", "uses": "some.thing", "with": with_}]})
    return [problem for problem in check(text.encode(), known=KNOWN).problems if problem.severity == "error"]


def runs(with_):
    try:
        Wanted.model_validate(with_)
    except ValidationError:
        return False
    return True


@settings(max_examples=400)
@given(st.booleans(), st.dictionaries(st.sampled_from(KEYS), NESTED, max_size=2))
@example(True, {"ready": "yes"})
@example(True, {"ready": 1})
@example(True, {"count": "5"})
@example(True, {"count": 5.0})
@example(True, {"parts": [{"name": "ab", "weight": "1.5"}]})
def test_it_says_what_the_model_says(whole, other):
    with_ = ({"to": "ann"} if whole else {}) | other
    found = told(with_)
    if runs(with_):
        assert [str(problem) for problem in found] == []
    else:
        assert found, with_


@given(
    st.dictionaries(st.sampled_from(list(Wanted.model_fields)), st.just("${{ event.data.x }}")),
    st.sampled_from([0, 3, 10]),
)
def test_a_template_fits_wherever_it_stands(with_, count):
    given_ = {"to": "ann", "count": count, **with_}
    assert told(given_) == []
    assert told({"to": ["${{ event.id }}"], "parts": [{"name": "${{ event.id }}"}]}) == []


@pytest.mark.parametrize(
    ("with_", "place", "code", "said"),
    [
        ("{to: ann, cuont: 5}", 11, "E201", "some.thing takes no 'cuont'; did you mean 'count'?"),
        ("{count: 5}", 1, "E202", "some.thing needs 'to'; add to: …"),
        ("{to: 5}", 6, "E200", "some.thing wants text or a list of text for 'to', found 5"),
        ("{to: ann, count: 11}", 18, "E205", "'count' is 11, at most 10 is allowed"),
        ("{to: ann, how: slwo}", 16, "E203", "'how': 'slwo' is not one of fast, slow; did you mean 'slow'?"),
        ("{to: ann, parts: [{name: ab, weihgt: 1}]}", 30, "E201", "has no key 'weihgt'; did you mean 'weight'?"),
        ("{to: ann, parts: [{name: a}]}", 26, "E205", "'parts[0].name' has 1 characters, at least 2 is wanted"),
        ("{to: ann, labels: {a: 1}}", 23, "E200", "for 'labels.a', found 1; write \"1\""),
        ("{to: ann, ready: true, how: slow}", 1, "E229", "what is slow is never ready"),
        ("{to: ann, timeout: 5s}", 11, "E201", "'timeout' belongs on the step, beside 'with'"),
        ("{to: ann, ready: perhaps}", 18, "E200", "true or false for 'ready', found 'perhaps'"),
    ],
)
def test_the_very_place_and_what_to_write(with_, place, code, said):
    text = f"steps:\n  - name: a\n    uses: some.thing\n    with: {with_}\n"
    problem = check(text.encode(), known=KNOWN).problems[0]
    assert (problem.line, problem.column, problem.code) == (4, 10 + place, code)
    assert said in f"{problem.message}; {problem.suggestion}"


def test_an_action_that_takes_anything():
    open_to_all = Known(action=lambda _: True, wants=lambda _: Wants({"type": "object", "properties": {}}))
    text = b"steps: [{name: a, uses: some.thing, with: {what: {ever: [1]}}}]"
    assert check(text, known=open_to_all).problems == ()
    assert check(text, known=Known(action=lambda _: True, wants=lambda _: None)).problems == ()
