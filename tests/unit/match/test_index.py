"""The index says of every trigger what the trigger itself would say."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.match_grammar import expression
from eventflow.match import Atom, Env, EvaluationError, ExpressionError, Index, Selector
from eventflow.match import compile as compiled
from eventflow.match.atoms import selects
from eventflow.model.event import decode

ENV = Env({"event": None}, check=False)
PATHS = [
    ("type",),
    ("kind",),
    ("source",),
    ("sourcename",),
    ("subject",),
    ("data", "s"),
    ("data", "n"),
    ("data", "labels"),
    ("data", "labels", "team"),
    ("data", "f"),
    ("data", "list"),
    ("data",),
    ("ext",),
]
TEXTS = ["a", "ab", "abc", "alert", "git.push", "git/x", "release/1", "", "πέντε"]
GLOBS = ["*", "a*", "**", "git.*", "release/*", "[ab]*", "?", "a", "alert"]
NUMBERS = [0, 1, -1, 2, 5, 0.0, 1.0, 1.5, 2.5, 90, 2**53, 2**60]
SCALARS = [*TEXTS, *NUMBERS, True, False, None]


def literal(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"'{value}'" if isinstance(value, str) else repr(value)


def conjunct(random: Random) -> str:
    path = ".".join(("event", *random.choice(PATHS)))
    roll = random.random()
    if roll < 0.3:
        return f"{path} {random.choice(('==', '!='))} {literal(random.choice(SCALARS))}"
    if roll < 0.45:
        items = ", ".join(literal(v) for v in random.sample(SCALARS, random.randrange(4)))
        return f"{path} in [{items}]"
    if roll < 0.65:
        number = literal(random.choice(NUMBERS))
        sides = (path, number) if random.random() < 0.8 else (number, path)
        return f"{sides[0]} {random.choice(('<', '<=', '>', '>='))} {sides[1]}"
    if roll < 0.75:
        return f"{path}.startsWith({literal(random.choice(TEXTS))})"
    if roll < 0.85:
        return random.choice((f"has({path})", f"!has({path})", path, f"!{path}"))
    return random.choice(
        (
            f"{path}.contains('a')",
            f"size({path}) > 1",
            "get(event, 'data.s', '') == 'a'",
            f"{path} == event.data.n",
            f"event.data.list.exists(x, x == {literal(random.choice(SCALARS))})",
            expression(random, "bool", 2),
        )
    )


def filter_text(random: Random) -> str:
    terms = [conjunct(random) for _ in range(random.randrange(1, 5))]
    if random.random() < 0.2:
        return " || ".join(terms)
    if random.random() < 0.1:
        return f"({' || '.join(terms)}) && {conjunct(random)}"
    return " && ".join(terms)


def atom(random: Random) -> Atom:
    path = random.choice(PATHS)
    op = random.choice(
        (
            "eq",
            "in",
            "glob",
            "glob",
            "prefix",
            "gt",
            "ge",
            "lt",
            "le",
            "present",
            "absent",
            "not_eq",
            "not_in",
            "not_glob",
            "not_prefix",
        )
    )
    plain = op.removeprefix("not_")
    if plain == "in":
        return Atom(path, op, tuple(random.sample(SCALARS, random.randrange(1, 4))))
    if plain in {"glob", "prefix"}:
        values = tuple(random.sample(GLOBS if plain == "glob" else TEXTS, random.randrange(1, 3)))
        return Atom(path, op, values if random.random() < 0.7 else values[0])
    if plain in {"gt", "ge", "lt", "le"}:
        return Atom(path, op, random.choice([*NUMBERS, "ab"]))
    return Atom(path, op, random.choice(SCALARS) if plain == "eq" else None)


def selector(random: Random, number: int) -> Selector:
    atoms = tuple(atom(random) for _ in range(random.choice((0, 0, 1, 2))))
    groups = tuple(
        tuple(
            a
            for a in (atom(random) for _ in range(random.randrange(1, 4)))
            if not a.op.startswith("not_") or random.random() < 0.1
        )
        for _ in range(random.choice((0, 0, 1)))
    )
    if random.random() < 0.3:
        names = tuple(random.sample(TEXTS + GLOBS, 2))
        groups += (tuple(Atom(p, "glob", names) for p in (("sourcename",), ("sourcetype",), ("source",))),)
    program = None
    if random.random() < 0.8:
        try:
            program = compiled(filter_text(random), ENV)
        except ExpressionError:
            program = None
    return Selector(number, atoms, groups, program)


def event(random: Random) -> dict[str, object]:
    data: object = {
        "s": random.choice(SCALARS),
        "n": random.choice(SCALARS),
        "f": random.choice(SCALARS),
        "labels": random.choice(({"team": random.choice(SCALARS)}, {}, None, "a", ["a", "abc"])),
        "list": random.choice(([], ["a", 1, None], ["ab"], "abc", {"a": 1}, [["a"]], [True])),
    }
    if random.random() < 0.1:
        data = random.choice(SCALARS)
    elif random.random() < 0.5:
        assert isinstance(data, dict)
        for key in random.sample(sorted(data), random.randrange(1, 4)):
            del data[key]
    values = {"id": "1", "source": random.choice(TEXTS), "type": random.choice(TEXTS), "data": data}
    for key in ("kind", "subject", "sourcename", "sourcetype", "ext"):
        if random.random() < 0.6:
            values[key] = random.choice(SCALARS if key == "ext" else TEXTS)
    return values


def naively(entries: list[Selector], values: object) -> tuple[list[int], list[tuple[int, str, int]]]:
    ids, errors = [], []
    for one in entries:
        if not selects(one, values):
            continue
        try:
            result = one.program.evaluate_exactly({"event": values}) if one.program is not None else True
            if result is True:
                ids.append(one.id)
            elif result is not False:
                errors.append((one.id, "not-bool", -2))
        except EvaluationError as error:
            errors.append((one.id, error.kind, error.offset))
    return ids, errors


def told(found: object) -> tuple[list[int], list[tuple[int, str, int]]]:
    return list(found.ids), [(n, e.kind, -2 if e.kind == "not-bool" else e.offset) for n, e in found.errors]


def check(seed: int, size: int, events: int) -> int:
    random = Random(seed)
    entries = [selector(random, n + 100) for n in range(size)]
    index = Index(entries)
    read = index.projection([("event", "time")])
    for _ in range(events):
        values = event(random)
        line = msgspec.json.encode({"specversion": "1.0", "time": "2026-01-02T03:04:05Z", **values})
        whole = decode(line).view()
        wanted = naively(entries, whole)
        assert told(index.match(whole)) == wanted, (seed, whole)
        assert told(index.match(read(line))) == wanted, (seed, "projected", whole)
    return events


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.sampled_from((1, 2, 3, 5, 10, 20, 50, 120)))
def test_same_as_every_trigger_by_itself(seed: int, size: int) -> None:
    check(seed, size, 5)


@pytest.mark.parametrize("size", [300, 900])
def test_same_for_many_triggers(size: int) -> None:
    check(size, size, 40)
