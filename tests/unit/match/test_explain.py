"""Explanations name the atoms that decided, with what they saw; counts name the filters that fail silently."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.match_grammar import event, expression
from eventflow.match import Atom, Counts, Env, EvaluationError, Index, Limits, Selector, conjuncts, sides
from eventflow.match import compile as compiled

ENV = Env({"event": None, "run": None}, check=False, limits=Limits(loops=9, cost=1 << 40))


def sentence(text: str, values: object) -> str:
    return compiled(text, ENV).explain({"event": values}).sentence


def test_the_atom_that_decided() -> None:
    text = "event.kind == 'a' && (event.n > 5 || event.s.startsWith('x')) && !event.off"
    values = {"kind": "a", "n": 3, "s": "yes", "off": False}
    assert (
        sentence(text, values)
        == "event.n > 5 is false: event.n is 3 and event.s.startsWith('x') is false: event.s is 'yes'"
    )
    assert sentence(text, {**values, "kind": "b"}) == "event.kind == 'a' is false: event.kind is 'b'"
    assert sentence(text, {**values, "n": 9, "off": True}) == "event.off is true"


def test_errors_and_absent_fields() -> None:
    found = compiled("event.a.b == 1 && event.c == 2", ENV).explain({"event": {"c": 2}})
    assert (found.result, found.error_kind) == ("error", "absent")
    assert found.sentence == "event.a.b == 1 has no value: there is no field 'a' (event.a.b is absent)"
    assert found.decided[0].column == 1
    assert sentence("event.a == 1 && event.c == 3", {"c": 2}) == "event.c == 3 is false: event.c is 2"


def evaluated(program: object, values: object) -> tuple[str, str]:
    try:
        value = program.evaluate({"event": values})
    except EvaluationError as error:
        return "error", error.kind
    return ("true" if value else "false") if isinstance(value, bool) else "value", ""


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_it_agrees_with_the_evaluation(seed: int) -> None:
    random = Random(seed)
    program, values = compiled(expression(random), ENV), event(random)
    found = program.explain({"event": values})
    assert (found.result, found.error_kind) == evaluated(program, values)
    assert found.decided
    assert all(program.text[d.offset :].startswith(d.text) for d in found.decided)


def test_filters_that_fail_silently() -> None:
    alert = (Atom(("type",), "eq", "alert"),)
    texts = [
        "event.data.count == '5'",
        "event.data.nothing == 1 && event.data.n == 1",
        "event.data.n == 1",
        "event.data.n in ['1', '2']",
    ]
    entries = [Selector(n, alert, program=compiled(text, ENV)) for n, text in enumerate(texts)]
    counts, index = Counts(entries), Index(entries)
    for n in range(3):
        values = {"type": "alert", "data": {"count": 5, "n": n}}
        counts.record(index.match(values))
        counts.look(values)
    counts.look({"type": "other"})
    assert counts.of[0].findings() == [
        "event.data.count == '5' compared int with string in all 3 events looked at: it can never be true",
        "never fired, though its selector fitted 3 of the events looked at",
    ]
    assert counts.of[1].errors == {"absent": 1}
    assert "event.data.nothing == 1: the field was absent in all 3 events looked at" in counts.of[1].findings()
    assert counts.of[2].findings() == []
    assert counts.of[3].findings()[0].startswith("event.data.n in ['1', '2'] compared int with string")


def test_conjuncts_and_sides() -> None:
    program = compiled("event.id == run.id && (event.n > 1 && (run.x || event.y))", ENV)
    parts = conjuncts(program)
    assert [p.names for p in parts] == [{"event", "run"}, {"event"}, {"event", "run"}]
    left, right = sides(parts[0])
    assert (left.paths, right.paths) == ({("event", "id")}, {("run", "id")})
    assert left.evaluate({"event": {"id": 7}}) == 7
    assert sides(parts[1]) is None
