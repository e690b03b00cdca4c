"""A projected event says the same as the whole one, about everything that was asked for."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.match_grammar import event, expression
from eventflow.match import Env, EvaluationError, Index, Limits, Selector
from eventflow.match import compile as compiled
from eventflow.match.index import Projected
from eventflow.model.event import decode

ENV = Env({"event": None}, check=False, limits=Limits(loops=9, cost=1 << 40, depth=200))
HEAD = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}


def reading(*texts: str) -> object:
    index = Index([Selector(n, program=compiled(text, ENV)) for n, text in enumerate(texts)])
    return index.projection()


def line(**fields: object) -> bytes:
    return msgspec.json.encode({**HEAD, **fields})


def outcome(run: object) -> tuple[object, ...]:
    try:
        return ("value", repr(run()))
    except EvaluationError as error:
        return ("error", error.kind, error.offset)


@settings(max_examples=800, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_programs_see_no_difference(seed: int) -> None:
    random = Random(seed)
    text = expression(random).replace("event.", random.choice(("event.", "event.data.")))
    program = compiled(text, ENV)
    values = event(random)
    raw = line(**{**values, "data": values if random.random() < 0.8 else random.choice((None, 1, "a", []))})
    index = Index([Selector(0, program=program)])
    projected, whole = index.projection()(raw), decode(raw).view()
    wanted = outcome(lambda: program.evaluate_exactly({"event": whole}))
    assert outcome(lambda: program.evaluate({"event": projected})) == wanted, text
    assert outcome(lambda: program.evaluate_exactly({"event": projected})) == wanted, text
    if isinstance(projected, Projected):
        assert outcome(lambda: program.over("event", projected.shape)(projected)) == wanted, text


def test_only_what_is_asked_for_is_there() -> None:
    seen = reading("event.data.a == 1 && event.data.b.c == 2 && event.type == 't'")(
        line(data={"a": 1, "b": {"c": 2, "d": 3}, "e": 4}, subject="x", extra=5)
    )
    assert isinstance(seen, Projected)
    assert {key: seen[key] for key in seen} == {"type": "t", "data": seen["data"]}
    assert list(seen["data"]) == ["a", "b"]
    assert dict(seen["data"]["b"].items()) == {"c": 2}
    assert "e" not in seen["data"]
    assert seen.get("subject", "nothing") == "nothing"
    with pytest.raises(KeyError):
        seen["data"]["e"]


def test_what_an_event_always_has() -> None:
    asked = "event.subject == null && event.kind == null && event.time > timestamp(0) && event.body.x == 1"
    for fields in ({"data": {"x": 1}}, {"data": 5, "body": {"x": 1}}, {"body": {"x": 1}}, {}):
        raw = line(time="2026-01-02T03:04:05Z", **fields)
        seen, whole = reading(asked)(raw), decode(raw).view()
        assert {key: seen[key] for key in ("subject", "kind", "time", "body")} == {
            key: whole[key] for key in ("subject", "kind", "time", "body")
        }


@pytest.mark.parametrize(
    "raw",
    [
        line(data="text"),
        line(data={"b": "text"}),
        line(data={"b": None}),
        line(data=None),
        line(data_base64="AAE="),
        line(data={"b": {"c": 2**63}}),
        line(data={"b": {"c": -0.0}}),
    ],
)
def test_events_of_another_shape(raw: bytes) -> None:
    program = compiled("event.data.b.c == 1", ENV)
    seen, whole = reading("event.data.b.c == 1")(raw), decode(raw).view()
    assert outcome(lambda: program.evaluate({"event": seen})) == outcome(lambda: program.evaluate({"event": whole}))


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"id": 1}', line(time="yesterday"), line(time="2026-01-02T03:04:05")])
def test_what_is_no_event_is_refused_in_the_same_way(raw: bytes) -> None:
    read = reading("event.time > timestamp(0) && event.id == '1' && event.type == 't' && event.source == 's'")
    read(line())
    with pytest.raises(Exception) as wanted:  # noqa: PT011 - whatever it is
        decode(raw).view()
    with pytest.raises(type(wanted.value)):
        read(raw)


def test_an_index_refuses_what_was_projected_for_others() -> None:
    seen = reading("event.type == 't'")(line())
    with pytest.raises(TypeError, match="projected for other triggers"):
        Index([Selector(0, program=compiled("event.data.a == 1", ENV))]).match(seen)
