"""The math extension: least and greatest of any numbers, rounding, bits."""

from __future__ import annotations

import math
from typing import Any, Final

from eventflow.match.functions.table import ENTRIES, FUNCTIONS, Entry, Overloads, function
from eventflow.match.operators import NUMBERS, compare, whole
from eventflow.match.problems import EvaluationError
from eventflow.match.values import INT_MIN, UINT_MAX, Uint, kind_of

_GROUP: Final = "Numbers"
_ALL: Final = ("int", "uint", "double")


class _Extreme(Overloads):
    """math.least and math.greatest take any number of numbers, or a list of them."""

    __slots__ = ()

    def call(self, args: list[Any]) -> Any:
        values = args[0] if len(args) == 1 and kind_of(args[0]) == "list" else args
        if not values or any(kind_of(v) not in NUMBERS for v in values):
            raise EvaluationError("type", f"{self.name}() takes numbers or a list of numbers with at least one element")
        best = values[0]
        for value in values[1:]:
            if compare(value, best, "<" if self.name == "math.least" else ">"):
                best = value
        return best

    def usage(self) -> str:
        return f"{self.name}(a, b, …) or {self.name}([a, b])"


for _name, _word in (("math.least", "smallest"), ("math.greatest", "largest")):
    FUNCTIONS[_name] = _Extreme(_name, method=False)
    ENTRIES.append(
        Entry(
            _name,
            _GROUP,
            ("(number, …) -> number", "(list(number)) -> number"),
            f"The {_word} of numbers of any kind.",
            f"{_name}(1, 2u, 3.0) == {'1' if _name == 'math.least' else '3.0'}",
        )
    )


def _away(value: float) -> float:
    if math.isinf(value) or math.isnan(value) or abs(value) >= 2.0**52:
        return value
    return math.copysign(math.floor(abs(value) + 0.5) if abs(value) != 0.49999999999999994 else 0.0, value)


def _kept(change: Any) -> Any:
    return lambda value: value if math.isinf(value) or math.isnan(value) else math.copysign(float(change(value)), value)


function(
    "math.ceil", "(double) -> double", group=_GROUP, doc="The next whole number above.", example="math.ceil(1.2) == 2.0"
)(_kept(math.ceil))
function(
    "math.floor",
    "(double) -> double",
    group=_GROUP,
    doc="The next whole number below.",
    example="math.floor(1.8) == 1.0",
)(_kept(math.floor))
function(
    "math.trunc",
    "(double) -> double",
    group=_GROUP,
    doc="The number without its fraction.",
    example="math.trunc(-1.8) == -1.0",
)(_kept(math.trunc))
function(
    "math.round",
    "(double) -> double",
    group=_GROUP,
    doc="The nearest whole number, halves away from zero.",
    example="math.round(-1.5) == -2.0",
)(_away)
function(
    "math.isNaN", "(double) -> bool", group=_GROUP, doc="Whether it is not a number.", example="math.isNaN(0.0 / 0.0)"
)(math.isnan)
function(
    "math.isInf", "(double) -> bool", group=_GROUP, doc="Whether it is infinite.", example="math.isInf(1.0 / 0.0)"
)(math.isinf)
function(
    "math.isFinite",
    "(double) -> bool",
    group=_GROUP,
    doc="Whether it is neither infinite nor NaN.",
    example="math.isFinite(1.0)",
)(math.isfinite)


@function(
    "math.abs",
    "(int) -> int",
    "(uint) -> uint",
    "(double) -> double",
    group=_GROUP,
    doc="Without its sign.",
    example="math.abs(-1) == 1",
)
def absolute(value: Any) -> Any:
    """Without sign."""
    if value.__class__ is Uint:
        return value
    return whole(abs(value)) if value.__class__ is int else abs(value)


@function(
    "math.sign",
    "(int) -> int",
    "(uint) -> uint",
    "(double) -> double",
    group=_GROUP,
    doc="-1, 0 or 1.",
    example="math.sign(-4.5) == -1.0",
)
def sign(value: Any) -> Any:
    """The sign."""
    if value.__class__ is float and (math.isnan(value) or value == 0):
        return value if math.isnan(value) else 0.0
    return value.__class__((value > 0) - (value < 0))


@function(
    "math.sqrt",
    "(int) -> double",
    "(uint) -> double",
    "(double) -> double",
    group=_GROUP,
    doc="The square root; NaN below zero.",
    example="math.sqrt(81) == 9.0",
)
def sqrt(value: Any) -> float:
    """The root."""
    return math.sqrt(value) if value >= 0 else math.nan


def _signed(value: int) -> int:
    value &= UINT_MAX
    return value + INT_MIN * 2 if value >> 63 else value


def _like(value: int, model: Any) -> Any:
    return Uint(value & UINT_MAX) if model.__class__ is Uint else _signed(value)


_PAIRS: Final = ("(int, int) -> int", "(uint, uint) -> uint")
function("math.bitAnd", *_PAIRS, group=_GROUP, doc="The bits set in both.", example="math.bitAnd(6, 3) == 2")(
    lambda a, b: _like(a & b, a)
)
function("math.bitOr", *_PAIRS, group=_GROUP, doc="The bits set in one of them.", example="math.bitOr(1, 2) == 3")(
    lambda a, b: _like(a | b, a)
)
function("math.bitXor", *_PAIRS, group=_GROUP, doc="The bits set in exactly one.", example="math.bitXor(3, 5) == 6")(
    lambda a, b: _like(a ^ b, a)
)
function(
    "math.bitNot",
    "(int) -> int",
    "(uint) -> uint",
    group=_GROUP,
    doc="All bits turned round.",
    example="math.bitNot(1) == -2",
)(lambda a: _like(~int(a), a))


def _offset(by: int) -> int:
    if by < 0:
        raise EvaluationError("argument", f"a shift by {by} bits: the number must not be negative")
    return by


@function(
    "math.bitShiftLeft",
    "(int, int) -> int",
    "(uint, int) -> uint",
    group=_GROUP,
    doc="Bits moved left.",
    example="math.bitShiftLeft(1, 2) == 4",
)
def shift_left(value: int, by: int) -> Any:
    """Left."""
    return _like(int(value) << by if _offset(by) < 64 else 0, value)


@function(
    "math.bitShiftRight",
    "(int, int) -> int",
    "(uint, int) -> uint",
    group=_GROUP,
    doc="Bits moved right, zeros from the left.",
    example="math.bitShiftRight(4, 2) == 1",
)
def shift_right(value: int, by: int) -> Any:
    """Right."""
    return _like((int(value) & UINT_MAX) >> by if _offset(by) < 64 else 0, value)
