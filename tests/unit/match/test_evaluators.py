"""Both evaluators say the same, about values and about errors, and the exact one says what the standard says."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.match_grammar import event, expression
from eventflow.match import Env, EvaluationError, ExpressionError, Limits
from eventflow.match import compile as compiled
from eventflow.match.functions.conversions import type_of

ENV = Env({"event": None}, check=False, limits=Limits(depth=200, loops=8, cost=1 << 40))


def outcome(run: object, values: object) -> tuple[object, ...]:
    try:
        value = run({"event": values})
    except EvaluationError as error:
        return ("error", error.kind, error.offset, error.message)
    return (str(type_of(value)), repr(value))


@settings(max_examples=1500, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_compiled_and_exact_never_differ(seed: int) -> None:
    random = Random(seed)
    text, values = expression(random), event(random)
    try:
        program = compiled(text, ENV)
    except ExpressionError:
        return
    assert outcome(program.evaluate, values) == outcome(program.evaluate_exactly, values), text
    assert outcome(lambda names: program.over("event")(names["event"]), values) == outcome(
        program.evaluate_exactly, values
    ), text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.x == 1", False),
        ("event.x == true", True),
        ("event.one == true", False),
        ("event.one == 1.0", True),
        ("1 in event.list", False),
        ("event.one in [1, 2]", True),
        ("event.x in [1, 2]", False),
        ("event.x in [true]", True),
        ("event.s in ['1']", True),
        ("size(event.name) == 5", True),
        ("event.absent == 1 || event.s == '1'", True),
        ("event.absent == 1 && event.s == '2'", False),
        ("has(event.absent)", False),
        ("-7 / 2 == -3", True),
        ("-7 % 2 == -1", True),
        ("'1' in event.list", False),
        ("event.list.exists(v, v == true)", True),
        ("event.list == [true]", True),
    ],
)
def test_where_python_would_say_otherwise(text: str, value: bool) -> None:
    values = {"x": True, "one": 1, "s": "1", "name": "πέντε", "list": [True]}
    program = compiled(text, ENV)
    assert program.evaluate({"event": values}) is value
    assert program.evaluate_exactly({"event": values}) is value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("event.absent == 1", "absent"),
        ("event.s > 1", "type"),
        ("event.flag > 0", "type"),
        ("event.s", "not-bool"),
        ("9223372036854775807 + event.one > 0", "overflow"),
        ("event.one / 0 == 1", "divide"),
        ("event.one && true", "type"),
        ("int(event.s) == 1", "convert"),
        ("event.list[5] == 1", "index"),
        ("optional.none().value()", "optional"),
    ],
)
def test_errors_have_a_kind_and_a_place(text: str, kind: str) -> None:
    program = compiled(text, ENV)
    with pytest.raises(EvaluationError) as caught:
        program.test({"event": {"s": "x", "flag": True, "one": 1, "list": [1]}})
    assert caught.value.kind == kind
    assert 0 <= caught.value.offset < len(text)
