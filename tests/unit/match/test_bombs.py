"""Expressions made to hurt are refused at load, or stopped by their step budget at the same place on every machine."""

from __future__ import annotations

import tracemalloc

import pytest

from eventflow.match import Env, EvaluationError, ExpressionError
from eventflow.match import compile as compiled
from eventflow.match.exact import evaluate

ENV = Env({"event": None}, expect="bool")
BIG = {"list": list(range(100_000)), "words": ["a" * 1000] * 1000, "text": "a" * 1_000_000, "ratio": 1.0, "many": 2**62}

REFUSED = {
    "three loops in each other": ("event.a.all(x, event.a.all(y, event.a.all(z, x + y + z > 0)))", "E332"),
    "a loop over lists of lists": ("[[1, 2], [3, 4]].all(x, x.all(y, y > 0))", "E332"),
    "a loop too costly": (
        "event.a.all(x, event.a.all(y, " + " && ".join(f"x + y + {n} > 0" for n in range(40)) + "))",
        "E333",
    ),
    "too long": ("event.a == '" + "x" * 20_000 + "'", "E334"),
    "too many parts": (" || ".join(f"event.a == {n} + 1" for n in range(600)), "E331"),
    "too deep in brackets": ("(" * 5_000 + "1" + ")" * 5_000 + " == 1", "E305"),
    "too deep in lists": ("[" * 5_000 + "]" * 5_000 + " == []", "E305"),
    "too deep in additions": ("+".join(["event.a"] * 500) + " == 'x'", "E305"),
    "too many dots": ("event" + ".a" * 5_000 + " == 1", "E305"),
    "too many negations": ("!" * 8_000 + "true", "E305"),
    "too many minus signs": ("-" * 8_000 + "1 == 1", "E305"),
    "nested choices": ("true ? true : " * 1_000 + "false", "E305"),
    "a number of a thousand digits": ("event.a == " + "9" * 1_000, "E306"),
    "beyond 64 bits": ("event.a == 9223372036854775808", "E306"),
    "below 64 bits": ("event.a == -9223372036854775809", "E306"),
    "beyond unsigned 64 bits": ("event.a == 18446744073709551616u", "E306"),
    "an exponent too large": ("event.a == 1e999", "E306"),
    "an endless exponent": ("event.a == 1e" + "9" * 5_000, "E306"),
    "an expression too large for its pattern": ("event.a.matches('" + "(a{1000}){1000}" + "')", "E347"),
    "a constant range without end": ("size(lists.range(9223372036854775807)) > 0", "E347"),
    "a long pattern": ("event.a.matches('" + "(a|b)" * 1_000 + "')", "E347"),
}

STOPPED = {
    "two loops over a long list": "event.data.list.all(x, event.data.list.all(y, x + y >= 0))",
    "a loop over a long list with a long list": "event.data.list.all(x, x in event.data.list)",
    "texts that grow": "size(event.data.text + event.data.text + event.data.text) > 0",
    "replacing nothing with much": "size(event.data.text.replace('', event.data.text)) > 0",
    "joining much": "size(event.data.words.map(w, event.data.text).join(event.data.text)) > 0",
    "a list of long texts": "size(event.data.words.map(w, w + w + w + w)) > 0",
    "searching a long text often": "event.data.words.all(w, !event.data.text.contains(w + 'b'))",
    "a wide format": "size('%.999999999f'.format([event.data.ratio])) > 0",
    "a range without end": "size(lists.range(event.data.many)) > 0",
    "sorting much": "size(event.data.list.sort()) > 0",
    "lists that grow": "size(" + " + ".join(["event.data.list"] * 12) + ") > 0",
}


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_at_load(text: str, code: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ExpressionError) as caught:
            compiled(text, ENV)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize("text", STOPPED.values(), ids=STOPPED.keys())
def test_stopped_while_running(text: str) -> None:
    program = compiled(text, ENV)
    tracemalloc.start()
    try:
        for run in (program.evaluate, program.evaluate_exactly):
            with pytest.raises(EvaluationError) as caught:
                run({"event": {"data": BIG}})
            assert caught.value.kind in {"budget", "argument"}
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rounds", [10, 100, 1_000])
def test_the_budget_is_a_count_of_steps(rounds: int) -> None:
    program = compiled("event.data.list.all(x, x >= 0)", ENV)
    names = {"event": {"data": {"list": list(range(rounds))}}}
    needed = rounds * 3  # a round costs the parts of its body
    assert evaluate(program.tree, names, needed) is True
    with pytest.raises(EvaluationError):
        evaluate(program.tree, names, needed - 1)


def test_patterns_take_linear_time() -> None:
    program = compiled("event.data.text.matches('^(a+)+$') || event.data.text.matches('(a|aa)+b')", ENV)
    assert program.test({"event": {"data": {"text": "a" * 5_000 + "!"}}}) is False


def test_deeply_nested_data_is_an_error_not_a_crash() -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = [deep]
    program = compiled("event.a == event.b", ENV)
    with pytest.raises(EvaluationError) as caught:
        program.evaluate({"event": {"a": deep, "b": [deep]}})
    assert caught.value.kind == "budget"
