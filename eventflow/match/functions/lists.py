"""The lists extension: cut, flatten, order, first and last."""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any, Final

from eventflow.match.functions.table import function
from eventflow.match.operators import TEXT_MAX, compare, equal, no_overload
from eventflow.match.problems import EvaluationError
from eventflow.match.values import NONE, Optional, kind_of

_GROUP: Final = "Lists and maps"


@function(
    "slice",
    "list<A>.(int, int) -> list(A)",
    group=_GROUP,
    doc="The elements from a position up to another (exclusive).",
    example="[1, 2, 3, 4].slice(1, 3) == [2, 3]",
)
def cut(values: list[Any], start: int, end: int) -> list[Any]:
    """A part."""
    if not 0 <= start <= end <= len(values):
        raise EvaluationError("index", f"slice({start}, {end}) does not fit a list of {len(values)}")
    return list(values[start:end])


@function(
    "flatten", "list<A>.() -> list(dyn)", "list<A>.(int) -> list(dyn)",
    group=_GROUP, doc="Lists inside the list opened, one level or so many.",
    example="[1, [2, [3]]].flatten() == [1, 2, [3]]",
)  # fmt: skip
def flatten(values: list[Any], depth: int = 1) -> list[Any]:
    """Flattened."""
    if depth < 0:
        raise EvaluationError("argument", "flatten() needs a depth of at least 0")
    out: list[Any] = []
    for value in values:
        if depth and kind_of(value) == "list":
            out.extend(flatten(value, depth - 1))
        else:
            out.append(value)
    return out


@function(
    "distinct",
    "list<A>.() -> list(A)",
    group=_GROUP,
    doc="Each value once, in the order of first appearance.",
    example="[1, 2, 1].distinct() == [1, 2]",
)
def distinct(values: list[Any]) -> list[Any]:
    """Each once."""
    try:
        if all(v.__class__ is str for v in values):
            return list(dict.fromkeys(values))
    except TypeError:
        pass
    if len(values) > 2_000:
        raise EvaluationError("budget", "distinct() takes at most 2,000 values that are not texts")
    out: list[Any] = []
    for value in values:
        if not any(equal(value, one) for one in out):
            out.append(value)
    return out


@function(
    "reverse",
    "list<A>.() -> list(A)",
    group=_GROUP,
    doc="The elements in reverse order.",
    example="[1, 2].reverse() == [2, 1]",
)
def reverse(values: list[Any]) -> list[Any]:
    """Reversed."""
    return list(values[::-1])


def sorted_values(values: list[Any]) -> list[int]:
    """The positions in sorted order; all values must be of one kind that has an order."""
    if values:
        first = kind_of(values[0])
        for value in values:
            if kind_of(value) != first or first not in {
                "int",
                "uint",
                "double",
                "string",
                "bytes",
                "bool",
                "timestamp",
                "duration",
            }:
                raise no_overload("sorting", values[0], value)
    if len(values) > 10_000:
        raise EvaluationError("budget", "at most 10,000 values can be sorted")
    return [position for position, _ in sorted(enumerate(values), key=cmp_to_key(_order))]


def _order(a: tuple[int, Any], b: tuple[int, Any]) -> int:
    return -1 if compare(a[1], b[1], "<") else int(compare(b[1], a[1], "<"))


@function(
    "sort",
    "list<A>.() -> list(A)",
    group=_GROUP,
    doc="In ascending order; sortBy(x, key) orders by a key.",
    example="[3, 1, 2].sort() == [1, 2, 3]",
)
def sort(values: list[Any]) -> list[Any]:
    """Sorted."""
    return [values[i] for i in sorted_values(values)]


@function(
    "lists.range",
    "(int) -> list(int)",
    group=_GROUP,
    doc="The numbers from 0 up to a number (exclusive).",
    example="lists.range(3) == [0, 1, 2]",
)
def numbers(count: int) -> list[int]:
    """0 … count-1."""
    if count > TEXT_MAX >> 5:
        raise EvaluationError("budget", f"a range of {count} numbers is too long")
    return list(range(max(0, count)))


@function(
    "first",
    "list<A>.() -> optional(A)",
    group=_GROUP,
    doc="The first element as an optional.",
    example="[1, 2].first().value() == 1",
)
def first(values: list[Any]) -> Optional:
    """First."""
    return Optional(values[0]) if values else NONE


@function(
    "last",
    "list<A>.() -> optional(A)",
    group=_GROUP,
    doc="The last element as an optional.",
    example="[1, 2].last().value() == 2",
)
def last(values: list[Any]) -> Optional:
    """Last."""
    return Optional(values[-1]) if values else NONE
