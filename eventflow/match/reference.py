"""The reference page of expressions, made from the table of functions: `python -m eventflow.match.reference`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from eventflow.match.env import LIMITS
from eventflow.match.functions import ENTRIES
from eventflow.match.functions.own import SCALES
from eventflow.match.problems import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

_OPERATORS: Final = (
    ("`a == b`, `a != b`", "equal; numbers compare across kinds, values of different kinds are not equal"),
    ("`<` `<=` `>` `>=`", "order of numbers, texts, bytes, truth values, times, durations"),
    ("`a && b`, `a || b`, `!a`", "the side that decides wins over an error on the other side"),
    ("`a ? b : c`", "b if a is true, else c"),
    ("`a in b`", "element of a list, key of a map"),
    (
        "`+ - * / %`",
        "numbers of one kind, `+` also texts, bytes, lists; times and durations; 64 bits, no silent overflow",
    ),
    ("`a.b`, `a['b']`, `a[0]`", "field, key, element; an error where it is absent"),
    ("`a.?b`, `a[?'b']`", "the same as an optional; see below"),
    ("`[1, 2]`, `{'a': 1}`", "a list, a map"),
)
_MACROS: Final = (
    ("`has(a.b)`", "whether the field is there", "has(event.data.team)"),
    ("`list.exists(x, …)`, `list.all(x, …)`", "whether some element, every element fits",
    "event.data.tags.exists(t, t == 'p1')"),
    ("`list.exists_one(x, …)`", "whether exactly one fits", "[1, 2].exists_one(x, x > 1)"),
    ("`list.filter(x, …)`", "the elements that fit", "[1, 2].filter(x, x > 1) == [2]"),
    ("`list.map(x, …)`, `list.map(x, test, …)`", "a value for each element (that passes the test)",
    "[1, 2].map(x, x * 2) == [2, 4]"),
    ("`list.sortBy(x, …)`", "the elements ordered by a key", "['bb', 'a'].sortBy(x, size(x)) == ['a', 'bb']"),
    ("`map.exists(key, value, …)` and the others with two names",
    "the same over keys and values, or positions and elements", "{'a': 1}.exists(k, v, v == 1)"),
    ("`transformList(k, v, …)`, `transformMap(k, v, …)`, `transformMapEntry(k, v, …)`",
    "a new list or map of keys and values", "{'a': 1}.transformMap(k, v, v + 1) == {'a': 2}"),
    ("`optional.optMap(x, …)`, `optional.optFlatMap(x, …)`", "work on the value of an optional, if there is one",
    "optional.of(1).optMap(x, x + 1).value() == 2"),
    ("`cel.bind(name, value, …)`", "a name for a value that is used more than once", "cel.bind(x, 2, x * x) == 4"),
)  # fmt: skip
_KINDS: Final = (
    ("null, bool, string, bytes", "`null` `true` `'text'` `\"text\"` `r'raw'` `b'bytes'`"),
    ("int, uint, double", "`1` `1u` `1.5`: 64-bit integers, unsigned ones, floating point"),
    ("list, map", "`[1, 'a']` `{'a': 1}`"),
    ("timestamp, duration", "`timestamp('2026-01-02T03:04:05Z')` `duration('1h30m')`; `event.time` is a timestamp"),
)

_INTRODUCTION: Final = """\
Conditions and values in workflows are written in [CEL](https://cel.dev), the Common Expression Language: the whole
standard with its extensions for strings, math, lists, encoders, networks, optionals, bindings and two-variable macros,
without protobuf messages. A filter sees `event` and `vars`; which other names there are depends on the key. Inside
text, write `${{ expression }}`."""
_BOUNDS: Final = """\
At load: {limits.length:,} characters, {limits.nodes:,} parts (a list of literals is one), {limits.depth} levels,
{limits.loops} loops inside each other, {limits.cost:,} steps as estimated with 100 rounds a loop. At run time:
{limits.steps:,} steps an evaluation, counted and not timed, so an expression stops at the same place on every machine.
Regular expressions are RE2's."""


def page() -> str:
    """The page as Markdown."""
    parts = [
        "# Expressions",
        "<!-- made by `python -m eventflow.match.reference`; do not edit -->",
        _INTRODUCTION,
        "An error is never false: a filter that cannot be evaluated does not fire, is counted and explained.",
        "## Values",
        _table(("kinds", "written as"), _KINDS),
        "## Operators",
        _table(("operator", "meaning"), _OPERATORS),
        "## Macros",
        _table(("form", "meaning", "example"), [(a, b, f"`{c}`") for a, b, c in _MACROS]),
    ]
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for entry in ENTRIES:
        shapes = ", ".join(f"`{_shape(entry.name, s)}`" for s in entry.signatures)
        groups.setdefault(entry.group, []).append((shapes, entry.doc, f"`{entry.example}`"))
    for group in ("Added by eventflow", *sorted(g for g in groups if g != "Added by eventflow")):
        parts += [f"## {group}", _table(("function", "meaning", "example"), groups[group])]
    parts += [
        "Severities of `at_least`: " + "; ".join(f"`{' < '.join(scale)}`" for scale in SCALES) + ".",
        "## Errors",
        _table(("kind", "meaning"), [(f"`{kind}`", text) for kind, text in KINDS.items()]),
        "## Bounds",
        _BOUNDS.format(limits=LIMITS),
    ]
    return "\n\n".join(parts) + "\n"


def examples() -> list[str]:
    """Every example on the page; each is true for an ordinary event."""
    return [entry.example for entry in ENTRIES if entry.example] + [example for _, _, example in _MACROS]


def _shape(name: str, signature: str) -> str:
    left, _, result = signature.partition(" -> ")
    receiver, _, args = left.partition("(")
    receiver = receiver.replace("<A>", "").replace("<A,B>", "").replace("<string>", "(string)")
    return f"{receiver}{name}({args} → {result}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in [tuple(c.replace("|", "\\|") for c in row) for row in rows]]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines])


if __name__ == "__main__":
    sys.stdout.write(page())
