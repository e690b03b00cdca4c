"""Optionals: values that may be absent, `a.?b`, `a[?key]`, and what to do about it."""

from __future__ import annotations

from typing import Any, Final

from eventflow.match.functions.table import function
from eventflow.match.problems import EvaluationError
from eventflow.match.values import NONE, Optional, kind_of

_GROUP: Final = "Optional values"

function(
    "optional.of",
    "(A) -> optional(A)",
    group=_GROUP,
    doc="An optional that has this value.",
    example="optional.of(1).hasValue()",
)(Optional)
function(
    "optional.none",
    "() -> optional(dyn)",
    group=_GROUP,
    doc="The empty optional.",
    example="!optional.none().hasValue()",
)(lambda: NONE)


@function(
    "optional.ofNonZeroValue",
    "(A) -> optional(A)",
    group=_GROUP,
    doc="Empty for 0, '', [], {}, false and null.",
    example="!optional.ofNonZeroValue('').hasValue()",
)
def of_non_zero(value: Any) -> Optional:
    """Empty where the value is its kind's zero."""
    kind = kind_of(value)
    if kind in {"timestamp", "duration"}:
        from eventflow.match.values import nanos_of

        return Optional(value) if nanos_of(value) else NONE
    if kind == "optional":
        return Optional(value) if value.present else NONE
    return Optional(value) if kind in {"type", "ip", "cidr"} or value else NONE


@function(
    "hasValue",
    "optional<A>.() -> bool",
    group=_GROUP,
    doc="Whether there is a value.",
    example="event.?data.hasValue()",
)
def has_value(one: Optional) -> bool:
    """Whether there is one."""
    return one.present


@function(
    "value",
    "optional<A>.() -> A",
    group=_GROUP,
    doc="The value; an error if there is none.",
    example="optional.of(1).value() == 1",
)
def value_of(one: Optional) -> Any:
    """The value."""
    if not one.present:
        raise EvaluationError("optional", "the optional is empty")
    return one.value


@function(
    "or",
    "optional<A>.(optional(A)) -> optional(A)",
    group=_GROUP,
    doc="This optional, or another if it is empty.",
    example="optional.none().or(optional.of(2)).value() == 2",
)
def otherwise(one: Optional, other: Optional) -> Optional:
    """This or the other."""
    return one if one.present else other


@function(
    "orValue",
    "optional<A>.(A) -> A",
    group=_GROUP,
    doc="The value, or another if there is none.",
    example="event.data.?team.orValue('nobody') != ''",
)
def or_value(one: Optional, other: Any) -> Any:
    """The value or the other."""
    return one.value if one.present else other


@function(
    "optional.unwrap",
    "(list(A)) -> list(dyn)",
    group=_GROUP,
    doc="The values of the optionals in a list that have one.",
    example="optional.unwrap([optional.of(1), optional.none()]) == [1]",
)
def unwrap(values: list[Any]) -> list[Any]:
    """The values that are there."""
    return [v.value for v in values if v.present]


function("unwrapOpt", "list<A>.() -> list(dyn)", group=_GROUP)(unwrap)
